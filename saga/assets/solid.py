"""The closed surface of an object: what is left of a block after all that views see to be empty is carved away.

Pictures of the object alone, rendered from the side and from above, say where its surface is. What lies in front of it,
or beside the object, is empty; its inside and its underside, which nobody sees, are full. So the mesh is closed where
the Gaussians are open, as they are under all that stands on something. What stands on the object leaves a hole in its
top: pictures with that thing in place say that nobody looks in there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from scipy.spatial import ConvexHull, Delaunay, QhullError, cKDTree
from skimage.measure import marching_cubes

from saga.raster import BlendOperator, DeviceScene, Geometry
from saga.scene import Camera, Gaussians, Scene
from saga.scene.orbit import look_at, weighted_quantile

_CELLS = 56
"""Along the longest side of the object."""
_STRAY = 0.003
"""Share of the object, by opacity, that each side of the block leaves out."""
_SIDE_VIEWS, _UPPER_VIEWS = 14, 18
_LEVEL = math.radians(10)
"""How high the side views are: low enough to see under a ball, high enough to see the rim of a plate."""
_SIZE, _FIELD_OF_VIEW, _MARGIN = 256, 40.0, 1.1
_AGREEING = 2
"""Views that have to see that a cell is empty: a hole in the Gaussians carves no tunnel."""
_SLACK = 2.0
"""Cells from a surface beyond which a cell is simply inside or outside."""
_SHEET, _APART = 1.0, 1.0
"""Half the thickness of sheets, which have no inside, in cells, and their distance from what has one."""
_EMPTY = 2
"""Empty cells on each side of the block."""
_FOOT, _FAR = 1.5, 20.0
"""Cells above the foot below which nothing is the object's top, and from how far one looks down, in sides of it."""
_CORNERS = 4000
"""Centers, about, that the object's convex hull is made of."""
_SMOOTH = 0.6
"""Cells, standard deviation."""
_SMALL = 0.02
"""Of the largest piece: smaller ones are left out."""


@dataclass(frozen=True, eq=False)
class Mesh:
    """A triangle mesh."""

    vertices: np.ndarray  # [V, 3]
    """float64, in the frame of the Gaussians."""
    faces: np.ndarray  # [F, 3]
    """int64, counterclockwise seen from outside."""
    colors: np.ndarray  # [V, 3]
    """uint8 RGB."""


def solid(
    gaussians: Gaussians,
    own: np.ndarray,  # [N] bool
    device: str,
) -> Mesh | None:
    """Returns the closed surface of an object; None when its Gaussians cover nothing.

    What is full is what views of the object alone do not see to be empty. In its convex hull and under its top, which
    goes on over the holes in it, that is also what they do not see as long as the other things are there: a book goes
    on below the cup that stands on it, and a bowl is not filled up with what lies in it.

    Args:
        gaussians: those of the object and of what is around it, in a frame whose y axis is up.
        own: which are the object's.
        device: where it is rendered.
    """
    both = DeviceScene(Scene(gaussians, []), device).geometry
    alone = both.of_rows(torch.from_numpy(own).to(both.device))
    weights = gaussians.opacities * (gaussians.valid & own)
    if not weights.any():
        return None
    limits = (_STRAY, 1 - _STRAY)
    low, high = np.array([[weighted_quantile(axis, weights, q) for axis in gaussians.means.T] for q in limits])
    cell = max(float((high - low).max()), 1e-9) / _CELLS
    counts = np.maximum(np.ceil((high - low) / cell).astype(int), 1) + 2 * _EMPTY
    first = (low + high) / 2 - cell * (counts - 1) / 2
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in counts), indexing="ij"), axis=-1)
    places = first + cell * grid.reshape(-1, 3)
    behind = _behind(alone, places, (low, high))
    within = _in_hull(gaussians.means[weights > 0], places, low, high)
    within &= (grid[..., 1] <= _tops(alone, cell, counts, first)[:, None]).ravel()
    if within.any() and not own.all():
        behind[within] = np.maximum(behind[within], _behind(both, places[within], (low, high)))
    behind = behind.reshape(counts) / cell
    thick = ndimage.binary_opening(behind > 0)
    sheets = ndimage.distance_transform_edt(~thick) > _APART  # walls whose two sides coincide
    full = np.clip(np.where(sheets, behind + _SHEET, behind) / _SLACK, -1, 1)
    full[grid[..., 1] * cell + first[1] < low[1] - 0.5 * cell] = -1  # nothing hangs below the foot
    full = ndimage.gaussian_filter(full, _SMOOTH)
    for axis in range(3):
        np.moveaxis(full, axis, 0)[[0, -1]] = -1
    pieces, count = ndimage.label(full > 0)
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)
    sizes[0] = 0
    if count == 0:
        return None
    full[(pieces > 0) & (sizes[pieces] < _SMALL * sizes.max())] = -1e-3
    vertices, faces, _, _ = marching_cubes(full, 0.0, gradient_direction="ascent")
    points = first + cell * vertices.astype(np.float64)
    nearest = cKDTree(gaussians.means[weights > 0]).query(points)[1]
    colors = np.rint(255 * gaussians.base_colors()[weights > 0][nearest]).astype(np.uint8)
    return Mesh(points, faces.astype(np.int64), colors)


def _tops(
    geometry: Geometry,
    cell: float,
    counts: np.ndarray,  # [3] int64
    first: np.ndarray,  # [3]
) -> np.ndarray:  # [columns along x, columns along z]
    """Returns how high the top is in each column of the block, in cells: that of the nearest where it has a hole."""
    away = _FAR * float(counts.max())
    pose = np.eye(4)
    pose[:3, :3] = [[1, 0, 0], [0, 0, 1], [0, -1, 0]]
    pose[:3, 3] = -pose[:3, :3] @ (first + cell * ((counts - 1) / 2 + [0, away, 0]))
    width, height = int(counts[0]), int(counts[2])
    camera = Camera("above", width, height, away, away, width / 2, height / 2, pose)
    depth = BlendOperator(geometry, camera).surface().depth.cpu().numpy().T / cell
    tops = (counts[1] - 1) / 2 + away - depth
    holes = ndimage.binary_dilation(tops < _EMPTY + _FOOT)
    if holes.all():
        return np.full_like(tops, -1)
    nearest = ndimage.distance_transform_edt(holes, return_distances=False, return_indices=True)
    return np.asarray(tops[tuple(nearest)])


def _in_hull(
    means: np.ndarray,  # [n, 3]
    points: np.ndarray,  # [P, 3]
    low: np.ndarray,  # [3]
    high: np.ndarray,  # [3]
) -> np.ndarray:  # [P]
    """Tells which points lie in the convex hull of the means that lie in a box, bool; none where they have no hull."""
    means = means[((means >= low) & (means <= high)).all(axis=1)]
    try:
        corners = means[ConvexHull(means[:: max(1, len(means) // _CORNERS)]).vertices]
        return np.asarray(Delaunay(corners).find_simplex(points) >= 0)
    except (QhullError, ValueError):
        return np.zeros(len(points), bool)


def _behind(
    geometry: Geometry,
    points: np.ndarray,  # [P, 3]
    box: tuple[np.ndarray, np.ndarray],  # each [3]
) -> np.ndarray:  # [P]
    """Returns how far points are behind the surface, by the views that say the least.

    In units of the Gaussians; negative before the surface, and -inf beside the object.
    """
    least = np.full((_AGREEING, len(points)), np.inf)
    for camera in _views(*box):
        depth = BlendOperator(geometry, camera).surface().depth.cpu().numpy()
        depth = np.where(np.isinf(depth), ndimage.minimum_filter(depth, 3), depth)  # what is thin fills no pixel
        pixels, along = camera.project(points)
        x, y = (np.clip(pixels[:, k].astype(int), 0, _SIZE - 1) for k in (0, 1))
        least = np.sort(np.concatenate([least, (along - depth[y, x])[None]]), axis=0)[:_AGREEING]
    return np.asarray(least[-1])


def _views(
    low: np.ndarray,  # [3]
    high: np.ndarray,  # [3]
) -> list[Camera]:
    """Returns views that the box fills: from all around at its height, and from above."""
    center, radius = (low + high) / 2, max(float(np.linalg.norm(high - low)) / 2, 1e-6)
    half = math.radians(_FIELD_OF_VIEW / 2)
    distance, focal = _MARGIN * radius / math.sin(half), _SIZE / 2 / math.tan(half)
    rises = [_LEVEL] * _SIDE_VIEWS + [math.asin((k + 1) / (_UPPER_VIEWS + 1)) for k in range(_UPPER_VIEWS)]
    turns = [2 * math.pi * k / _SIDE_VIEWS for k in range(_SIDE_VIEWS)]
    turns += [k * math.pi * (3 - math.sqrt(5)) for k in range(_UPPER_VIEWS)]  # the golden angle spreads them
    cameras = []
    for number, (rise, turn) in enumerate(zip(rises, turns, strict=True)):
        outward = np.array([math.cos(rise) * math.cos(turn), math.sin(rise), math.cos(rise) * math.sin(turn)])
        pose = look_at(center + distance * outward, center, np.array([0.0, 1.0, 0.0]))
        cameras.append(Camera(f"{number}", _SIZE, _SIZE, focal, focal, _SIZE / 2, _SIZE / 2, pose))
    return cameras
