"""Filling holes of pictures with what is around."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saga.filling.patches import diffused, seamless, synthesized


def square_hole(shape: tuple[int, int], first: int, end: int) -> np.ndarray:
    hole = np.zeros(shape, bool)
    hole[first:end, first:end] = True
    return hole


def lines(shape: tuple[int, int] = (48, 48), period: int = 8) -> np.ndarray:
    light = (np.arange(shape[1]) // (period // 2) % 2)[None, :, None]
    return np.broadcast_to(0.3 + 0.5 * light, (*shape, 3)).astype(float)


def test_lines_go_on_through_the_hole() -> None:
    picture, hole = lines(), square_hole((48, 48), 16, 32)
    start = diffused(np.where(hole[..., None], 0.0, picture), hole)
    filled = synthesized(start, ~hole, hole)
    assert np.abs(filled - picture)[hole].mean() < 0.1
    assert np.abs(start - picture)[hole].mean() > 0.15
    assert np.array_equal(filled[~hole], start[~hole])


def test_a_hole_without_whole_patches_around_is_continued_smoothly() -> None:
    hole = square_hole((12, 12), 3, 9)
    picture = np.full((12, 12, 3), 0.4)
    filled = synthesized(diffused(picture, hole), ~hole, hole)
    assert np.allclose(filled, 0.4)


@settings(max_examples=25, deadline=None)
@given(st.integers(4, 30), st.integers(4, 30), st.integers(0, 2**32 - 1), st.floats(0.05, 0.95))
def test_diffusion_keeps_what_is_known_and_stays_within_its_values(
    rows: int, columns: int, seed: int, share: float
) -> None:
    rng = np.random.default_rng(seed)
    picture, hole = rng.uniform(-1, 2, (rows, columns, 3)), rng.uniform(size=(rows, columns)) < share
    filled = diffused(picture, hole)
    assert filled.shape == picture.shape
    assert np.array_equal(filled[~hole], picture[~hole])
    if not hole.all():
        low, high = picture[~hole].min(0), picture[~hole].max(0)
        assert ((filled >= low - 1e-9) & (filled <= high + 1e-9)).all()


def test_a_step_at_the_rim_fades_towards_the_middle() -> None:
    hole = square_hole((60, 60), 15, 45)
    picture = np.full((60, 60, 3), 0.2)
    filled = np.where(hole[..., None], 0.8, picture)
    drawn = seamless(filled, picture, ~hole, hole)
    assert drawn[15, 30, 0] == pytest.approx(0.2, abs=0.1)
    assert drawn[30, 30, 0] == pytest.approx(0.8, abs=0.1)
    assert np.array_equal(drawn[~hole], filled[~hole])
    assert (np.diff(drawn[15:30, 30, 0]) > 0).all()


def test_the_same_seed_gives_the_same_picture() -> None:
    rng = np.random.default_rng(3)
    picture, hole = rng.uniform(size=(40, 40, 3)), square_hole((40, 40), 12, 26)
    assert np.array_equal(synthesized(picture, ~hole, hole), synthesized(picture, ~hole, hole))
