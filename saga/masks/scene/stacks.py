"""Things that stand on a flat top of another: an orange in a bowl, dice on a book."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from saga.masks.scene.clusters import density_clusters
from saga.masks.scene.config import SceneMaskConfig
from saga.masks.scene.heights import Ground
from saga.masks.scene.labels import Kind, Labels
from saga.masks.scene.outlines import seam_strengths
from saga.masks.scene.surface import Surface

_FEWEST = 100
"""Voxels of an object worth looking at."""
_FEWEST_UPPER = 60
"""Voxels of a thing on top."""
_FEWEST_FLAT = 40
_FLAT = 0.85
"""Cosine between a voxel's normal and the support's from which it belongs to a flat top."""
_LEVELS = 4
"""Fullest levels of an object that may be tops."""
_FULL_LEVEL = 0.06
"""Least share of an object's voxels on a level."""
_PLAN_VOXELS = 1.5
"""Side of the cells of an object's plan."""
_LINK_NEIGHBORS = 6
_MARGIN = 6


def split_stacks(surface: Surface, grounds: Sequence[Ground], labels: Labels, config: SceneMaskConfig) -> None:
    """Makes an object of everything that stands on a flat top of another, where photographs show an edge between.

    The top is parallel to the support and lies around at least `config.ring` of the foot of what stands on it.
    """
    pairs: list[tuple[int, int]] = []
    queue = labels.of(Kind.OBJECT)
    while queue:
        label = queue.pop(0)
        upper = _thing_on_top(
            surface, grounds[labels.supports[label]], np.flatnonzero(labels.of_voxel == label), config
        )
        if upper is not None:
            new = labels.add(Kind.OBJECT, labels.supports[label])
            labels.of_voxel[upper] = new
            pairs.append((new, label))
            queue += [label, new]
    if not pairs:
        return
    strengths = seam_strengths(surface, labels, pairs)
    for (upper_label, lower), strength in zip(reversed(pairs), reversed(strengths), strict=True):
        if strength < config.seam:
            labels.of_voxel[labels.of_voxel == upper_label] = lower


def _thing_on_top(
    surface: Surface,
    each: Ground,
    members: np.ndarray,  # [m]
    config: SceneMaskConfig,
) -> np.ndarray | None:  # [u]
    """Voxels of one thing that stands on a flat top of an object, None when there is none."""
    if len(members) < _FEWEST:
        return None
    support = each.support
    heights = each.heights[members]
    flat = surface.normals[members] @ support.plane.normal > _FLAT
    if flat.sum() < _FEWEST_FLAT:
        return None
    step = 0.5 * support.distance
    counts = np.convolve(np.bincount(np.maximum(np.floor(heights[flat] / step), 0).astype(int)), [1, 1, 1], "same")
    places = (surface.points[members] - support.plane.center) @ support.plane.axes.T
    cells = np.floor((places - places.min(0)) / (_PLAN_VOXELS * surface.side)).astype(int) + _MARGIN
    for level in np.argsort(-counts, kind="stable")[:_LEVELS]:
        if counts[level] < max(_FEWEST_FLAT, _FULL_LEVEL * len(members)):
            return None
        top = (level + 0.5) * step
        on_top = flat & (np.abs(heights - top) < support.distance)
        over = np.flatnonzero(heights > top + max(support.distance, 1.2 * surface.side))
        found = _ringed(surface, support.distance, members, heights, cells, on_top, over, top, config)
        if found is not None:
            return np.asarray(members[found])
    return None


def _ringed(
    surface: Surface,
    distance: float,
    members: np.ndarray,  # [m]
    heights: np.ndarray,  # [m]
    cells: np.ndarray,  # [m, 2]
    on_top: np.ndarray,  # [m]
    over: np.ndarray,  # [o] of m
    top: float,
    config: SceneMaskConfig,
) -> np.ndarray | None:  # [u] of m
    """The first cluster over a top whose foot the top surrounds."""
    if len(over) < _FEWEST_UPPER:
        return None
    shape = cells.max(0) + _MARGIN
    level = np.zeros(shape, bool)
    level[tuple(cells[on_top].T)] = True
    level = ndimage.binary_dilation(level)
    clusters = density_clusters(surface.points[members[over]], config.link_voxels * surface.side, _LINK_NEIGHBORS)
    for cluster in np.unique(clusters[clusters >= 0]):
        thing = over[clusters == cluster]
        if len(thing) < _FEWEST_UPPER or np.percentile(heights[thing], 2) > top + 3 * distance:
            continue
        foot = np.zeros(shape, bool)
        foot[tuple(cells[thing[heights[thing] < top + 6 * distance]].T)] = True
        foot = ndimage.binary_fill_holes(ndimage.binary_closing(foot, iterations=2))
        ring = ndimage.binary_dilation(foot, iterations=3) & ~ndimage.binary_dilation(foot)
        if (level & ring).sum() >= config.ring * max(1, ring.sum()):
            return np.asarray(thing)
    return None
