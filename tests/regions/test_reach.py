"""A selection is completed up to the borders that views confirm."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from saga.regions import RegionConfig, SceneRegions
from saga.regions.reach import reachable

CELLS = SceneRegions(
    scene_digest="",
    config=RegionConfig(),
    cells=np.array([0, 1, 2, 3, 4, -1], np.int32),
    shares=np.full(5, 0.1, np.float32),
    members=np.eye(5, dtype=bool),
    own=np.zeros(5, bool),
    borders=np.array([[0, 0, 1, 2], [1, 2, 2, 3]], np.int32),
    lengths=np.array([1.0, 1.0, 8.0, 1.0], np.float32),
    closed=np.array([0.2, 0.9, 0.1, 0.9], np.float32),
    boxes=np.tile(np.float32([[[0, 0, 0], [1, 1, 1]]]), (5, 1, 1)),
)
"""Five cells with a Gaussian each, and one of none: 0 and 2 meet at a closed border, 1 and 2 at a long open one."""


def held(*cells: int) -> np.ndarray:  # [5]
    return np.isin(np.arange(5), cells)


def test_what_lies_behind_a_closed_border_may_not_join_and_all_else_may() -> None:
    assert reachable(CELLS, held(0)).tolist() == [True, True, False, True, True, True]
    assert reachable(CELLS, held(2)).tolist() == [False, True, True, False, True, True]


def test_the_whole_border_with_what_is_selected_counts() -> None:
    """0 and 1 together meet 2 at a border that is open for 8 of its 9 units."""
    assert reachable(CELLS, held(0, 1))[2]
    assert not reachable(replace(CELLS, closed=np.array([0.2, 0.9, 0.8, 0.9], np.float32)), held(0, 1))[2]
