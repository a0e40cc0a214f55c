"""Which planes things stand on."""

from __future__ import annotations

import numpy as np

from saga.masks.scene.config import SceneMaskConfig
from saga.masks.scene.supports import find_supports
from saga.masks.scene.surface import Surface

from .conftest import FIRST, SECOND, TABLE, Box, make_surface


def _supports(surface: Surface) -> list[np.ndarray]:
    found = find_supports(surface, SceneMaskConfig(), np.random.default_rng(0))
    return [support.plane.normal for support in found]


def test_a_table_with_boxes_is_a_support(table_surface: Surface) -> None:
    (normal,) = _supports(table_surface)
    assert normal[2] > 0.999


def test_an_empty_table_carries_nothing() -> None:
    assert _supports(make_surface([TABLE])) == []


def test_a_facade_is_no_support() -> None:
    # As much behind the wall as in front of it: windows and sills.
    wall = [Box((x, y, -0.02), (0.4, 0.4, 0.04)) for x in (-0.9, -0.3, 0.3, 0.9) for y in (-0.9, -0.3, 0.3, 0.9)]
    sills = [Box((x, y, 0.1), (0.2, 0.2, 0.2)) for x in (-0.9, 0.3) for y in (-0.9, 0.3)]
    behind = [Box((0, 0, -0.3), (2.4, 2.4, 0.02))]
    assert _supports(make_surface([*wall, *sills, *behind], elevation=70.0)) == []


def test_the_footprint_is_the_table(table_surface: Surface) -> None:
    (support,) = find_supports(table_surface, SceneMaskConfig(), np.random.default_rng(0))
    assert 2.2 < support.extent < 2.6
    over = np.abs(table_surface.points[:, :2] - np.array(FIRST.center[:2])).max(1) < 0.1
    assert support.inside[over].all()  # holes under what stands there are filled
    assert support.heights[over].max() > SECOND.sides[2]
