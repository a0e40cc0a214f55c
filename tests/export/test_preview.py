"""The choice of the view that a result is shown in, and marks on pictures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from saga.demo import DemoScene
from saga.export.preview import best_view, draw_preview, highlight, palette
from saga.export.rendering import render_masks
from saga.raster import DeviceScene


def test_the_best_view_is_one_where_nothing_stands_in_front(tiny_demo: DemoScene) -> None:
    camera = tiny_demo.cameras[0]
    steps = np.linspace(-0.2, 0.2, 25)
    right, down, forward = camera.world_to_camera[:3, :3]
    patch = (steps[:, None, None] * right + steps[None, :, None] * down).reshape(-1, 3)
    means = np.concatenate([patch, camera.position + 0.5 * forward + 0.3 * patch])  # an object, a screen before it
    labels = np.repeat([1, 0], len(patch))
    assert best_view(tiny_demo.cameras, means, labels) is not camera
    assert best_view([camera, tiny_demo.cameras[1]], means[: len(patch)], labels[: len(patch)]) is camera


def test_the_best_view_looks_at_the_object(tiny_demo: DemoScene) -> None:
    away = tiny_demo.cameras[0].world_to_camera.copy()
    away[[0, 2]] *= -1
    turned = replace(tiny_demo.cameras[0], world_to_camera=away)
    labels = (tiny_demo.labels > 0).astype(int)
    assert best_view([turned, tiny_demo.cameras[2]], tiny_demo.gaussians.means, labels) is tiny_demo.cameras[2]


def test_highlight_tints_inside_outlines_around_and_leaves_the_rest() -> None:
    mask = np.zeros((30, 30), bool)
    mask[10:20, 10:20] = True
    out = highlight(np.full((30, 30, 3), 100, np.uint8), mask, np.array([255, 0, 0]))
    assert out[15, 15, 0] > 120 > 100 > out[15, 15, 1]
    assert out[9, 15].tolist() == [255, 0, 0]
    assert np.all(out[:6] == 100)


def test_objects_in_turn_get_colors_that_differ() -> None:
    colors = np.array([palette(k) for k in range(1, 25)]).astype(int)
    apart = np.abs(colors[:, None] - colors[None]).sum(-1) + 999 * np.eye(24, dtype=int)
    assert apart.min() > 10
    assert np.abs(np.diff(colors, axis=0)).sum(1).min() > 120


def test_without_a_photograph_the_scene_without_the_object_is_what_it_is_with_one(tiny_scene, tiny_demo) -> None:
    """Only the part of it that the object is seen in is rendered again."""
    member = torch.from_numpy(tiny_demo.labels == int(np.bincount(tiny_demo.labels)[1:].argmax()) + 1)
    placed, camera = DeviceScene(tiny_scene), tiny_scene.cameras[0]
    with_photograph = draw_preview(placed, camera, member, {})
    without = draw_preview(placed, replace(camera, image_path=None), member, {})
    third = with_photograph.shape[1] // 3
    one, other = (picture[:, 2 * third :].astype(int) for picture in (with_photograph, without))
    assert np.abs(one - other).max() <= 1
    assert next(render_masks(placed, [camera], member)).any()
