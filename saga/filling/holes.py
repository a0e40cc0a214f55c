"""What views say of the places of a sheet: seen, free, or hidden by the object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from saga.filling.sheets import Sheet
from saga.filling.sights import Sight, at_pixels

_STEEPEST = 0.1
"""Cosine between a ray and the normal below which a view says nothing."""
_SLACK_PIXELS = 2.0
"""Pixels by which depths of neighbors may be confused."""


@dataclass(frozen=True, eq=False)
class Places:
    """How many views say what of each cell of a sheet, int [rows, columns] each."""

    seen: np.ndarray
    """Show the sheet there."""
    free: np.ndarray
    """Look through it at something behind."""
    bared: np.ndarray
    """Show the object before it, and nothing else."""
    hidden: np.ndarray
    """Show something else before it."""


@dataclass(frozen=True, eq=False)
class Rays:
    """Where a sight shows the cells of a sheet."""

    pixels: np.ndarray  # [rows, columns, 2]
    inside: np.ndarray  # [rows, columns]
    depths: np.ndarray  # [rows, columns]
    cosines: np.ndarray  # [rows, columns]


def rays_of(sheet: Sheet, sight: Sight) -> Rays:
    """Projects the cells of a sheet into a sight."""
    shape = sheet.heights.shape
    points = sheet.points.reshape(-1, 3)
    pixels, depths = sight.camera.project(points)
    towards = sight.camera.position - points
    cosines = (towards * sheet.normals.reshape(-1, 3)).sum(1) / np.linalg.norm(towards, axis=1)
    size = np.array([sight.camera.width, sight.camera.height])
    inside = (depths > 0) & ((pixels >= 0.5) & (pixels < size - 0.5)).all(1) & (cosines > _STEEPEST)
    return Rays(pixels.reshape(*shape, 2), inside.reshape(shape), depths.reshape(shape), cosines.reshape(shape))


def seen_from(sheet: Sheet, sight: Sight, rays: Rays) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Tells for each cell whether a sight shows it, looks through it, bares it without the object, or hides it."""
    shape = sheet.heights.shape
    results = [np.zeros(shape, bool) for _ in range(4)]
    pixels = rays.pixels[rays.inside]
    z, cosine = rays.depths[rays.inside], rays.cosines[rays.inside]
    # A pixel to the side of a place the sheet is nearer or farther by its slope.
    slope = np.sqrt(1 - cosine**2) / cosine
    slack = sheet.tolerance / cosine + _SLACK_PIXELS * z / sight.camera.fx * slope
    depth, behind = at_pixels(sight.depth, pixels, 2), at_pixels(sight.behind, pixels, 2)
    own, near = at_pixels(sight.covered, pixels), at_pixels(sight.nearly_covered, pixels)
    through = depth > z + slack
    results[0][rays.inside] = ~near & (np.abs(depth - z) <= slack)
    results[1][rays.inside] = through & (own | ~near)
    results[2][rays.inside] = own & ~through & (behind > z - slack)
    results[3][rays.inside] = ~through & ~near & (depth < z - slack)
    return results[0], results[1], results[2], results[3]


def look_at_sheet(sheet: Sheet, sights: Sequence[Sight]) -> Places:
    """Counts what the sights say of each cell."""
    counts = np.zeros((4, *sheet.heights.shape), int)
    for sight in sights:
        counts += np.stack(seen_from(sheet, sight, rays_of(sheet, sight)))
    return Places(*counts)


def holes_of(places: Places, views: int) -> np.ndarray:  # [rows, columns]
    """Returns the cells that no view shows, and that the object alone hides from some."""
    few = max(1, round(0.1 * views))
    return np.asarray((places.seen <= few) & (places.free <= few) & (places.bared > 0))


def ring_share(hole: np.ndarray, places: Places) -> float:
    """Returns how much of the rim of a hole the views see as part of the sheet, of what they see or look through."""
    ring = ndimage.binary_dilation(hole, np.ones((3, 3)), iterations=2) & ~hole
    seen, free = (places.seen > places.free)[ring].sum(), ((places.free >= places.seen) & (places.free > 0))[ring].sum()
    return float(seen / max(1, seen + free))
