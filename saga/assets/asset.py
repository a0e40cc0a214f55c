"""An object in a frame of its own, with its mesh and its manifest."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.spatial import ConvexHull, QhullError

from saga.assets.config import AssetConfig
from saga.assets.glb import glb_of
from saga.assets.solid import solid
from saga.assets.upright import Up
from saga.errors import SagaError
from saga.scene import Gaussians
from saga.scene.moving import moved
from saga.scene.orbit import weighted_quantile
from saga.version import __version__

_VERSION = 1
_STRAY = 0.01
"""Share of an object, by opacity, that its foot may leave out on each side."""
_MARGIN = 0.05
"""How far beside an object things may stand that hide its inside, and how far above its foot, in its longest side."""
_ABOVE = 1.0
"""How high above it, in the same: the walls alone of what stands on it would not hide much."""


@dataclass(frozen=True, eq=False)
class Asset:
    """An object for engines: lengths in meters, y up, x along the longer side of its foot."""

    gaussians: Gaussians
    """Those of the object alone."""
    mesh: bytes
    """Its closed surface, a GLB."""
    hull: bytes
    """The convex hull of that, a GLB."""
    parts: bytes | None
    """Convex parts that make it up, a GLB with a node each; None where they were not asked for."""
    facts: dict[str, Any]
    """What the manifest says, JSON values; the names of the files are added where they are written."""


def make_asset(
    gaussians: Gaussians,
    member: np.ndarray,  # [N] bool
    up: Up,
    config: AssetConfig,
    device: str = "cpu",
) -> Asset:
    """Stands an object upright at its origin, and makes its mesh.

    Args:
        gaussians: the scene, or a scene of parts.
        member: which of them are the object's.
        up: its up direction.
        config: where its origin is, how long a meter is, and whether there are convex parts.
        device: where it is rendered.

    Raises:
        SagaError: nothing of the object is opaque, or a package is missing.
    """
    own = _rows(gaussians, member & gaussians.valid)
    turn = _turn(own, up.direction)
    both = (member | _among(gaussians.means, own, turn)) & gaussians.valid
    upright = moved(_rows(gaussians, both), turn, 1 / config.scale, np.zeros(3))
    mesh = solid(upright, member[both], device)
    if mesh is None:
        raise SagaError("asset: expected an object that covers something, found none; select it anew.")
    low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
    middle = (low + high) / 2
    places = {"base": np.array([middle[0], low[1], middle[2]]), "center": middle, "scene": np.zeros(3)}
    offset = -places[config.origin]
    placed = moved(own, turn, 1 / config.scale, offset)
    shapes = glb_of(replace(mesh, vertices=mesh.vertices + offset), config.convex_parts)
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = turn / config.scale, offset
    facts = {
        "version": _VERSION,
        "saga": __version__,
        "frame": "right-handed, y up, x along the longer side of the foot, lengths in meters",
        "up": {"source": up.source, "in_scene": up.direction},
        "origin": config.origin,
        "scene_units_per_meter": config.scale,
        "scene_to_object": matrix,
        "object_to_scene": np.linalg.inv(matrix),
        "bounding_box": {"min": low + offset, "max": high + offset},
        "gaussians": len(placed),
        "mesh": shapes.facts,
    }
    if shapes.parts is not None:
        facts["convex_parts"] = shapes.count
    return Asset(placed, shapes.mesh, shapes.hull, shapes.parts, facts)


def _among(
    means: np.ndarray,  # [N, 3]
    own: Gaussians,
    turn: np.ndarray,  # [3, 3]
) -> np.ndarray:  # [N]
    """Tells which Gaussians lie in the upright box of an object, or stand on it, bool."""
    limits = (_STRAY, 1 - _STRAY)
    places = own.means @ turn.T
    low, high = (np.array([weighted_quantile(axis, own.opacities, q) for axis in places.T]) for q in limits)
    size = float((high - low).max())
    low = low + _MARGIN * size * np.array([-1, 1, -1])  # what it stands on is in nobody's way
    high = high + size * np.array([_MARGIN, _ABOVE, _MARGIN])
    places = means @ turn.T
    return np.asarray(((places > low) & (places < high)).all(axis=1))


def _turn(
    own: Gaussians,
    up: np.ndarray,  # [3]
) -> np.ndarray:  # [3, 3]
    """Returns the rotation that takes up to y, and the longer side of the smallest rectangle around the foot to x."""
    aside = np.cross(up, np.eye(3)[np.argmin(np.abs(up))])
    aside /= np.linalg.norm(aside)
    frame = np.stack([aside, up, np.cross(aside, up)])
    flat = own.means.astype(np.float64) @ frame[[0, 2]].T
    angle = _angle(_within(flat, own.opacities))
    x = np.cos(angle) * frame[0] + np.sin(angle) * frame[2]
    return np.stack([x, up, np.cross(x, up)])


def _within(
    flat: np.ndarray,  # [n, 2]
    weights: np.ndarray,  # [n]
) -> np.ndarray:  # [m, 2]
    """Returns the points without the strays on each side."""
    limits = [[weighted_quantile(axis, weights, q) for q in (_STRAY, 1 - _STRAY)] for axis in flat.T]
    keep = np.all([(axis >= low) & (axis <= high) for axis, (low, high) in zip(flat.T, limits, strict=True)], axis=0)
    return np.asarray(flat[keep])


def _angle(
    flat: np.ndarray,  # [n, 2]
) -> float:
    """Returns the direction of the longer side of the smallest rectangle around points, in radians; 0 without any."""
    try:
        corners = flat[ConvexHull(flat).vertices]
    except (QhullError, ValueError):
        return 0.0
    edges = np.roll(corners, -1, axis=0) - corners
    angles = np.arctan2(edges[:, 1], edges[:, 0])  # one side of the smallest rectangle lies along an edge
    along = corners @ np.stack([np.cos(angles), np.sin(angles)])
    across = corners @ np.stack([-np.sin(angles), np.cos(angles)])
    length, width = np.ptp(along, axis=0), np.ptp(across, axis=0)
    best = int(np.argmin(length * width))
    return float(angles[best] + (np.pi / 2 if width[best] > length[best] else 0))


def _rows(
    gaussians: Gaussians,
    member: np.ndarray,  # [N] bool
) -> Gaussians:
    """Returns some rows of a scene; its PLY stays that of all."""
    names = ("means", "scales", "quaternions", "opacities", "valid", "vertices")
    return replace(gaussians, **{name: getattr(gaussians, name)[member] for name in names})
