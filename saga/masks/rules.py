"""Rules that everything which learns from masks shares: SAM's feature grid, and what is left out of training."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from saga.raster import BlendOperator

SAM_FEATURE_SIDE = 64
"""Side of SAM's feature map, in cells."""
SAM_FEATURE_CHANNELS = 256
"""Channels of SAM's feature map."""
_EVERYTHING_SHARE = 0.95
"""A mask that holds more than this share of what a view shows of the scene tells nothing apart."""
_PROBED_PIXELS = 1024
"""Pixels of a view that say which masks do."""


def training_masks(
    masks: np.ndarray,  # [M, H, W] bool
    operator: BlendOperator,
) -> np.ndarray:  # [K, H * W] bool
    """Return the masks of a view that training learns from; none when there are none to begin with.

    Empty masks and those of everything (`without_everything`) are left out. What no mask covers counts as one more,
    the last: without features of its own it would follow its neighbors.
    """
    return with_rest(masks[trained_masks(masks, operator)])


def trained_masks(
    masks: np.ndarray,  # [M, H, W] bool
    operator: BlendOperator,
    within: np.ndarray | None = None,  # [H, W] bool
) -> np.ndarray:  # [M] bool
    """Tell which masks of a view training learns from: neither empty ones nor those of everything.

    Where only a part of the view counts, `within` is that part, and the masks lie in it.
    """
    flat = masks.reshape(len(masks), masks.shape[1] * masks.shape[2])
    kept: np.ndarray = np.count_nonzero(flat, axis=1) > 0
    if kept.any():
        kept[kept] = _apart(flat[kept], operator, within)
    return kept


def with_rest(
    masks: np.ndarray,  # [K, H, W] bool
    within: np.ndarray | None = None,  # [H, W] bool
) -> np.ndarray:  # [K or K + 1, H * W] bool
    """Return the masks, flat, and what none of them covers as one more; none when there are none to begin with.

    `within` is as for `trained_masks`.
    """
    flat = masks.reshape(len(masks), masks.shape[1] * masks.shape[2])
    rest = np.logical_not(flat.any(axis=0))
    if within is not None:
        rest &= within.reshape(-1)
    return np.concatenate([flat, rest[None]]) if rest.any() and len(flat) > 0 else flat


def without_everything(
    masks: np.ndarray,  # [M, H * W] bool
    operator: BlendOperator,
) -> np.ndarray:  # [K, H * W] bool
    """Return the masks of a view but for those of nearly all it shows of the scene; all when no other is left.

    With such a mask in every view, as around a scene on an empty background, all pixels belong together, and
    features that tell nothing apart have the least loss.
    """
    return np.asarray(masks[_apart(masks, operator)])


def _apart(
    masks: np.ndarray,  # [M, H * W] bool
    operator: BlendOperator,
    within: np.ndarray | None = None,  # [H, W] bool
) -> np.ndarray:  # [M] bool
    """Tells which masks do not hold nearly all that a view shows of the scene; all of them when no other is left."""
    width, height = operator.camera.width, operator.camera.height
    every = max(1, int((width * height / _PROBED_PIXELS) ** 0.5))
    ys, xs = np.mgrid[every // 2 : height : every, every // 2 : width : every].reshape(2, -1)
    indptr = operator.rows(torch.from_numpy(np.stack([xs, ys], axis=1))).indptr.cpu()
    shown = (indptr[1:] > indptr[:-1]).numpy()
    if within is not None:
        shown &= within[ys, xs]
    if not shown.any():
        return np.ones(len(masks), bool)
    apart: np.ndarray = masks[:, (ys * width + xs)[shown]].mean(axis=1) <= _EVERYTHING_SHARE
    return apart if apart.any() else np.ones(len(masks), bool)


def grid_coverage(
    masks: np.ndarray,  # [M, H, W] bool
) -> Tensor:  # [M, 64 * 64] uint8
    """Return how much of each cell of SAM's feature grid every mask covers, from 0 to 255.

    SAM scales an image to fill a square from the top left corner; cells beyond the image are 0.
    """
    _, height, width = masks.shape
    longest = max(height, width)
    rows, columns = (max(1, round(SAM_FEATURE_SIDE * side / longest)) for side in (height, width))
    small = F.interpolate(torch.from_numpy(masks)[:, None].float(), size=(rows, columns), mode="area")[:, 0]
    grid = F.pad(small, (0, SAM_FEATURE_SIDE - columns, 0, SAM_FEATURE_SIDE - rows))
    return (grid * 255).round().to(torch.uint8).flatten(1)
