"""Growing a selection: region growing inside it, ball query into the whole scene (SAGA, section 3.5)."""

from __future__ import annotations

import math

from torch import Tensor

from saga.errors import SagaError
from saga.postprocess.neighbors import (
    check_mask,
    check_points,
    check_radius,
    implementation,
    nearest_neighbor_distance,
    reach_of,
)
from saga.runtime.sets import picked


def grow_region(
    points: Tensor,  # [n, 3]
    seeds: Tensor,  # [n] bool
    radius: float | None = None,
) -> tuple[Tensor, float]:
    """Returns the part of a selection that hangs together with the seeds.

    Points within the radius of a seed join, then points within the radius of those, until none is left.

    Args:
        points: The selection G^t, float32 in scene units, finite.
        seeds: Whether each point is one of the validated Gaussians G^c.
        radius: In scene units; by default the largest distance from a seed to its closest seed (eq. 13), which
            is 0 for a single seed.

    Returns:
        The region, bool [n] on the points' device with all seeds in it, and the radius. Without seeds it is empty.

    Raises:
        SagaError: A shape or type is wrong, a coordinate is not finite, or the radius is negative or not finite.
    """
    candidates = check_points(points)
    chosen = check_mask("seeds", seeds, candidates)
    radius = spacing(picked(candidates, chosen), 1.0) if radius is None else check_radius(radius)
    if chosen.any():
        chosen = implementation(candidates).grow_region(candidates, chosen, reach_of(radius))
    return chosen.to(points.device), radius


def ball_query(
    points: Tensor,  # [N, 3]
    members: Tensor,  # [N] bool
    radius: float | None = None,
    quantile: float = 1.0,
) -> tuple[Tensor, float]:
    """Returns the members of a selection and every point of the scene within the radius of one.

    Args:
        points: The scene, float32 in scene units, finite.
        members: Whether each point is in the filtered selection G^t'.
        radius: In scene units; by default a quantile of the members' nearest neighbor distances, which is 0 for a
            single member.
        quantile: The paper takes the largest distance (quantile 1), which one far outlier makes huge; 0.99
            resists that.

    Returns:
        Members and what they reach, bool [N] on the points' device, and the radius. Without members it is empty.

    Raises:
        SagaError: A shape or type is wrong, a coordinate is not finite, the radius is negative or not finite, or the
            quantile is not in (0, 1].
    """
    check_quantile(quantile)
    scene = check_points(points)
    chosen = check_mask("members", members, scene)
    selection = picked(scene, chosen)
    radius = spacing(selection, quantile) if radius is None else check_radius(radius)
    if len(selection) > 0:
        chosen = implementation(scene).within_radius(selection, scene, chosen, reach_of(radius))
    return chosen.to(points.device), radius


def check_quantile(quantile: float) -> None:
    """Raises SagaError unless the quantile is in (0, 1]."""
    if not 0 < quantile <= 1:
        raise SagaError(f"quantile: expected a number above 0 and up to 1, found {quantile}; the paper has 1")


def spacing(
    points: Tensor,  # [n, 3]
    quantile: float,
) -> float:
    """Returns the quantile (nearest rank) of the points' nearest neighbor distances; 0 for fewer than two points."""
    if len(points) < 2:
        return 0.0
    return quantile_of(nearest_neighbor_distance(points), quantile)


def quantile_of(
    distances: Tensor,  # [n]
    quantile: float,
) -> float:
    """Returns a quantile (nearest rank) of at least one distance."""
    return float(distances.kthvalue(max(math.ceil(quantile * len(distances)), 1)).values)
