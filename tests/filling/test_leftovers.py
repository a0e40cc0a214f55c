"""Pieces of an object in the rest that no view shows as long as it is there."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from saga.filling import fill
from saga.filling.leftovers import leftovers_of
from saga.raster import DeviceScene
from saga.scene import Scene
from tests.filling.test_filling import Sheet, around, below, box, gaussians_of, square, table

BLUE, ORANGE = (0.1, 0.2, 0.9), (0.9, 0.5, 0.1)


def core(x: float = 0.0, color: object = BLUE) -> list[Sheet]:
    """A small square inside a box."""
    return [square((x - 0.1, -0.1, 0.2), (0.2, 0, 0), (0, 0.2, 0), color)]


def found(thing: list[Sheet], hidden: list[Sheet], seen: list[Sheet]) -> np.ndarray:
    """Which of what is hidden is left over from a thing beside what is seen."""
    gaussians = gaussians_of([*thing, *hidden, *seen])
    kinds = np.repeat([0, 1, 2], [sum(len(sheet.means) for sheet in part) for part in (thing, hidden, seen)])
    result = leftovers_of(gaussians, kinds == 0, kinds == 1, kinds == 2)
    assert not result[kinds != 1].any()
    return result[kinds == 1]


def test_what_lies_inside_the_object_and_looks_like_it_is_left_over() -> None:
    assert found(box(), core(), [table()]).all()


def test_without_anything_else_around_all_inside_is_left_over() -> None:
    assert found(box(), core(), []).all()


@pytest.mark.parametrize("color", [BLUE, ORANGE])
def test_what_it_stands_on_and_the_back_of_what_it_touches_stay(color: object) -> None:
    whole = table()
    under = below(half=0.2)(whole.means)
    parts = [Sheet(whole.means[rows], whole.normal, whole.colors[rows]) for rows in (under, ~under)]
    top, _, _, _, side = box(0.4, color=(0.2, 0.7, 0.2))
    assert not found(box(color=color), [parts[0], side], [parts[1], top]).any()


def test_what_another_thing_between_two_parts_of_the_object_hides_is_its_own() -> None:
    assert not found([*box(-0.6), *box(0.6)], core(), [*box(side=0.3, color=ORANGE), table()]).any()


def test_leftovers_go_with_the_fill_also_where_nothing_is_filled() -> None:
    flying = [*box(0, 0, 0.9, side=0.2)]
    inside = square((-0.05, -0.05, 1.0), (0.1, 0, 0), (0, 0.1, 0), BLUE)
    gaussians = gaussians_of([table(), inside, *flying])
    member = np.arange(len(gaussians)) >= len(gaussians) - sum(len(sheet.means) for sheet in flying)
    with pytest.warns(UserWarning, match="nothing was filled"):
        made = fill(DeviceScene(Scene(gaussians, around()), "cpu"), torch.from_numpy(member), progress=False)
    assert made.report["dropped"] == len(inside.means)
    assert np.array_equal(made.gaussians.means, table().means.astype(np.float32))


def test_what_a_selection_missed_at_the_foot_goes_and_what_touches_it_stays() -> None:
    foot = [
        Sheet(face.means[face.means[:, 2] < 0.1], face.normal, face.colors[face.means[:, 2] < 0.1]) for face in box()
    ]
    upper = [
        Sheet(face.means[face.means[:, 2] > 0.1], face.normal, face.colors[face.means[:, 2] > 0.1]) for face in box()
    ]
    beside = box(0.32, side=0.2, color=ORANGE)
    whole = table()
    wood = Sheet(whole.means[~below()(whole.means)], whole.normal, whole.colors[~below()(whole.means)])
    parts = [[wood], beside, foot, upper]
    gaussians = gaussians_of([sheet for part in parts for sheet in part])
    kinds = np.repeat(np.arange(4), [sum(len(sheet.means) for sheet in part) for part in parts])
    made = fill(DeviceScene(Scene(gaussians, around()), "cpu"), torch.from_numpy(kinds == 3), progress=False)
    own = made.gaussians.base_colors()[~made.filled]
    blue, orange = (np.abs(own - color).max(axis=1) < 0.05 for color in (BLUE, ORANGE))
    assert not blue.any()
    outside = made.gaussians.means[~made.filled][orange, 0] > 0.3  # its side towards the object is not seen
    assert outside.sum() == sum((sheet.means[:, 0] > 0.3).sum() for sheet in beside)
