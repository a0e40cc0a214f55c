"""The coordinate grid over a view's picture."""

from __future__ import annotations

import numpy as np
import pytest

from saga.export.grid import draw_grid


@pytest.mark.parametrize(("width", "height", "step"), [(800, 600, 100), (160, 120, 20), (4000, 3000, 500)])
def test_lines_are_at_round_coordinates_and_nowhere_else(width: int, height: int, step: int) -> None:
    picture = np.full((height, width, 3), 90, np.uint8)
    drawn = draw_grid(picture)
    assert drawn.shape == picture.shape and drawn.dtype == np.uint8
    row = drawn[height // 2 + step // 2 + 7, step // 2 :, 0].astype(int)  # away from labels and horizontal lines
    lines = np.flatnonzero(row > 110) + step // 2
    assert lines.tolist() == list(range(step, width, step))
    assert np.array_equal(drawn[step // 2 + 12, step + step // 2], picture[0, 0])


def test_a_picture_smaller_than_a_step_keeps_its_pixels() -> None:
    picture = np.zeros((6, 8, 3), np.uint8)
    assert np.array_equal(draw_grid(picture), picture)
