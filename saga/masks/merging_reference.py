"""The twin in NumPy of `saga_merge` (cpu/merging.cpp), to compare with, and where the CPU library was not built."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from saga.masks.merging import Costs

Border = tuple[float, float, float]
"""Length, strength and closedness."""


def merge(
    costs: Costs,
    arrays: Sequence[np.ndarray],  # [T], [T], [T, 3], [T, D], [T, 4, K], [T, K]
    pairs: np.ndarray,  # [B, 2]
    measures: np.ndarray,  # [B, 3]
    results: Sequence[np.ndarray],  # [L - 1, 2], [T], [T, 2], [T, 2]
) -> int:
    """Fills the rows of further regions of `arrays`, and `results`, as saga_merge does; returns how many were formed.

    Args:
        costs: what merging costs.
        arrays: areas, textures, colors, histograms, boxes and shown of all regions.
        pairs: leaves that touch.
        measures: length, strength and closedness of their borders.
        results: children, heights, joints and around.
    """
    merging = _Merging(costs, arrays, results)
    merging.start(pairs, measures)
    return merging.run()


class _Merging:
    """The regions alive and their neighbors, while the tree is built bottom up."""

    def __init__(self, costs: Costs, arrays: Sequence[np.ndarray], results: Sequence[np.ndarray]) -> None:
        self.by = costs
        self.areas, self.textures, self.colors, self.histograms, self.boxes, self.shown = arrays
        self.children, self.heights, self.joints, self.around = results
        self.count = len(self.children) + 1
        self.merged = 0
        self.neighbors: list[dict[int, Border]] = [{} for _ in range(len(self.areas))]

    def start(
        self,
        pairs: np.ndarray,  # [B, 2]
        measures: np.ndarray,  # [B, 3]
    ) -> None:
        """Tells the leaves who their neighbors are."""
        for (one, other), border in zip(pairs.tolist(), measures.tolist(), strict=True):
            self.neighbors[one][other] = self.neighbors[other][one] = tuple(border)
            for leaf in (one, other):
                self.around[leaf] += border[0], border[2]

    def run(self) -> int:
        """Merges the most alike pair of neighbors until one region is left; returns how many were formed."""
        queue = [
            entry
            for node in range(min(self.count, len(self.areas)))
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
        return self.merged

    def _entries(self, node: int, others: list[int]) -> list[tuple[float, int, int]]:
        """Makes the queue's entries of a region and its neighbors."""
        if not others:
            return []
        border = np.array([self.neighbors[node][other] for other in others])
        costs = self._costs(node, others, border[:, 1] / border[:, 0])
        return [(cost, node, other) for cost, other in zip(costs.tolist(), others, strict=True)]

    def _costs(
        self,
        node: int,
        others: list[int],
        strengths: np.ndarray,  # [K]
    ) -> np.ndarray:  # [K]
        """What merging a region with each of K neighbors costs; `strengths` are the means along the borders."""
        by = self.by
        texture = by.texture * np.minimum(self.textures[others], self.textures[node])
        edge = np.maximum(strengths - texture, 0) / by.edge_unit
        unlike = 2.0 - np.minimum(self.histograms[others], self.histograms[node]).sum(1)
        lightness, a, b = np.abs(self.colors[others] - self.colors[node]).T
        hue = np.minimum(np.hypot(a, b) / by.hue_unit, by.most_hues)
        hue += by.hue_lightness * np.minimum(lightness / by.lightness_unit, 1.0)
        small = np.minimum(self.areas[others], self.areas[node]) / by.samples
        costs = (edge + unlike + by.color * hue) * (small / by.size_unit) ** by.size_exponent
        if by.emptiness > 0:
            costs *= 1 + by.emptiness * self._emptiness(node, others)
        return np.asarray(costs)

    def _emptiness(self, node: int, others: list[int]) -> np.ndarray:  # [others]
        """Share of a view that the pair's common bounding box leaves empty, the mean over views that show them."""
        extent = np.maximum(self.boxes[others], self.boxes[node])
        shown = self.shown[others] + self.shown[node]
        seen = shown > 0
        box = np.where(seen, extent[:, 0] + extent[:, 2], 0) * np.where(seen, extent[:, 1] + extent[:, 3], 0)
        mean: np.ndarray = (box - shown).sum(1) / np.maximum(seen.sum(1), 1) / self.by.samples
        return mean

    def _join(self, one: int, other: int, height: float) -> int:
        node = self.count + self.merged
        self.children[self.merged] = one, other
        self.merged += 1
        length, strength, closed = self.neighbors[one][other]
        self.joints[[one, other]] = length, strength
        self.around[node] = self.around[one] + self.around[other] - (2 * length, 2 * closed)
        self.heights[node] = height
        self.areas[node] = self.areas[one] + self.areas[other]
        share = self.areas[one] / self.areas[node]
        for mean in (self.textures, self.colors, self.histograms):
            mean[node] = share * mean[one] + (1 - share) * mean[other]
        self.boxes[node] = np.maximum(self.boxes[one], self.boxes[other])
        self.shown[node] = self.shown[one] + self.shown[other]
        around = self.neighbors[node]
        for part in (one, other):
            for neighbor, border in self.neighbors[part].items():
                if neighbor in (one, other):
                    continue
                before = around.get(neighbor, (0.0, 0.0, 0.0))
                around[neighbor] = (before[0] + border[0], before[1] + border[1], before[2] + border[2])
                del self.neighbors[neighbor][part]
            self.neighbors[part] = {}
        for neighbor, border in around.items():
            self.neighbors[neighbor][node] = border
        return node
