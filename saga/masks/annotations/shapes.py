"""Shapes that people draw, as masks.

Coordinates are continuous pixels, (x, y), the top left corner of the image at (0, 0). A pixel is in a shape when its
center is; `saga.masks.rle` has the run-length encodings.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from skimage.draw import polygon as rasterized_polygon

from saga.masks.annotations.image import Size

_CIRCLE_POINTS = 256


def polygon(points: Sequence[Sequence[float]] | np.ndarray, size: Size) -> np.ndarray:  # [H, W]
    """Return a polygon of points (x, y) [K, 2] as bool [H, W]. Raises ValueError for anything else."""
    corners = np.asarray(points, np.float64)
    if corners.ndim != 2 or corners.shape[1] != 2 or len(corners) < 3 or not np.isfinite(corners).all():
        raise ValueError("a polygon takes three or more finite points (x, y)")
    mask = np.zeros(size, bool)
    mask[rasterized_polygon(corners[:, 1] - 0.5, corners[:, 0] - 0.5, size)] = True
    return mask


def polygons(rings: Iterable[Sequence[float]], size: Size) -> np.ndarray:  # [H, W]
    """Return what several polygons, each x0, y0, x1, y1, ..., cover together."""
    mask = np.zeros(size, bool)
    for ring in rings:
        numbers = np.asarray(ring, np.float64)
        if numbers.ndim != 1 or len(numbers) % 2:
            raise ValueError("a polygon takes pairs of numbers")
        mask |= polygon(numbers.reshape(-1, 2), size)
    return mask


def box(sides: Sequence[float], size: Size, degrees: float = 0) -> np.ndarray:  # [H, W]
    """Return a box (left, top, right, bottom), turned about its center (clockwise as the image shows it), filled."""
    left, top, right, bottom = sides
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float64)
    return polygon(_turned(corners, degrees), size)


def ellipse(center: Sequence[float], radii: Sequence[float], size: Size, degrees: float = 0) -> np.ndarray:  # [H, W]
    """Return an ellipse about (x, y), turned about its center, filled."""
    (x, y), (rx, ry) = center, radii
    angles = np.linspace(0, 2 * np.pi, _CIRCLE_POINTS, endpoint=False)
    return polygon(_turned(np.stack([x + rx * np.cos(angles), y + ry * np.sin(angles)], 1), degrees), size)


def placed(
    part: np.ndarray,  # [h, w]
    left: int,
    top: int,
    size: Size,
) -> np.ndarray:  # [H, W]
    """Return a mask whose part from (left, top) on is given. Raises ValueError when that reaches out of the image."""
    height, width = part.shape
    if min(left, top) < 0 or top + height > size[0] or left + width > size[1]:
        raise ValueError(f"a mask of {width}x{height} at ({left}, {top}) reaches out of {size[1]}x{size[0]}")
    mask = np.zeros(size, bool)
    mask[top : top + height, left : left + width] = part
    return mask


def _turned(
    corners: np.ndarray,  # [K, 2]
    degrees: float,
) -> np.ndarray:  # [K, 2]
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    center = (corners.min(0) + corners.max(0)) / 2
    return np.asarray((corners - center) @ turn + center)
