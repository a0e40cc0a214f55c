"""Boxes of space, as people write them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saga.errors import SagaError
from saga.scene.box import Box

CORNER = st.lists(st.floats(-1e6, 1e6, width=32), min_size=3, max_size=3)


@given(CORNER, CORNER)
def test_a_box_is_the_same_whichever_corner_comes_first_and_survives_its_text(one: list[float], other: list[float]):
    if any(first == last for first, last in zip(one, other, strict=True)):
        return
    box = Box.read(",".join(map(repr, [*one, *other])))
    assert box == Box.read(",".join(map(repr, [*other, *one]))) == Box.read(str(box))
    corners = np.array([one, other])
    assert np.array_equal(box.low, corners.min(0)) and np.array_equal(box.high, corners.max(0))


def test_points_on_the_sides_are_inside():
    box = Box.read("0,0,0,1,2,3")
    points = np.array([[0, 0, 0], [1, 2, 3], [0.5, 1, 1], [1.1, 1, 1], [0.5, -0.1, 1], [0.5, 1, 3.1], [np.nan, 1, 1]])
    assert box.contains(points).tolist() == [True, True, True, False, False, False, False]


@pytest.mark.parametrize("text", ["", "1,2,3", "0,0,0,1,1,a", "0,0,0,1,1,nan", "0,0,0,1,1,inf", "0,0,0,1,1,1,1"])
def test_what_is_no_box_is_refused(text: str):
    with pytest.raises(SagaError, match=r"^--region: expected x0,y0,z0,x1,y1,z1 .*give two corners of a box"):
        Box.read(text, "--region")


def test_a_box_without_a_volume_is_refused():
    with pytest.raises(SagaError, match="expected a box with a volume"):
        Box.read("0,0,0,1,0,1")
