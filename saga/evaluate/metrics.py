"""How well a segmentation agrees with the truth. All results are fractions between 0 and 1.

Two empty masks agree: every overlap of nothing with nothing is 1.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import minimum_filter

BOUNDARY_RATIO = 0.02
"""Width of the boundary band relative to the image diagonal (Cheng et al. 2021)."""


def iou(
    predicted: np.ndarray,  # bool, any shape
    truth: np.ndarray,  # bool, same shape
) -> float:
    """Returns the intersection over union of two masks.

    Raises ValueError when the shapes differ or an array is not bool.
    """
    _check(predicted, truth)
    return _ratio(int(np.count_nonzero(predicted & truth)), int(np.count_nonzero(predicted | truth)))


def accuracy(
    predicted: np.ndarray,  # bool, any shape
    truth: np.ndarray,  # bool, same shape
) -> float:
    """Returns the share of places where both masks say the same.

    Raises ValueError when the shapes differ or an array is not bool.
    """
    _check(predicted, truth)
    return _ratio(int(np.count_nonzero(predicted == truth)), truth.size)


def boundary_iou(
    predicted: np.ndarray,  # [H, W] bool
    truth: np.ndarray,  # [H, W] bool
    ratio: float = BOUNDARY_RATIO,
) -> float:
    """Returns the intersection over union of the inner boundary bands of two masks.

    The band of a mask holds its pixels within d of its outside, in chessboard distance, where d is
    `ratio` of the image diagonal, rounded, and at least 1. What lies beyond the image counts as outside.
    Source: Cheng et al. 2021, "Boundary IoU", equation 3.

    Raises ValueError when the shapes differ, an array is not bool or not [H, W].
    """
    _check(predicted, truth)
    if predicted.ndim != 2:
        raise ValueError(f"expected masks of shape [H, W], got {list(predicted.shape)}")
    distance = max(1, round(ratio * float(np.hypot(*predicted.shape))))
    # Beyond the box around both masks there is only outside, so the rest of the image changes nothing.
    rows, columns = np.nonzero(predicted | truth)
    if len(rows) == 0:
        return 1.0
    box = np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    return iou(_inner_band(predicted[box], distance), _inner_band(truth[box], distance))


def weighted_iou(
    predicted: np.ndarray,  # [N] bool
    truth: np.ndarray,  # [N] bool
    opacities: np.ndarray,  # [N]
) -> float:
    """Returns the intersection over union of two sets of Gaussians, each Gaussian counting with its opacity.

    Opacity keeps the many nearly invisible Gaussians of a trained scene from deciding the figure.
    Raises ValueError when the shapes differ or a mask is not bool.
    """
    _check(predicted, truth)
    if opacities.shape != truth.shape:
        raise ValueError(f"expected opacities of shape {list(truth.shape)}, got {list(opacities.shape)}")
    weights = opacities.astype(np.float64)
    return _ratio(weights[predicted & truth].sum(), weights[predicted | truth].sum())


def area_weighted_iou(
    predicted: np.ndarray,  # [M, H, W] bool
    truth: np.ndarray,  # [K, H, W] bool
) -> float:
    """Returns the mean over the true masks of the IoU with the predicted mask that fits best, weighted by true area.

    Source: DiscoNeRF, section 4 (Metrics). Raises ValueError as `iou` does.
    """
    areas = truth.sum((1, 2))
    best = [max((iou(mask, true) for mask in predicted), default=0.0) for true in truth]
    return _ratio(float(np.dot(best, areas)), float(areas.sum()))


def best_dice(
    of: np.ndarray,  # [N, H, W] bool
    among: np.ndarray,  # [M, H, W] bool
) -> float:
    """Returns BD: mean over the masks `of` of the Dice score with the mask `among` others that fits best.

    Source: DiscoNeRF, equation 8 (BD(P, G) has `of` = P, `among` = G). No masks among no masks agree.
    """
    if len(of) == 0:
        return 1.0 if len(among) == 0 else 0.0
    return float(np.mean([max((_dice(mask, other) for other in among), default=0.0) for mask in of]))


def symmetric_best_dice(
    predicted: np.ndarray,  # [M, H, W] bool
    truth: np.ndarray,  # [K, H, W] bool
) -> float:
    """Returns SBD: the lesser of both directions of `best_dice` (DiscoNeRF, section 4)."""
    return min(best_dice(predicted, truth), best_dice(truth, predicted))


def _dice(one: np.ndarray, other: np.ndarray) -> float:
    _check(one, other)
    return _ratio(2 * int(np.count_nonzero(one & other)), int(np.count_nonzero(one)) + int(np.count_nonzero(other)))


def _inner_band(mask: np.ndarray, distance: int) -> np.ndarray:
    return np.asarray(mask & ~minimum_filter(mask, size=2 * distance + 1, mode="constant", cval=False))


def _check(predicted: np.ndarray, truth: np.ndarray) -> None:
    if predicted.shape != truth.shape:
        raise ValueError(f"masks differ in shape: {list(predicted.shape)} and {list(truth.shape)}")
    if predicted.dtype != bool or truth.dtype != bool:
        raise ValueError(f"expected bool masks, got {predicted.dtype} and {truth.dtype}")


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else 1.0
