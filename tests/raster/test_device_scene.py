"""A scene on a device: what its views show."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import saga
from saga.raster import DeviceScene
from saga.scene import Gaussians, Scene


def test_depth_is_where_the_surface_is_and_infinite_where_there_is_none(wall: Callable[..., Scene]) -> None:
    views = DeviceScene(wall())
    assert torch.allclose(views.depth("a")[24, 32], torch.tensor(4.0), atol=0.05)
    empty = DeviceScene(
        Scene(wall().gaussians, [replace(wall().cameras[0], world_to_camera=np.diag([-1.0, 1, -1, 1]))])
    )
    assert torch.isinf(empty.depth("a")).all()


def test_depth_is_that_of_a_surface_that_one_can_see_through_too(wall: Callable[..., Scene]) -> None:
    opaque = wall()
    count = len(opaque.gaussians)
    gaussians = Gaussians.from_arrays(
        opaque.gaussians.means,
        opaque.gaussians.scales,
        opaque.gaussians.quaternions,
        np.full(count, 0.2, np.float32),
        np.zeros((count, 1, 3), np.float32),
    )
    views = DeviceScene(Scene(gaussians, opaque.cameras), "cpu")
    alpha, depth = views.alpha("a"), views.depth("a")
    shown = alpha >= 0.5
    assert int((shown & (alpha < 0.9)).sum()) > 0
    torch.testing.assert_close(depth[shown], torch.full_like(depth[shown], 4.0))


def test_the_surface_of_a_grid_is_remembered(wall: Callable[..., Scene]) -> None:
    views = DeviceScene(wall())
    found = views.surface("a", 4)
    assert found.depth.shape == (12, 16) and views.surface("a", 4) is found
    assert torch.equal(found.depth, views.surface("a").depth[2::4, 2::4])
    assert torch.allclose(found.depth[6, 8], torch.tensor(4.0), atol=0.02)
    assert torch.allclose(found.alpha, views.alpha("a")[2::4, 2::4], atol=1e-6)


def test_what_is_forgotten_is_made_again(wall: Callable[..., Scene]) -> None:
    views = DeviceScene(wall())
    surface, operator = views.surface("a", 4), views.operator("a")
    views.forget()
    assert views.operator("a") is not operator and torch.equal(views.surface("a", 4).depth, surface.depth)


def test_gaussians_are_held_by_nobody_once_they_are_let_go_of_and_read_again(wall: Callable[..., Scene]) -> None:
    views = DeviceScene(wall(), "cpu")
    before = views.surface("a", 4).depth
    reached, valid = views.bounds.reaching(views.scene.cameras[0]), views.valid.clone()
    held = [weakref.ref(getattr(views.scene.gaussians, name)) for name in ("means", "scales", "quaternions", "valid")]
    views.let_go()
    assert [each() for each in held] == [None] * 4
    assert torch.equal(views.surface("a", 4).depth, before) and torch.equal(views.valid, valid)
    assert torch.equal(views.bounds.reaching(views.scene.cameras[0]), reached)


def test_gaussians_that_are_no_numbers_are_not_valid(wall: Callable[..., Scene]) -> None:
    scene = wall()
    means = scene.gaussians.means.copy()
    means[[3, 7]] = np.nan
    scales, quaternions, opacities = scene.gaussians.scales, scene.gaussians.quaternions, scene.gaussians.opacities
    gaussians = Gaussians.from_arrays(means, scales, quaternions, opacities, np.zeros((len(means), 1, 3), np.float32))
    valid = DeviceScene(Scene(gaussians, scene.cameras), "cpu").valid
    assert torch.nonzero(~valid)[:, 0].tolist() == [3, 7]


def test_nothing_else_puts_a_scene_on_a_device() -> None:
    """Geometry of a scene is made in one place, so that what is remembered of a scene is shared."""
    package = Path(saga.__file__).parent
    makers = [path for path in package.rglob("*.py") if "Geometry.from_gaussians(" in path.read_text(encoding="utf-8")]
    assert [str(path.relative_to(package)) for path in makers] == ["raster/device_scene.py"]


def test_a_scene_on_a_device_stays_there(wall: Callable[..., Scene]) -> None:
    scene = wall()
    placed = DeviceScene.of(scene, "cpu")
    assert placed.scene is scene and DeviceScene.of(placed, "cuda") is placed


def test_a_photograph_is_read_once_and_cannot_be_changed(tiny_scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    smaller = replace(tiny_scene, cameras=[camera.resized(48, 36) for camera in tiny_scene.cameras])
    placed, read = DeviceScene(smaller, "cpu"), []
    whole = Scene.image
    monkeypatch.setattr(Scene, "image", lambda self, camera: read.append(camera.name) or whole(self, camera))
    first, second = (camera.name for camera in tiny_scene.cameras[:2])
    pictures = [placed.picture(name) for name in (first, second, first)]
    assert read == [first, second] and pictures[0] is pictures[2]
    np.testing.assert_array_equal(pictures[1], smaller.image(smaller.cameras[1]))
    with pytest.raises(ValueError, match="read-only"):
        pictures[0][0, 0] = 0
