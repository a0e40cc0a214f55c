"""Merging of random leaves: the native library against its twin, and what the tree says against its definition."""

from __future__ import annotations

import numpy as np
import pytest

from saga.masks import merging
from saga.masks.merging import Costs, LeafBorders, Leaves, MergeTree, merge
from saga.native import bindings, host

CELLS = Costs(10.0, 3.0, 4000.0, 1e-3, 0.2, 0.7, 2.0, 12.0, 2.0, 40.0, 0.5)


def random_leaves(seed: int, side: int = 9, bins: int = 44, views: int = 8) -> tuple[Leaves, LeafBorders]:
    """A grid of side x side leaves with random descriptors, in some views each, and borders of random strength."""
    rng, count = np.random.default_rng(seed), side * side
    shown = rng.integers(0, 3, (count, views)) * rng.uniform(1, 9, (count, views))
    corners = rng.uniform(0, 50, (2, count, 2, views))
    boxes = np.concatenate([-corners.min(0), corners.max(0)], axis=1)
    histograms = rng.uniform(size=(count, bins))
    leaves = Leaves(
        areas=rng.uniform(1, 60, count),
        textures=rng.uniform(0, 9, count),
        colors=rng.uniform(0, 60, (count, 3)),
        histograms=2 * histograms / histograms.sum(1, keepdims=True),
        boxes=np.where(shown[:, None] > 0, boxes, -np.inf),
        shown=shown,
    )
    number = np.arange(count).reshape(side, side)
    pairs = np.concatenate(
        [np.stack([a.ravel(), b.ravel()], 1) for a, b in ((number[1:], number[:-1]), (number[:, 1:], number[:, :-1]))]
    )
    length, strength = rng.uniform(0.3, 8, len(pairs)), rng.uniform(0, 20, len(pairs))
    measures = np.stack([length, length * strength, length * np.minimum(strength / 15, 1)], axis=1)
    return leaves, LeafBorders(pairs, measures)


@pytest.fixture
def twin(monkeypatch: pytest.MonkeyPatch) -> None:
    """The NumPy twin, whether there is a library or not."""
    monkeypatch.setattr(merging.host, "function", lambda name: None)


@pytest.mark.parametrize(("seed", "bins", "views"), [(0, 44, 8), (1, 5, 1), (2, 8, 3), (3, 17, 11)])
def test_the_library_gives_the_tree_of_its_twin(
    monkeypatch: pytest.MonkeyPatch, seed: int, bins: int, views: int
) -> None:
    if bindings.library("cpu") is None:
        pytest.skip("the CPU library is not built")
    problem = random_leaves(seed, bins=bins, views=views)
    native = merge(*problem, CELLS)
    monkeypatch.setattr(merging.host, "function", lambda name: None)
    twin = merge(*problem, CELLS)
    assert np.array_equal(native.children, twin.children)
    for name in ("areas", "heights", "joints", "around"):
        np.testing.assert_allclose(getattr(native, name), getattr(twin, name), rtol=1e-12, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("weight", ["emptiness", "texture", "color", "hue_lightness", "most_hues", "size_exponent"])
def test_every_weight_has_a_say(weight: str) -> None:
    problem = random_leaves(4)
    without = Costs(**{**CELLS.__dict__, weight: 0.0})
    assert not np.array_equal(merge(*problem, CELLS).heights, merge(*problem, without).heights)


def check_borders(tree: MergeTree, borders: LeafBorders) -> None:
    members, (one, other) = tree.members(), borders.pairs.T
    length, strength, closed = borders.measures.T
    around = members[:, one] != members[:, other]
    np.testing.assert_allclose(tree.contrasts(), (around @ closed) / np.maximum(around @ length, 1.0), atol=1e-9)
    for node, parts in enumerate(tree.children, start=tree.leaves):
        assert np.array_equal(members[node], members[parts[0]] ^ members[parts[1]])
        between = around[parts[0]] & around[parts[1]]
        assert tree.joints[parts] == pytest.approx(np.tile([length[between].sum(), strength[between].sum()], (2, 1)))


def test_borders_are_those_of_all_leaves_inside() -> None:
    leaves, borders = random_leaves(5)
    tree = merge(leaves, borders, CELLS)
    check_borders(tree, borders)
    assert tree.members()[-1].all() and tree.contrasts()[-1] == pytest.approx(0, abs=1e-9)
    assert (np.diff(tree.heights[tree.leaves :]) >= 0).all()
    assert tree.parents[-1] == -1 and (tree.parents[:-1] > np.arange(len(tree.parents) - 1)).all()


def test_borders_of_the_twin_are_too(twin: None) -> None:
    leaves, borders = random_leaves(5)
    check_borders(merge(leaves, borders, CELLS), borders)


def test_the_cheapest_pair_is_merged_first_and_of_equals_the_first() -> None:
    leaves, borders = random_leaves(6, side=2)
    alike = Leaves(**{name: np.ones_like(values) for name, values in leaves.__dict__.items()})
    flat = LeafBorders(borders.pairs, np.ones_like(borders.measures))
    assert merge(alike, flat, CELLS).children[0].tolist() == [0, 1]
    weak = flat.measures.copy()
    weak[-1, 1] = 0.1
    assert sorted(merge(alike, LeafBorders(flat.pairs, weak), CELLS).children[0].tolist()) == sorted(flat.pairs[-1])


@pytest.mark.parametrize("native", [True, False])
def test_leaves_that_do_not_hang_together_are_refused(monkeypatch: pytest.MonkeyPatch, native: bool) -> None:
    leaves, borders = random_leaves(7, side=2)
    if not native:
        monkeypatch.setattr(merging.host, "function", lambda name: None)
    apart = LeafBorders(borders.pairs[:1], borders.measures[:1])
    with pytest.raises(ValueError, match="found 3 pieces"):
        merge(leaves, apart, CELLS)


def test_one_leaf_is_a_tree() -> None:
    leaves, borders = random_leaves(8, side=1)
    tree = merge(leaves, borders, CELLS)
    assert tree.members().tolist() == [[True]] and tree.outer_seams(15.0).tolist() == [0]


def test_an_older_library_is_said_and_replaced_by_the_twin(monkeypatch: pytest.MonkeyPatch) -> None:
    host.function.cache_clear()
    monkeypatch.setattr(bindings, "library", lambda device: object())
    with pytest.warns(UserWarning, match="built before saga_merge was written; install"):
        assert host.function("saga_merge") is None
    host.function.cache_clear()
