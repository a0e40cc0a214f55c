"""Merging of few cells whose borders and colors are known."""

from __future__ import annotations

import numpy as np
import pytest

from saga.masks.merging import Leaves
from saga.regions.borders import Borders
from saga.regions.config import Cues, RegionConfig
from saga.regions.hierarchy import Descriptors, build_hierarchy
from saga.regions.pool import _distinct_of_one, _iou_with_nodes, distinct, pool

ALL = Cues(color=1.0, emptiness=0.0, depth=1.0, concavity=1.0, pictures=True)
NEAR = Cues(color=1.0, emptiness=0.0, depth=1.0, concavity=1.0, pictures=False)


def row_of_cells(edges, jumps=None):
    """Cells side by side, of one color, and the borders between them."""
    count = len(edges) + 1
    histograms = np.zeros((count, 4))
    histograms[:, 0] = 2.0
    leaves = Leaves(
        areas=np.full(count, 100.0),
        histograms=histograms,
        textures=np.zeros(count),
        colors=np.zeros((count, 3)),
        boxes=np.zeros((count, 4, 1)),
        shown=np.full((count, 1), 100.0),
    )
    cells = Descriptors(leaves, samples=1000)
    zeros, jumps = np.zeros(count - 1), np.zeros(count - 1) if jumps is None else np.array(jumps, float)
    one = np.arange(count - 1)
    lengths, near = np.full(count - 1, 10.0), np.ones(count - 1, bool)
    return cells, Borders(one, one + 1, lengths, np.array(edges, float), zeros, jumps, near)


def holds(tree, *cells):
    return bool((tree.members == np.isin(np.arange(tree.members.shape[1]), cells)).all(1).any())


def test_the_strongest_edge_is_crossed_last():
    tree = build_hierarchy(*row_of_cells([1, 1, 14, 1]), ALL)
    assert holds(tree, 0, 1, 2)
    assert holds(tree, 3, 4)
    assert holds(tree, 0, 1, 2, 3, 4)
    assert not holds(tree, 2, 3)


def test_a_depth_jump_counts_as_an_edge():
    tree = build_hierarchy(*row_of_cells([2, 2, 2], jumps=[0, 1, 0]), ALL)
    assert holds(tree, 0, 1)
    assert holds(tree, 2, 3)


def test_contrast_is_the_strength_of_the_border_around():
    tree = build_hierarchy(*row_of_cells([1, 15, 1]), ALL)
    pair = int(np.flatnonzero((tree.members == [True, True, False, False]).all(1))[0])
    assert tree.contrasts[pair] == pytest.approx(1.0)
    assert tree.seams[pair] == pytest.approx(1.0)
    assert tree.contrasts[-1] == 0


def test_borders_in_pictures_alone_count_only_for_those_that_ask():
    cells, row = row_of_cells([14, 14, 1])
    one, other = np.append(row.one, 0), np.append(row.other, 2)
    lengths, edges = np.append(row.lengths, 10.0), np.append(row.edges, 0.5)
    zeros, near = np.zeros(4), np.array([True, True, True, False])
    borders = Borders(one, other, lengths, edges, zeros, zeros, near)
    assert len(borders.only_near()) == 3
    assert holds(build_hierarchy(cells, borders, ALL), 0, 2, 3)
    assert not holds(build_hierarchy(cells, borders, NEAR), 0, 2, 3)


def test_pool_keeps_a_region_of_two_hierarchies_once():
    tree = build_hierarchy(*row_of_cells([1, 14, 1, 14, 1]), ALL)
    members = pool([tree, tree], 600.0, RegionConfig(smallest=1e-3, largest=0.9))
    assert len(np.unique(members, axis=0)) == len(members)
    assert (members == [True, True, False, False, False, False]).all(1).any()
    assert not members.all(1).any()


def test_distinct_drops_what_overlaps_an_earlier_one():
    members = np.array([[1, 1, 1, 1, 0], [1, 1, 1, 1, 1], [0, 0, 0, 1, 1]], bool)
    assert distinct(members, np.arange(3), np.ones(5), 0.75, 9).tolist() == [0, 2]
    assert distinct(members, np.array([1, 0, 2]), np.ones(5), 0.75, 1).tolist() == [1]


def test_what_one_hierarchy_proposes_twice_is_proposed_once():
    """A region that grows by slivers is proposed as it comes first, and none that differs is lost."""
    tree = build_hierarchy(*row_of_cells([1, 3, 5, 9, 14]), ALL)
    weights = np.full(6, 100.0)
    order = np.argsort(-tree.areas, kind="stable")
    expected = distinct(tree.members, order, weights, 0.85, 9)
    assert _distinct_of_one(tree, order.tolist(), 9) == expected.tolist()
    tree.areas[:] = tree.members @ np.array([100.0, 100, 10, 5, 100, 100])
    for seed in range(9):
        order = np.random.default_rng(seed).permutation(len(order))
        expected = distinct(tree.members, order, np.array([100.0, 100, 10, 5, 100, 100]), 0.85, 7)
        assert _distinct_of_one(tree, order.tolist(), 7) == expected.tolist()


def test_overlaps_with_the_regions_of_a_hierarchy_are_those_of_their_cells():
    edges = np.random.default_rng(0).uniform(0, 15, 11)
    tree = build_hierarchy(*row_of_cells(edges), ALL)
    assert sorted(tree.order.tolist()) == list(range(12))
    for members, (start, stop) in zip(tree.members, tree.spans, strict=True):
        assert sorted(tree.order[start:stop]) == np.flatnonzero(members).tolist()
    rng = np.random.default_rng(1)
    sets, weights, nodes = rng.random((5, 12)) < 0.5, rng.uniform(1, 9, 12), np.array([20, 3, 14])
    found = _iou_with_nodes(sets, tree, nodes, weights)
    for one, row in zip(sets, found, strict=True):
        expected = [weights[one & other].sum() / weights[one | other].sum() for other in tree.members[nodes]]
        np.testing.assert_allclose(row, expected, atol=1e-12)
