"""What the cameras turn around."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from saga.masks.scene.config import SceneMaskConfig
from saga.masks.scene.focus import around_focus
from saga.masks.scene.supports import find_supports
from saga.masks.scene.surface import Surface
from saga.scene.orbit import look_at

from .conftest import GREY, RED, Box, make_surface

FOCUS = np.array([5.0, -2.0, 1.0])
POINTS = FOCUS + np.array([[0, 0, 0], [1.7, 0, 0], [0, 0, -1.7], [1.9, 0, 0], [0, -4, 0]])


def _seen(eyes: np.ndarray, targets: np.ndarray) -> Any:
    """A surface of a few points, and cameras that look from somewhere to somewhere."""
    poses = [look_at(eye, target, np.array([0.0, 0.0, 1.0])) for eye, target in zip(eyes, targets, strict=True)]
    grids = [SimpleNamespace(camera=SimpleNamespace(world_to_camera=pose)) for pose in poses]
    return SimpleNamespace(grids=grids, centers=eyes, points=POINTS)


def _ring(degrees: float, distance: float = 3.0) -> np.ndarray:  # [9, 3]
    angles = np.radians(np.linspace(0, degrees, 9))
    return FOCUS + distance * np.stack([np.cos(angles), np.sin(angles), np.full(9, 0.3)], axis=1)


@pytest.mark.parametrize("degrees", [120.0, 320.0])
def test_what_lies_around_the_point_that_cameras_look_at(degrees: float) -> None:
    """Within 0.6 of their distance of about 3.1, be they all around or on one side."""
    eyes = _ring(degrees)
    near = around_focus(_seen(eyes, np.broadcast_to(FOCUS, eyes.shape)))
    assert near is not None and near.tolist() == [True, True, True, False, False]


def test_cameras_that_look_the_same_way_turn_around_nothing() -> None:
    eyes = _ring(20.0)
    assert around_focus(_seen(eyes, np.broadcast_to(FOCUS, eyes.shape))) is None


def test_cameras_that_look_outwards_turn_around_nothing() -> None:
    eyes = _ring(320.0)
    assert around_focus(_seen(eyes, 2 * eyes - FOCUS)) is None


class _Rough(Box):
    """A box whose faces have bumps of random heights, as wide as a few samples."""

    def surfels(self) -> tuple[np.ndarray, np.ndarray]:
        points, scales = super().surfels()
        bumps = np.random.default_rng(0).uniform(-0.07, 0.07, (20, 20))
        cell = np.clip(((points[:, :2] + 0.6) / 0.06).astype(int), 0, 19)
        points[:, 2] += bumps[tuple(cell.T)]
        return points, scales


def _stool(top: Box, elevation: float = 40.0) -> Surface:
    """A box on a stool over a heap, of which no plane holds much."""
    rng = np.random.default_rng(0)
    places = [(x, y) for x in np.linspace(-2.2, 2.2, 8) for y in np.linspace(-2.2, 2.2, 8)]
    heap = [Box((x, y, rng.uniform(-2.2, -0.7)), (0.4, 0.4, 0.1), GREY) for x, y in places]
    return make_surface([top, Box((0.05, 0, 0.17), (0.35, 0.3, 0.34), RED), *heap], elevation=elevation)


@pytest.mark.parametrize(("kind", "rounds"), [(Box, 1), (_Rough, 2)])
def test_a_stool_in_a_large_room_is_a_support(kind: type[Box], rounds: int) -> None:
    """It holds too little of what the views see, but most of what the cameras turn around, even if it is rough."""
    surface = _stool(kind((0, 0, -0.02), (0.8, 0.8, 0.04), GREY))
    said: list[str] = []
    (support,) = find_supports(surface, SceneMaskConfig(), np.random.default_rng(0), said.append)
    assert sum(line.startswith("around what") for line in said) == rounds
    assert support.plane.normal[2] > 0.98 and abs(support.plane.center[2]) < 0.05
    assert support.extent < 1.0
    box = (np.abs(surface.points[:, :2] - (0.05, 0)) < (0.2, 0.17)).all(1) & (surface.points[:, 2] > 0.2)
    assert (support.inside & (support.heights > 0.1))[box].all()
