"""Growing and shrinking a selection by what lies close to it."""

from __future__ import annotations

import torch
from torch import Tensor

from saga.postprocess.growing import spacing
from saga.postprocess.neighbors import implementation, reach_of

_STEP = 3.0
"""A step, in distances between neighbors."""


def step_of(
    points: Tensor,  # [N, 3]
    members: Tensor,  # [N] bool
) -> float:
    """Returns how far one step of growing reaches, in world units: a few distances between neighboring members."""
    return _STEP * spacing(points[members].contiguous(), 0.5)


def grown(
    points: Tensor,  # [N, 3]
    members: Tensor,  # [N] bool
    valid: Tensor,  # [N] bool
    radius: float,
) -> Tensor:  # [N] bool
    """Returns a selection with every valid point within `radius` of a member."""
    return members | _near(points, members, valid & ~members, radius)


def shrunk(
    points: Tensor,  # [N, 3]
    members: Tensor,  # [N] bool
    valid: Tensor,  # [N] bool
    radius: float,
) -> Tensor:  # [N] bool
    """Returns a selection without the members within `radius` of a valid point that is none."""
    return members & ~_near(points, valid & ~members, members, radius)


def _near(
    points: Tensor,  # [N, 3]
    sources: Tensor,  # [N] bool
    asked: Tensor,  # [N] bool
    radius: float,
) -> Tensor:  # [N] bool
    """Which of the points asked for lie within `radius` of a source."""
    found = torch.zeros_like(asked)
    if radius <= 0 or not bool(sources.any()) or not bool(asked.any()):
        return found
    # Only what is near the other side can matter, and its box is much less than the scene.
    for one, other in ((sources, asked), (asked, sources)):
        low, high = points[one].amin(0) - radius, points[one].amax(0) + radius
        within = ((points >= low) & (points <= high)).all(1)
        if other is asked:
            asked = asked & within
        else:
            sources = sources & within
        if not bool(sources.any()) or not bool(asked.any()):
            return found
    queries = points[asked].contiguous()
    skip = torch.zeros(len(queries), dtype=torch.bool, device=queries.device)
    near = implementation(queries).within_radius(points[sources].contiguous(), queries, skip, reach_of(radius))
    found[asked] = near
    return found
