"""Round surfaces: a bowl, a cushion."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import cKDTree

from saga.filling.sheets import FACING, Sheet
from saga.masks.scene.planes import Plane
from saga.masks.scene.surface import Surface

_NEAR = 0.35
"""Distance from the object of what a round surface is fit to, in sizes of the object."""
_BAND = 0.5
"""How far it may lie from its plane there, in sizes of the object."""
_DEGREE, _STIFF = 4, 1e-3
"""Degree of the polynomial, and how much its terms above the second are held small, in points."""
_FEWEST = 100
"""Points that a round surface is fit to, at least."""
_ROUNDS, _ODD = 12, 1.5
"""Rounds of the fit, and deviations from which a point counts less: it belongs to something else."""
_FINE, _NOISES, _THICK = 0.02, 2.0, 0.04
"""What is thought on it lies this far from it, in sizes of the object, and in deviations; and not farther than that."""
_MOSTLY = 0.5
"""Share of the points that have to lie on it."""


@dataclass(frozen=True, eq=False)
class Curve:
    """Heights over a plane: a polynomial in its axes."""

    plane: Plane
    terms: np.ndarray  # [K]
    """Of heights in sizes of the object, by places in sizes of the object."""
    size: float
    low: float
    high: float
    """Bounds of the heights, world units."""
    tolerance: float
    """Distance from it that still belongs to it, world units."""

    def on(self, sheet: Sheet) -> Sheet:
        """Returns a sheet of its plane with its heights."""
        rows, columns = (np.arange(n) + 0.5 for n in sheet.heights.shape)
        places = np.stack(np.meshgrid(rows, columns, indexing="ij"), -1) * sheet.cell + sheet.start
        heights = self.size * _powers(places / self.size) @ self.terms
        return replace(sheet, heights=np.clip(heights, self.low, self.high), tolerance=self.tolerance)


def fitted_curve(
    plane: Plane,
    surface: Surface,
    own: np.ndarray,  # [m, 3]
    size: float,
) -> Curve | None:
    """Fits a round surface to what faces about as a plane does beside an object, None where most lies elsewhere.

    Args:
        plane: what the surface faces on the whole.
        surface: what the views show beside the object.
        own: centers of the object's Gaussians.
        size: of the object, world units.
    """
    near = np.isfinite(cKDTree(own).query(surface.points, distance_upper_bound=_NEAR * size)[0])
    points = surface.points[near].astype(float)
    heights = plane.heights(points)
    alike = (surface.normals[near] @ plane.normal > FACING) & (np.abs(heights) < _BAND * size)
    points, heights = points[alike], heights[alike] / size
    if len(points) < _FEWEST:
        return None
    flat = Sheet(plane, 0.0, np.zeros(2), 1.0, np.zeros((1, 1)))
    powers = _powers(flat.places(points) / size)
    high_terms = np.diag((_degrees().sum(1) > 2) * np.sqrt(_STIFF * len(points)))
    weights = np.ones(len(points))
    for _ in range(_ROUNDS):
        root = np.sqrt(weights)
        rows, wanted = (
            np.concatenate([powers * root[:, None], high_terms]),
            np.append(heights * root, 0 * high_terms[0]),
        )
        terms = np.linalg.lstsq(rows, wanted, rcond=None)[0]
        away = np.abs(heights - powers @ terms)
        deviation = max(1.4826 * float(np.median(away)), 0.25 * _FINE)
        weights = 1 / (1 + (away / (_ODD * deviation)) ** 2) ** 2
    tolerance = max(_FINE, 0.25 * surface.side / size, _NOISES * float(np.median(away)))
    on = away < tolerance
    if tolerance > max(_THICK, 0.25 * surface.side / size) or on.mean() < _MOSTLY:
        return None
    low, high = size * heights[on].min(), size * heights[on].max()
    return Curve(plane, terms, size, low - tolerance * size, high + tolerance * size, tolerance * size)


def _degrees() -> np.ndarray:  # [K, 2]
    return np.array([(a, b) for a in range(_DEGREE + 1) for b in range(_DEGREE + 1 - a)])


def _powers(places: np.ndarray) -> np.ndarray:  # [..., 2] -> [..., K]
    return np.asarray(np.prod(places[..., None, :] ** _degrees(), axis=-1))
