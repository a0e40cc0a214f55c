"""The neighbour searches of the native library (cuda/saga.h), with the signatures of `reference`.

Points are float32 on the CPU, dense; masks are bool.
"""

from __future__ import annotations

import functools
from ctypes import c_double, c_int, c_int64, c_void_p
from typing import Any

import torch
from torch import Tensor

from saga.raster import _native

_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "saga_neighbours_workspace": (c_int64, [c_int64]),
    "saga_nearest_distance": (c_int, [c_int64, *[c_void_p] * 4]),
    "saga_mean_distance": (c_int, [c_int64, c_void_p, c_int64, *[c_void_p] * 3]),
    "saga_within_radius": (c_int, [c_int64, c_void_p, c_int64, c_void_p, c_double, *[c_void_p] * 3]),
    "saga_grow_region": (c_int, [c_int64, c_void_p, c_double, *[c_void_p] * 3]),
}


@functools.cache
def available() -> bool:
    """Whether the library was built; the first call tells ctypes of the functions above."""
    library = _native.library("cpu")
    if library is None:
        return False
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return True


def nearest_distance(
    points: Tensor,  # [n, 3]
) -> Tensor:
    distances = torch.empty(len(points))
    _call("saga_nearest_distance", points, _address(points), distances.data_ptr())
    return distances


def mean_distance(
    points: Tensor,  # [n, 3]
    neighbours: int,
) -> Tensor:
    """Approximate, unlike its reference: to a few parts in a thousand."""
    distances = torch.empty(len(points))
    _call("saga_mean_distance", points, _address(points), neighbours, distances.data_ptr())
    return distances


def within_radius(
    points: Tensor,  # [n, 3]
    queries: Tensor,  # [q, 3]
    skip: Tensor,  # [q] bool
    reach: float,
) -> Tensor:
    within = skip.clone()
    arguments = (_address(points), len(queries), _address(queries), reach, within.data_ptr())
    _call("saga_within_radius", points, *arguments)
    return within


def grow_region(
    points: Tensor,  # [n, 3]
    seeds: Tensor,  # [n] bool
    reach: float,
) -> Tensor:
    region = seeds.clone()
    _call("saga_grow_region", points, _address(points), reach, region.data_ptr())
    return region


def _address(points: Tensor) -> int:
    return _native.pointer(points)


def _call(name: str, points: Tensor, *arguments: Any) -> None:
    """Calls a search among the points with a workspace of its own."""
    library = _native.library("cpu")
    assert library is not None
    workspace = torch.empty(library.saga_neighbours_workspace(len(points)), dtype=torch.uint8)
    _native.call("cpu", name, len(points), *arguments, workspace.data_ptr(), None)
