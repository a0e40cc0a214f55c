"""A row of six cells, and sets of them."""

from __future__ import annotations

import numpy as np


def cells(*indices: int) -> np.ndarray:
    return np.isin(np.arange(6), indices)


def one(index: int) -> np.ndarray:
    return np.eye(6, dtype=np.float32)[index]


def side_by_side(*heights: float) -> np.ndarray:  # [L, 2, 3]
    """Boxes of these heights in a row, each one wide and deep."""
    return np.array([[[x, 0, 0], [x + 1, 1, height]] for x, height in enumerate(heights)], np.float32)
