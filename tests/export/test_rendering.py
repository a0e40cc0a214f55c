"""Masks and pictures rendered from Gaussians."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from saga.demo import DemoScene
from saga.export import render_color, render_labels, render_masks
from saga.raster import BlendOperator, DeviceScene
from saga.raster.surroundings import Surroundings
from saga.scene import Camera, Gaussians, LensModel, Scene


@pytest.fixture(scope="module")
def placed(tiny_scene: Scene) -> DeviceScene:
    return DeviceScene(tiny_scene, "cpu")


def member_of(demo: DemoScene, name: str) -> torch.Tensor:
    return torch.from_numpy(demo.labels == demo.names[name])


def full_masks(placed: DeviceScene, cameras: list[Camera], member: torch.Tensor) -> list[np.ndarray]:
    """Masks by definition, from the whole scene."""
    masks = []
    for camera in cameras:
        operator = BlendOperator(placed.geometry, camera)
        inside, alpha = operator.render(member[:, None].float())[..., 0], operator.alpha()
        masks.append(((inside / alpha.clamp_min(1e-6) > 0.5) & (alpha > 0.5)).numpy())
    return masks


@pytest.mark.parametrize("name", ["mug", "table", "plant", "die"])
def test_masks_are_those_of_the_whole_scene(
    tiny_demo: DemoScene, tiny_scene: Scene, placed: DeviceScene, name: str
) -> None:
    member = member_of(tiny_demo, name)
    expected = full_masks(placed, tiny_scene.cameras, member)
    assert np.sum(expected) > 50
    assert np.array_equal(list(render_masks(placed, tiny_scene.cameras, member)), expected)


def test_masks_are_right_for_scattered_members_inside_and_behind_the_camera(
    tiny_scene: Scene, placed: DeviceScene
) -> None:
    member = torch.rand(len(placed.geometry), generator=torch.Generator().manual_seed(0)) < 0.02
    near = tiny_scene.cameras[0]
    pose = near.world_to_camera.copy()
    pose[2, 3] -= 1.6  # into the middle of the table
    inside = Camera("in.png", 100, 60, 40.0, 40.0, 50.0, 30.0, pose)
    cameras = [inside, near.resized(33, 17)]
    assert np.array_equal(list(render_masks(placed, cameras[:1], member)), full_masks(placed, cameras[:1], member))
    assert np.array_equal(list(render_masks(placed, cameras[1:], member)), full_masks(placed, cameras[1:], member))


def test_surroundings_leave_out_what_is_elsewhere(tiny_demo: DemoScene, tiny_scene: Scene, placed: DeviceScene) -> None:
    member = member_of(tiny_demo, "die")
    around = Surroundings(placed.geometry, member).seen_by(tiny_scene.cameras[0].resized(640, 480))
    assert bool(around[member].all())
    assert 0 < float(around.float().mean()) < 0.3


def test_no_members_give_empty_masks_of_the_right_size(tiny_scene: Scene, placed: DeviceScene) -> None:
    masks = list(render_masks(placed, tiny_scene.cameras, torch.zeros(len(placed.geometry), dtype=torch.bool)))
    assert [mask.shape for mask in masks] == [(120, 160)] * 6
    assert not np.any(masks)


def test_a_view_that_shows_no_member_has_an_empty_mask(tiny_scene: Scene, placed: DeviceScene) -> None:
    away = tiny_scene.cameras[0].world_to_camera.copy()
    away[[0, 2]] *= -1  # turned around
    camera = Camera("away.png", 80, 60, 60.0, 60.0, 40.0, 30.0, away)
    (mask,) = render_masks(placed, [camera], torch.ones(len(placed.geometry), dtype=torch.bool))
    assert mask.shape == (60, 80)
    assert not mask.any()


def test_labels_agree_with_the_masks_where_one_object_has_the_majority(
    tiny_demo: DemoScene, tiny_scene: Scene, placed: DeviceScene
) -> None:
    camera = tiny_scene.cameras[3]
    labels = render_labels(placed, camera, tiny_demo.labels)
    assert labels.dtype == np.int32
    for name in ("mug", "ball", "lamp"):
        (mask,) = render_masks(placed, [camera], member_of(tiny_demo, name))
        assert np.all(labels[mask] == tiny_demo.names[name])


def test_more_labels_than_are_rendered_at_once_give_the_same_winners(
    tiny_demo: DemoScene, tiny_scene: Scene, placed: DeviceScene
) -> None:
    camera = tiny_scene.cameras[2]
    spread = (tiny_demo.labels.astype(np.int64) * 7) % 101 + 1000 * (tiny_demo.labels > 0)
    few, many = render_labels(placed, camera, tiny_demo.labels), render_labels(placed, camera, spread)
    assert np.array_equal(many, (few * 7) % 101 + 1000 * (few > 0))
    each = np.arange(1, len(spread) + 1) % 90
    shares = BlendOperator(placed.geometry, camera).render(torch.nn.functional.one_hot(torch.from_numpy(each)).float())
    clear = (shares.topk(2).values.diff(dim=-1)[..., 0] < -1e-4) & (shares.sum(-1) > 0.51)
    assert bool(clear.any())
    assert np.array_equal(render_labels(placed, camera, each)[clear], shares.argmax(-1)[clear])


def test_color_is_what_a_pixels_gaussians_blend_to(tiny_scene: Scene, placed: DeviceScene) -> None:
    camera, background = tiny_scene.cameras[1], (0.2, 0.4, 0.9)
    image = render_color(placed, camera, background)
    ys, xs = np.mgrid[3:120:13, 5:160:11].reshape(2, -1)
    rows = BlendOperator(placed.geometry, camera).rows(torch.from_numpy(np.stack([xs, ys], axis=1)))
    colors = torch.from_numpy(tiny_scene.gaussians.colors(camera.position))
    alpha = rows.render(torch.ones(len(colors), 1))
    expected = rows.render(colors) + (1 - alpha) * torch.tensor(background)
    assert np.abs(image[ys, xs] / 255 - expected.clamp(0, 1).numpy()).max() < 0.51 / 255
    assert 0.2 < float((alpha > 0.5).float().mean()) < 1, "the object and the background are looked at"


def test_color_shows_the_background_where_nothing_is(tiny_scene: Scene, placed: DeviceScene) -> None:
    picture = render_color(placed, tiny_scene.cameras[0], (1.0, 0.0, 0.5))
    assert picture.dtype == np.uint8
    assert picture.shape == (120, 160, 3)
    assert picture[0, 0].tolist() == [255, 0, 128]
    assert not np.array_equal(picture[70, 80], [255, 0, 128])


def test_members_alone_are_not_hidden_by_others(tiny_scene: Scene) -> None:
    pose = np.eye(4)
    pose[2, 3] = 4
    camera = Camera("a.png", 32, 32, 32.0, 32.0, 16.0, 16.0, pose)
    red, blue = np.array([1.7, -1.7, -1.7]), np.array([-1.7, -1.7, 1.7])
    gaussians = Gaussians.from_arrays(
        means=np.array([[0.0, 0, -1], [0, 0, 1]]),
        scales=np.full((2, 3), 0.5),
        quaternions=np.array([[1.0, 0, 0, 0]] * 2),
        opacities=np.full(2, 0.99),
        sh=np.stack([red, blue])[:, None],
    )
    scene = Scene(gaussians, [camera])
    both = render_color(scene, camera)[16, 16]
    behind = render_color(scene, camera, member=torch.tensor([False, True]))[16, 16]
    assert both[0] > 200 > 60 > both[2]
    assert behind[2] > 200 > 60 > behind[0]


@pytest.mark.parametrize("k", [-0.45, 0.6])
def test_pictures_lie_on_the_photograph_that_the_lens_made(
    tiny_demo: DemoScene, tiny_scene: Scene, placed: DeviceScene, k: float
) -> None:
    """Against the formula of the lens, applied to pictures of a pinhole that sees much more."""
    ideal = tiny_scene.cameras[0]
    model = LensModel("SIMPLE_RADIAL", ideal.width, ideal.height, (ideal.fx, ideal.cx, ideal.cy, k))
    camera = replace(ideal, lens=model)
    wide = replace(ideal, width=4 * ideal.width, height=4 * ideal.height)
    wide = replace(wide, cx=ideal.cx + 1.5 * ideal.width, cy=ideal.cy + 1.5 * ideal.height)
    x, y = np.meshgrid(np.arange(ideal.width) + 0.5, np.arange(ideal.height) + 0.5)
    u, v = (x - ideal.cx) / ideal.fx, (y - ideal.cy) / ideal.fy
    distorted = np.hypot(u, v)
    radius = distorted.copy()
    for _ in range(200):  # Newton's method would do, a damped fixed point is enough
        radius += 0.5 * (distorted - radius * (1 + k * radius**2))
    grown = radius / np.maximum(distorted, 1e-9)
    columns = np.floor(u * grown * ideal.fx + wide.cx).astype(int)
    rows = np.floor(v * grown * ideal.fy + wide.cy).astype(int)

    labels = render_labels(placed, camera, tiny_demo.labels)
    expected = render_labels(placed, wide, tiny_demo.labels)[rows, columns]
    assert labels.shape == (ideal.height, ideal.width)
    assert (labels == expected).mean() > 0.995
    assert (labels == render_labels(placed, ideal, tiny_demo.labels)).mean() < 0.98
    member = member_of(tiny_demo, "table")
    (mask,) = render_masks(placed, [camera], member)
    (whole,) = render_masks(placed, [wide], member)
    assert (mask == whole[rows, columns]).mean() > 0.995 and mask.sum() > 1000
    color = render_color(placed, camera).astype(float)
    near = render_color(placed, wide)[rows, columns]
    assert np.abs(color - near).mean() < 8, "it interpolates where this takes the nearest pixel"


def test_the_rim_that_no_pinhole_reaches_shows_the_background(tiny_scene: Scene, placed: DeviceScene) -> None:
    ideal = tiny_scene.cameras[0]
    model = LensModel("SIMPLE_RADIAL", ideal.width, ideal.height, (ideal.fx, ideal.cx, ideal.cy, -0.8))
    camera = replace(ideal, lens=model)  # folds back at 0.43 focal lengths from the middle, the corner is at 0.56
    picture = render_color(placed, camera, (1.0, 0.0, 0.5))
    assert all(picture[y, x].tolist() == [255, 0, 128] for y in (0, -1) for x in (0, -1))
    assert (picture[60, 80] != (255, 0, 128)).any()
