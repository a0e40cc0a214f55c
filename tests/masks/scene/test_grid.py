"""What one view sees of the surface."""

from __future__ import annotations

import numpy as np
import pytest

from saga.masks.scene.grid import _step, view_grid
from saga.raster import BlendOperator, Geometry

from .conftest import TABLE, THICKNESS, make_grids, make_scene, photograph


def test_the_surface_of_a_table_is_its_top() -> None:
    grid = make_grids(make_scene([TABLE], views=1))[0]
    top = grid.points[grid.seen]
    inside = (np.abs(top[:, :2]) < 1.1).all(1)
    assert inside.sum() > 3000
    assert np.abs(top[inside, 2]).max() < THICKNESS


def test_nothing_is_seen_beside_it() -> None:
    grid = make_grids(make_scene([TABLE], views=1))[0]
    assert not grid.seen[0].any() and (grid.depth[0] == 0).all()
    assert abs(grid.depth[60, 80] - 3.0) < THICKNESS / np.sin(np.radians(40)) + 0.01


def test_samples_know_their_pixels() -> None:
    scene = make_scene([TABLE], views=1)
    operator = BlendOperator(Geometry.from_gaussians(scene.gaussians), scene.cameras[0])
    image = photograph(scene, scene.cameras[0])
    grid = view_grid(operator, image, 40)
    assert grid.step == 4
    assert grid.depth.shape == (30, 40)
    np.testing.assert_array_equal(grid.color, image[2::4, 2::4])
    down, across = grid.nearest_sample(120, 160)
    np.testing.assert_array_equal(down[:8, 0], [0, 0, 0, 0, 1, 1, 1, 1])
    np.testing.assert_array_equal(across[0, -4:], [39] * 4)


def test_a_jump_in_depth_is_no_surface() -> None:
    grid = make_grids(make_scene([TABLE], views=1))[0]
    grid.depth[40:60, 70:90] = 2.0
    steady = grid.steady(0.06)
    assert not steady[40, 70:90].any()
    assert steady[50, 80]
    assert not steady[~grid.seen].any()


@pytest.mark.parametrize(
    ("length", "step"),
    [(100, 1), (320, 1), (452, 1), (453, 2), (640, 2), (783, 2), (784, 3), (800, 3), (1280, 4), (6000, 19)],
)
def test_the_step_gives_about_as_many_samples_as_asked_for(length: int, step: int) -> None:
    assert _step(length, 320) == step
