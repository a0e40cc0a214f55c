"""Merging of neighboring regions, most alike first, into a binary tree: for superpixels and for cells of a surface."""

from __future__ import annotations

import heapq
from abc import ABC, abstractmethod
from collections.abc import Iterable

import numpy as np

_SLIVER = 0.05
"""A region of less than this share of another's area is tiny beside it."""


class Merging(ABC):
    """The regions alive and their neighbors, while the tree is built bottom up.

    A subclass keeps descriptors of the regions, says what merging two of them costs, and joins the descriptors.
    """

    def __init__(
        self,
        areas: np.ndarray,  # [L]
        borders: Iterable[tuple[int, int, float, float]],
        closed: float,
    ) -> None:
        """Starts with one region for each leaf.

        Args:
            areas: Area of each leaf, in any unit.
            borders: Pairs of touching leaves, with the length of their border and the sum of its strength along it.
            closed: Strength at which a border is fully closed.
        """
        self.count = len(areas)
        nodes = 2 * self.count - 1
        self.areas = with_room(areas, nodes)
        self.heights, self.seams = np.zeros(nodes), np.zeros(nodes)
        self.parents = np.full(nodes, -1)
        self.children: list[tuple[int, int]] = []
        self.neighbors: list[dict[int, tuple[float, float]]] = [{} for _ in range(nodes)]
        self._closed = closed
        for one, other, length, total in borders:
            self.neighbors[one][other] = self.neighbors[other][one] = (length, total)

    @abstractmethod
    def costs(
        self,
        node: int,
        others: list[int],
        strengths: np.ndarray,  # [K]
    ) -> np.ndarray:  # [K]
        """Returns what merging a region with each of K neighbors costs; `strengths` are the means along the borders."""

    @abstractmethod
    def describe(self, node: int, one: int, other: int, share: float) -> None:
        """Sets the descriptors of a new region made of two, the first of which has this share of its area."""

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

    def members(self) -> np.ndarray:  # [T, L]
        """Returns whether each of the T = 2 L - 1 regions holds each leaf, bool; the first L are the leaves."""
        members: np.ndarray = np.eye(2 * self.count - 1, self.count, dtype=bool)
        for node, (one, other) in enumerate(self.children, start=self.count):
            members[node] = members[one] | members[other]
        return members

    def parent_heights(self) -> np.ndarray:  # [T]
        """Returns the height at which each region was merged into a larger one; the root has its own."""
        return np.asarray(np.where(self.parents < 0, self.heights[-1], self.heights[self.parents]))

    def outer_seams(self) -> np.ndarray:  # [T]
        """Returns how closed the border was at which each region was merged, from 0 (open) to 1; slivers do not count.

        Slivers along an object's outline, of blurred pixels or surface, differ from both sides: what counts is what
        comes next.
        """
        seams: np.ndarray = self.seams.copy()
        for node in range(len(seams) - 2, -1, -1):
            parent = self.parents[node]
            if self.areas[parent] < (1 + _SLIVER) * self.areas[node]:
                seams[node] = seams[parent]
        return seams

    def _entries(self, node: int, others: list[int]) -> list[tuple[float, int, int]]:
        """Makes the queue's entries of a region and its neighbors."""
        if not others:
            return []
        border = np.array([self.neighbors[node][other] for other in others])
        costs = self.costs(node, others, border[:, 1] / border[:, 0])
        return [(cost, node, other) for cost, other in zip(costs.tolist(), others, strict=True)]

    def _join(self, one: int, other: int, height: float) -> int:
        node = self.count + len(self.children)
        self.children.append((one, other))
        self.parents[[one, other]] = node
        length, total = self.neighbors[one][other]
        self.seams[[one, other]] = min(total / length / self._closed, 1.0)
        self.heights[node] = height
        self.areas[node] = self.areas[one] + self.areas[other]
        self.describe(node, one, other, self.areas[one] / self.areas[node])
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


def with_room(
    values: np.ndarray,  # [L, ...]
    nodes: int,
) -> np.ndarray:  # [nodes, ...]
    """Returns the values of the leaves with room for those of further regions, float64."""
    out = np.zeros((nodes, *values.shape[1:]))
    out[: len(values)] = values
    return out


def contrasts(
    members: np.ndarray,  # [T, L]
    one: np.ndarray,  # [B]
    other: np.ndarray,  # [B]
    lengths: np.ndarray,  # [B]
    strengths: np.ndarray,  # [B]
) -> np.ndarray:  # [T]
    """Returns the mean strength of the border around each region.

    Args:
        members: Leaves of each region, bool.
        one: First leaf of each border.
        other: Second leaf of each border.
        lengths: Length of each border.
        strengths: Sum of the strength along each border.
    """
    around = (members[:, one] != members[:, other]).astype(np.float32)
    length = around @ lengths.astype(np.float32)
    return np.asarray((around @ strengths.astype(np.float32)) / np.maximum(length, 1.0))
