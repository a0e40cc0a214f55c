"""The neighbor searches of the native library (cuda/saga.h), with the signatures of `reference`.

Points are float32, dense, on the CPU or a GPU; masks are bool, on the same device.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from saga.native import bindings


def available(device_type: str) -> bool:
    """Whether the library for a device was built."""
    return bindings.library(device_type) is not None


def nearest_distance(
    points: Tensor,  # [n, 3]
) -> Tensor:
    """Returns the distance of each point to its nearest neighbor, float32 [n]."""
    distances = torch.empty(len(points), device=points.device)
    _call("saga_nearest_distance", points, _address(points), distances.data_ptr())
    return distances


def nearest_neighbors(
    points: Tensor,  # [n, 3]
    count: int,  # at most MOST_NEIGHBORS
) -> Tensor:
    """Returns the indices of each point's nearest neighbors, int32 [n, count]."""
    indices = torch.empty(len(points), count, dtype=torch.int32, device=points.device)
    _call("saga_nearest_neighbors", points, _address(points), count, indices.data_ptr())
    return indices


def mean_distance(
    points: Tensor,  # [n, 3]
    neighbors: int,
) -> Tensor:
    """Returns each point's mean distance to its nearest ones, to a few parts in a thousand of its reference.

    On the CPU it is exact with up to 192 of them.
    """
    distances = torch.empty(len(points), device=points.device)
    _call("saga_mean_distance", points, _address(points), neighbors, distances.data_ptr())
    return distances


def within_radius(
    points: Tensor,  # [n, 3]
    queries: Tensor,  # [q, 3]
    skip: Tensor,  # [q] bool
    reach: float,
) -> Tensor:
    """Returns which queries have a point within `reach`, bool [q]; those to skip count as such."""
    within = skip.clone()
    arguments = (_address(points), len(queries), _address(queries), reach, within.data_ptr())
    _call("saga_within_radius", points, *arguments)
    return within


def grow_region(
    points: Tensor,  # [n, 3]
    seeds: Tensor,  # [n] bool
    reach: float,
) -> Tensor:
    """Returns which points a chain of steps of at most `reach` connects to a seed, bool [n]."""
    region = seeds.clone()
    _call("saga_grow_region", points, _address(points), reach, region.data_ptr())
    return region


def _address(points: Tensor) -> int:
    return bindings.pointer(points)


def _call(name: str, points: Tensor, *arguments: Any) -> None:
    """Calls a search among the points with a workspace of its own."""
    workspace = bindings.workspace(points, "saga_neighbors_workspace", len(points))
    stream = bindings.stream(points)
    bindings.call(points.device.type, name, len(points), *arguments, workspace.data_ptr(), stream)
