"""Merging of neighboring regions, most alike first, into a binary tree: for superpixels and for cells of a surface."""

from __future__ import annotations

from ctypes import byref
from dataclasses import asdict, dataclass

import numpy as np

from saga.masks import merging_reference
from saga.native import host

_SLIVER = 0.05
"""A region of less than this share of another's area is tiny beside it."""


@dataclass(frozen=True)
class Costs:
    """What merging two neighbors costs, see `saga_merge_costs` in cpu/host.h."""

    edge_unit: float
    """Strength of a border that weighs as much as disjoint color histograms."""
    emptiness: float
    """Weight of the part of a pair's common box that the pair leaves empty, as a share of a view: a factor."""
    samples: float
    """Pixels or samples of a view, the unit of areas."""
    size_unit: float
    """Share of a view from which the size of the smaller one makes merging dearer."""
    size_exponent: float
    """Small regions join first: costs grow with this power of the smaller one's area."""
    texture: float = 0.0
    """Share of the texture inside both that is taken off the border between them."""
    color: float = 0.0
    """Weight of the difference of mean colors."""
    hue_unit: float = 1.0
    """Difference of mean a, b, in Lab units, that weighs as much as disjoint histograms."""
    most_hues: float = 0.0
    """The most such units that count."""
    lightness_unit: float = 1.0
    """Difference of mean lightness, in Lab units, that counts in full."""
    hue_lightness: float = 0.0
    """Weight of the lightness beside a unit of hue."""


@dataclass(frozen=True, eq=False)
class Leaves:
    """What merging goes by, of L leaves that are seen in K views; float64."""

    areas: np.ndarray  # [L]
    """Pixels or samples, the mean over all views."""
    textures: np.ndarray  # [L]
    """Mean color gradient inside."""
    colors: np.ndarray  # [L, 3]
    """Mean color, CIELAB."""
    histograms: np.ndarray  # [L, D]
    """Color and texture, each of sum 1."""
    boxes: np.ndarray  # [L, 4, K]
    """-top, -left, bottom, right in K views, so that a union is a maximum."""
    shown: np.ndarray  # [L, K]
    """Pixels or samples in those views."""


@dataclass(frozen=True, eq=False)
class LeafBorders:
    """B pairs of leaves that touch, each pair once."""

    pairs: np.ndarray  # [B, 2]
    """Leaves, int64."""
    measures: np.ndarray  # [B, 3]
    """Length of each border, and its strength and closedness summed along it, float64."""


@dataclass(frozen=True, eq=False)
class MergeTree:
    """The T = 2 L - 1 regions that merging L leaves two at a time forms; the first L are the leaves."""

    leaves: int
    children: np.ndarray  # [L - 1, 2]
    """The two regions that each further one is made of, int64."""
    areas: np.ndarray  # [T]
    heights: np.ndarray  # [T]
    """The highest cost up to the merge that formed each region, 0 for leaves."""
    joints: np.ndarray  # [T, 2]
    """Length and strength of the border across which a region was merged, 0 for the last one."""
    around: np.ndarray  # [T, 2]
    """Length and closedness of the whole border around each region."""

    @property
    def parents(self) -> np.ndarray:  # [T]
        """The region that each was merged into, int64; -1 for the last one."""
        parents = np.full(len(self.areas), -1)
        parents[self.children] = np.arange(self.leaves, self.leaves + len(self.children))[:, None]
        return parents

    def members(self) -> np.ndarray:  # [T, L]
        """Returns whether each region holds each leaf, bool."""
        members: np.ndarray = np.eye(len(self.areas), self.leaves, dtype=bool)
        for node, (one, other) in enumerate(self.children.tolist(), start=self.leaves):
            np.logical_or(members[one], members[other], out=members[node])
        return members

    def spans(self) -> tuple[np.ndarray, np.ndarray]:  # [L], [T, 2]
        """Returns an order of the leaves in which each region's lie side by side, and where its first and next are."""
        nodes = len(self.areas)
        sizes, starts = [1] * nodes, [0] * nodes
        children = self.children.tolist()
        for node, (one, other) in enumerate(children, start=self.leaves):
            sizes[node] = sizes[one] + sizes[other]
        for node in range(nodes - 1, self.leaves - 1, -1):
            one, other = children[node - self.leaves]
            starts[one], starts[other] = starts[node], starts[node] + sizes[one]
        first = np.array(starts)
        return np.argsort(first[: self.leaves]), np.stack([first, first + np.array(sizes)], axis=1)

    def parent_heights(self) -> np.ndarray:  # [T]
        """Returns the height at which each region was merged into a larger one; the root has its own."""
        parents = self.parents
        return np.asarray(np.where(parents < 0, self.heights[-1], self.heights[parents]))

    def contrasts(self) -> np.ndarray:  # [T]
        """Returns the mean closedness of the border around each region, from 0 (open) to 1; 0 for one without any."""
        length, closed = self.around.T
        # What is left of a border that was taken away piece by piece may lie just below 0.
        return np.asarray(np.maximum(closed, 0.0) / np.maximum(length, 1.0))

    def outer_seams(self, closed: float) -> np.ndarray:  # [T]
        """Returns how closed the border was at which each region was merged, from 0 (open) to 1; slivers do not count.

        Slivers along an object's outline, of blurred pixels or surface, differ from both sides: what counts is what
        comes next.

        Args:
            closed: strength at which a border is fully closed.
        """
        length, strength = self.joints.T
        seams: np.ndarray = np.minimum(strength / np.maximum(length, 1e-12) / closed, 1.0)
        parents = self.parents
        sliver = self.areas[parents] < (1 + _SLIVER) * self.areas
        for node in range(len(seams) - 2, -1, -1):
            if sliver[node]:
                seams[node] = seams[parents[node]]
        return seams


def merge(leaves: Leaves, borders: LeafBorders, costs: Costs) -> MergeTree:
    """Merges the most alike pair of neighbors until one region is left, natively where the library was built."""
    native = host.function("saga_merge")
    count = len(leaves.areas)
    nodes = max(2 * count - 1, 0)
    arrays = [
        with_room(values, nodes)
        for values in (leaves.areas, leaves.textures, leaves.colors, leaves.histograms, leaves.boxes, leaves.shown)
    ]
    children = np.zeros((max(count - 1, 0), 2), np.int64)
    heights, joints, around = np.zeros(nodes), np.zeros((nodes, 2)), np.zeros((nodes, 2))
    pairs = np.ascontiguousarray(borders.pairs, np.int64)
    measures = np.ascontiguousarray(borders.measures, np.float64)
    if native is None:
        results = children, heights, joints, around
        merged = merging_reference.merge(costs, arrays, pairs, measures, results)
    else:
        found = np.zeros(1, np.int64)
        struct = host.MergeCosts(**asdict(costs))
        native(
            count, leaves.histograms.shape[1], leaves.shown.shape[1], len(pairs), byref(struct),
            *map(host.address, arrays), host.address(pairs, np.int64), host.address(measures),
            host.address(children, np.int64), *map(host.address, (heights, joints, around)),
            host.address(found, np.int64),
        )  # fmt: skip
        merged = int(found[0])
    if merged < count - 1:
        raise ValueError(f"borders that join all of {count} leaves expected, found {count - merged} pieces")
    return MergeTree(count, children, arrays[0], heights, joints, around)


def with_room(
    values: np.ndarray,  # [L, ...]
    nodes: int,
) -> np.ndarray:  # [nodes, ...]
    """Returns the values of the leaves with room for those of further regions, float64."""
    out = np.zeros((nodes, *values.shape[1:]))
    out[: len(values)] = values
    return out
