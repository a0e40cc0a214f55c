"""Ball query with a radius of each member's own.

Where a selection is dense it takes in what is close, where it is sparse what is farther. The paper's one radius for all
(`growing.ball_query`) is that of the sparsest parts.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from saga.postprocess.growing import check_quantile, quantile_of
from saga.postprocess.neighbors import (
    check_mask,
    check_points,
    implementation,
    nearest_neighbors,
    reach_of,
)
from saga.runtime.sets import picked, rows_of, size_of

_AROUND = 32
"""Members, itself included, that a member's spacing is smoothed over."""
_CLASS = 1.25
"""Radii within this ratio are searched together, with the least of them."""
_LARGEST = 0.99
"""Quantile of all members' nearest neighbor distances that no radius exceeds: a few may lie far from all others."""


def local_ball_query(
    points: Tensor,  # [N, 3]
    members: Tensor,  # [N] bool
    quantile: float = 1.0,
    allowed: Tensor | None = None,  # [N] bool
) -> tuple[Tensor, Tensor]:  # [N] bool, [m]
    """Returns the members of a selection and every point within the radius of one, which is each member's own.

    A member's radius is a quantile of the nearest neighbor distances of the members around it, at most the 0.99
    quantile of all members'. Radii are rounded down to classes a quarter apart, each of which is one search.

    Args:
        points: The scene, float32 in scene units, finite.
        members: Whether each point is in the selection.
        quantile: Of the nearest neighbor distances around a member.
        allowed: What may join; everything by default.

    Returns:
        Members and what they reach, bool [N], and the m members' radii, float32 [m], on the points' device.

    Raises:
        SagaError: A shape or type is wrong, a coordinate is not finite, or the quantile is not in (0, 1].
    """
    check_quantile(quantile)
    scene = check_points(points)
    chosen = check_mask("members", members, scene)
    joining = ~chosen if allowed is None else ~chosen & check_mask("allowed", allowed, scene)
    selection = picked(scene, chosen)
    radii = _local_spacing(selection, quantile)
    if len(selection) == 0 or size_of(joining) == 0:
        return chosen.to(points.device), radii.to(points.device)
    searches = implementation(scene)
    near = searches.within_radius(selection, scene, ~joining, reach_of(float(radii.max()))) & joining
    queries, classes = picked(scene, near), _classes(radii)
    joined = torch.zeros(len(queries), dtype=torch.bool, device=scene.device)
    for each in classes.unique():
        same = classes == each
        joined = searches.within_radius(selection[same], queries, joined, reach_of(float(radii[same].min())))
    chosen = chosen.index_fill(0, rows_of(near)[rows_of(joined)], True)
    return chosen.to(points.device), radii.to(points.device)


def _local_spacing(
    points: Tensor,  # [m, 3]
    quantile: float,
) -> Tensor:  # [m]
    """The quantile (nearest rank) of the nearest neighbor distances around each point; 0 for a single one."""
    if len(points) < 2:
        return points.new_zeros(len(points))
    around = nearest_neighbors(points, min(_AROUND, len(points)))
    nearest = _distances(points, around[:, 1])
    rank = max(math.ceil(quantile * around.shape[1]), 1)
    spacings = nearest.index_select(0, around.flatten()).view(around.shape)
    last = rank == around.shape[1]  # the largest, which takes no sorting
    local: Tensor = spacings.amax(1) if last else spacings.kthvalue(rank, dim=1).values
    return local.clamp(max=quantile_of(nearest, _LARGEST))


def _distances(
    points: Tensor,  # [m, 3]
    others: Tensor,  # [m] int32
) -> Tensor:  # [m]
    """Returns the distance from each point to another, as `nearest_neighbor_distance` has it for the nearest."""
    steps = points.double() - points.index_select(0, others).double()
    x, y, z = steps.square_().unbind(1)
    return (x + y + z).sqrt_().float()


def _classes(
    radii: Tensor,  # [m]
) -> Tensor:  # [m]
    """Which radii are searched together, int64 [m]; zero has a class of its own."""
    classes = (radii.double().log() / math.log(_CLASS)).floor().nan_to_num(neginf=-(2**31))
    return classes.long()
