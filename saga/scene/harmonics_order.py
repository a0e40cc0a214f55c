"""Spherical harmonics of a PLY's rows in other orders and axes; in a PLY they are channel by channel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

ODD_HARMONICS = (1, 2, 4, 7, 9, 11, 12, 14)
"""Spherical harmonics, numbered from 0, that change sign when y and z do."""
BY_DEGREE = tuple(
    place
    for channel in range(3)
    for place in (*range(3 * channel, 3 * channel + 3), *range(9 + 5 * channel, 14 + 5 * channel))
)
"""Where each of the 24 harmonics of a PLY of degree 2 is where all of degree 1 come before those of degree 2."""


def harmonics_of(rows: np.ndarray) -> int:
    """Returns how many harmonics the rows have above the constant ones, of all channels."""
    return sum(name.startswith("f_rest_") for name in rows.dtype.names or ())


def reordered(rows: np.ndarray, order: Sequence[int]) -> np.ndarray:
    """Returns a copy of rows whose i-th harmonic is what was the `order[i]`-th."""
    turned = rows.copy()
    for i, source in enumerate(order):
        turned[f"f_rest_{i}"] = rows[f"f_rest_{source}"]
    return turned


def transposed(count: int) -> list[int]:
    """Returns the order that is undone when channels and coefficients of `count` harmonics change places."""
    return [3 * k + channel for channel in range(3) for k in range(count // 3)]


def half_turn(rows: np.ndarray) -> np.ndarray:
    """Returns a copy of a PLY's rows turned by half a turn about x: y and z change sign, and what depends on them."""
    turned = rows.copy()
    # A Gaussian is the same with its own axes reversed: the turn acts on both sides of its rotation.
    for name in ("y", "z", "ny", "nz", "rot_2", "rot_3"):
        if name in (turned.dtype.names or ()):
            turned[name] = -turned[name]
    per_channel = harmonics_of(rows) // 3
    for channel in range(3):
        for harmonic in range(1, per_channel + 1):
            if harmonic in ODD_HARMONICS:
                name = f"f_rest_{channel * per_channel + harmonic - 1}"
                turned[name] = -turned[name]
    return turned
