"""Statistical filter: drops Gaussians that lie apart from the rest (SAGA, section 3.5)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from saga.errors import SagaError
from saga.postprocess import reference
from saga.postprocess.neighbors import check_points, implementation

ROUNDING = 1e-6  # relative differences of mean distances that mean nothing


def statistical_filter(
    points: Tensor,  # [n, 3]
    neighbors: int | None = None,
    std_ratio: float = 1.0,
    exact: bool = False,
) -> Tensor:  # [n] bool
    """Marks the points whose mean distance to their nearest neighbors is not unusually large.

    A point is dropped when that mean distance exceeds the mean over all points by more than std_ratio
    standard deviations (with Bessel's correction). As in Open3D's `remove_statistical_outlier`, a point is
    the first of its own neighbors. Unlike there, points that coincide or are all equally far apart are kept:
    none of them is an outlier.

    Args:
        points: float32 in scene units, finite.
        neighbors: Number of nearest points, the point included; the root of n, rounded down, by default as in the
            paper.
        std_ratio: Standard deviations above the mean beyond which a point is dropped.
        exact: Whether every neighbor is searched. Otherwise mean distances are approximate, which changes the verdict
            on few points, all of them close to the threshold.

    Returns:
        bool on the same device, True for what is kept.

    Raises:
        SagaError: The shape is wrong, a coordinate is not finite, neighbors is less than 1 or std_ratio is negative.
    """
    if neighbors is not None and neighbors < 1:
        raise SagaError(f"neighbors: expected at least 1, found {neighbors}; the default is the root of n")
    if not std_ratio >= 0:
        raise SagaError(f"std_ratio: expected at least 0, found {std_ratio}; the paper's value is 1")
    candidates = check_points(points)
    count = len(candidates)
    keep = torch.ones(count, dtype=torch.bool, device=candidates.device)
    if count > 1:
        nearest = min(neighbors or math.isqrt(count), count)
        if exact:
            distances = reference.mean_distance(candidates.cpu(), nearest)
        else:
            distances = implementation(candidates).mean_distance(candidates, nearest)
        distances = distances.double().to(keep.device)
        threshold = distances.mean() * (1 + ROUNDING) + std_ratio * distances.std()
        keep = distances <= threshold
    return keep.to(points.device)
