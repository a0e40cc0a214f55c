"""A hierarchy of regions: cells merged two at a time, most alike first, until one region is left."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saga.masks.merging import Costs, LeafBorders, Leaves, merge
from saga.regions.borders import Borders
from saga.regions.cells import STRONGEST_EDGE
from saga.regions.config import Cues
from saga.regions.graph import SurfaceGraph

_COLOR_BINS, _TEXTURE_BINS = 12, 8
_LAB_RANGES = ((0.0, 100.0), (-60.0, 80.0), (-60.0, 80.0))
_STRONGEST_TEXTURE = 30.0
"""Color gradient, in Lab units a pixel, of the last texture bin."""
_EDGE_UNIT = 10.0
"""Strength of a border that weighs as much as disjoint color histograms."""
_HUE_UNIT, _LIGHTNESS_UNIT = 12.0, 40.0
"""Differences of mean a, b and of mean lightness that weigh as much, in Lab units."""
_MOST_HUES, _LIGHTNESS_SHARE = 2.0, 0.5
_SIZE_EXPONENT = 0.2
"""Small regions join first: costs grow with this power of the smaller one's area."""
_SIZE_UNIT = 1e-3
_BOX_VIEWS = 8
"""Views in which the emptiness of bounding boxes is looked at."""


@dataclass(frozen=True, eq=False)
class Descriptors:
    """What merging goes by."""

    leaves: Leaves
    """Of L cells, by samples of a few views' grids; textures in Lab units a pixel."""
    samples: int
    """Samples of a view's grid."""


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """The T = 2 L - 1 regions that merging L cells two at a time forms; the first L are the cells."""

    members: np.ndarray  # [T, L]
    """Whether a region holds a cell, bool [T, L]."""
    order: np.ndarray  # [L]
    """Cells in an order in which those of each region lie side by side."""
    spans: np.ndarray  # [T, 2]
    """Where in that order each region's first cell is, and the next after its last."""
    parents: np.ndarray  # [T]
    """The region that each was merged into, -1 for the last one."""
    areas: np.ndarray  # [T]
    """Samples of a view that show each region, the mean over all views."""
    persistences: np.ndarray  # [T]
    """Unlikeness at which a region was merged into a larger one, less that at which it was formed."""
    contrasts: np.ndarray  # [T]
    """Mean strength of the border around each region, from 0 (none) to 1 (closed)."""
    seams: np.ndarray  # [T]
    """Strength of the border between each region and the next that is not tiny beside it to be merged with it."""


def cell_descriptors(
    graph: SurfaceGraph,
    cells: np.ndarray,  # [V]
) -> Descriptors:
    """Describes the cells of a surface."""
    count = int(cells.max()) + 1
    weights = np.maximum(graph.areas, 1e-3)
    areas = np.bincount(cells, weights, count)
    colors = [
        _histogram(cells, channel, limits, _COLOR_BINS, weights) / 3
        for channel, limits in zip(graph.lab.T, _LAB_RANGES, strict=True)
    ]
    limits = (0.0, float(np.log1p(_STRONGEST_TEXTURE)))
    texture = _histogram(cells, np.log1p(graph.gradients), limits, _TEXTURE_BINS, weights)
    means = np.stack([np.bincount(cells, channel * weights, count) for channel in graph.lab.T], axis=1)
    chosen = np.unique(np.linspace(0, len(graph.views) - 1, min(_BOX_VIEWS, len(graph.views))).round().astype(int))
    boxes = np.full((count, 4, len(chosen)), -np.inf)
    shown = np.zeros((count, len(chosen)))
    for index, view in enumerate(graph.views[k] for k in chosen):
        y, x = np.nonzero(view.voxels >= 0)
        own = cells[view.voxels[y, x]]
        for side, values in enumerate((-y, -x, y + 1, x + 1)):
            np.maximum.at(boxes[:, side, index], own, values.astype(np.float64))
        shown[:, index] = np.bincount(own, minlength=count)
    leaves = Leaves(
        areas=areas,
        histograms=np.concatenate([*colors, texture], axis=1),
        textures=np.bincount(cells, graph.gradients * weights, count) / areas,
        colors=means / areas[:, None],
        boxes=boxes,
        shown=shown,
    )
    return Descriptors(leaves, max(view.voxels.size for view in graph.views))


def _histogram(
    labels: np.ndarray,  # [P]
    values: np.ndarray,  # [P]
    limits: tuple[float, float],
    bins: int,
    weights: np.ndarray,  # [P]
) -> np.ndarray:  # [L, bins]
    """Normalized histogram of each cell, values shared linearly between neighboring bins."""
    count = int(labels.max()) + 1
    position = np.clip((values - limits[0]) / (limits[1] - limits[0]), 0, 1) * (bins - 1)
    lower = np.minimum(position.astype(np.int64), bins - 2)
    share = position - lower
    flat = labels.astype(np.int64) * bins + lower
    total = np.bincount(flat, (1 - share) * weights, count * bins)
    total += np.bincount(flat + 1, share * weights, count * bins)
    histogram: np.ndarray = total.reshape(count, bins)
    histogram /= histogram.sum(1, keepdims=True)
    return histogram


def build_hierarchy(cells: Descriptors, borders: Borders, cues: Cues) -> Hierarchy:
    """Merges cells by the cues; all cells hang together by borders."""
    borders = borders if cues.pictures else borders.only_near()
    strengths = borders.strengths(cues)
    closed = np.minimum(strengths / STRONGEST_EDGE, 1.0)
    pairs = np.stack([borders.one, borders.other], axis=1)
    measures = np.stack([np.ones_like(strengths), strengths, closed], axis=1) * borders.lengths[:, None]
    tree = merge(cells.leaves, LeafBorders(pairs, measures), _costs(cells, cues))
    order, spans = tree.spans()
    return Hierarchy(
        members=tree.members(),
        order=order,
        spans=spans,
        parents=tree.parents,
        areas=tree.areas,
        persistences=np.maximum(tree.parent_heights() - tree.heights, 0.0),
        contrasts=tree.contrasts(),
        seams=tree.outer_seams(STRONGEST_EDGE),
    )


def _costs(cells: Descriptors, cues: Cues) -> Costs:
    return Costs(
        edge_unit=_EDGE_UNIT,
        emptiness=cues.emptiness,
        samples=cells.samples,
        size_unit=_SIZE_UNIT,
        size_exponent=_SIZE_EXPONENT,
        texture=cues.texture,
        color=cues.color,
        hue_unit=_HUE_UNIT,
        most_hues=_MOST_HUES,
        lightness_unit=_LIGHTNESS_UNIT,
        hue_lightness=_LIGHTNESS_SHARE,
    )
