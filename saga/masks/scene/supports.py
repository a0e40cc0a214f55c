"""What things stand on: planes that carry matter in front of them, one after another.

A plane is a support when it holds much of what the views see, has one connected footprint, has the cameras in front of
it, and has matter in front of it inside its footprint, but little behind: that tells a table from a facade. What stands
on a support is set aside before the next plane is looked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
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
"""Times as much matter in front of a support as close behind it."""
_BACK_DEPTH = 0.3
"""Depth, in extents of the footprint, down to which matter lies close behind a plane: a facade has its recesses there,
and the floor under a table lies deeper."""
_ONE_SHEET = 0.5
"""Least share of a plane's points inside its largest connected footprint."""
_BENT = 1.1
"""Times the footprint of the plane that a bent support has at least; with less it is a plane. Smoothing would lift it
under thin things, such as a plate."""
_ALIGNED = 0.85
"""Cosine between a voxel's normal and the plane's from which a bent support may go on there."""
_ROUNDS = 8
"""The most rounds in which it grows."""
_STEP_CELLS = 2
"""Cells that it grows by in a round."""
_SHEET_CELLS = 1.5
"""Standard deviation of the smoothing of its surface, in cells."""
_GROWN = 1.01
"""Times the footprint of the last round from which another one is worth it."""
_SIDES = 3
"""The most planes that are looked for at right angles to a support."""
_RIGHT_ANGLE = 0.17
"""Cosine between the normals of a support and of a plane beside it, below which they are a floor and its wall."""
_SIDE_EXTENT = 0.5
"""Least extent of such a plane, in extents of the support."""
_NOTHING = 0.01
"""Most matter behind such a plane, relative to its own: a room ends there."""
_BEYOND = 0.05
"""Most of a support that goes on behind such a plane, which else is the front of a thing that stands there."""


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
    left, free = np.ones(len(surface), bool), np.ones(len(surface), bool)
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
        load = _load(surface, support, weight, left, free)
        is_support = _carries(load, config)
        say(f"plane {number}: share {share:.2f}, {load} -> {'support' if is_support else '-'}")
        if is_support:
            sides = _sides(surface, support, weight, left, config, rng, say)
            found = [_bent(surface, support, weight), *sides]
            supports += found
            for each in found:
                free &= ~(each.on_plane | (each.around & (each.heights > 0) & (each.heights < each.tallest)))
        left &= free & ~support.on_plane
    return supports


def _sides(
    surface: Surface,
    support: Support,
    weight: np.ndarray,  # [V]
    left: np.ndarray,  # [V]
    config: SceneMaskConfig,
    rng: np.random.Generator,
    say: Callable[[str], None],
) -> list[Support]:
    """Walls of a floor, or the floor before a wall: large planes at right angles to a support with nothing behind them.

    They lie in front of the support like something that stands on it, and would be taken for that, with all that
    touches them.
    """
    high = (support.heights > _CLEAR * support.distance) & (support.heights < support.tallest)
    left = left & support.around & high
    sides: list[Support] = []
    for _ in range(_SIDES):
        if weight[left].sum() < _LEAST_SHARE * weight.sum():
            break
        reach = config.reach * surface.depth
        chosen = (surface.points[left], surface.normals[left], weight[left])
        plane = best_plane(*chosen, support.distance, reach, config, rng)
        if plane is None:
            break
        side = _patch(surface, _towards(plane, surface.centers), support.distance)
        load = _load(surface, side, weight, left, left)
        upright = abs(float(side.plane.normal @ support.plane.normal)) < _RIGHT_ANGLE
        alone = load.behind < _NOTHING and load.cameras > config.cameras_in_front and load.sheet > _ONE_SHEET
        own = support.on_plane & support.inside
        beyond = weight[own & (side.heights < -_CLEAR * side.distance)].sum() / max(weight[own].sum(), 1e-9)
        if upright and alone and beyond < _BEYOND and side.extent > _SIDE_EXTENT * support.extent:
            say(f"beside it: {load} -> side")
            sides.append(side)
        left &= ~side.on_plane
    return sides


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
    return Support(plane, heights, distance, cell, cells, _largest_patch(counts >= _FULL_CELL))


def _largest_patch(
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


def _bent(
    surface: Surface,
    support: Support,
    weight: np.ndarray,  # [V]
) -> Support:
    """A support that follows its surface as far as that goes on smoothly, as a lawn does; itself where it is a plane.

    Heights become those over the smoothed surface, and what goes on from the footprint joins it.
    """
    flat = np.abs(surface.normals @ support.plane.normal) > _ALIGNED
    grown = support
    for _ in range(_ROUNDS):
        own = grown.on_plane & grown.inside & flat
        sheet = _sheet(support.cells, own, weight, support.heights)
        heights = support.heights - sheet[tuple(support.cells.T)]
        reached = ndimage.binary_dilation(grown.footprint, iterations=_STEP_CELLS)[tuple(support.cells.T)]
        counts = np.zeros(support.footprint.shape)
        np.add.at(counts, tuple(support.cells[reached & flat & (np.abs(heights) < support.distance)].T), 1)
        patch = _largest_patch((counts >= _FULL_CELL) | grown.footprint)
        before = grown.footprint.sum()
        grown = replace(grown, heights=heights, footprint=patch)
        if patch.sum() < _GROWN * before:
            break
    return grown if grown.footprint.sum() > _BENT * support.footprint.sum() else support


def _sheet(
    cells: np.ndarray,  # [V, 2]
    own: np.ndarray,  # [V]
    weight: np.ndarray,  # [V]
    heights: np.ndarray,  # [V]
) -> np.ndarray:  # [rows, columns]
    """Smoothed height of a support's own voxels in each cell, and of the nearest ones where there are none."""
    sums = []
    for values in (weight, weight * heights):
        total = np.zeros(cells.max(0) + 1)
        np.add.at(total, tuple(cells[own].T), values[own])
        sums.append(ndimage.gaussian_filter(total, _SHEET_CELLS, mode="constant"))
    mass, moment = sums
    known = mass > 1e-3 * mass.max()
    sheet = np.where(known, moment / np.maximum(mass, 1e-12), 0.0)
    nearest = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
    return np.asarray(sheet[tuple(nearest)])


@dataclass(frozen=True)
class _Load:
    """What a plane holds, relative to its own matter, and what is in front of it and behind."""

    samples: float
    """Share of all seen pixels that lie on the plane."""
    sheet: float
    """Share of the plane's points inside its footprint."""
    front: float
    behind: float
    close_behind: float
    cameras: float
    """Share of the cameras in front of it."""

    def __str__(self) -> str:
        return (
            f"samples {self.samples:.2f}, load {self.front:.3f}, behind {self.behind:.3f}, "
            f"cameras in front {self.cameras:.2f}"
        )


def _load(
    surface: Surface,
    support: Support,
    weight: np.ndarray,  # [V]
    left: np.ndarray,  # [V]
    free: np.ndarray,  # [V]
) -> _Load:
    """Measures what a plane carries.

    `left` are the voxels that no earlier plane holds, `free` those that are no support and stand on none: what is on
    a table is no load of the floor's.
    """
    clear, high, deep = _CLEAR * support.distance, _LOAD_HEIGHT * support.extent, _BACK_DEPTH * support.extent
    heights, inside = support.heights, support.inside
    own = max(weight[support.on_plane & inside & left].sum(), 1e-9)
    sheet = max(weight[support.on_plane & left].sum(), 1e-9)
    below = inside & (heights < -clear)
    return _Load(
        samples=float(surface.samples[support.on_plane & left].sum() / surface.samples.sum()),
        sheet=float(own / sheet),
        front=float(weight[inside & free & (heights > clear) & (heights < high)].sum() / own),
        behind=float(weight[below & (heights > -high)].sum() / own),
        close_behind=float(weight[below & (heights > -deep)].sum() / own),
        cameras=float(np.mean(support.plane.heights(surface.centers) > 0)),
    )


def _carries(load: _Load, config: SceneMaskConfig) -> bool:
    """Whether a plane is a support."""
    holds = load.samples > config.support_share and load.sheet > _ONE_SHEET
    loaded = config.least_load < load.front < config.most_load and load.front > _BACK_SHARE * load.close_behind
    return holds and loaded and load.cameras > config.cameras_in_front
