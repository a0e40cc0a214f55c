"""Shelves: a wall, boards and sides before it, and what stands on the boards."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest

from saga.masks.scene.config import SceneMaskConfig
from saga.masks.scene.grid import ViewGrid
from saga.masks.scene.labels import Kind
from saga.masks.scene.patches import Support
from saga.masks.scene.structure import find_structure
from saga.masks.scene.supports import find_supports
from saga.masks.scene.surface import Surface, fuse
from saga.scene import Camera

from .conftest import BLUE, GREY, RED, Box, make_scene, on_box

WALL = Box((-0.35, 0, 0), (0.04, 2.4, 1.7), (0.45, 0.45, 0.4))
BOARDS = [Box((0, 0, z), (0.66, 2.4, 0.05), GREY) for z in (-0.82, 0.0, 0.82)]
SIDES = [Box((0, y, 0), (0.66, 0.05, 1.7), GREY) for y in (-1.2, 1.2)]
THINGS = [
    Box((-0.05, -0.7, -0.595), (0.3, 0.4, 0.4), RED),
    Box((-0.05, 0.3, -0.595), (0.35, 0.3, 0.4), BLUE),
    Box((-0.05, -0.3, 0.225), (0.3, 0.5, 0.4), BLUE),
    Box((-0.05, 0.7, 0.225), (0.3, 0.3, 0.4), RED),
]


@cache
def _surface(*boxes: Box) -> Surface:
    """Boxes before cameras in an arc, by where the rays of the pixels enter them, which is quicker than rendering."""
    poses = make_scene([Box((0, 0, 0), (0.1, 0.1, 0.1))], views=16, elevation=14.0, arc=130.0).cameras
    surface = fuse([_grid(camera, boxes) for camera in poses], SceneMaskConfig())
    assert surface is not None
    return surface


def _grid(camera: Camera, boxes: Sequence[Box]) -> ViewGrid:
    """What a camera sees of boxes at every pixel."""
    ones = np.ones((camera.height, camera.width), np.float32)
    far = ViewGrid(camera, 1, ones, np.zeros((*ones.shape, 3), np.uint8))
    rays = far.points.astype(np.float64) - camera.position + 1e-9  # up to a depth of 1
    entered, color = np.full(ones.shape, np.inf), np.zeros_like(far.color)
    for box in boxes:
        center, half = np.array(box.center), np.array(box.sides) / 2
        planes = np.stack([(center - half - camera.position) / rays, (center + half - camera.position) / rays])
        enters, leaves = planes.min(0).max(-1), planes.max(0).min(-1)
        first = (enters < leaves) & (enters > 0) & (enters < entered)
        entered[first], color[first] = enters[first], np.round(255 * np.array(box.color))
    return ViewGrid(camera, 1, np.where(np.isfinite(entered), entered, 0).astype(np.float32), color)


def _supports(surface: Surface) -> list[Support]:
    return find_supports(surface, SceneMaskConfig(), np.random.default_rng(0))


def test_boards_and_sides_of_a_shelf_are_found_and_things_stand_on_boards_alone() -> None:
    supports = _supports(_surface(WALL, *BOARDS, *SIDES, *THINGS))
    carrying = sorted(round(float(each.plane.center[2]), 1) for each in supports if each.carries)
    assert carrying[:2] == [-0.8, 0.0]
    assert all(each.plane.normal[2] > 0.99 for each in supports if each.carries)
    across = [each for each in supports if abs(each.plane.normal[1]) > 0.99]
    assert len(across) == 2 and not any(each.carries for each in across)
    wall = supports[-1]
    assert wall.plane.normal[0] > 0.99 and not wall.carries


def test_each_thing_in_a_shelf_is_an_object() -> None:
    surface = _surface(WALL, *BOARDS, *SIDES, *THINGS)
    structure = find_structure(surface, SceneMaskConfig())
    labels = structure.labels
    assert {labels.label_of_support(labels.supports[label]) for label in labels.of(Kind.OBJECT)} <= set(labels.boards)
    assert len(labels.of(Kind.OBJECT)) == len(THINGS)
    found = []
    for thing in THINGS:
        names, counts = np.unique(labels.of_voxel[on_box(surface, thing)], return_counts=True)
        assert counts.max() > 0.9 * counts.sum()
        assert labels.kinds[names[counts.argmax()]] is Kind.OBJECT
        found.append(names[counts.argmax()])
    assert len(set(found)) == len(THINGS)
    for board in BOARDS[:2]:  # no view sees the upper one from above
        on_top = np.abs(surface.points[:, 2] - board.center[2] - 0.025) < 0.01
        own = on_top & (np.abs(surface.points[:, 0]) < 0.3) & (np.abs(surface.points[:, 1]) < 1.1)
        own &= ~np.any([on_box(surface, thing, 0.05) for thing in THINGS], axis=0)
        assert labels.are(Kind.OBJECT)[labels.of_voxel[own & (labels.of_voxel >= 0)]].mean() < 0.1


@pytest.mark.parametrize("height", [0.4, 0.6])
def test_things_as_high_as_each_other_before_a_wall_make_no_boards(height: float) -> None:
    """Their tops and sides are planes at right angles to the wall, but end before it does."""
    things = [Box((-0.05, y, z), (0.5, 0.5, height), RED) for y in (-0.75, 0.0, 0.75) for z in (-0.42, 0.42)]
    assert not any(abs(each.plane.normal[2]) > 0.9 for each in _supports(_surface(WALL, *things)))
