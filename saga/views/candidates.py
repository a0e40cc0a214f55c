"""Camera positions worth trying: around the whole scene, around what stands in it, or inside of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.cluster.vq import kmeans2
from scipy.spatial import cKDTree

from saga.raster import BlendOperator, Geometry
from saga.scene import Camera, Gaussians
from saga.scene.orbit import guess_up, look_at, weighted_quantile

_FIELD_OF_VIEW = 50.0
"""Smaller field of view of every candidate, degrees."""
_OUTER_ELEVATIONS = (12.0, 32.0, 55.0)
_INNER_ELEVATIONS = (18.0, 42.0)
"""Elevations of candidates, degrees."""
_OUTER_AZIMUTHS, _INNER_AZIMUTHS, _ROOM_AZIMUTHS = 12, 6, 8
_PARTS = 8
"""Parts of the scene that have candidates of their own."""
_INNER_DISTANCES = (0.25, 0.9)
"""Least and largest distance of a part's candidates from its middle, in radii of the scene."""
_RAISED = 0.03
"""Height over the ground, in radii of the scene, from which something stands on it."""
_CLEARANCE = 0.3
"""Distance to the nearest surface, in radii of the scene, that a room leaves somewhere: a shelf's boards do not."""
_FREE = 0.07
"""Distance to the nearest surface, in radii of the scene, from which a place is free to stand at."""
_STANDS = 14
"""Places that a room is looked at from."""
_ENCLOSED_ALPHA = 0.6
"""Mean opacity all around, seen from the middle, from which a scene counts as a room."""
_SAMPLE = 20_000
_PROBE = 32
"""Side in pixels of the pictures that tell a room from an object."""


@dataclass(frozen=True)
class Extent:
    """Where a scene is and how large, floaters and a thin background left aside."""

    center: np.ndarray  # [3]
    """Weighted median of the Gaussians, world units."""
    radius: float
    """Distance from the center within which nine tenths of the opacity lie, world units."""
    up: np.ndarray  # [3]
    """Unit vector."""
    points: np.ndarray  # [n, 3]
    """A sample of opaque Gaussians."""


def measure(gaussians: Gaussians) -> Extent:
    """Returns the extent of a scene from its opaque Gaussians."""
    keep = np.flatnonzero(gaussians.valid)
    keep = keep[:: max(1, len(keep) // (5 * _SAMPLE))]
    means, weights = gaussians.means[keep].astype(np.float64), gaussians.opacities[keep]
    center = np.array([weighted_quantile(axis, weights, 0.5) for axis in means.T])
    radius = weighted_quantile(np.linalg.norm(means - center, axis=1), weights, 0.9)
    opaque = means[weights > 0.3] if np.any(weights > 0.3) else means
    return Extent(center, max(radius, 1e-9), guess_up(gaussians), opaque[:: max(1, len(opaque) // _SAMPLE)])


def is_enclosed(geometry: Geometry, extent: Extent) -> bool:
    """Tells whether the scene surrounds its middle, as a room does: opaque to all sides and above."""
    stand = _most_free(extent, np.random.default_rng(0), 1)[0]
    if cKDTree(extent.points).query(stand)[0] < _CLEARANCE * extent.radius:
        return False
    side = _any_side(extent.up)
    directions = [_turned(side, extent.up, angle) for angle in np.arange(4) * math.pi / 2]
    alphas = [_alpha_towards(geometry, stand, direction, extent.up) for direction in directions]
    return float(np.mean(alphas)) > _ENCLOSED_ALPHA and min(alphas) > _ENCLOSED_ALPHA / 2


def around(extent: Extent, size: tuple[int, int], seed: int) -> tuple[list[Camera], list[Camera]]:
    """Returns candidates on a hemisphere around the scene, and around each part of what stands in it.

    Places too close to a surface to stand at are left out.

    Args:
        extent: the scene's.
        size: width and height of the candidates' images in pixels.
        seed: seed of the partition into parts.
    """
    outer, tree = _fitting(extent.radius), cKDTree(extent.points)
    wide = [
        camera
        for elevation in _OUTER_ELEVATIONS
        for camera in _ring(extent, extent.center, outer, elevation, _OUTER_AZIMUTHS, 0.0, size)
    ]
    close = [
        camera
        for number, (anchor, reach) in enumerate(_parts(extent, seed))
        for elevation in _INNER_ELEVATIONS
        for camera in _ring(extent, anchor, _fitting(reach), elevation, _INNER_AZIMUTHS, 0.4 * number, size)
    ]
    limit = _FREE * extent.radius
    return (
        [camera for camera in wide if tree.query(camera.position)[0] > limit],
        [camera for camera in close if tree.query(camera.position)[0] > limit],
    )


def inside(extent: Extent, size: tuple[int, int], seed: int) -> list[Camera]:
    """Returns candidates at free places inside the scene that look to all sides, level and a little down."""
    side, cameras = _any_side(extent.up), []
    for eye in _most_free(extent, np.random.default_rng(seed), _STANDS):
        for k in range(_ROOM_AZIMUTHS):
            level = _turned(side, extent.up, 2 * math.pi * k / _ROOM_AZIMUTHS)
            for fall in (0.05, 0.55):
                cameras.append(_camera(eye, eye + level - fall * extent.up, extent.up, size))
    return cameras


def _parts(extent: Extent, seed: int) -> list[tuple[np.ndarray, float]]:
    """Middle and reach of the parts of what stands over the ground, or of everything where hardly anything does."""
    near = extent.points[np.linalg.norm(extent.points - extent.center, axis=1) < 1.2 * extent.radius]
    heights = near @ extent.up
    counts, edges = np.histogram(heights, bins=200)
    ground = edges[counts.argmax()]
    raised = near[heights > ground + _RAISED * extent.radius]
    points = raised if len(raised) > 0.05 * len(near) else near
    count = min(_PARTS, len(np.unique(points, axis=0)))
    middles, nearest = kmeans2(points, count, minit="++", seed=np.random.default_rng(seed))
    low, high = (share * extent.radius * math.sin(math.radians(_FIELD_OF_VIEW / 2)) for share in _INNER_DISTANCES)
    parts = []
    for number, middle in enumerate(middles):
        own = points[nearest == number]
        reach = float(np.quantile(np.linalg.norm(own - middle, axis=1), 0.9)) if len(own) else low
        parts.append((np.asarray(middle), float(np.clip(reach, low, high))))
    return parts


def _fitting(reach: float) -> float:
    """Returns the distance from which a ball of a radius fills a picture, with a margin."""
    return 1.1 * reach / math.sin(math.radians(_FIELD_OF_VIEW / 2))


def _ring(
    extent: Extent,
    target: np.ndarray,  # [3]
    distance: float,
    elevation: float,
    count: int,
    turn: float,
    size: tuple[int, int],
) -> list[Camera]:
    """Cameras around a target at a distance and an elevation in degrees; `turn` is the first azimuth in radians."""
    side, rise, cameras = _any_side(extent.up), math.radians(elevation), []
    for k in range(count):
        level = _turned(side, extent.up, 2 * math.pi * k / count + turn)
        eye = target + distance * (math.cos(rise) * level + math.sin(rise) * extent.up)
        cameras.append(_camera(eye, target, extent.up, size))
    return cameras


def _most_free(extent: Extent, rng: np.random.Generator, count: int) -> np.ndarray:  # [count, 3]
    """Returns places within the scene, far from surfaces and from each other."""
    low, high = np.quantile(extent.points, (0.1, 0.9), axis=0)
    places = np.concatenate([extent.center[None], rng.uniform(low, high, (2000, 3))])
    clearance = cKDTree(extent.points).query(places)[0]
    free = places[clearance >= min(_FREE * extent.radius, float(np.quantile(clearance, 0.9)))]
    clearance = cKDTree(extent.points).query(free)[0]
    chosen = [free[clearance.argmax()]]
    while len(chosen) < count:
        apart = cKDTree(np.stack(chosen)).query(free)[0]
        chosen.append(free[(np.minimum(apart, extent.radius) * np.sqrt(clearance)).argmax()])
    return np.stack(chosen)


def _alpha_towards(geometry: Geometry, eye: np.ndarray, direction: np.ndarray, up: np.ndarray) -> float:
    pose = look_at(eye, eye + direction, up)
    camera = Camera("probe", _PROBE, _PROBE, _PROBE / 2, _PROBE / 2, _PROBE / 2, _PROBE / 2, pose)
    return float(BlendOperator(geometry, camera).alpha().mean())


def _camera(eye: np.ndarray, target: np.ndarray, up: np.ndarray, size: tuple[int, int]) -> Camera:
    focal = min(size) / 2 / math.tan(math.radians(_FIELD_OF_VIEW / 2))
    return Camera("candidate", *size, focal, focal, size[0] / 2, size[1] / 2, look_at(eye, target, up))


def _any_side(up: np.ndarray) -> np.ndarray:  # [3]
    side = np.cross(up, np.eye(3)[np.argmin(np.abs(up))])
    return np.asarray(side / np.linalg.norm(side))


def _turned(side: np.ndarray, up: np.ndarray, angle: float) -> np.ndarray:  # [3]
    return np.asarray(math.cos(angle) * side + math.sin(angle) * np.cross(up, side))
