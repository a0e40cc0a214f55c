"""Pixels to points of the world and back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from saga.methods.points import seen_points, unproject, world_points
from saga.raster import DeviceScene
from saga.scene import Scene


def test_points_go_to_the_world_and_back(wall: Callable[..., Scene]) -> None:
    views = DeviceScene(wall())
    pixels = torch.tensor([[32, 24], [10, 40], [50, 3]])
    points = world_points(views, "b", pixels)
    assert torch.allclose(points[:, 2], torch.full((3,), 4.0, dtype=torch.float64), atol=0.05)
    back, seen = seen_points(views, "b", points)
    assert torch.equal(back, pixels) and bool(seen.all())
    found, _ = views.scene.camera("a").project(points.numpy())
    shown, seen = seen_points(views, "a", points)
    inside = (found >= 0).all(1) & (found < (64, 48)).all(1)
    assert seen.tolist() == inside.tolist()
    assert np.array_equal(shown.numpy()[inside], np.floor(found[inside]).astype(int))


def test_hidden_outside_and_missing_points_are_not_seen(wall: Callable[..., Scene]) -> None:
    views = DeviceScene(wall(extra=((0.0, 0.0, 2.0),)))
    behind = torch.tensor([[0.0, 0, 4], [0, 0, 2], [0, 0, -2], [50, 0, 4], [torch.nan, 0, 0]], dtype=torch.float64)
    pixels, seen = seen_points(views, "a", behind)
    assert seen.tolist() == [False, True, False, False, False]
    assert (pixels >= 0).all()


def test_pixels_unproject_to_their_centers(wall: Callable[..., Scene]) -> None:
    camera = wall().cameras[1]
    points = unproject(camera, torch.tensor([[3, 5]]), torch.tensor([2.0]))
    pixel, depth = camera.project(points.numpy())
    assert np.allclose(pixel, [[3.5, 5.5]]) and np.allclose(depth, 2)
