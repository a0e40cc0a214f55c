"""Clicks in holes of regions, in a picture where what is around what is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from saga.regions import Evidence, Judgment, SceneRegions, nested_answers
from saga.regions.clicks import Click
from saga.regions.holes import with_gaps_filled, with_holes_closed
from tests.regions.rows import cells, one

SIDE, MIDDLE = 30, 15
BLOSSOM = cells(2)


def click(hole: slice = slice(13, 17), gap: bool = False) -> Click:
    """A point in the middle of a hole that shows cell 3, in a square of cell 2 before a background of cell 0."""
    picture = np.zeros((SIDE, SIDE), np.int64)
    picture[5:25, 5:25] = 2
    picture[hole, hole] = 3
    if gap:
        picture[hole, MIDDLE:] = 3
    return Click(one(3), True, picture, (MIDDLE, MIDDLE))


@pytest.fixture
def flower(row: SceneRegions) -> SceneRegions:
    """A closed region around cell 2 alone, and an open one of cell 3."""
    closed = np.array([0.8, 0.95, 0.95, 0.1, 0.2], np.float32)
    return replace(row, members=np.stack([BLOSSOM, cells(3, 4)]), own=np.zeros(2, bool), closed=closed)


def test_a_point_in_a_small_hole_means_what_is_around_it(flower):
    found = with_holes_closed(flower, click())
    assert found.tolist() == [cells(2, 3).tolist()]
    judgment = Judgment(replace(flower, closed=np.array([0, 0.95, 0.1, 0.95, 0], np.float32)), Evidence([one(3)]))
    without, _ = nested_answers(judgment)
    answers, best = nested_answers(replace(judgment, clicks=[click()]))
    assert not any(each.members[2] for each in without)
    assert answers[best].members.tolist() == cells(2, 3).tolist()


def test_what_else_the_hole_shows_belongs_to_it_too(flower):
    pointed = click()
    pointed.picture[13, 13:17] = 4
    assert with_holes_closed(flower, pointed).tolist() == [cells(2, 3, 4).tolist()]


def test_cells_that_go_on_elsewhere_are_not_what_the_hole_shows(flower):
    pointed = click()
    pointed.picture[13, 13:17] = 4
    pointed.picture[26:29] = 4
    assert with_holes_closed(flower, pointed).tolist() == [cells(2, 3).tolist()]


def test_through_a_large_hole_shows_something_else(flower):
    assert len(with_holes_closed(flower, click(slice(8, 22)))) == 0


def test_a_bay_is_no_hole(flower):
    assert len(with_holes_closed(flower, click(gap=True))) == 0


def test_a_thing_on_a_table_is_not_a_hole_of_the_table(flower):
    thing = replace(flower, members=np.stack([BLOSSOM, cells(3)]), closed=np.array([0, 0.95, 0.95, 0.9, 0], np.float32))
    assert len(with_holes_closed(thing, click())) == 0
    assert len(with_holes_closed(thing, click(), alike=cells(3)[None])) == 0
    assert with_holes_closed(thing, click(), alike=cells(2, 3)[None]).tolist() == [cells(2, 3).tolist()]


def test_a_region_that_the_picture_does_not_show_has_no_hole(flower):
    hidden = replace(flower, members=np.stack([cells(5), cells(3, 4)]))
    assert len(with_holes_closed(hidden, click())) == 0


def test_what_a_region_nearly_encloses_of_what_is_alike_belongs_to_it(row):
    """Cell 3 has no border but with cells 2 and 4."""
    region = cells(0, 1, 2, 4)
    flower = replace(row, members=region[None], own=np.zeros(1, bool))
    assert with_gaps_filled(flower, cells(0, 1, 2, 3, 4)[None]).tolist() == [cells(0, 1, 2, 3, 4).tolist()]
    assert len(with_gaps_filled(flower, cells(0, 1, 2, 4)[None])) == 0
    assert len(with_gaps_filled(flower, cells(3, 4)[None])) == 0


def test_what_is_alike_beside_a_region_is_no_gap_of_it(row):
    flower = replace(row, members=cells(0, 1, 2, 3)[None], own=np.zeros(1, bool))
    assert len(with_gaps_filled(flower, cells(0, 1, 2, 3, 4)[None])) == 0


def test_gaps_are_filled_only_where_features_know_what_borders_do_not(row):
    flower = replace(row, members=cells(0, 1, 2, 4)[None])
    for own, filled in ((False, True), (True, False)):
        judgment = Judgment(replace(flower, own=np.array([own])), Evidence(), alike=cells(0, 1, 2, 3, 4)[None])
        assert (len(judgment.pool) == 3) is filled
