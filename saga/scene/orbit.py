"""Views for a scene that has no photographs."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from saga.scene.camera import Camera
from saga.scene.gaussians import Gaussians
from saga.scene.pose import rigid_inverse

_ELEVATIONS = (15.0, 35.0, 60.0)
_FIELD_OF_VIEW = 50.0
_RADIUS_QUANTILE = 0.9
_MARGIN = 1.1
_SAMPLE = 100_000
_MODE_SAMPLE, _MODE_DIRECTIONS = 10_000, 256
# Share of the surface that must face one way, or its opposite, before it is taken for the ground; the directions of a
# ball are spread so evenly that 0.09 of them lie this close to any one.
_GROUND_SHARE = 0.3
_ALIKE_COSINE = 0.91
_TOPS_AGREE = 0.3
"""Length of the mean of the cameras' up directions from which on it tells which way is up."""


def orbit_cameras(gaussians: Gaussians, count: int, width: int, height: int) -> list[Camera]:
    """Returns `count` views of `width` x `height` pixels that look at the scene from a hemisphere around it.

    The hemisphere's center is the median position of the Gaussians and its size follows the distance within
    which nine in ten of them lie, both weighted by opacity, so floaters and a thin background do not count.
    Views go once around while their elevation cycles through 15, 35 and 60 degrees; the smaller field of
    view is 50 degrees. Up is guessed, see `guess_up`. The names are orbit_000.png and so on, in order.

    Raises ValueError when `count` or the size is not positive.
    """
    if min(count, width, height) < 1:
        raise ValueError(f"count, width and height must be positive, got {count}, {width}, {height}")
    keep = np.flatnonzero(gaussians.valid)
    keep = keep[:: max(1, len(keep) // _SAMPLE)]
    means, weights = gaussians.means[keep].astype(np.float64), gaussians.opacities[keep]
    center = np.array([weighted_quantile(axis, weights, 0.5) for axis in means.T])
    radius = weighted_quantile(np.linalg.norm(means - center, axis=1), weights, _RADIUS_QUANTILE)
    distance = max(_MARGIN * radius, 1e-6) / math.sin(math.radians(_FIELD_OF_VIEW / 2))
    focal = min(width, height) / 2 / math.tan(math.radians(_FIELD_OF_VIEW / 2))
    up = guess_up(gaussians)
    side = np.cross(up, np.eye(3)[np.argmin(np.abs(up))])
    side /= np.linalg.norm(side)
    digits = max(3, len(str(count - 1)))
    cameras = []
    for i in range(count):
        azimuth, elevation = 2 * math.pi * i / count, math.radians(_ELEVATIONS[i % len(_ELEVATIONS)])
        level = math.cos(azimuth) * side + math.sin(azimuth) * np.cross(up, side)
        outward = math.cos(elevation) * level + math.sin(elevation) * up
        cameras.append(
            Camera(
                name=f"orbit_{i:0{digits}d}.png",
                width=width,
                height=height,
                fx=focal,
                fy=focal,
                cx=width / 2,
                cy=height / 2,
                world_to_camera=look_at(center + distance * outward, center, up),
            )
        )
    return cameras


def look_at(
    position: np.ndarray,  # [3]
    target: np.ndarray,  # [3]
    up: np.ndarray,  # [3]
) -> np.ndarray:  # [4, 4]
    """Returns the world-to-camera [4, 4] (OpenCV axes) of a camera at `position` looking at `target`, `up` upwards."""
    forward = (target - position) / np.linalg.norm(target - position)
    right = np.cross(forward, up)
    right /= np.linalg.norm(right)
    return rigid_inverse(np.stack([right, np.cross(forward, right), forward], axis=1), position)


def camera_up(cameras: Sequence[Camera]) -> np.ndarray | None:  # [3]
    """Returns where the tops of the cameras point on the whole, unit float64 [3]; None where they do not agree."""
    tops = np.array([-camera.world_to_camera[1, :3] for camera in cameras], np.float64).reshape(-1, 3)
    lengths = np.linalg.norm(tops, axis=1, keepdims=True)  # poses of a moved frame have its scale
    up = (tops / lengths).sum(axis=0) / max(1, len(tops))
    length = float(np.linalg.norm(up))
    return up / length if length >= _TOPS_AGREE else None


def guess_up(gaussians: Gaussians) -> np.ndarray:  # [3]
    """Returns the most likely up direction of a scene in world coordinates, unit float64 [3].

    In turn: +z when the PLY says so (a comment "Vertical Axis: z", as splatfacto writes). The direction that
    the largest part of the surface faces when one stands out, which is that of a floor or table, even in a room whose
    walls face other ways; a Gaussian faces along its shortest axis and counts with opacity times area. Its sense is
    the one in which things stick out of it (positive skewness of the heights). Else -y, because structure from motion
    puts y downwards.
    """
    comments = " ".join(gaussians.ply.comments).lower()
    if "vertical axis: z" in comments:
        return np.array([0.0, 0.0, 1.0])
    keep = np.flatnonzero(gaussians.valid)
    keep = keep[:: max(1, len(keep) // _SAMPLE)]
    scales = np.sort(gaussians.scales[keep].astype(np.float64), axis=1)
    area = scales[:, 1] * scales[:, 2]
    # A few giant Gaussians of the sky or background would outvote everything.
    weights = gaussians.opacities[keep] * np.minimum(area, np.quantile(area, 0.99))
    weights = weights * (1 - scales[:, 0] / scales[:, 1])  # a ball faces nowhere
    normals = _shortest_axes(gaussians, keep)
    up, share = _largest_mode(normals, weights)
    if not share >= _GROUND_SHARE:
        return np.array([0.0, -1.0, 0.0])
    heights, opacities = gaussians.means[keep] @ up, gaussians.opacities[keep]
    heights = np.clip(heights, *np.quantile(heights, (0.001, 0.999)))
    skewness = np.average((heights - np.average(heights, weights=opacities)) ** 3, weights=opacities)
    return up if skewness >= 0 else -up


def _largest_mode(
    axes: np.ndarray,  # [n, 3]
    weights: np.ndarray,  # [n]
) -> tuple[np.ndarray, float]:
    """The direction, either way, that most of the weight of unit vectors is close to, and its share; 0 without any."""
    total = weights.sum()
    if not total > 0:
        return np.array([0.0, -1.0, 0.0]), 0.0
    step = max(1, len(axes) // _MODE_SAMPLE)
    some, their = axes[::step], weights[::step]
    k = np.arange(_MODE_DIRECTIONS) + 0.5
    z, turn = 1 - k / _MODE_DIRECTIONS, np.pi * (1 + 5**0.5) * k  # a Fibonacci lattice on half a sphere
    radius = np.sqrt(1 - z**2)
    lattice = np.stack([radius * np.cos(turn), radius * np.sin(turn), z], axis=1)
    best = lattice[np.argmax(their @ (np.abs(some @ lattice.T) > _ALIKE_COSINE))]
    for _ in range(3):
        near = np.abs(axes @ best) > _ALIKE_COSINE
        own = axes[near] * np.sqrt(weights[near])[:, None]
        best = np.linalg.eigh(own.T @ own)[1][:, 2]
    return best, float(weights[np.abs(axes @ best) > _ALIKE_COSINE].sum() / total)


def weighted_quantile(
    values: np.ndarray,  # [N]
    weights: np.ndarray,  # [N]
    q: float,
) -> float:
    """Returns the smallest of `values` that has at least the share `q` of all weight at or below it."""
    order = np.argsort(values)
    cumulative = np.cumsum(weights[order], dtype=np.float64)
    index = np.searchsorted(cumulative, q * cumulative[-1])
    return float(values[order][min(index, len(values) - 1)])


def _shortest_axes(gaussians: Gaussians, rows: np.ndarray) -> np.ndarray:  # [n, 3]
    """Returns the world direction of the shortest axis of some Gaussians: a column of their rotation matrices."""
    w, x, y, z = gaussians.quaternions[rows].astype(np.float64).T
    columns = np.stack(
        [
            np.stack([1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)], axis=1),
            np.stack([2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)], axis=1),
            np.stack([2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)], axis=1),
        ]
    )
    shortest: np.ndarray = columns[np.argmin(gaussians.scales[rows], axis=1), np.arange(len(rows))]
    return shortest
