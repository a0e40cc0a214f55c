"""Objects of the scene's own masks are fitted to closed borders, and stay what they are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from saga.regions import RegionConfig, SceneRegions
from saga.regions.fitting import SAME, fitted
from saga.regions.worth import overlaps

COUNT = 12
THING = slice(3, 9)
"""Cells of the thing: all borders inside are open, those around it are closed."""


def cells(first: int, last: int) -> np.ndarray:  # [12]
    """The cells from `first` to `last`, both included."""
    return (np.arange(COUNT) >= first) & (np.arange(COUNT) <= last)


def strip(*members: np.ndarray) -> SceneRegions:
    """Twelve cells in a row; the first set of cells is an object of the scene's own."""
    closed = np.full(COUNT - 1, 0.1, np.float32)
    closed[[THING.start - 1, THING.stop - 1]] = 0.9
    return SceneRegions(
        scene_digest="",
        config=RegionConfig(),
        cells=np.arange(COUNT, dtype=np.int32),
        shares=np.full(COUNT, 0.05, np.float32),
        members=np.stack(members),
        own=np.arange(len(members)) == 0,
        borders=np.stack([np.arange(COUNT - 1), np.arange(1, COUNT)]).astype(np.int32),
        lengths=np.ones(COUNT - 1, np.float32),
        closed=closed,
        boxes=np.tile(np.float32([[[0, 0, 0], [1, 1, 1]]]), (COUNT, 1, 1)),
    )


def fit(regions: SceneRegions, pictured: np.ndarray | None = None) -> SceneRegions:  # [12]
    return fitted(regions, regions.own, regions.shares if pictured is None else pictured)


def test_what_an_open_border_parts_from_an_object_joins_it() -> None:
    regions = fit(strip(cells(3, 7), cells(8, 8), cells(10, 11)))
    assert regions.members[0].tolist() == cells(3, 8).tolist()


def test_what_a_closed_border_parts_from_an_object_leaves_it() -> None:
    regions = fit(strip(cells(2, 8), cells(1, 2), cells(0, 1)))
    assert regions.members[0].tolist() == cells(3, 8).tolist()


def test_an_object_does_not_become_another() -> None:
    """Cells 6 to 8 would close its border, but are half of what it would be."""
    regions = strip(cells(3, 5), cells(6, 8))
    assert np.array_equal(fit(regions).members, regions.members)


def test_what_fills_much_of_a_picture_does_not_join_an_object() -> None:
    """On the surface cell 8 is as small as the others."""
    regions = strip(cells(3, 7), cells(8, 8))
    pictured = np.where(cells(8, 8), 0.5, 0.05).astype(np.float32)
    assert np.array_equal(fit(regions, pictured).members, regions.members)


def test_what_is_closed_and_what_is_no_object_stay() -> None:
    regions = strip(cells(3, 8), cells(8, 8), cells(3, 3), cells(5, 7))
    assert np.array_equal(fit(regions).members, regions.members)
    support = strip(cells(3, 7), cells(8, 8))
    assert np.array_equal(fitted(support, np.zeros(2, bool), support.shares).members, support.members)


@settings(max_examples=40, deadline=None)
@given(
    closed=st.lists(st.floats(0, 1, width=32), min_size=COUNT - 1, max_size=COUNT - 1),
    pieces=st.lists(st.tuples(st.integers(0, COUNT - 1), st.integers(0, 3)), min_size=1, max_size=8),
)
def test_fitting_never_opens_a_border_for_nothing(closed: list[float], pieces: list[tuple[int, int]]) -> None:
    regions = strip(cells(2, 9), *(cells(first, first + more) for first, more in pieces))
    regions = replace(regions, closed=np.array(closed, np.float32))
    before, after = regions.members[0], fit(regions).members[0]
    like = overlaps(regions, after[None], before)[0]
    scores = regions.closures(np.stack([before, after])) + SAME * np.array([1, like**2])
    assert scores[1] >= scores[0] - 1e-6
    assert like >= 0.8 - 1e-6
