"""Points from scribbles."""

from __future__ import annotations

import numpy as np

from saga.methods.scribbles import skeleton_points


def bar() -> np.ndarray:
    mask = np.zeros((60, 100), bool)
    mask[20:41, 10:91] = True
    return mask


def test_points_of_a_scribble_lie_on_its_skeleton() -> None:
    points = skeleton_points(bar(), 0.1, np.random.default_rng(0))
    assert 3 <= len(points) <= 10
    assert all(abs(y - 30) <= 11 and bar()[y, x] for x, y in points)
    assert len(skeleton_points(bar(), 1e-6, np.random.default_rng(0))) == 1
    assert skeleton_points(np.zeros((5, 5), bool), 0.1, np.random.default_rng(0)) == []
