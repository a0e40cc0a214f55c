"""A row of things on the board of a shelf becomes its things; a single thing stays what it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from saga.regions import RegionConfig, SceneRegions
from saga.regions.rows import parted

BOARD, BOOKS, BESIDE = 0, (1, 2, 3), 4
"""Cells; each book borders on the board and on the next one, the last one on what stands beside."""
PAIRS = [(1, 2), (2, 3), (3, 4), (1, 0), (2, 0), (3, 0)]


def shelf(between: float = 0.9, board: float = 0.8) -> SceneRegions:
    """A board and a row of the scene's own, and each book; `between` is how closed borders between books are."""
    sets = [{BOARD}, set(BOOKS), *({book} for book in BOOKS), {1, 2}]
    return SceneRegions(
        scene_digest="",
        config=RegionConfig(),
        cells=np.arange(5, dtype=np.int32),
        shares=np.full(5, 0.1, np.float32),
        members=np.array([[cell in each for cell in range(5)] for each in sets]),
        own=np.arange(len(sets)) < 2,
        borders=np.array(PAIRS, np.int32).T,
        lengths=np.ones(len(PAIRS), np.float32),
        closed=np.array([between, between, 0.8, board, board, board], np.float32),
        boxes=np.tile(np.float32([[[0, 0, 0], [1, 1, 1]]]), (5, 1, 1)),
    )


def own(regions: SceneRegions, under: int = 0) -> list[list[int]]:
    """Cells of the regions of the scene's own, after rows on a board are parted."""
    found = parted(regions, np.array([-1, under]))
    return [np.flatnonzero(member).tolist() for member in found.members[found.own]]


def test_a_row_becomes_the_things_that_it_consists_of() -> None:
    assert own(shelf()) == [[BOARD], *([book] for book in BOOKS)]


def test_no_row_is_looked_for_where_there_is_no_shelf() -> None:
    assert own(shelf(), under=-1) == [[BOARD], list(BOOKS)]


def test_pieces_of_one_thing_with_open_places_between_stay_together() -> None:
    assert own(shelf(between=0.2)) == [[BOARD], list(BOOKS)]


def test_what_does_not_reach_down_to_the_board_is_a_part_of_what_does() -> None:
    """As leaves over a pot: of the three, one alone stands on the board."""
    regions = shelf()
    hanging = np.isin(regions.borders, (2, 3)).any(0) & np.isin(regions.borders, BOARD).any(0)
    lengths = np.where(hanging, 1e-6, regions.lengths).astype(np.float32)
    assert own(replace(regions, lengths=lengths)) == [[BOARD], list(BOOKS)]


@pytest.mark.parametrize("kept", [[0, 1, 2], [0, 1, 2, 3]])
def test_things_that_do_not_fill_a_row_do_not_replace_it(kept: list[int]) -> None:
    regions = shelf()
    assert own(replace(regions, members=regions.members[kept], own=regions.own[kept])) == [[BOARD], list(BOOKS)]
