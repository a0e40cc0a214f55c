"""2D prompts to masks: by Segment Anything, or by choosing among masks that are given."""

from __future__ import annotations

from functools import lru_cache
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from saga.errors import SagaError
from saga.lifting.fusion import lifted, mask_iou, probability
from saga.lifting.scribbles import POSITIVE_SHARE, skeleton_points
from saga.lifting.views import Views, choose_views
from saga.masks import MaskSource, Sam
from saga.query import Prompt
from saga.query.prompts import CheckedPrompt, check
from saga.scene import Camera

_REMEMBERED = 256
"""Views whose masks (8 pixels to a byte) or features are kept in memory."""
_AGREEING_VIEWS = 6
"""Other views that a given mask is compared with, to tell objects from parts and mergers."""
_SMALLER = 0.2
"""Power of a mask's share of the image by which its disagreement is multiplied: large masks agree by their size alone.
One click's mask then has a mean IoU with the object of 96 % on flower, 83 on dtu24, 74 on composite and 76 on tabletop,
against 96, 89, 71 and 74 without; the best of the masks under the click reach 96, 95, 77 and 82."""
_COMPARED_PIXELS = 100_000
"""About as many pixels of a view are compared."""
_VISIBLE_PIXELS = 16
"""A mask that shows fewer pixels than this in another view says nothing there."""


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
        """The mask bool [H, W] of a prompt, None when there is none.

        `points` are pixels (x, y) with `labels` 1 (on the object) or 0 (not); `box` is x0, y0, x1, y1; `rough` is
        what is known of the object in this view so far. At least one positive point or a box is given.
        """
        ...


class SamPrompter:
    """Segment Anything; the encoder's features of the last views are remembered, so further prompts only decode."""

    def __init__(self, views: Views, sam: Sam, source: MaskSource | None = None) -> None:
        """`source` hands out features that were kept when the scene's masks were made."""
        self.views, self.sam = views, sam
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
        features, size = self.features(camera.name), (camera.height, camera.width)
        corners = None if box is None else np.asarray(box)
        found = self.sam.predict(
            features, points if len(points) else None, labels if len(points) else None, corners, size=size
        )
        return found if found.any() else None

    def _features(self, name: str) -> np.ndarray:  # [256, 64, 64]
        camera = self.views.scene.camera(name)
        kept = None if self._source is None else self._source.features(camera)
        return self.sam.features(self.views.scene.image(camera)) if kept is None else kept


class MaskPrompter:
    """Masks that are given, each view's its own: a prompt chooses one.

    The masks of a view that hold the most positive and the fewest negative points are alike as far as the prompt
    goes: an object, a part of it, it and its neighbour. The one most like what is known of the object is chosen;
    in the first view, where nothing is known, the one that the masks of other views agree with best.
    """

    def __init__(self, views: Views, source: MaskSource) -> None:
        """`source` hands out the masks."""
        self.views, self.source = views, source
        self.description = source.description
        self._packed = lru_cache(_REMEMBERED)(self._read)
        self._masks = lru_cache(1)(self._unpacked)
        self._agreements: dict[tuple[str, int], float] = {}

    def mask(
        self,
        camera: Camera,
        points: np.ndarray,  # [K, 2]
        labels: np.ndarray,  # [K]
        box: tuple[int, int, int, int] | None = None,
        rough: np.ndarray | None = None,  # [H, W] bool
    ) -> np.ndarray | None:  # [H, W]
        """As in Prompter."""
        masks = self._masks(camera.name)
        candidates = _holding(masks, points, labels) if box is None else _filling(masks, box)
        if len(candidates) == 0:
            return None
        if len(candidates) == 1:
            return masks[candidates[0]].numpy()
        if rough is not None and rough.any():
            likeness = mask_iou(masks[candidates], torch.from_numpy(rough)).numpy()
        else:
            sizes = masks[candidates].flatten(1).float().mean(1).numpy()
            likeness = -(1 - self.agreement(camera, candidates)) * sizes**_SMALLER
        return masks[candidates[int(np.argmax(likeness))]].numpy()

    def agreement(
        self,
        camera: Camera,
        candidates: np.ndarray,  # [K]
    ) -> np.ndarray:  # [K]
        """How well other views' masks agree with some masks of a view, 0 to 1.

        Each mask is lifted (the share of a Gaussian's weight inside it) and rendered in the nearest views; the best
        IoU with a mask there counts, averaged over the views that show it.
        """
        missing = [int(k) for k in candidates if (camera.name, int(k)) not in self._agreements]
        if missing:
            rated = self._agree(camera, self._masks(camera.name)[missing])
            self._agreements |= {(camera.name, k): value for k, value in zip(missing, rated, strict=True)}
        return np.array([self._agreements[camera.name, int(k)] for k in candidates])

    def _agree(
        self,
        camera: Camera,
        masks: Tensor,  # [K, H, W] bool
    ) -> list[float]:
        inside, total = lifted(self.views.operator(camera.name), masks)
        shares = inside / total.clamp(min=1e-6)[:, None]  # [N, K]
        known = (total > 1e-6)[:, None].float()
        best, shown = torch.zeros(len(masks)), torch.zeros(len(masks))
        for other in choose_views(self.views.scene.cameras, camera)[:_AGREEING_VIEWS]:
            stride = max(1, round((other.width * other.height / _COMPARED_PIXELS) ** 0.5))
            theirs = self._masks(other.name)[:, ::stride, ::stride]
            if len(theirs) == 0:
                continue
            rendered = probability(self.views.operator(other.name), torch.cat([shares, known], dim=1)).cpu()
            rendered = rendered[::stride, ::stride]
            # What the first view does not show is unknown, not outside.
            seen = rendered[..., -1] > 0.5
            ours = (rendered[..., :-1] > 0.5 * rendered[..., -1:]).permute(2, 0, 1) & seen
            counts = (ours.flatten(1).sum(1) * stride**2 >= _VISIBLE_PIXELS).float()
            best, shown = best + counts * _overlaps(ours, theirs & seen).amax(1), shown + counts
        return [float(value) for value in best / shown.clamp(min=1)]

    def _unpacked(self, name: str) -> Tensor:  # [M, H, W] bool
        camera = self.views.scene.camera(name)
        bits = np.unpackbits(self._packed(name), axis=1, count=camera.width * camera.height)
        return torch.from_numpy(bits.view(bool).reshape(-1, camera.height, camera.width))

    def _read(self, name: str) -> np.ndarray:  # [M, H * W / 8] uint8
        masks = self.source.masks(self.views.scene.camera(name))
        return np.packbits(masks.reshape(len(masks), masks.shape[1] * masks.shape[2]), axis=1)


def _overlaps(
    ones: Tensor,  # [K, H, W] bool
    others: Tensor,  # [M, H, W] bool
) -> Tensor:  # [K, M]
    """IoU of every pair of masks; 0 where both are empty."""
    a, b = ones.flatten(1).float(), others.flatten(1).float()
    both = a @ b.T
    return both / (a.sum(1)[:, None] + b.sum(1) - both).clamp(min=1)


def reference_mask(
    views: Views, prompter: Prompter, prompt: Prompt, seed: int = 0
) -> tuple[CheckedPrompt, np.ndarray]:  # [H, W]
    """The prompt, checked, and the mask bool [H, W] it asks for in its view; a given mask stands for itself.

    Scribbles become points by the rule of SA3D's appendix C.

    Raises:
        SagaError: a prompt that does not fit its view, or one that finds no mask there.
    """
    camera = views.scene.camera(prompt.view)
    checked = check(prompt, camera)
    if checked.mask is not None:
        mask = checked.mask.copy()
        return checked, mask
    points, labels = prompt_points(checked, seed)
    found = prompter.mask(camera, points, labels, checked.box)
    if found is None:
        raise SagaError(
            f"prompt: {prompter.description} show nothing there in {camera.name}; click elsewhere on the object, or "
            "give its mask with --mask."
        )
    return checked, found


def prompt_points(prompt: CheckedPrompt, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:  # [K, 2], [K]
    """Points (x, y) int64 [K, 2] and labels (1 on the object, 0 not) [K] of points or a scribble."""
    positive = prompt.points
    if prompt.scribble is not None:
        drawn = skeleton_points(prompt.scribble, POSITIVE_SHARE, np.random.default_rng(seed))
        positive = np.asarray(drawn, np.int64).reshape(-1, 2)
    labels = np.concatenate([np.ones(len(positive), np.int64), np.zeros(len(prompt.negative), np.int64)])
    return np.concatenate([positive, prompt.negative]), labels


def _holding(
    masks: Tensor,  # [M, H, W] bool
    points: np.ndarray,  # [K, 2]
    labels: np.ndarray,  # [K]
) -> np.ndarray:  # [C]
    """The masks that hold the most positive and the fewest negative points, and at least one positive more."""
    xs, ys = torch.from_numpy(points[:, 0]).long(), torch.from_numpy(points[:, 1]).long()
    signs = torch.from_numpy(np.where(labels > 0, 1, -1))
    held = (masks[:, ys, xs] * signs).sum(1).numpy()
    return np.flatnonzero((held == held.max(initial=0)) & (held > 0))


def _filling(
    masks: Tensor,  # [M, H, W] bool
    box: tuple[int, int, int, int],
) -> np.ndarray:  # [C]
    """The mask whose own bounding box is most like a box, if any overlaps it."""
    overlaps = np.zeros(len(masks))
    x0, y0, x1, y1 = box
    for index, mask in enumerate(masks.numpy()):
        columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
        if len(columns) == 0:
            continue
        a0, b0, a1, b1 = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
        both = max(0, min(x1, a1) - max(x0, a0)) * max(0, min(y1, b1) - max(y0, b0))
        overlaps[index] = both / ((x1 - x0) * (y1 - y0) + (a1 - a0) * (b1 - b0) - both)
    return np.array([int(overlaps.argmax())]) if overlaps.max(initial=0) > 0 else np.zeros(0, int)
