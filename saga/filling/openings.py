"""Where an object that is taken away leaves surfaces open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from saga.filling.curves import Curve, fitted_curve
from saga.filling.holes import Places, holes_of, look_at_sheet, ring_share
from saga.filling.sheets import Sheet, bent, find_planes, round_plane, shadow
from saga.filling.sights import Sight, pixel_width
from saga.masks.scene.planes import Plane
from saga.masks.scene.surface import Surface

_ACROSS = 60
"""Cells along the size of the object where openings are looked for."""
_RING, _ROUND_RING = 0.6, 0.9
"""Least share of the rim of an opening that is seen as part of the surface, of a plane and of a round one."""
_FACED, _ALIGNED, _ON = 0.7, 0.8, 1.5
"""Least share of what is seen of a plane at the rim that faces as it does, the cosine from which something does, and
how far it is, in tolerances from the plane and in voxels along it."""
_REACH = 0.35
"""Distance of an opening from the object, at most, in sizes of the object."""
_FEWEST_CELLS = 12
"""Cells of the smallest opening."""
_FINE = 96
"""Cells along an opening where it is filled, at most."""
_CONTEXT = 0.75
"""What is around an opening and tells how it is filled, in sides of the opening."""
_TWO_SURFACES = 0.3
"""Cosine between the normals of two planes from which they are pieces of one round surface, and no floor and wall."""
_ONE_PLANE = 0.95
"""The same from which they are one plane."""
_FLAT_BAND = 3.0
"""How far a flat surface may lie from its plane, in tolerances."""


@dataclass(frozen=True, eq=False)
class Object:
    """What is taken away."""

    points: np.ndarray  # [m, 3]
    """Centers of some of its Gaussians, world coordinates."""
    size: float
    """Diagonal of the box around most of it, world units."""


@dataclass(frozen=True, eq=False)
class Opening:
    """A part of a surface that no view shows, because the object hides it."""

    sheet: Sheet
    """The surface there and around."""
    cells: np.ndarray  # [rows, columns]
    """Where the opening lies, a cell or two too wide, bool."""
    rim: float
    """Share of its rim that is seen as part of the surface, of what is seen there or looked through."""

    @property
    def flat(self) -> bool:
        """Whether the surface is about a plane there."""
        return bool(np.ptp(self.sheet.heights[self.cells]) < 2 * self.sheet.cell)


def find_openings(sights: Sequence[Sight], surface: Surface, thing: Object) -> list[Opening]:
    """Finds what an object leaves open: of planes beside it, else of the one round surface that it lies in.

    Args:
        sights: what the views see around the object.
        surface: what they see beside it, fused.
        thing: the object.
    """
    found: list[Opening] = []
    for plane, tolerance in find_planes(surface, thing.points, thing.size, np.random.default_rng(0)):
        found += _openings_of(plane, tolerance, sights, surface, thing)
    if not found or _are_pieces(found):
        middle = round_plane(surface, thing.points, thing.size)
        curve = None if middle is None else fitted_curve(middle, surface, thing.points, thing.size)
        whole = [] if curve is None else _openings_of(curve, curve.tolerance, sights, surface, thing)
        found = whole or [opening for opening in found if opening.flat]
    sheets = [opening.sheet for opening in found]
    cut = [replace(opening, cells=opening.cells & _in_front(opening.sheet, sheets)) for opening in found]
    return [opening for opening in cut if opening.cells.any()]  # some lie behind another surface as a whole


def _are_pieces(openings: Sequence[Opening]) -> bool:
    """Whether planes meet at neither a right angle nor none: they are pieces of one round surface."""
    normals = [opening.sheet.plane.normal for opening in openings]
    cosines = np.array([abs(a @ b) for index, a in enumerate(normals) for b in normals[:index]])
    return bool(((cosines > _TWO_SURFACES) & (cosines < _ONE_PLANE)).any())


def _in_front(sheet: Sheet, others: Sequence[Sheet]) -> np.ndarray:  # [rows, columns]
    """Tells which cells lie behind none of the other surfaces: a wall ends at the floor."""
    front = np.ones(sheet.heights.shape, bool)
    for other in others:
        if other.plane is not sheet.plane:
            front &= other.plane.heights(sheet.points) > -other.tolerance
    return front


def _openings_of(
    shape: Plane | Curve,
    tolerance: float,
    sights: Sequence[Sight],
    surface: Surface,
    thing: Object,
) -> list[Opening]:
    """Finds the openings of a plane, or that of a round surface."""
    plane = shape.plane if isinstance(shape, Curve) else shape
    tree = cKDTree(thing.points)
    sheet = shadow(plane, tolerance, sights, thing.points, surface, thing.size / _ACROSS)
    if sheet is None:
        return []
    if isinstance(shape, Curve):
        sheet = shape.on(sheet)
    places = look_at_sheet(sheet, sights)
    labels, _ = ndimage.label(holes_of(places, len(sights)) & _within(sheet, tree, thing.size))
    found = []
    for number, part in enumerate(ndimage.find_objects(labels), 1):
        each = labels == number
        rim = ring_share(each, places)
        near = tree.query(sheet.points[each])[0].min() < _REACH * thing.size
        faced = isinstance(shape, Curve) or _faced(sheet, each, places, surface) >= _FACED
        if each.sum() >= _FEWEST_CELLS and near and rim >= _RING and faced:
            fine, cells = _finely(sheet, each, part, pixel_width(sights))
            made = shape.on(fine) if isinstance(shape, Curve) else bent(fine, cells, surface, _FLAT_BAND * tolerance)
            found.append(Opening(made, cells, rim))
    if not isinstance(shape, Curve):
        return found
    # A round surface is only known well where most of it is hidden at once, and is seen all around.
    largest = sorted(found, key=lambda each: -_area(each))[:1]
    return [each for each in largest if each.rim >= _ROUND_RING]


def _faced(
    sheet: Sheet,
    cells: np.ndarray,  # [rows, columns] bool
    places: Places,
    surface: Surface,
) -> float:
    """Returns the share of what is seen of a plane at an opening's rim that faces as it does: things may cross it."""
    wide = max(2, int(np.ceil(surface.side / sheet.cell)))
    rim = ndimage.binary_dilation(cells, np.ones((3, 3)), iterations=wide) & ~cells & (places.seen > places.free)
    on = np.abs(sheet.plane.heights(surface.points)) < _ON * sheet.tolerance
    on &= np.abs(surface.normals @ sheet.plane.normal) > _ALIGNED
    if not rim.any() or not on.any():
        return 0.0
    gaps = cKDTree(surface.points[on]).query(sheet.points[rim], distance_upper_bound=_ON * surface.side)[0]
    return float(np.isfinite(gaps).mean())


def _area(opening: Opening) -> float:
    return float(opening.cells.sum() * opening.sheet.cell**2)


def _within(sheet: Sheet, tree: cKDTree, distance: float) -> np.ndarray:  # [rows, columns]
    """Tells which cells lie within a distance of the object."""
    gaps = tree.query(sheet.points.reshape(-1, 3), distance_upper_bound=distance)[0]
    return np.asarray(np.isfinite(gaps).reshape(sheet.heights.shape))


def _finely(
    sheet: Sheet,
    cells: np.ndarray,  # [rows, columns] bool
    part: tuple[slice, slice],
    pixel: float,
) -> tuple[Sheet, np.ndarray]:
    """Returns a flat sheet of an opening and what is around it, as fine as the views show it, and its cells there."""
    side = max(each.stop - each.start for each in part)
    margin = int(np.ceil(_CONTEXT * side)) + 4
    rows, columns = (slice(each.start - margin, each.stop + margin) for each in part)
    fine = sheet.part(rows, columns, max(pixel, side * sheet.cell / _FINE))
    spots = (np.argwhere(cells) + 0.5 - (rows.start, columns.start)) * sheet.cell / fine.cell
    marks = np.zeros(fine.heights.shape, bool)
    marks[tuple(np.clip(np.floor(spots).astype(int), 0, np.array(marks.shape) - 1).T)] = True
    wider = int(np.ceil(1.5 * sheet.cell / fine.cell))
    return fine, ndimage.binary_dilation(marks, np.ones((3, 3)), iterations=wider)
