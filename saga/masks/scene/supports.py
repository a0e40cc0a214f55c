"""What things stand on: planes that carry matter in front of them, one after another.

A plane is a support when it holds much of what the views see, has one connected footprint, has the cameras in front of
it, and has matter in front of it inside its footprint, but little behind: that tells a table from a facade. What stands
on a support is set aside before the next plane is looked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import ndimage

from saga.masks.scene.config import SceneMaskConfig
from saga.masks.scene.planes import Plane, best_plane
from saga.masks.scene.surface import Surface

_CELL_VOXELS = 4.0
"""Side of a footprint's cells."""
_FULL_CELL = 4
"""Voxels of the plane that make a cell part of its footprint."""
_SAMPLES_COUNTED = 400
"""Samples of a voxel that count: near the cameras there are very many."""
_LEAST_SHARE = 0.06
"""Planes that hold less than this share of the voxels are not looked at, nor any smaller ones."""
_LEAST_LEFT = 0.1
"""Share of the voxels below which the search ends."""
_CLEAR = 3.0
"""Inlier distances from the plane at which matter counts as in front of it or behind."""
_LOAD_HEIGHT = 0.6
"""Height, in extents of the footprint, up to which matter in front of a plane is its load."""
_MOST_HEIGHT = 0.8
"""Height, in extents of the footprint, up to which things stand on a support."""
_BACK_SHARE = 2.0
"""Times as much matter in front of a support as behind it."""
_ONE_SHEET = 0.5
"""Least share of a plane's points inside its largest connected footprint."""


@dataclass(frozen=True, eq=False)
class Support:
    """A plane that things stand on."""

    plane: Plane
    heights: np.ndarray  # [V]
    """Signed distance of every voxel."""
    distance: float
    """Inlier distance, world units."""
    cell: float
    """Side of the footprint's cells, world units."""
    cells: np.ndarray  # [V, 2]
    """Footprint cell of every voxel, int64."""
    footprint: np.ndarray  # [rows, columns]
    """The plane's largest connected patch, holes filled, bool."""

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


def find_supports(
    surface: Surface,
    config: SceneMaskConfig,
    rng: np.random.Generator,
    say: Callable[[str], None] = lambda line: None,
) -> list[Support]:
    """Finds the supports of a surface, those that hold most first; `say` gets one line for each plane looked at."""
    distance = config.inlier * surface.depth
    weight = np.sqrt(np.minimum(surface.samples, _SAMPLES_COUNTED)).astype(np.float64)
    left = np.ones(len(surface), bool)
    supports: list[Support] = []
    for number in range(config.planes):
        if weight[left].sum() < _LEAST_LEFT * weight.sum():
            break
        plane = best_plane(
            surface.points[left],
            surface.normals[left],
            weight[left],
            distance,
            config.reach * surface.depth,
            config,
            rng,
        )
        if plane is None:
            break
        support = _patch(surface, _towards(plane, surface.centers), distance)
        share = weight[support.on_plane & left].sum() / weight.sum()
        if share < _LEAST_SHARE:
            break
        is_support, reason = _carries(surface, support, weight, left, config)
        say(f"plane {number}: share {share:.2f}, {reason} -> {'support' if is_support else '-'}")
        if is_support:
            supports.append(support)
            left &= ~(support.around & (support.heights > 0) & (support.heights < support.tallest))
        left &= ~support.on_plane
    return supports


def _towards(
    plane: Plane,
    centers: np.ndarray,  # [K, 3]
) -> Plane:
    """The plane with its normal on the side of the cameras."""
    return Plane(plane.center, -plane.normal) if plane.heights(centers.mean(0)) < 0 else plane


def _patch(surface: Surface, plane: Plane, distance: float) -> Support:
    """The largest connected patch of a plane; it may be empty."""
    heights = plane.heights(surface.points)
    cell = _CELL_VOXELS * surface.side
    places = (surface.points - plane.center) @ plane.axes.T
    cells = np.floor((places - places.min(0)) / cell).astype(np.int64)
    counts = np.zeros(cells.max(0) + 1)
    np.add.at(counts, tuple(cells[np.abs(heights) < distance].T), 1)
    pad = 8
    full = ndimage.binary_closing(np.pad(counts >= _FULL_CELL, pad), iterations=3)
    full = ndimage.binary_opening(full, iterations=2)[pad:-pad, pad:-pad]
    patches, count = ndimage.label(full, np.ones((3, 3)))
    footprint = np.zeros(full.shape, bool)
    if count > 0:
        largest = 1 + int(np.argmax(np.bincount(patches.ravel())[1:]))
        footprint = ndimage.binary_fill_holes(patches == largest)
    return Support(plane, heights, distance, cell, cells, footprint)


def _carries(
    surface: Surface,
    support: Support,
    weight: np.ndarray,  # [V]
    left: np.ndarray,  # [V]
    config: SceneMaskConfig,
) -> tuple[bool, str]:
    """Whether a plane is a support, and the figures that say so."""
    clear, high = _CLEAR * support.distance, _LOAD_HEIGHT * support.extent
    heights, inside = support.heights, support.inside
    front = weight[inside & (heights > clear) & (heights < high)].sum()
    back = weight[inside & (heights < -clear) & (heights > -high)].sum()
    own = weight[support.on_plane & inside & left].sum()
    sheet = weight[support.on_plane & left].sum()
    samples = surface.samples[support.on_plane & left].sum() / surface.samples.sum()
    cameras = float(np.mean(support.plane.heights(surface.centers) > 0))
    figures = f"samples {samples:.2f}, load {front / max(own, 1e-9):.3f}, behind {back / max(own, 1e-9):.3f}"
    holds = samples > config.support_share and own > _ONE_SHEET * sheet
    loaded = config.least_load * own < front < config.most_load * own and front > _BACK_SHARE * back
    return bool(holds and loaded and cameras > config.cameras_in_front), f"{figures}, cameras in front {cameras:.2f}"
