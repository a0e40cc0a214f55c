"""What things stand on: planes that carry matter in front of them, one after another.

A plane is a support when it holds much of what the views see, has one connected footprint, has the cameras in front of
it, and has matter in front of it inside its footprint, but little behind: that tells a table from a facade. What stands
on a support is set aside before the next plane is looked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy import ndimage

from saga.masks.scene.config import SceneMaskConfig
from saga.masks.scene.focus import around_focus
from saga.masks.scene.niches import boards
from saga.masks.scene.patches import CLEAR, FULL_CELL, Load, Support, largest_patch, load_of, patch, towards
from saga.masks.scene.planes import best_plane
from saga.masks.scene.surface import Surface

_SAMPLES_COUNTED = 400
"""Samples of a voxel that count: near the cameras there are very many."""
_LEAST_SHARE = 0.06
"""Planes that hold less than this share of the voxels are not looked at, nor any smaller ones."""
_LEAST_LEFT = 0.1
"""Share of the voxels below which the search ends."""
_FEWEST = 1000
"""Voxels around what the cameras look at that are worth a search."""
_VARYING = (1.0, 2.0, 3.0)
"""Inlier distances with which a support is looked for there, in those of the scene, one after the other."""
_BACK_SHARE = 2.0
"""Times as much matter in front of a support as close behind it."""
ONE_SHEET = 0.5
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


def find_supports(
    surface: Surface,
    config: SceneMaskConfig,
    rng: np.random.Generator,
    say: Callable[[str], None] = lambda line: None,
) -> list[Support]:
    """Finds the supports of a surface, those that hold most first; `say` gets one line for each plane looked at.

    Where nothing holds enough of what the views see, the support of what the cameras turn around is looked for: a stool
    in a large room. Only there a support may vary more, as one without texture does, because what else a plane might
    hold is left out.
    """
    found = _supports_among(surface, np.ones(len(surface), bool), config, rng, say)
    near = None if found else around_focus(surface)
    if near is None or near.sum() < _FEWEST:
        return found
    for times in _VARYING:
        say(f"around what the cameras look at, {near.mean():.2f} of the voxels, {times} inlier distances:")
        found = _supports_among(surface, near, replace(config, inlier=times * config.inlier), rng, say)
        if found:
            break
    return found


def _supports_among(
    surface: Surface,
    among: np.ndarray,  # [V]
    config: SceneMaskConfig,
    rng: np.random.Generator,
    say: Callable[[str], None],
) -> list[Support]:
    """Finds the supports of some of the voxels of a surface."""
    distance = config.inlier * surface.depth
    weight = among * np.sqrt(np.minimum(surface.samples, _SAMPLES_COUNTED)).astype(np.float64)
    left, free = among.copy(), among.copy()
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
        support = patch(surface, towards(plane, surface.centers), distance, among)
        share = weight[support.on_plane & left].sum() / weight.sum()
        if share < _LEAST_SHARE:
            break
        load = load_of(surface, support, weight, left, free)
        niche: list[Support] = []
        if load.front > config.most_load and load.behind < _NOTHING:
            niche = boards(surface, support, weight, left, config, rng, say)
            for each in niche:
                free &= ~(each.inside & (each.heights < each.distance) & (each.heights > -each.under))
            load = load_of(surface, support, weight, left, free)
        is_support = _carries(load, config)
        say(f"plane {number}: share {share:.2f}, {load} -> {'support' if is_support else '-'}")
        if is_support and niche:
            supports += niche
            free &= ~(support.on_plane | (support.around & (support.heights > 0) & (support.heights < support.tallest)))
        elif is_support:
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
    high = (support.heights > CLEAR * support.distance) & (support.heights < support.tallest)
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
        side = patch(surface, towards(plane, surface.centers), support.distance)
        load = load_of(surface, side, weight, left, left)
        upright = abs(float(side.plane.normal @ support.plane.normal)) < _RIGHT_ANGLE
        alone = load.behind < _NOTHING and load.cameras > config.cameras_in_front and load.sheet > ONE_SHEET
        own = support.on_plane & support.inside
        beyond = weight[own & (side.heights < -CLEAR * side.distance)].sum() / max(weight[own].sum(), 1e-9)
        if upright and alone and beyond < _BEYOND and side.extent > _SIDE_EXTENT * support.extent:
            say(f"beside it: {load} -> side")
            sides.append(side)
        left &= ~side.on_plane
    return sides


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
        whole = largest_patch((counts >= FULL_CELL) | grown.footprint)
        before = grown.footprint.sum()
        grown = replace(grown, heights=heights, footprint=whole)
        if whole.sum() < _GROWN * before:
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


def _carries(load: Load, config: SceneMaskConfig) -> bool:
    """Whether a plane is a support."""
    holds = load.samples > config.support_share and load.sheet > ONE_SHEET
    loaded = config.least_load < load.front < config.most_load and load.front > _BACK_SHARE * load.close_behind
    return holds and loaded and load.cameras > config.cameras_in_front
