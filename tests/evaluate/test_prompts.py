"""Clicks as a person would place them."""

from __future__ import annotations

import numpy as np

from saga.evaluate.prompts import displace, place_clicks


def bar() -> np.ndarray:
    mask = np.zeros((60, 100), bool)
    mask[20:41, 10:91] = True
    return mask


def test_the_first_click_is_farthest_from_the_border_and_the_next_ones_apart() -> None:
    points = place_clicks(bar(), 3)
    assert all(y == 30 for _, y in points)
    xs = sorted(x for x, _ in points)
    assert min(np.diff(xs)) > 12


def test_small_objects_get_as_many_clicks_as_have_room() -> None:
    dot = np.zeros((20, 20), bool)
    assert place_clicks(dot, 3) == []
    dot[5, 7] = True
    assert place_clicks(dot, 3) == [(7, 5)]


def test_an_object_that_fills_the_view_is_clicked_in_its_middle() -> None:
    assert place_clicks(np.ones((41, 61), bool), 1) in ([(x, 20)] for x in range(20, 41))


def test_displaced_clicks_stay_on_the_object_and_near() -> None:
    mask = bar()
    rng = np.random.default_rng(0)
    start = [(10, 20), (90, 40), (50, 30)]
    moved = [displace(start, mask, 3, rng) for _ in range(50)]
    assert len({tuple(each) for each in moved}) > 20
    for each in moved:
        for (x0, y0), (x, y) in zip(start, each, strict=True):
            assert mask[y, x]
            assert (x - x0) ** 2 + (y - y0) ** 2 <= 9
