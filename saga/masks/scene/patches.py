"""Patches of planes that may carry things, and what is in front of them and behind."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import ndimage

from saga.masks.scene.planes import Plane
from saga.masks.scene.surface import Surface

_CELL_VOXELS = 4.0
"""Side of a footprint's cells."""
FULL_CELL = 4
"""Voxels of the plane that make a cell part of its footprint."""
CLEAR = 3.0
"""Inlier distances from the plane at which matter counts as in front of it or behind."""
LOAD_HEIGHT = 0.6
"""Height, in extents of the footprint, up to which matter in front of a plane is its load."""
_MOST_HEIGHT = 0.8
"""Height, in extents of the footprint, up to which things stand on a support."""
_BACK_DEPTH = 0.3
"""Depth, in extents of the footprint, down to which matter lies close behind a plane: a facade has its recesses there,
and the floor under a table lies deeper."""
_UNDER = 8.0
"""Inlier distances below a plane down to which its surface is taken for its own."""


@dataclass(frozen=True, eq=False)
class Support:
    """A plane that things stand on, or a smooth surface near one, as a lawn."""

    plane: Plane
    heights: np.ndarray  # [V]
    """Signed distance of every voxel from the plane, or from the smooth surface near it that things stand on."""
    distance: float
    """Inlier distance, world units."""
    cell: float
    """Side of the footprint's cells, world units."""
    cells: np.ndarray  # [V, 2]
    """Footprint cell of every voxel, int64."""
    footprint: np.ndarray  # [rows, columns]
    """Its largest connected patch, holes filled, bool."""
    under: float
    """Depth under it down to which its surface is taken for its own, world units."""
    carries: bool = True
    """Whether things stand or hang on it; they only touch the side of a shelf."""
    in_niche: bool = False
    """Whether it is a board, a side or the wall of a niche (`niches.py`)."""

    @cached_property
    def extent(self) -> float:
        """Side of a square of the footprint's area, world units."""
        return float(np.sqrt(self.footprint.sum()) * self.cell)

    @cached_property
    def on_plane(self) -> np.ndarray:  # [V]
        """Voxels within the inlier distance, inside the footprint or not."""
        return np.asarray(np.abs(self.heights) < self.distance)

    @cached_property
    def inside(self) -> np.ndarray:  # [V]
        """Voxels over or under the footprint."""
        return np.asarray(self.footprint[self.cells[:, 0], self.cells[:, 1]])

    @cached_property
    def around(self) -> np.ndarray:  # [V]
        """Voxels over or under the footprint or the cells next to it."""
        wide = ndimage.binary_dilation(np.pad(self.footprint, 1))[1:-1, 1:-1]
        return np.asarray(wide[self.cells[:, 0], self.cells[:, 1]])

    @property
    def tallest(self) -> float:
        """Height up to which things stand on the support, world units."""
        return _MOST_HEIGHT * self.extent


def towards(
    plane: Plane,
    centers: np.ndarray,  # [K, 3]
) -> Plane:
    """The plane with its normal on the side of the cameras."""
    return Plane(plane.center, -plane.normal) if plane.heights(centers.mean(0)) < 0 else plane


def patch(
    surface: Surface,
    plane: Plane,
    distance: float,
    among: np.ndarray | None = None,  # [V]
) -> Support:
    """The largest connected patch of a plane, of some of the voxels if not all; it may be empty."""
    heights = plane.heights(surface.points)
    cell = _CELL_VOXELS * surface.side
    places = (surface.points - plane.center) @ plane.axes.T
    cells = np.floor((places - places.min(0)) / cell).astype(np.int64)
    counts = np.zeros(cells.max(0) + 1)
    near = np.abs(heights) < distance
    np.add.at(counts, tuple(cells[near if among is None else near & among].T), 1)
    return Support(plane, heights, distance, cell, cells, largest_patch(counts >= FULL_CELL), _UNDER * distance)


def largest_patch(
    full: np.ndarray,  # [rows, columns]
) -> np.ndarray:  # [rows, columns]
    """The largest connected patch of cells, small gaps and holes filled; it may be empty."""
    pad = 8
    full = ndimage.binary_closing(np.pad(full, pad), iterations=3)
    full = ndimage.binary_opening(full, iterations=2)[pad:-pad, pad:-pad]
    patches, count = ndimage.label(full, np.ones((3, 3)))
    footprint = np.zeros(full.shape, bool)
    if count > 0:
        largest = 1 + int(np.argmax(np.bincount(patches.ravel())[1:]))
        footprint = ndimage.binary_fill_holes(patches == largest)
    return footprint


@dataclass(frozen=True)
class Load:
    """What a plane holds, relative to its own matter, and what is in front of it and behind."""

    samples: float
    """Share of the pixels that lie on the plane, of all that show what was looked at."""
    sheet: float
    """Share of the plane's points inside its footprint."""
    front: float
    behind: float
    close_behind: float
    cameras: float
    """Share of the cameras in front of it."""

    def __str__(self) -> str:
        """Returns what decides whether a plane is a support, in a few words."""
        return (
            f"samples {self.samples:.2f}, load {self.front:.3f}, behind {self.behind:.3f}, "
            f"cameras in front {self.cameras:.2f}"
        )


def load_of(
    surface: Surface,
    support: Support,
    weight: np.ndarray,  # [V]
    left: np.ndarray,  # [V]
    free: np.ndarray,  # [V]
) -> Load:
    """Measures what a plane carries.

    `left` are the voxels that no earlier plane holds, `free` those that are no support and stand on none: what is on
    a table is no load of the floor's.
    """
    clear, high, deep = CLEAR * support.distance, LOAD_HEIGHT * support.extent, _BACK_DEPTH * support.extent
    heights, inside = support.heights, support.inside
    own = max(weight[support.on_plane & inside & left].sum(), 1e-9)
    sheet = max(weight[support.on_plane & left].sum(), 1e-9)
    below = inside & (heights < -clear)
    return Load(
        samples=float(surface.samples[support.on_plane & left].sum() / max(surface.samples[weight > 0].sum(), 1)),
        sheet=float(own / sheet),
        front=float(weight[inside & free & (heights > clear) & (heights < high)].sum() / own),
        behind=float(weight[below & (heights > -high)].sum() / own),
        close_behind=float(weight[below & (heights > -deep)].sum() / own),
        cameras=float(np.mean(support.plane.heights(surface.centers) > 0)),
    )
