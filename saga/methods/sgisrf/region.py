"""Where to look: a cube around what a click points at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy.ndimage import label
from torch import Tensor

from saga.methods.sgisrf.grid import Box

_TRIMMED = 0.05
"""Share of a region's Gaussians that is cut off at each end of each axis: borders spill onto what is behind."""
_NEAR_SIDE = 0.92
"""An object that comes closer to a side of its cube, relative to half of its side, may go on beyond it."""
_LOOSE = 0.6
"""A cube that could be smaller by this factor is."""


def click_region(
    similarity: np.ndarray,  # [h, w]
    pixel: tuple[int, int],
    owners: np.ndarray,  # [h, w] int64
) -> np.ndarray:  # [U] int64
    """Returns the Gaussians shown by pixels that are like the clicked one and connected to it, at least its own.

    Alike is nearer to 1 than to what half of the view has. Empty when the view shows nothing there.
    """
    threshold = (1 + min(float(np.median(similarity)), 0.9)) / 2
    x, y = pixel
    alike = similarity >= min(threshold, float(similarity[y, x]))
    pieces, _ = label(alike)
    found = np.unique(owners[pieces == pieces[y, x]])
    return found[found >= 0]


def region_box(
    points: Tensor,  # [U, 3]
    margin: float,
    smallest: float,
) -> Box | None:
    """Returns a cube around points, `margin` times as large as they spread, at least `smallest` from middle to side.

    None without finite points.
    """
    points = points[points.isfinite().all(1)]
    if len(points) == 0:
        return None
    low, high = (torch.quantile(points[_thinned(len(points))], q, dim=0) for q in (_TRIMMED, 1 - _TRIMMED))
    center = ((low + high) / 2).tolist()
    return Box((center[0], center[1], center[2]), max(margin * float((high - low).max()) / 2, smallest))


def union(boxes: Sequence[Box]) -> Box:
    """Returns the smallest cube around cubes."""
    low = np.min([np.array(box.center) - box.half for box in boxes], axis=0)
    high = np.max([np.array(box.center) + box.half for box in boxes], axis=0)
    center = ((low + high) / 2).tolist()
    return Box((center[0], center[1], center[2]), float((high - low).max()) / 2)


def _thinned(count: int, most: int = 100_000) -> slice:
    """Takes every so many values: torch.quantile takes a limited number."""
    return slice(None, None, -(-count // most))


def median_box(boxes: Sequence[Box]) -> Box | None:
    """Returns the middle of what several views make of one click, or None without any.

    A similarity map that spreads over half of an image must not decide.
    """
    if not boxes:
        return None
    center = np.median([box.center for box in boxes], axis=0).tolist()
    return Box((center[0], center[1], center[2]), float(np.median([box.half for box in boxes])))


def fitted(
    points: Tensor,  # [n, 3] the object
    box: Box,
    margin: float,
    smallest: float,
) -> Box | None:
    """Returns another cube for an object found in a box, if it reaches the box's sides or fills little of it.

    None when the box suits it, or when nothing was found.
    """
    if len(points) == 0:
        return None
    kept = points[_thinned(len(points))]
    low, high = (torch.quantile(kept, q, dim=0) for q in (0.01, 0.99))
    center = torch.tensor(box.center, dtype=points.dtype, device=points.device)
    reach = float(torch.maximum((low - center).abs(), (high - center).abs()).max()) / box.half
    middle, half = ((low + high) / 2).tolist(), float((high - low).max()) / 2
    wanted = Box((middle[0], middle[1], middle[2]), max(margin * half, smallest))
    if reach > _NEAR_SIDE or wanted.half < _LOOSE * box.half:
        return wanted
    return None
