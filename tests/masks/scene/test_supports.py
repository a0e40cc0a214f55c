"""Which planes things stand on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from saga.masks.scene.config import SceneMaskConfig
from saga.masks.scene.heights import ground
from saga.masks.scene.supports import find_supports
from saga.masks.scene.surface import Surface

from .conftest import FIRST, GREY, PICTURE, RED, SECOND, TABLE, WALL, Box, make_surface


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


def test_a_table_over_a_floor_is_a_support_as_well_as_the_floor() -> None:
    """The floor is seen under the table's edges, and is no recess of the table."""
    floor = Box((0, 0, -0.92), (2.4, 2.4, 0.04), RED)
    surface = make_surface([TABLE, floor, FIRST, SECOND], views=12, elevation=20.0)
    found = find_supports(surface, SceneMaskConfig(), np.random.default_rng(0))
    assert [round(float(each.plane.center[2]), 1) for each in found] == [0.0, -0.9]


def test_a_floor_before_a_wall_is_a_support_as_well_as_the_wall() -> None:
    normals = np.stack(_supports(make_surface([TABLE, WALL, FIRST, SECOND, PICTURE], elevation=25.0, arc=140.0)))
    assert np.abs(normals).max(0)[[0, 2]].min() > 0.999
    assert len(normals) == 2


@pytest.mark.parametrize("thickness", [0.04, 0.3])
def test_the_front_of_a_large_thing_is_no_wall(thickness: float) -> None:
    """A cupboard has matter behind its front, and behind a screen the floor goes on."""
    thing = Box((-0.4, 0, 0.7), (thickness, 1.2, 1.4))
    (normal,) = _supports(make_surface([TABLE, thing, SECOND], elevation=25.0, arc=140.0))
    assert normal[2] > 0.999


class _Lawn(Box):
    """A box whose faces rise and fall along x."""

    def surfels(self) -> tuple[np.ndarray, np.ndarray]:
        points, scales = super().surfels()
        points[:, 2] += 0.06 * np.cos(1.5 * points[:, 0])
        return points, scales


def test_a_lawn_is_a_support_as_far_as_it_goes_and_what_stands_on_it_is_not_part_of_it() -> None:
    lawn = _Lawn(TABLE.center, TABLE.sides, GREY)
    surface = make_surface([lawn, replace(FIRST, center=(-0.4, 0, 0.2)), replace(SECOND, center=(0.45, 0.1, 0.14))])
    (support,) = find_supports(surface, SceneMaskConfig(), np.random.default_rng(0))
    color = np.abs(surface.lab[:, 1:]).max(1)
    grass = (color < 5) & (np.abs(surface.points[:, :2]).max(1) < 1.1)
    things = (color > 30) & (surface.points[:, 2] > 0.2)
    assert (support.inside & support.on_plane)[grass].mean() > 0.95
    assert not support.on_plane[things].any() and support.inside[things].mean() > 0.95


def test_the_footprint_is_the_table(table_surface: Surface) -> None:
    (support,) = find_supports(table_surface, SceneMaskConfig(), np.random.default_rng(0))
    assert 2.2 < support.extent < 2.6
    over = np.abs(table_surface.points[:, :2] - np.array(FIRST.center[:2])).max(1) < 0.1
    assert support.inside[over].all()  # holes under what stands there are filled
    assert support.heights[over].max() > SECOND.sides[2]


def test_what_is_too_high_to_stand_on_a_support_does_not_lie_on_it(table_surface: Surface) -> None:
    """Of a support no larger than the box over it, the box's top is neither: a picture hangs over the floor."""
    (support,) = find_supports(table_surface, SceneMaskConfig(), np.random.default_rng(0))
    top = (np.abs(table_surface.points - np.array([*FIRST.center[:2], 0.3])) < (0.1, 0.1, 0.02)).all(1)
    under = np.zeros_like(support.footprint)
    under[tuple(support.cells[top].T)] = True
    small = ground(table_surface, replace(support, footprint=under), SceneMaskConfig())
    assert small.support.tallest < 0.28
    assert not small.above[top].any()
    assert not small.lying[top].any()
