"""2D prompts to masks: by Segment Anything, or by choosing among masks that are given."""

from __future__ import annotations

from functools import lru_cache
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from saga.errors import SagaError
from saga.masks import MaskModel, MaskSource
from saga.masks.packed import PackedMasks
from saga.methods.consensus import Consensus
from saga.methods.fusion import mask_iou
from saga.methods.region_masks import RegionMasks
from saga.methods.scribbles import POSITIVE_SHARE, skeleton_points
from saga.query.prompts import CheckedPrompt
from saga.raster.device_scene import DeviceScene
from saga.regions.scene_regions import SceneRegions
from saga.scene import Camera

_REMEMBERED = 256
"""Views whose masks (8 pixels to a byte) or features are kept in memory."""
_ALIKE = 0.6
"""A mask of the view itself stands for what the views agree on when their IoU is at least this."""


class Prompter(Protocol):
    """Makes the mask of a prompt in one view."""

    description: str
    """One line for people: where the masks come from."""

    def mask(
        self,
        camera: Camera,
        points: np.ndarray,  # [K, 2]
        labels: np.ndarray,  # [K]
        box: tuple[int, int, int, int] | None = None,
        rough: np.ndarray | None = None,  # [H, W] bool
    ) -> np.ndarray | None:  # [H, W]
        """Returns the mask bool [H, W] of a prompt, None when there is none.

        `points` are pixels (x, y) with `labels` 1 (on the object) or 0 (not); `box` is x0, y0, x1, y1; `rough` is
        what is known of the object in this view so far. At least one positive point or a box is given.
        """
        ...


class SamPrompter:
    """A mask model; what its encoder made of the last views is remembered, so further prompts only decode."""

    def __init__(self, device_scene: DeviceScene, sam: MaskModel, source: MaskSource | None = None) -> None:
        """Takes the model; `source` hands out features that were kept when the scene's masks were made."""
        self.device_scene, self.sam = device_scene, sam
        self.description = f"masks by Segment Anything ({sam.model_type})"
        self._source = source
        self.features = lru_cache(_REMEMBERED)(self._features)

    def mask(
        self,
        camera: Camera,
        points: np.ndarray,  # [K, 2]
        labels: np.ndarray,  # [K]
        box: tuple[int, int, int, int] | None = None,
        rough: np.ndarray | None = None,  # [H, W] bool
    ) -> np.ndarray | None:  # [H, W]
        """As in Prompter; the model chooses among its three masks by its own rating, as the papers do."""
        # A model that needs more than its features keeps the images that it saw last encoded by itself.
        decodes = self.sam.decodes_features
        seen = self.features(camera.name) if decodes else self.device_scene.picture(camera.name)
        corners = None if box is None else np.asarray(box)
        found = self.sam.predict(
            seen, points if len(points) else None, labels if len(points) else None, corners,
            size=(camera.height, camera.width) if decodes else None,
        )  # fmt: skip
        return found if found.any() else None

    def _features(self, name: str) -> np.ndarray:  # [256, 64, 64]
        camera = self.device_scene.scene.camera(name)
        kept = None if self._source is None else self._source.features(camera)
        found = self.sam.features(self.device_scene.picture(name)) if kept is None else kept
        if found is None:
            raise SagaError(
                f"{self.sam.model_type}: expected a model whose encoder gives features of 256 channels, found another; "
                "take mobile, vit_b, vit_l or vit_h."
            )
        return found


class MaskPrompter:
    """Masks that are given, each view's its own: a prompt chooses one.

    The masks of a view that hold the most positive and the fewest negative points are alike as far as the prompt
    goes: an object, a part of it, it and its neighbor. The one most like what is known of the object is chosen; in
    the first view, where nothing is known, the one most like what the views agree on, or that itself where the view
    has no mask like it. One of the nested answers of the scene's regions stands for what the views agree on where it is
    like that, and the best of them where views have no masks there.
    """

    def __init__(self, device_scene: DeviceScene, source: MaskSource, regions: SceneRegions | None = None) -> None:
        """Takes the masks of views from `source`, and first masks from `regions`."""
        self.device_scene, self.source = device_scene, source
        self.description = source.description
        self._packed = lru_cache(_REMEMBERED)(self._read)
        self._consensus = Consensus(device_scene, self._packed)
        self._regions = None if regions is None else RegionMasks(device_scene, regions)

    def mask(
        self,
        camera: Camera,
        points: np.ndarray,  # [K, 2]
        labels: np.ndarray,  # [K]
        box: tuple[int, int, int, int] | None = None,
        rough: np.ndarray | None = None,  # [H, W] bool
    ) -> np.ndarray | None:  # [H, W]
        """As in Prompter."""
        packed = self._packed(camera.name)
        if box is not None and self.device_scene.scene.is_view(camera):
            masks = packed.masks()
            filling = _filling(masks, box)
            return masks[filling].numpy() if filling is not None else None
        if box is not None:  # nobody has masks of a free camera: what is in the middle of the box is meant
            points, labels = np.array([[(box[0] + box[2]) // 2, (box[1] + box[3]) // 2]]), np.ones(1, np.int64)
        masks = packed.masks(packed.holding(points, labels))
        if rough is not None and rough.any():
            likeness = mask_iou(masks, torch.from_numpy(rough))
            return masks[int(likeness.argmax())].numpy() if len(masks) else None
        agreed = self._first(camera, points, labels)
        if agreed is None or not agreed.any():
            return None
        likeness = mask_iou(masks, agreed)
        alike = len(masks) > 0 and float(likeness.max()) >= _ALIKE
        return masks[int(likeness.argmax())].numpy() if alike else agreed.numpy()

    def _first(
        self,
        camera: Camera,
        points: np.ndarray,  # [K, 2]
        labels: np.ndarray,  # [K]
    ) -> Tensor | None:  # [H, W]
        """What is meant in a view where nothing is known: by the views' masks, and by the regions."""
        agreed = self._consensus.mask(camera, points, labels)
        if self._regions is None:
            return agreed
        answers, best = self._regions.masks(camera, points, labels)
        if len(answers) == 0:
            return agreed
        if agreed is None or not agreed.any():
            return answers[best]
        likeness = mask_iou(answers, agreed)
        return answers[int(likeness.argmax())] if float(likeness.max()) >= _ALIKE else agreed

    def _read(self, name: str) -> PackedMasks:
        return PackedMasks.pack(self.source.masks(self.device_scene.scene.camera(name)))


def open_prompter(
    device_scene: DeviceScene, masks: MaskSource | None, sam: MaskModel | None, regions: SceneRegions | None = None
) -> Prompter:
    """Returns what makes masks of prompts: SAM if it is given, else the choice among masks, helped by regions.

    With SAM, `masks` hands out the features that were kept when they were made. Raises SagaError with neither.
    """
    if sam is not None:
        return SamPrompter(device_scene, sam, masks)
    if masks is None:
        raise SagaError("masks: expected masks of the views or Segment Anything, found neither; give one of them.")
    return MaskPrompter(device_scene, masks, regions)


def reference_mask(prompter: Prompter, camera: Camera, prompt: CheckedPrompt, seed: int = 0) -> np.ndarray:  # [H, W]
    """Returns the mask bool [H, W] that a prompt asks for in its view; a given mask stands for itself.

    Scribbles become points by the rule of SA3D's appendix C.

    Raises:
        SagaError: the prompt finds no mask there.
    """
    if prompt.mask is not None:
        return prompt.mask.copy()
    points, labels = prompt_points(prompt, seed)
    found = prompter.mask(camera, points, labels, prompt.box)
    if found is None:
        raise SagaError(
            f"prompt: {prompter.description} show nothing there in {camera.name}; click elsewhere on the object, or "
            "give its mask with --mask."
        )
    return found


def prompt_points(prompt: CheckedPrompt, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:  # [K, 2], [K]
    """Returns points (x, y) int64 [K, 2] and labels (1 on the object, 0 not) [K] of points or a scribble."""
    positive = prompt.points
    if prompt.scribble is not None:
        drawn = skeleton_points(prompt.scribble, POSITIVE_SHARE, np.random.default_rng(seed))
        positive = np.asarray(drawn, np.int64).reshape(-1, 2)
    labels = np.concatenate([np.ones(len(positive), np.int64), np.zeros(len(prompt.negative), np.int64)])
    return np.concatenate([positive, prompt.negative]), labels


def _filling(
    masks: Tensor,  # [M, H, W] bool
    box: tuple[int, int, int, int],
) -> int | None:
    """Returns the mask whose own bounding box is most like a box, if any overlaps it."""
    overlaps = np.zeros(len(masks))
    x0, y0, x1, y1 = box
    for index, mask in enumerate(masks.numpy()):
        columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
        if len(columns) == 0:
            continue
        a0, b0, a1, b1 = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
        both = max(0, min(x1, a1) - max(x0, a0)) * max(0, min(y1, b1) - max(y0, b0))
        overlaps[index] = both / ((x1 - x0) * (y1 - y0) + (a1 - a0) * (b1 - b0) - both)
    return int(overlaps.argmax()) if overlaps.max(initial=0) > 0 else None
