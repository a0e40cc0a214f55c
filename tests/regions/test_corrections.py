"""Further points correct an answer: a row of six cells of which a picture shows each as a column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from saga.regions import Evidence, Judgment, SceneRegions
from saga.regions.answers import corrected_answers, nested_answers
from saga.regions.clicks import Click
from saga.regions.corrections import as_far_as_seen, corrected, faults, opened
from tests.regions.rows import cells, one

WIDTH, HEIGHT = 8, 12
"""Samples of the picture that show a cell."""


def at(cell: int, positive: bool, column: int = WIDTH // 2) -> Click:
    """A point on a cell, in the middle of it in the picture unless said."""
    picture = np.tile(np.repeat(np.arange(6), WIDTH), (HEIGHT, 1))
    return Click(one(cell), positive, picture, (HEIGHT // 2, cell * WIDTH + column))


def follow(row: SceneRegions, answer: np.ndarray, *clicks: Click, first: int = 1) -> list[bool]:
    found: list[bool] = corrected(Judgment(row, Evidence()), answer, [one(first)], clicks).tolist()
    return found


def test_a_point_beside_the_answer_adds_to_it_and_takes_nothing_away(row):
    assert follow(row, cells(0, 1, 2, 3), at(5, True)) == cells(0, 1, 2, 3, 5).tolist()


def test_a_negative_point_takes_away_what_ends_where_a_border_is_closed(row):
    """Of the cells 0 to 3 those go that a closed border parts from the rest, and no more."""
    assert follow(row, cells(0, 1, 2, 3), at(0, False)) == cells(1, 2, 3).tolist()


def test_every_point_is_followed_whatever_comes_after(row):
    clicks = [at(5, True), at(0, False), at(4, True), at(3, False)]
    for count in range(1, len(clicks) + 1):
        found = np.array(follow(row, cells(0, 1, 2, 3), *clicks[:count]))
        assert not any(click.wrong(found[None])[0] for click in clicks[:count])
        assert found[1]


def test_more_points_go_on_from_the_answer_to_fewer(row):
    """However the two lists are mixed, what the answer had on its right side already changes nothing."""
    wrong, right = at(5, True), at(4, False)
    answer = cells(0, 1, 2, 3)
    assert follow(row, answer, right, wrong) == follow(row, answer, wrong, right) == follow(row, answer, wrong)
    once = np.array(follow(row, answer, wrong))
    assert follow(row, answer, wrong, at(4, True)) == follow(row, once, wrong, at(4, True))


def test_a_point_that_contradicts_others_corrects_nothing(row):
    """Where the answer started stays in it."""
    assert follow(row, cells(0, 1, 5), at(5, True), at(5, False), first=5) == cells(0, 1, 5).tolist()


def test_a_fault_is_where_the_point_is_in_its_middle_and_no_larger_one_elsewhere():
    """The point in the middle of cell 1: what lies in the cells 0 to 2 has it in its middle, what goes on has not."""
    before = cells(5)
    after = np.stack([cells(5, 0, 1, 2), cells(5, 1, 2, 3), cells(5, 1), cells(1), cells(5, 3)])
    middle, largest = faults(at(1, True), before, after)
    assert middle[:2].tolist() == pytest.approx([1.0, 4 / 6], abs=0.2)
    assert largest.tolist() == [1.0, 1.0, 1.0, 1.0, 0.0]
    assert middle[-1] == 0
    assert faults(at(1, True), cells(5, 4), np.stack([cells(1)]))[1].tolist() == [0.5]


def test_borders_that_open_are_told_from_those_that_close(row):
    """Cell 4 beside 0 to 3 gives up a closed border for an open one; without cell 0 there is one where none was."""
    gone = opened(row, cells(0, 1, 2, 3), np.stack([cells(0, 1, 2, 3, 4), cells(1, 2, 3)]))
    assert gone.tolist() == pytest.approx([(0.8 - 0.02) / 2, 0.2])


def test_an_answer_grows_out_of_the_picture_only_with_what_is_in_it(row):
    """The picture shows the cells 0 to 2: a person has not seen the others."""
    seen = replace(at(1, True), picture=np.array([[0, 1, 2]]))
    shares = np.ones(6, np.float32)
    assert as_far_as_seen(shares, cells(0), cells(0, 1, 3, 4), seen).tolist() == cells(0, 1).tolist()
    assert as_far_as_seen(shares, cells(0), cells(0, 1, 2, 3), seen).tolist() == cells(0, 1, 2, 3).tolist()
    assert as_far_as_seen(shares, cells(0, 4), cells(1, 4), seen).tolist() == cells(1, 4).tolist()


def names(answers: Sequence[object]) -> list[str]:
    return [each.name for each in answers]  # type: ignore[attr-defined]


def test_of_the_other_answers_those_stay_that_have_all_points_on_their_side(row):
    judgment = Judgment(row, Evidence([one(1)]))
    answers, best = nested_answers(judgment)
    assert [int(each.members.sum()) for each in answers] == [1, 3, 4]
    found, shown = corrected_answers(judgment, answers, answers[best], [at(0, False)])
    assert [int(each.members.sum()) for each in found] == [1, 3]
    assert shown == 1
    found, shown = corrected_answers(judgment, answers, answers[best], [at(5, True)])
    assert names(found) == ["object"]
    assert found[shown].members.tolist() == cells(0, 1, 2, 3, 5).tolist()


def test_of_a_region_mostly_out_of_the_picture_what_is_in_it_is_added(row):
    """A region of the cells 1 and 2, of which the picture shows 2, and which ends at a closed border."""
    shown = at(2, True)
    narrow = replace(shown, picture=np.where(shown.picture < 2, -1, shown.picture))
    shares = np.array([0.1, 0.1, 0.05, 0.1, 0.1, 0.1], np.float32)
    closed = np.array([1.0, 0.1, 0.9, 0.5, 0.5], np.float32)
    larger = replace(row, members=np.stack([cells(3, 4, 5), cells(1, 2)]), own=np.zeros(2, bool))
    larger = replace(larger, shares=shares, closed=closed)
    assert follow(larger, cells(3, 4, 5), narrow, first=4) == cells(2, 3, 4, 5).tolist()
    assert follow(larger, cells(3, 4, 5), shown, first=4) == cells(1, 2, 3, 4, 5).tolist()
