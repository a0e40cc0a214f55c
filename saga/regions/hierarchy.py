"""A hierarchy of regions: cells merged two at a time, most alike first, until one region is left."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saga.masks.merging import Merging, contrasts, with_room
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
    """What merging goes by, of L cells."""

    areas: np.ndarray  # [L]
    """Samples of a view, the mean over all views."""
    histograms: np.ndarray  # [L, D]
    """Color and texture, each of sum 1."""
    textures: np.ndarray  # [L]
    """Mean color gradient inside, in Lab units a pixel."""
    colors: np.ndarray  # [L, 3]
    """Mean color, CIELAB."""
    boxes: np.ndarray  # [L, 4, K]
    """-top, -left, bottom, right in K views, so that a union is a maximum."""
    shown: np.ndarray  # [L, K]
    """Samples in those views."""
    samples: int
    """Samples of a view's grid."""


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """The T = 2 L - 1 regions that merging L cells two at a time forms; the first L are the cells."""

    members: np.ndarray  # [T, L]
    """Whether a region holds a cell, bool [T, L]."""
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
    return Descriptors(
        areas=areas,
        histograms=np.concatenate([*colors, texture], axis=1),
        textures=np.bincount(cells, graph.gradients * weights, count) / areas,
        colors=means / areas[:, None],
        boxes=boxes,
        shown=shown,
        samples=max(view.voxels.size for view in graph.views),
    )


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
    merging = _CellMerging(cells, borders, cues)
    merging.run()
    members = merging.members()
    closed = np.minimum(borders.strengths(cues) / STRONGEST_EDGE, 1.0)
    return Hierarchy(
        members=members,
        areas=merging.areas,
        persistences=np.maximum(merging.parent_heights() - merging.heights, 0.0),
        contrasts=contrasts(members, borders.one, borders.other, borders.lengths, closed * borders.lengths),
        seams=merging.outer_seams(),
    )


class _CellMerging(Merging):
    """Cells by color, texture, their border, and the emptiness of their common box in the views."""

    def __init__(self, cells: Descriptors, borders: Borders, cues: Cues) -> None:
        self.cues, self.samples = cues, cells.samples
        sums = borders.strengths(cues) * borders.lengths
        pairs = zip(borders.one.tolist(), borders.other.tolist(), borders.lengths.tolist(), sums.tolist(), strict=True)
        super().__init__(cells.areas, pairs, STRONGEST_EDGE)
        nodes = len(self.areas)
        self.textures = with_room(cells.textures, nodes)
        self.histograms, self.colors = with_room(cells.histograms, nodes), with_room(cells.colors, nodes)
        self.boxes, self.shown = with_room(cells.boxes, nodes), with_room(cells.shown, nodes)

    def costs(
        self,
        node: int,
        others: list[int],
        strengths: np.ndarray,  # [K]
    ) -> np.ndarray:  # [K]
        """As Merging."""
        cues = self.cues
        texture = cues.texture * np.minimum(self.textures[others], self.textures[node])
        edge = np.maximum(strengths - texture, 0) / _EDGE_UNIT
        unlike = 2.0 - np.minimum(self.histograms[others], self.histograms[node]).sum(1)
        lightness, a, b = np.abs(self.colors[others] - self.colors[node]).T
        hue = np.minimum(np.hypot(a, b) / _HUE_UNIT, _MOST_HUES)
        hue += _LIGHTNESS_SHARE * np.minimum(lightness / _LIGHTNESS_UNIT, 1.0)
        small = np.minimum(self.areas[others], self.areas[node]) / self.samples
        costs = (edge + unlike + cues.color * hue) * (small / _SIZE_UNIT) ** _SIZE_EXPONENT
        if cues.emptiness > 0:
            costs *= 1 + cues.emptiness * self._emptiness(node, others)
        return np.asarray(costs)

    def describe(self, node: int, one: int, other: int, share: float) -> None:
        """As Merging."""
        for mean in (self.textures, self.histograms, self.colors):
            mean[node] = share * mean[one] + (1 - share) * mean[other]
        self.boxes[node] = np.maximum(self.boxes[one], self.boxes[other])
        self.shown[node] = self.shown[one] + self.shown[other]

    def _emptiness(self, node: int, others: list[int]) -> np.ndarray:  # [others]
        """Share of the image that the pair's common bounding box leaves empty, the mean over views that show them."""
        extent = np.maximum(self.boxes[others], self.boxes[node])
        shown = self.shown[others] + self.shown[node]
        seen = shown > 0
        box = np.where(seen, extent[:, 0] + extent[:, 2], 0) * np.where(seen, extent[:, 1] + extent[:, 3], 0)
        mean: np.ndarray = (box - shown).sum(1) / np.maximum(seen.sum(1), 1) / self.samples
        return mean
