"""Orders of views, depth and points of the world."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from saga.errors import SagaError
from saga.methods.fusion import lifted, mask_iou, probability
from saga.methods.points import seen_points, unproject, world_points
from saga.methods.view_order import choose_views
from saga.raster.device_scene import DeviceScene
from saga.scene import Camera, Gaussians, Scene


def wall(z: float = 4.0, extra: tuple[tuple[float, float, float], ...] = ()) -> Scene:
    """An opaque wall at a depth in front of two parallel cameras, and single opaque Gaussians."""
    side = np.linspace(-3, 3, 61)
    means = np.stack([*np.meshgrid(side, side, indexing="ij"), np.full((61, 61), z)], -1).reshape(-1, 3)
    means = np.concatenate([means, np.asarray(extra, float).reshape(-1, 3)]).astype(np.float32)
    n = len(means)
    gaussians = Gaussians.from_arrays(
        means=means,
        scales=np.full((n, 3), 0.1, np.float32),
        quaternions=np.tile(np.array([1, 0, 0, 0], np.float32), (n, 1)),
        opacities=np.full(n, 0.99, np.float32),
        sh=np.zeros((n, 1, 3), np.float32),
    )
    moved = np.eye(4)
    moved[0, 3] = -0.5
    cameras = [Camera(name, 64, 48, 40, 40, 32, 24, pose) for name, pose in (("a", np.eye(4)), ("b", moved))]
    return Scene(gaussians, cameras)


def test_depth_is_where_the_surface_is_and_infinite_where_there_is_none() -> None:
    views = DeviceScene(wall())
    assert torch.allclose(views.depth("a")[24, 32], torch.tensor(4.0), atol=0.05)
    empty = DeviceScene(
        Scene(wall().gaussians, [replace(wall().cameras[0], world_to_camera=np.diag([-1.0, 1, -1, 1]))])
    )
    assert torch.isinf(empty.depth("a")).all()


def test_points_go_to_the_world_and_back() -> None:
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


def test_hidden_outside_and_missing_points_are_not_seen() -> None:
    views = DeviceScene(wall(extra=((0.0, 0.0, 2.0),)))
    behind = torch.tensor([[0.0, 0, 4], [0, 0, 2], [0, 0, -2], [50, 0, 4], [torch.nan, 0, 0]], dtype=torch.float64)
    pixels, seen = seen_points(views, "a", behind)
    assert seen.tolist() == [False, True, False, False, False]
    assert (pixels >= 0).all()


def test_pixels_unproject_to_their_centers() -> None:
    camera = wall().cameras[1]
    points = unproject(camera, torch.tensor([[3, 5]]), torch.tensor([2.0]))
    pixel, depth = camera.project(points.numpy())
    assert np.allclose(pixel, [[3.5, 5.5]]) and np.allclose(depth, 2)


def ring(count: int) -> list[Camera]:
    cameras = []
    for k in range(count):
        angle = 2 * np.pi * k / count
        turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
        pose = np.eye(4)
        pose[:3, :3] = turn.T
        pose[:3, 3] = (0, 0, 3)
        cameras.append(Camera(f"{k:02d}", 8, 8, 8, 8, 4, 4, pose))
    return cameras


def test_orders_and_counts_of_views() -> None:
    cameras = ring(12)
    names = [camera.name for camera in choose_views(cameras, cameras[3], order="file")]
    assert names == [f"{k % 12:02d}" for k in range(4, 15)]
    near = [camera.name for camera in choose_views(cameras, cameras[3])]
    assert set(near[:2]) == {"02", "04"} and near[-1] == "09"
    assert choose_views(cameras, cameras[3], order="farthest")[0].name == "09"
    assert len(choose_views(cameras, cameras[3], count=4)) == 4
    assert len(choose_views(cameras, cameras[3], count=99)) == 11
    assert choose_views(cameras[:1], cameras[0]) == []
    with pytest.raises(SagaError, match="0 \\(all\\) or more"):
        choose_views(cameras, cameras[0], count=-1)
    with pytest.raises(SagaError, match="order"):
        choose_views(cameras, cameras[0], order="random")  # type: ignore[arg-type]


def test_probabilities_of_ones_are_one_where_something_is_shown(tiny_views: DeviceScene) -> None:
    operator = tiny_views.operator("000.png")
    ones = torch.ones(len(tiny_views.geometry), 2)
    shown = probability(operator, ones)
    covered = tiny_views.alpha("000.png") > 1e-3
    assert torch.allclose(shown[covered], torch.ones(int(covered.sum()), 2))
    assert torch.isfinite(shown).all()


def test_lifted_masks_share_the_whole_weight(tiny_views: DeviceScene) -> None:
    operator = tiny_views.operator("000.png")
    left = torch.zeros(120, 160, dtype=torch.bool)
    left[:, :80] = True
    inside, total = lifted(operator, torch.stack([left, ~left]))
    assert torch.allclose(inside.sum(1), total, rtol=1e-4, atol=1e-4)
    assert lifted(operator, left[None][:0])[0].shape == (len(tiny_views.geometry), 0)


def test_overlaps_of_masks() -> None:
    a, b = torch.zeros(2, 4, 4, dtype=torch.bool)
    assert float(mask_iou(a, b)) == 0
    a[:2], b[1:3] = True, True
    assert float(mask_iou(a, b)) == pytest.approx(1 / 3)
    assert mask_iou(a[None, None], torch.stack([a, b])[None]).tolist() == [[1.0, pytest.approx(1 / 3)]]
