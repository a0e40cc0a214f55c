"""Nested answers of a row of six cells whose borders are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from saga.regions import Evidence, Judgment, nested_answers
from saga.regions.answers import equal_worth
from saga.regions.given import GivenMasks
from saga.regions.worth import worths
from tests.regions.rows import cells, one, side_by_side


def test_answers_are_part_object_and_group_by_size(row):
    answers, best = nested_answers(Judgment(row, Evidence(inside=[one(1)])))
    assert [answer.name for answer in answers] == ["part", "object", "group"]
    assert [answer.members.sum() for answer in answers] == [1, 3, 4]
    assert best == 2


def test_answers_are_apart_in_size(row):
    answers, _ = nested_answers(Judgment(row, Evidence(inside=[one(2)]), alike=cells(0, 1, 2, 3, 5)[None]))
    assert [answer.members.sum() for answer in answers] == [3, 4]


@pytest.mark.parametrize("clicked", [1, 2])
def test_two_larger_answers_do_not_take_the_place_of_the_part(row, clicked):
    """The part has the most open border of all that hold the click, and nothing else is smaller than the best."""
    members = np.stack([cells(clicked), cells(1, 2), cells(0, 1, 2), cells(0, 1, 2, 3)])
    closed = np.array([0.8, 0.1, 0.9, 0.8, 0.8], np.float32)
    chain = replace(row, members=members, closed=closed, own=np.array([False, True, False, False]))
    scores = worths(chain, members, confirmed=False)
    assert scores.argmin() == 0 and scores.argmax() == 1
    answers, best = nested_answers(Judgment(chain, Evidence(inside=[one(clicked)])))
    assert [answer.members.sum() for answer in answers] == [1, 2, 3]
    assert answers[best].name == "object"


def test_the_best_answer_has_the_most_closed_border(row):
    answers, best = nested_answers(Judgment(row, Evidence(inside=[one(2)])))
    assert answers[best].members.tolist() == cells(0, 1, 2, 3).tolist()
    assert answers[best].score == pytest.approx(0.98 / 1.75)


def test_of_fewer_answers_the_best_is_the_object(row):
    answers, best = nested_answers(Judgment(row, Evidence(inside=[one(0)])))
    assert answers[best].name == "object"


def test_a_second_point_is_in_every_answer(row):
    answers, _ = nested_answers(Judgment(row, Evidence(inside=[one(1), one(4)])))
    assert len(answers) > 0
    assert all(answer.members[[1, 4]].all() for answer in answers)


def test_a_mask_takes_the_answer_most_like_it(row):
    inside = np.array([0, 1, 1, 0.8, 0, 0], np.float32)
    answers, best = nested_answers(Judgment(row, Evidence(drawn=[(inside, 1 - inside)])))
    assert answers[best].members.tolist() == cells(1, 2, 3).tolist()


def test_a_scribble_takes_the_answer_that_holds_most_of_it(row):
    stroke = np.array([0, 0, 1, 1, 5, 0], np.float32)
    answers, best = nested_answers(Judgment(row, Evidence(stroked=[stroke])))
    assert answers[best].members.tolist() != cells(0, 1, 2, 3).tolist()
    assert answers[best].members[4]


def test_answers_larger_than_the_limit_are_left_out(row):
    answers, _ = nested_answers(Judgment(row, Evidence(inside=[one(1)])), most=0.35)
    assert max(answer.share for answer in answers) == pytest.approx(0.3)


def test_further_candidates_compete(row):
    answers, best = nested_answers(Judgment(row, Evidence(inside=[one(4)]), alike=cells(4)[None]))
    assert answers[best].members.tolist() == cells(4).tolist()


def test_answers_of_about_the_same_score_are_of_equal_worth(row):
    answers, best = nested_answers(Judgment(row, Evidence(inside=[one(1)])))
    assert equal_worth(answers, best) == []
    assert equal_worth([answers[best], answers[best]], 0) == [answers[best].name]


def test_gaussians_without_a_cell_are_in_no_region(row):
    assert row.gaussians(np.ones(6, bool)).tolist() == [True] * 6 + [False]


def test_closure_is_the_mean_of_the_whole_border_and_its_openest_quarter(row):
    sets = np.stack([cells(1), cells(0, 1), cells(*range(6))])
    assert row.closures(sets).tolist() == pytest.approx([(0.65 + 0.5) / 2, 0.5, 0])
    longer = replace(row, lengths=np.array([4, 1, 1, 1, 1], np.float32))
    assert longer.closures(cells(1)[None]).tolist() == pytest.approx([((4 * 0.8 + 0.5) / 5 + 0.8) / 2])


def test_what_the_scene_itself_holds_for_an_object_comes_first(row):
    own = replace(row, own=np.array([False, True, False, False, False]))
    answers, best = nested_answers(Judgment(own, Evidence(inside=[one(2)])))
    assert answers[best].members.tolist() == cells(1, 2, 3).tolist()


def test_an_object_of_the_scene_that_is_cut_through_gives_way_to_what_is_closed(row):
    """A piece of it with a border twice as closed is the better answer: the object leaks into what is around it."""
    members = np.stack([cells(1, 2), cells(1, 2, 3, 4)])
    closed = np.array([0.75, 0.1, 0.7, 0.1, 0.3], np.float32)
    cut = replace(row, members=members, closed=closed, own=np.array([False, True]))
    answers, best = nested_answers(Judgment(cut, Evidence(inside=[one(1)])))
    assert answers[best].members.tolist() == cells(1, 2).tolist()


@pytest.mark.parametrize("supported", [False, True])
def test_what_is_alike_counts_for_more_where_nothing_is_the_scenes_own(row, supported):
    members = np.stack([cells(1, 2), cells(1, 2, 3, 4), cells(5)])
    closed = np.array([0.9, 0.5, 0.9, 0.5, 0.62], np.float32)
    some = replace(row, members=members, closed=closed, own=np.array([False, False, supported]))
    answers, best = nested_answers(Judgment(some, Evidence(inside=[one(1)]), alike=cells(1, 2, 3, 4)[None]))
    assert answers[best].members.sum() == (2 if supported else 4)


def test_what_is_alike_decides_between_closed_borders(row):
    even = replace(row, closed=np.array([0.8, 0.7, 0.1, 0.85, 0.2], np.float32))
    without, best = nested_answers(Judgment(even, Evidence(inside=[one(2)])))
    assert without[best].members.tolist() == cells(0, 1, 2, 3).tolist()
    alike, best = nested_answers(Judgment(even, Evidence(inside=[one(2)]), alike=cells(1, 2, 3)[None]))
    assert alike[best].members.tolist() == cells(1, 2, 3).tolist()


@pytest.mark.parametrize("alike", [cells(1), cells(5), cells(1, 2), None])
def test_most_of_the_scene_needs_what_is_alike(row, alike):
    """Four cells fill most of what views show, with the most closed border; two of them are a thing of half that."""
    members = np.stack([cells(1, 2), cells(1, 2, 3, 4)])
    shares = np.array([0.05, 0.01, 0.1, 0.2, 0.2, 0.05], np.float32)
    closed = np.array([0.9, 0.9, 0.5, 0.9, 0.9], np.float32)
    scene = replace(row, members=members, shares=shares, closed=closed, own=np.zeros(2, bool))
    judgment = Judgment(scene, Evidence(inside=[one(1)]), None if alike is None else alike[None])
    likely = judgment.likely_as_large(members)
    if alike is None:
        assert likely.tolist() == [1, 1]
        return
    larger = (np.array([0.11, 0.51]) / 0.61) ** 0.25  # the larger one is likelier, because there is no support
    if alike[2]:
        assert likely == pytest.approx(larger, abs=1e-6)
        supported = replace(scene, own=np.array([True, False]))
        assert replace(judgment, regions=supported).likely_as_large(members).tolist() == [1, 1]
        return
    overlap = 0.01 / 0.51 if alike[1] else 0.0
    assert likely[1] == pytest.approx(larger[1] * (1 - (0.51 / 0.61) ** 0.5 * (1 - overlap / 0.05)), abs=1e-6)
    answers, best = nested_answers(judgment)
    assert answers[best].members.sum() < 4
    given = replace(judgment, confirmed=True).likely_as_large(members)
    drawn = replace(judgment, evidence=Evidence(stroked=[one(1)])).likely_as_large(members)
    assert given.tolist() == drawn.tolist() == [1, 1]


def test_what_the_rims_of_pictures_cut_is_seldom_meant(row):
    """Two sets of as many cells and as closed a border; one fills more of the rims than of the pictures."""
    members = np.stack([cells(0, 1), cells(1, 2)])
    closed = np.array([0.5, 0.5, 0.5, 0.5, 0.5], np.float32)
    rims = np.array([0.18, 0.1, 0.02, 0, 0, 0], np.float32)
    scene = replace(row, members=members, own=np.zeros(2, bool), closed=closed, rims=rims)
    judgment = Judgment(scene, Evidence(inside=[one(1)]), members)
    one_cut, whole = judgment.likely_as_large(members)
    assert one_cut == pytest.approx(whole * (1 - 1.5 * (0.28 / 0.2 - 1)), abs=1e-6)
    answers, best = nested_answers(judgment)
    assert answers[best].members.tolist() == cells(1, 2).tolist()
    supported = replace(judgment, regions=replace(scene, own=np.array([True, False])))
    assert supported.likely_as_large(members).tolist() == [1, 1]
    most = replace(judgment, regions=replace(scene, rims=3 * rims)).likely_as_large(members)
    assert most.min() > 0


def test_a_group_of_what_masks_confirm_is_worth_less_than_its_members(row):
    """Where masks confirm the cells 1, 2 and 3 and the three together, one is the answer, and else the three."""
    members = np.stack([cells(1), cells(2), cells(3), cells(1, 2, 3)])
    closed = np.array([0.8, 0.85, 0.85, 0.8, 0.2], np.float32)
    together, click = cells(1, 2, 3)[None], Evidence(inside=[one(2)])
    for vouched, size in ((members, 1), (together, 3)):
        parted = replace(row, members=members, closed=closed, own=np.zeros(4, bool), given=vouching(vouched))
        answers, best = nested_answers(Judgment(parted, click, alike=together, confirmed=True))
        assert answers[best].members.sum() == size


def vouching(members: np.ndarray) -> GivenMasks:
    """One view that shows every cell by ten samples and has a mask of each of some regions."""
    inside = csr_matrix(10.0 * members)
    views, sizes = np.zeros(len(members), np.int32), np.asarray(inside.sum(1), np.float32)[:, 0]
    return GivenMasks(views, inside, sizes, csr_matrix(np.full((1, members.shape[1]), 10.0)))


@pytest.mark.parametrize(("between", "heights", "size"), [(1.0, (1, 3), 2), (0.5, (1, 3), 4), (1.0, (1, 1), 4)])
def test_two_closed_regions_that_fill_an_object_of_the_scene_are_what_is_meant(row, between, heights, size):
    """The object of the cells 1 to 4 is two where they are closed against each other and differ in height.

    It is one where they are open to each other, or make a block together as the colors of one thing do.
    """
    members = np.stack([cells(1, 2), cells(3, 4), cells(1, 2, 3, 4)])
    closed = np.array([0.95, 0.2, between, 0.2, 0.95], np.float32)
    low, high = heights
    shapes = side_by_side(1, low, low, high, high, 1)
    boxes = replace(row, members=members, closed=closed, boxes=shapes, own=np.array([False, False, True]))
    answers, best = nested_answers(Judgment(boxes, Evidence(inside=[one(1)])))
    assert answers[best].members.sum() == size


def test_what_is_nearly_an_object_of_the_scene_is_nearly_worth_as_much(row):
    """Of two sets with borders alike the one is better that is more like what the scene itself holds for an object."""
    even = replace(row, closed=np.full(5, 0.7, np.float32), own=np.array([False, False, False, True, False]))
    values = worths(even, np.stack([cells(0, 1, 2, 3), cells(0, 1), cells(0, 1, 2, 3, 4)]), confirmed=False)
    assert values[2] == pytest.approx(0.7)
    assert values[0] == pytest.approx(0.7 * (1 + 0.75 * 0.8**2) / 1.75)
    assert values[1] == pytest.approx(0.7 * (1 + 0.75 * 0.4**2) / 1.75)
