"""Simulated clicks (SGISRF, appendix A): where a person would click next."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import distance_transform_edt, label


def first_click(
    mask: np.ndarray,  # [H, W] bool, not empty
    rng: np.random.Generator,
) -> tuple[int, int]:
    """Returns a pixel (x, y) well inside an object: any at least half as far from the border as the farthest."""
    distance = distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    inside = np.argwhere(distance >= 0.5 * distance.max())
    y, x = inside[rng.integers(len(inside))]
    return int(x), int(y)


def error_click(
    truth: np.ndarray,  # [H, W] bool
    predicted: np.ndarray,  # [H, W] bool
) -> tuple[tuple[int, int], bool] | None:
    """Returns the middle of the largest connected error, and whether the object is there (a positive click).

    None when there is no error.
    """
    missed, excess = truth & ~predicted, predicted & ~truth
    largest, positive = None, True
    for errors, sign in ((missed, True), (excess, False)):
        pieces, count = label(errors)
        if count == 0:
            continue
        areas = np.bincount(pieces.ravel())[1:]
        if largest is None or areas.max() > np.count_nonzero(largest):
            largest, positive = pieces == int(areas.argmax()) + 1, sign
    if largest is None:
        return None
    distance = distance_transform_edt(np.pad(largest, 1))[1:-1, 1:-1]
    y, x = np.unravel_index(int(distance.argmax()), distance.shape)
    return (int(x), int(y)), positive
