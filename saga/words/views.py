"""Asking the views of a scene for words: a detector looks at each, and what the views agree on are the objects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from saga.errors import SagaError
from saga.methods.prompter import Prompter
from saga.postprocess import ball_query, statistical_filter
from saga.query.report import Report
from saga.query.segmentation import Segmentation
from saga.raster import DeviceScene
from saga.runtime.progress import tracked
from saga.runtime.sets import size_of
from saga.scene import Camera
from saga.words import crops
from saga.words.agreement import AgreedObject, ViewMasks, agree
from saga.words.answer import Answer, Match
from saga.words.finder import checked
from saga.words.sheet import THUMBNAIL
from saga.words.source import Detections, Detector
from saga.words.store import EmbeddingStore, key_of, stamp, words_folder

VIEWS = 24
"""Views that are looked at by default, evenly spaced in their order."""
_MOST_SHOWN = 12
"""Objects of an answer."""
_FEWEST = 10
"""Gaussians of an object."""
_DEVIATIONS = 3.0
_MEANING = "score of the detector times overlap, mean over the views that show it; found by most of them"


class ViewFinder:
    """Finds the objects of a scene that a detector finds in its views (docs/words.md).

    Attributes:
        detector: looks at pictures.
        store: where detections are kept.
    """

    def __init__(
        self,
        scene: DeviceScene,
        detector: Detector,
        prompter: Callable[[], Prompter] | None = None,
        folder: str | Path | None = None,
        views: int = VIEWS,
        progress: bool = True,
    ) -> None:
        """Takes the detector; no view is looked at before the first query.

        Args:
            scene: the scene on a device.
            detector: finds things in pictures.
            prompter: opens what makes masks of its boxes, when there are some.
            folder: where detections are kept; beside the scene by default, and in memory for one without a file.
            views: at most so many views are looked at.
            progress: whether to show bars on standard error.

        Raises:
            SagaError: the scene has no cameras.
        """
        cameras = scene.scene.cameras
        if not cameras:
            raise SagaError("words: expected a scene with cameras to look from, found none; give --cameras.")
        chosen = np.linspace(0, len(cameras) - 1, min(views, len(cameras))).round().astype(int)
        self.cameras = [cameras[index] for index in chosen]
        self.scene, self.detector, self.progress = scene, detector, progress
        self._open_prompter = prompter
        self._prompter: Prompter | None = None
        if folder is None and scene.scene.path is not None:
            folder = words_folder(scene.scene.path)
        self.store = EmbeddingStore(None if folder is None else Path(folder))

    def rank(self, text: str) -> Answer:
        """Looks for a text in every view, and ranks the objects that views have found; those of most views are found.

        Detections of each view are kept, so that an interrupted search goes on where it stopped.

        Args:
            text: a name or a short description, e.g. "red mug".

        Raises:
            SagaError: the text is empty or too long, a photograph cannot be read, or the detector has boxes only and
                there is nothing that makes masks of them.
        """
        text = checked(text)
        named = f"looking for {text}"
        seen = [self._view(camera, text) for camera in tracked(self.cameras, self.progress, named, "views")]
        objects = agree(self.scene, seen, _MOST_SHOWN)
        found = [(each, self._completed(each, text)) for each in objects]
        found = [(each, segmentation) for each, segmentation in found if len(segmentation) >= _FEWEST]
        pictures = self._pictures([segmentation.tensor.mask for _, segmentation in found])
        best = next((each for each, _ in found if each.agreed), None)
        matches = [
            self._match(each, segmentation, best, picture)
            for (each, segmentation), picture in zip(found, pictures, strict=True)
        ]
        matches.sort(key=lambda match: not match.found)  # what few views have found comes after all others
        return Answer(text, self.detector.name, _MEANING, matches)

    def _match(
        self,
        each: AgreedObject,
        segmentation: Segmentation,
        best: AgreedObject | None,
        picture: np.ndarray,  # [h, w, 3]
    ) -> Match:
        within = best is not None and best.score - each.score <= np.hypot(best.error, each.error) + 1e-6
        facts = {
            "error": round(each.error, 4),
            "views": len(each.views),
            "showing": each.showing,
            "found_in": list(each.views),
            "kind": "object",
        }
        return Match(segmentation, each.score, each.agreed, bool(each.agreed and within), facts, picture)

    def _view(self, camera: Camera, text: str) -> ViewMasks:
        """What one view has found, from the store where it is kept."""
        picture = self.scene.picture(camera.name)
        source = stamp(camera.image_path) or [self.scene.scene.gaussians.digest()]
        name = f"found-{key_of(self.detector.identity, text, camera.name, camera.describe(), source)}"
        kept = self.store.read(name, ("boxes", "scores", "bits"))
        if kept is not None:
            found = _unpacked(kept[0], picture.shape[:2])
        else:
            found = self.detector.detect(picture, text)
            self.store.write(name, _packed(found), {"text": text, "view": camera.name})
        masks = self._masks_of_boxes(camera, found.boxes) if found.masks is None else found.masks
        whole = masks.any((1, 2))
        return ViewMasks(camera, masks[whole], found.scores[whole])

    def _masks_of_boxes(
        self,
        camera: Camera,
        boxes: np.ndarray,  # [M, 4]
    ) -> np.ndarray:  # [M, H, W]
        """Masks of boxes; of a box without any, an empty one."""
        masks = np.zeros((len(boxes), camera.height, camera.width), bool)
        if len(boxes) == 0:
            return masks
        if self._open_prompter is None:
            raise SagaError(
                f"{self.detector.name}: expected something that makes masks of its boxes, found none; give a prompter."
            )
        self._prompter = self._prompter or self._open_prompter()
        nothing = np.zeros((0, 2), np.int64), np.zeros(0, np.int64)
        for mask, box in zip(masks, boxes, strict=True):
            x0, y0 = np.floor(box[:2]).clip(0).astype(int)
            x1, y1 = np.minimum(np.ceil(box[2:]), (camera.width, camera.height)).astype(int)
            if x1 <= x0 or y1 <= y0:
                continue
            made = self._prompter.mask(camera, *nothing, (int(x0), int(y0), int(x1), int(y1)))
            if made is not None:
                mask[:] = made
        return masks

    def _completed(self, found: AgreedObject, text: str) -> Segmentation:
        """The object without strays, and with the Gaussians inside of it that no view shows."""
        report, means = Report(), self.scene.geometry.means
        selected = found.members & self.scene.valid
        report.count("agreed", selected)
        if size_of(selected) >= _FEWEST:
            selected = selected.index_put((selected,), statistical_filter(means[selected], std_ratio=_DEVIATIONS))
            close, _ = ball_query(means, selected)
            # What a view shows has been decided on.
            selected = selected | (close & (found.shares <= 0) & ~self._shown(found) & self.scene.valid)
        report.count("selected", selected)
        facts = {"view": None, "prompt": {"text": text}, "further_prompts": [], "kind": "object", **report.as_json()}
        return Segmentation(selected, found.shares, facts, self.scene)

    def _shown(self, found: AgreedObject) -> Tensor:  # [N] bool
        """Which Gaussians the views show that have found an object."""
        shown = self.scene.valid & False
        for name in found.views:
            shown = shown | (self.scene.weight(name) > 1e-3)
        return shown

    def _pictures(self, members: Sequence[Tensor]) -> list[np.ndarray]:  # each [h, w, 3]
        """A picture of each object."""
        if not members:
            return []
        blank = np.full((THUMBNAIL, THUMBNAIL, 3), 255, np.uint8)
        pictures = []
        for member, sights in zip(members, crops.find_sights(self.scene, members, False), strict=True):
            shown = crops.crops_of(self.scene, member, sights[:1], THUMBNAIL)
            pictures.append(np.asarray(Image.fromarray(shown[0])) if shown else blank)
        return pictures


def _packed(found: Detections) -> dict[str, np.ndarray]:
    """Arrays of detections with 8 pixels to a byte; no bits for a detector of boxes."""
    bits = np.zeros((0, 0), np.uint8)
    if found.masks is not None:
        count, height, width = found.masks.shape
        bits = np.packbits(found.masks.reshape(count, height * width), axis=1)
    return {"boxes": found.boxes.astype(np.float32), "scores": found.scores.astype(np.float32), "bits": bits}


def _unpacked(arrays: dict[str, np.ndarray], size: tuple[int, int]) -> Detections:
    bits, count = arrays["bits"], len(arrays["scores"])
    if bits.shape[1] == 0:
        return Detections(arrays["boxes"], arrays["scores"], None)
    masks = np.unpackbits(bits, axis=1, count=size[0] * size[1]).reshape(count, *size).astype(bool)
    return Detections(arrays["boxes"], arrays["scores"], masks)
