"""A hierarchy of regions: cells merged two at a time, most alike first, until one region is left."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np

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
_SLIVER = 0.05
"""A region of less than this share of another's area is tiny beside it."""


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
    merging = _Merging(cells, borders, cues)
    merging.run()
    count = len(cells.areas)
    members = np.eye(2 * count - 1, count, dtype=bool)
    for node, (one, other) in enumerate(merging.children, start=count):
        members[node] = members[one] | members[other]
    heights, parents = merging.heights, merging.parents
    above = np.where(parents < 0, heights[-1], heights[parents])
    closed = np.minimum(borders.strengths(cues) / STRONGEST_EDGE, 1.0)
    return Hierarchy(
        members=members,
        areas=merging.areas,
        persistences=np.maximum(above - heights, 0.0),
        contrasts=_contrasts(members, borders, closed),
        seams=_outer_seams(merging),
    )


class _Merging:
    """The regions alive, their descriptors and neighbors, while the tree is built bottom up."""

    def __init__(self, cells: Descriptors, borders: Borders, cues: Cues) -> None:
        self.cues, self.count, self.samples = cues, len(cells.areas), cells.samples
        nodes = 2 * self.count - 1
        self.areas, self.textures = _room(cells.areas, nodes), _room(cells.textures, nodes)
        self.histograms, self.colors = _room(cells.histograms, nodes), _room(cells.colors, nodes)
        self.boxes, self.shown = _room(cells.boxes, nodes), _room(cells.shown, nodes)
        self.heights, self.seams = np.zeros(nodes), np.zeros(nodes)
        self.parents = np.full(nodes, -1)
        self.children: list[tuple[int, int]] = []
        self.neighbors: list[dict[int, tuple[float, float]]] = [{} for _ in range(nodes)]
        sums = borders.strengths(cues) * borders.lengths
        for a, b, length, total in zip(
            borders.one.tolist(), borders.other.tolist(), borders.lengths.tolist(), sums.tolist(), strict=True
        ):
            self.neighbors[a][b] = self.neighbors[b][a] = (length, total)

    def run(self) -> None:
        """Merges the most alike pair of neighbors until one region is left."""
        queue = [
            entry
            for node in range(self.count)
            for entry in self._entries(node, [other for other in self.neighbors[node] if other > node])
        ]
        heapq.heapify(queue)
        alive = np.zeros(len(self.areas), bool)
        alive[: self.count] = True
        highest = 0.0
        while queue:
            cost, one, other = heapq.heappop(queue)
            if not (alive[one] and alive[other]):
                continue
            highest = max(highest, cost)
            node = self._join(one, other, highest)
            alive[one] = alive[other] = False
            alive[node] = True
            for entry in self._entries(node, list(self.neighbors[node])):
                heapq.heappush(queue, entry)

    def _entries(self, node: int, others: list[int]) -> list[tuple[float, int, int]]:
        """Cost of merging a region with each of its neighbors, for the queue."""
        if not others:
            return []
        cues = self.cues
        border = np.array([self.neighbors[node][other] for other in others])
        texture = cues.texture * np.minimum(self.textures[others], self.textures[node])
        edge = np.maximum(border[:, 1] / border[:, 0] - texture, 0) / _EDGE_UNIT
        unlike = 2.0 - np.minimum(self.histograms[others], self.histograms[node]).sum(1)
        lightness, a, b = np.abs(self.colors[others] - self.colors[node]).T
        hue = np.minimum(np.hypot(a, b) / _HUE_UNIT, _MOST_HUES)
        hue += _LIGHTNESS_SHARE * np.minimum(lightness / _LIGHTNESS_UNIT, 1.0)
        small = np.minimum(self.areas[others], self.areas[node]) / self.samples
        costs = (edge + unlike + cues.color * hue) * (small / _SIZE_UNIT) ** _SIZE_EXPONENT
        if cues.emptiness > 0:
            costs *= 1 + cues.emptiness * self._emptiness(node, others)
        return [(cost, node, other) for cost, other in zip(costs.tolist(), others, strict=True)]

    def _emptiness(self, node: int, others: list[int]) -> np.ndarray:  # [others]
        """Share of the image that the pair's common bounding box leaves empty, the mean over views that show them."""
        extent = np.maximum(self.boxes[others], self.boxes[node])
        shown = self.shown[others] + self.shown[node]
        seen = shown > 0
        box = np.where(seen, extent[:, 0] + extent[:, 2], 0) * np.where(seen, extent[:, 1] + extent[:, 3], 0)
        mean: np.ndarray = (box - shown).sum(1) / np.maximum(seen.sum(1), 1) / self.samples
        return mean

    def _join(self, one: int, other: int, height: float) -> int:
        node = self.count + len(self.children)
        self.children.append((one, other))
        self.parents[[one, other]] = node
        length, total = self.neighbors[one][other]
        self.seams[[one, other]] = min(total / length / STRONGEST_EDGE, 1.0)
        self.heights[node] = height
        self.areas[node] = self.areas[one] + self.areas[other]
        share = self.areas[one] / self.areas[node]
        for mean in (self.textures, self.histograms, self.colors):
            mean[node] = share * mean[one] + (1 - share) * mean[other]
        self.boxes[node] = np.maximum(self.boxes[one], self.boxes[other])
        self.shown[node] = self.shown[one] + self.shown[other]
        around = self.neighbors[node]
        for part in (one, other):
            for neighbor, (length, total) in self.neighbors[part].items():
                if neighbor in (one, other):
                    continue
                before = around.get(neighbor, (0.0, 0.0))
                around[neighbor] = (before[0] + length, before[1] + total)
                del self.neighbors[neighbor][part]
            self.neighbors[part] = {}
        for neighbor, border in around.items():
            self.neighbors[neighbor][node] = border
        return node


def _room(
    values: np.ndarray,  # [L, ...]
    nodes: int,
) -> np.ndarray:  # [nodes, ...]
    """The values with room for those of further nodes."""
    out = np.zeros((nodes, *values.shape[1:]))
    out[: len(values)] = values
    return out


def _contrasts(
    members: np.ndarray,  # [T, L]
    borders: Borders,
    closed: np.ndarray,  # [B]
) -> np.ndarray:  # [T]
    """Mean strength of the border around each region."""
    around = (members[:, borders.one] != members[:, borders.other]).astype(np.float32)
    lengths = around @ borders.lengths.astype(np.float32)
    contrasts: np.ndarray = (around @ (closed * borders.lengths).astype(np.float32)) / np.maximum(lengths, 1.0)
    return contrasts


def _outer_seams(merging: _Merging) -> np.ndarray:  # [T]
    """Seams, with those to a sliver replaced by the parent's.

    Slivers of blurred surface along an object's outline differ from both sides: what counts is what comes next.
    """
    seams = merging.seams.copy()
    for node in range(len(seams) - 2, -1, -1):
        parent = merging.parents[node]
        if merging.areas[parent] < (1 + _SLIVER) * merging.areas[node]:
            seams[node] = seams[parent]
    return seams
