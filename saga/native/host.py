"""The ctypes side of cpu/host.h: functions on arrays of the host, which the CPU library alone has."""

from __future__ import annotations

import ctypes
import functools
import warnings
from ctypes import POINTER, c_double, c_int, c_int64, c_void_p
from typing import Any

import numpy as np

from saga.native import bindings


class MergeCosts(ctypes.Structure):
    """saga_merge_costs."""

    _fields_ = [
        (name, c_double)
        for name in (
            "edge_unit", "texture", "color", "hue_unit", "most_hues", "lightness_unit", "hue_lightness", "emptiness",
            "samples", "size_unit", "size_exponent",
        )
    ]  # fmt: skip


SIGNATURES: dict[str, list[Any]] = {
    "saga_color_edges": [c_int64, c_int64, c_void_p, c_int64, *[c_void_p] * 3],
    "saga_mutual_neighbors": [c_int64, c_int64, c_void_p, c_void_p],
    "saga_majority": [POINTER(bindings.CameraStruct), c_int64, *[c_void_p] * 6],
    "saga_mutual_lists": [c_int64, c_int64, *[c_void_p] * 5],
    "saga_reaching": [c_int64, *[c_void_p] * 5],
    "saga_merge": [*[c_int64] * 4, POINTER(MergeCosts), *[c_void_p] * 13],
}
"""Parameters of each function of cpu/host.h; all return 0."""


@functools.cache
def function(name: str) -> Any | None:
    """Returns a function of cpu/host.h, or None (with one warning) where the CPU library is missing or lacks it."""
    library = bindings.library("cpu")
    if library is None:
        return None
    try:
        found = getattr(library, name)
    except AttributeError:
        warnings.warn(
            f"saga's CPU library was built before {name} was written; install saga-splat again.", stacklevel=3
        )
        return None
    found.restype, found.argtypes = c_int, SIGNATURES[name]
    return found


def address(
    array: np.ndarray,
    dtype: type[np.generic] = np.float64,
) -> int:
    """Returns the address of a dense array of the expected type."""
    assert array.dtype == dtype, f"expected {dtype}, found {array.dtype}"
    assert array.flags.c_contiguous, f"expected a dense array, found strides {array.strides}"
    return int(array.ctypes.data)
