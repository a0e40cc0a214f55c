"""Light baked into the demo's colors: a warm key light with soft shadows under an open sky."""

from __future__ import annotations

import numpy as np

KEY = np.array([0.45, -0.55, 1.15]) / np.linalg.norm([0.45, -0.55, 1.15])
"""Unit vector towards the key light."""

_KEY_RAYS = 14
_SKY_RAYS = 56


def shade(
    albedo: np.ndarray,  # [N, 3] sRGB in [0, 1]
    points: np.ndarray,  # [N, 3]
    normals: np.ndarray,  # [N, 3] unit
    glow: np.ndarray,  # [N]
    spacing: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the lit sRGB colors [N, 3] and the share of the key light that arrives, [N].

    Light is added in linear color. Both the key light and the sky are sums over directions, each
    with a shadow map made of the surfels themselves, so that contact shadows come for free.
    """
    key = np.zeros(len(points))
    for direction in _cone(KEY, np.radians(5.0), _KEY_RAYS):
        key += np.clip(normals @ direction, 0, None) * _lit(points, normals, direction, spacing)
    key /= _KEY_RAYS

    sky, whole = np.zeros(len(points)), np.zeros(len(points))
    for direction in _sphere(_SKY_RAYS):
        facing = np.clip(normals @ direction, 0, None)
        sky += facing * (0.55 + 0.45 * direction[2]) * _lit(points, normals, direction, spacing)
        whole += facing
    sky /= np.maximum(whole, 1e-6)

    linear = albedo**2.2
    warm, cool = np.array([1.15, 1.09, 0.99]), np.array([0.87, 0.92, 1.0])
    lit = linear * (key[:, None] * warm + sky[:, None] * cool + 0.06 + glow[:, None])
    return np.clip(_shoulder(lit), 0, 1) ** (1 / 2.2), key


def sheen(normals: np.ndarray) -> np.ndarray:  # [N, 3] -> [N, 3]
    """Returns directions that the key light is mirrored into."""
    return np.asarray(2 * (normals @ KEY)[:, None] * normals - KEY)


def _lit(points: np.ndarray, normals: np.ndarray, direction: np.ndarray, spacing: float) -> np.ndarray:
    """Returns 1 where nothing stands between a point and the light in `direction`, else 0: [N]."""
    right = np.cross(direction, [0.31, 0.17, 0.93])
    right /= np.linalg.norm(right)
    up = np.cross(direction, right)
    cell = 1.8 * spacing
    x, y = (np.floor((points @ axis - (points @ axis).min()) / cell).astype(np.int64) for axis in (right, up))
    index = x * (y.max() + 1) + y
    depth = points @ direction
    nearest = np.full((x.max() + 1) * (y.max() + 1), -np.inf)
    np.maximum.at(nearest, index, depth)
    # A tilted surface spans more depth within one cell.
    slack = cell * (0.6 + 1.0 / np.clip(np.abs(normals @ direction), 0.25, 1))
    return np.asarray((nearest[index] - depth < slack).astype(float))


def _shoulder(linear: np.ndarray) -> np.ndarray:
    """Highlights roll off above 0.7 instead of clipping."""
    return np.where(linear < 0.7, linear, 1 - 0.3 * np.exp(-(linear - 0.7) / 0.3))


def _sphere(count: int) -> np.ndarray:
    """Returns even directions, [count, 3] (Fibonacci lattice)."""
    k = np.arange(count) + 0.5
    z = 1 - 2 * k / count
    angle = np.pi * (1 + 5**0.5) * k
    radius = np.sqrt(1 - z**2)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), z], axis=1)


def _cone(axis: np.ndarray, half_angle: float, count: int) -> np.ndarray:
    """Returns even directions within `half_angle` (radians) of `axis`, [count, 3]."""
    first = np.cross(axis, [0.0, 1.0, 0.0])
    first /= np.linalg.norm(first)
    second = np.cross(axis, first)
    k = np.arange(count) + 0.5
    radius = np.tan(half_angle) * np.sqrt(k / count)
    angle = np.pi * (1 + 5**0.5) * k
    rays = axis + radius[:, None] * (np.cos(angle)[:, None] * first + np.sin(angle)[:, None] * second)
    return np.asarray(rays / np.linalg.norm(rays, axis=1, keepdims=True))
