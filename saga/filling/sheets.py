"""Surfaces that may go on behind an object, as sheets: a plane, or heights over one, on a regular grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import ndimage
from scipy.interpolate import RBFInterpolator
from scipy.spatial import cKDTree

from saga.filling.sights import Sight
from saga.masks.scene.config import SceneMaskConfig
from saga.masks.scene.planes import Plane, best_plane, fitted_plane
from saga.masks.scene.surface import Surface

_NEAR = 0.35
"""Distance from the object within which surfaces are looked for, in sizes of the object."""
_THIN = 0.04
"""Distance of points from their plane, at most, in sizes of the object."""
_LEAST, _NOISES = 0.1, 4.0
"""The same at least, in sides of a voxel of the surface, and in deviations of the points from the plane."""
_ALIGNED, _MOSTLY = 0.7, 0.4
"""Cosine between the normals of a plane and of what lies on it, and the least share of its points that have it."""
FACING = 0.35
"""Cosine between the normals of a sheet and of a point that may belong to it, at least."""
_RIM, _FEWEST_RIM, _RIM_POINTS = 0.6, 8, 400
"""Width of the rim that a surface is continued from, in sides of the hole; the fewest points of it, and the most."""
_DEEPER = 0.1
"""How far a continued surface may lie beyond the heights of its rim, in sides of the hole."""
_STIFF = 1.0
"""Smoothing of the thin plate, in square cells."""
_PLANES = 5
_FEWEST = 40
"""Points of the surface that a plane holds near the object, at least."""


@dataclass(frozen=True, eq=False)
class Sheet:
    """A surface on a grid of cells over a plane."""

    plane: Plane
    """Its normal points towards the cameras."""
    tolerance: float
    """Distance from it that still belongs to it, world units."""
    start: np.ndarray  # [2]
    """Corner of the first cell in the plane's axes, world units."""
    cell: float
    """Side of a cell, world units."""
    heights: np.ndarray  # [rows, columns]
    """Height of the middle of each cell over the plane, world units."""

    @cached_property
    def axes(self) -> np.ndarray:  # [2, 3]
        """Unit vectors along rows and columns; the normal is the first x the second."""
        first = self.plane.axes[0]
        return np.stack([first, np.cross(self.plane.normal, first)])

    def places(
        self,
        points: np.ndarray,  # [P, 3]
    ) -> np.ndarray:  # [P, 2]
        """Returns where points lie in the grid, in cells: the middle of the first cell is at 0.5, 0.5."""
        places: np.ndarray = ((points - self.plane.center) @ self.axes.T - self.start) / self.cell
        return places

    def over(
        self,
        points: np.ndarray,  # [P, 3]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # [P, 2], [P], [P]
        """Returns the nearest cell of points, int64, their height over the sheet, and whether they lie over it."""
        cells = np.floor(self.places(points)).astype(np.int64)
        inside = ((cells >= 0) & (cells < self.heights.shape)).all(1)
        cells = np.clip(cells, 0, np.array(self.heights.shape) - 1)
        return cells, self.plane.heights(points) - self.heights[tuple(cells.T)], inside

    @cached_property
    def points(self) -> np.ndarray:  # [rows, columns, 3]
        """The middle of each cell in world coordinates."""
        rows, columns = (np.arange(n) + 0.5 for n in self.heights.shape)
        places = np.stack(np.meshgrid(rows, columns, indexing="ij"), -1) * self.cell + self.start
        points: np.ndarray = self.plane.center + places @ self.axes + self.heights[..., None] * self.plane.normal
        return points

    @cached_property
    def normals(self) -> np.ndarray:  # [rows, columns, 3]
        """Unit normals on the side of the cameras."""
        slopes = np.gradient(self.heights, self.cell)
        normals = self.plane.normal - sum(s[..., None] * axis for s, axis in zip(slopes, self.axes, strict=True))
        return np.asarray(normals / np.linalg.norm(normals, axis=-1, keepdims=True))

    def part(self, rows: slice, columns: slice, cell: float) -> Sheet:
        """Returns a part of a flat sheet, with cells of another size."""
        start = self.start + self.cell * np.array([rows.start, columns.start])
        shape = [max(1, round((s.stop - s.start) * self.cell / cell)) for s in (rows, columns)]
        return replace(self, start=start, cell=cell, heights=np.zeros(shape))


def find_planes(
    surface: Surface,
    own: np.ndarray,  # [m, 3]
    size: float,
    rng: np.random.Generator,
) -> list[tuple[Plane, float]]:
    """Finds the planes beside an object, those that hold most first, and how near their points are to them.

    Args:
        surface: what the views show beside the object.
        own: centers of the object's Gaussians.
        size: size of the object, world units.
        rng: source of randomness.
    """
    config = SceneMaskConfig()
    distance = max(min(config.inlier * surface.depth, _THIN * size), 0.25 * surface.side)
    near = np.isfinite(cKDTree(own).query(surface.points, distance_upper_bound=_NEAR * size)[0])
    points, normals = surface.points[near], surface.normals[near]
    found: list[tuple[Plane, float]] = []
    for _ in range(_PLANES):
        if len(points) < _FEWEST:
            break
        plane = best_plane(points, normals, np.ones(len(points)), distance, 0.5 * size, config, rng)
        if plane is None:
            break
        on = np.abs(plane.heights(points)) < distance
        if on.sum() < _FEWEST:
            break
        aligned = on & (np.abs(normals @ plane.normal) > _ALIGNED)
        if aligned.sum() >= max(_FEWEST, _MOSTLY * on.sum()):  # else it cuts through things
            plane = fitted_plane(points[aligned])
            noise = 1.48 * float(np.median(np.abs(plane.heights(points[aligned]))))
            if plane.heights(surface.centers.mean(0)) < 0:
                plane = Plane(plane.center, -plane.normal)
            found.append((plane, float(np.clip(_NOISES * noise, _LEAST * surface.side, distance))))
        away = np.abs(plane.heights(points)) > 2 * distance
        points, normals = points[away], normals[away]
    return found


def shadow(
    plane: Plane,
    tolerance: float,
    sights: Sequence[Sight],
    own: np.ndarray,  # [m, 3]
    surface: Surface,
    cell: float,
) -> Sheet | None:
    """Returns a flat sheet of what the object hides of a plane from the views, None where it hides nothing."""
    flat = Sheet(plane, tolerance, np.zeros(2), 1.0, np.zeros((1, 1)))
    seen = flat.places(surface.points[np.abs(plane.heights(surface.points)) < tolerance])
    low, high = seen.min(0), seen.max(0)
    found = []
    for sight in sights:
        eye = sight.camera.position
        rays = own - eye
        above = plane.heights(eye[None])[0]
        with np.errstate(divide="ignore", invalid="ignore"):
            t = -above / (rays @ plane.normal)
        hit = (t > 0.9) & np.isfinite(t) & (above > 0)
        places = flat.places(eye + t[hit, None] * rays[hit])
        found.append(places[((places >= low) & (places <= high)).all(1)])
    places = np.concatenate(found)
    if len(places) == 0:
        return None
    low, high = places.min(0) - 2 * cell, places.max(0) + 2 * cell
    shape = np.ceil((high - low) / cell).astype(int)
    return replace(flat, start=low, cell=cell, heights=np.zeros(shape))


def round_plane(
    surface: Surface,
    own: np.ndarray,  # [m, 3]
    size: float,
) -> Plane | None:
    """Returns a plane that what lies beside an object faces on the whole, for surfaces that are not flat."""
    near = np.isfinite(cKDTree(own).query(surface.points, distance_upper_bound=_NEAR * size)[0])
    points, normals = surface.points[near].astype(float), surface.normals[near].astype(float)
    if len(points) < _FEWEST:
        return None
    normal = normals.mean(0)
    for _ in range(3):  # the mean of those that face about the same way
        normal /= max(np.linalg.norm(normal), 1e-9)
        alike = normals @ normal > 0.5
        if alike.sum() < _FEWEST:
            return None
        normal = normals[alike].mean(0)
    return Plane(points[alike].mean(0), normal / np.linalg.norm(normal))


def bent(
    sheet: Sheet,
    hole: np.ndarray,  # [rows, columns] bool
    surface: Surface,
    band: float,
) -> Sheet:
    """Returns a sheet whose heights continue those of the surface around a hole as a thin plate does.

    Points beside the hole that face as the sheet does belong to it where they lie within `band` of the plane, and
    where no step parts them from the rim.
    """
    places, heights = sheet.places(surface.points), sheet.plane.heights(surface.points)
    index = np.floor(places).astype(int)
    inside = ((index >= 0) & (index < hole.shape)).all(1) & (np.abs(heights) < band)
    inside &= surface.normals @ sheet.plane.normal > FACING
    if not inside.any():
        return sheet
    places, heights, index = places[inside], heights[inside], index[inside]
    away = ndimage.distance_transform_edt(~hole)[tuple(index.T)]
    reach = _RIM * np.sqrt(hole.sum()) + 2
    order = np.argsort(away, kind="stable")
    order = order[(away[order] > 0) & (away[order] < reach)]
    if len(order) < 3 * _FEWEST_RIM:
        return sheet
    places, heights = places[order], heights[order]
    first = max(_FEWEST_RIM, len(order) // 4)
    tree = cKDTree(places[:first])
    gap, nearest = tree.query(places)
    steady = np.abs(heights - heights[:first][nearest]) < (gap + 2) * sheet.cell
    places, heights = places[steady], heights[steady]
    chosen = np.linspace(0, len(places) - 1, min(len(places), _RIM_POINTS)).astype(int)
    fitted = RBFInterpolator(places[chosen], heights[chosen] / sheet.cell, smoothing=_STIFF, neighbors=None)
    rows, columns = (np.arange(n) + 0.5 for n in hole.shape)
    grid = np.stack(np.meshgrid(rows, columns, indexing="ij"), -1).reshape(-1, 2)
    found = sheet.cell * fitted(grid).reshape(hole.shape)
    deeper = _DEEPER * np.sqrt(hole.sum()) * sheet.cell
    return replace(sheet, heights=np.clip(found, heights.min() - deeper, heights.max() + deeper))
