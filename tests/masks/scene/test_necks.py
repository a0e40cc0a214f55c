"""Neighbors that touch."""

from __future__ import annotations

import numpy as np

from saga.masks.scene.config import SceneMaskConfig
from saga.masks.scene.necks import wide_parts
from saga.masks.scene.structure import find_structure

from .conftest import BLUE, RED, TABLE, Box, make_surface, on_box


def _disks(gap: float) -> np.ndarray:
    """Two disks of radius 12 whose centers lie some cells apart."""
    y, x = np.mgrid[:40, :80]
    return ((x - 20) ** 2 + (y - 20) ** 2 <= 144) | ((x - 20 - gap) ** 2 + (y - 20) ** 2 <= 144)


def test_two_disks_that_touch_are_two_wide_parts() -> None:
    parts = wide_parts(_disks(23), 0.5)
    assert set(np.unique(parts)) == {0, 1, 2}
    assert (parts[:, :30][_disks(23)[:, :30]] == parts[20, 20]).all()
    assert parts[20, 43] != parts[20, 20]


def test_two_disks_that_overlap_widely_are_one() -> None:
    assert wide_parts(_disks(12), 0.5).max() == 1


def test_a_handle_is_no_part_of_its_own() -> None:
    y, x = np.mgrid[:40, :80]
    pan = ((x - 20) ** 2 + (y - 20) ** 2 <= 225) | ((abs(y - 20) <= 2) & (x >= 20) & (x < 70))
    assert wide_parts(pan, 0.5).max() == 1


def test_what_is_thin_all_over_has_no_necks() -> None:
    """Seen from above, a bicycle is a line with a saddle and a handlebar."""
    y, x = np.mgrid[:40, :80]
    frame = (y == 20) & (x >= 8) & (x < 72)
    saddle = ((x - 25) / 6) ** 2 + ((y - 20) / 4) ** 2 <= 1
    handlebar = (abs(x - 60) <= 1) & (abs(y - 20) <= 12)
    assert wide_parts(frame | saddle | handlebar, 0.5).max() == 1


def _touching(color: tuple[float, float, float]) -> str:
    first, second = Box((-0.2, 0, 0.1), (0.4, 0.4, 0.2), BLUE), Box((0.2, 0.36, 0.1), (0.4, 0.4, 0.2), color)
    return find_structure(make_surface([TABLE, first, second]), SceneMaskConfig()).description


def test_boxes_of_different_colors_that_touch_at_a_corner_are_two() -> None:
    assert _touching(RED) == "2 objects on 1 support"


def test_without_an_edge_between_they_are_one() -> None:
    assert _touching(BLUE) == "1 object on 1 support"


def test_the_lower_of_two_books_keeps_its_ledge() -> None:
    lower, upper = Box((0, 0, 0.05), (0.8, 0.6, 0.1), BLUE), Box((0, 0.08, 0.15), (0.7, 0.44, 0.1), RED)
    surface = make_surface([TABLE, lower, upper])
    structure = find_structure(surface, SceneMaskConfig())
    assert structure.description == "2 objects on 1 support"
    labels = [np.bincount(structure.labels.of_voxel[on_box(surface, box, 0.01)] + 1) for box in (lower, upper)]
    assert labels[0].argmax() != labels[1].argmax()
    assert min(counts.max() / counts.sum() for counts in labels) > 0.9
