"""Where to look: a cube around what a click points at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy.ndimage import label
from torch import Tensor

from saga.lifting.sgisrf.grid import Box

_TRIMMED = 0.03
"""Share of a region's Gaussians that is cut off at each end of each axis: borders spill onto what is behind."""


def click_region(
    similarity: np.ndarray,  # [h, w]
    pixel: tuple[int, int],
    owners: np.ndarray,  # [h, w] int64
) -> np.ndarray:  # [U] int64
    """Gaussians shown by the pixels that are like the clicked one and connected to it, at least its own.

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
    """A cube around points, `margin` times as large as they spread and at least `smallest` from middle to side.

    None without finite points.
    """
    points = points[points.isfinite().all(1)]
    if len(points) == 0:
        return None
    low, high = (torch.quantile(points[_thinned(len(points))], q, dim=0) for q in (_TRIMMED, 1 - _TRIMMED))
    center = ((low + high) / 2).tolist()
    return Box((center[0], center[1], center[2]), max(margin * float((high - low).max()) / 2, smallest))


def union(boxes: Sequence[Box]) -> Box:
    """The smallest cube around cubes."""
    low = np.min([np.array(box.center) - box.half for box in boxes], axis=0)
    high = np.max([np.array(box.center) + box.half for box in boxes], axis=0)
    center = ((low + high) / 2).tolist()
    return Box((center[0], center[1], center[2]), float((high - low).max()) / 2)


def _thinned(count: int, most: int = 100_000) -> slice:
    """torch.quantile takes a limited number of values."""
    return slice(None, None, -(-count // most))
