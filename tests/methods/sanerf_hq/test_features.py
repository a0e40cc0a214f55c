"""Features of Segment Anything fitted to the Gaussians, and prompts on them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from saga.demo import DemoScene
from saga.masks import open_model
from saga.methods.sanerf_hq import SanerfHq, SanerfHqConfig
from saga.methods.sanerf_hq.features import DistilledPrompter, feature_camera, fit_features, render_features
from saga.query import Prompt
from saga.raster.device_scene import DeviceScene
from saga.scene import Scene

pytest.importorskip("segment_anything")
sys.path.insert(0, str(Path(__file__).parents[2] / "masks"))
from sam_models import small_sam  # noqa: E402


@pytest.mark.parametrize("iterations", [0, 3])
def test_a_constant_feature_is_reproduced(wall: DeviceScene, iterations: int) -> None:
    value = torch.linspace(-1, 1, 8)
    maps = {name: value[:, None, None].expand(8, 64, 64) for name in ("left", "right")}
    field = fit_features(wall, maps, iterations, rate=1e-4)
    rendered = render_features(wall, field, wall.scene.camera("middle"))
    small = wall.operator("middle")
    assert rendered.shape == (8, 64, 64) and small.alpha().min() > 0.5
    assert torch.allclose(rendered, maps["left"], atol=1e-3)


def test_steps_lower_the_squared_error(wall: DeviceScene) -> None:
    maps = {"middle": torch.rand(4, 64, 64, generator=torch.Generator().manual_seed(0))}
    camera = wall.scene.camera("middle")
    errors = [
        float((render_features(wall, fit_features(wall, maps, steps), camera) - maps["middle"]).square().mean())
        for steps in (0, 30)
    ]
    assert errors[1] < 0.9 * errors[0]


def test_the_feature_map_has_the_image_at_its_top_left(demo_views: DeviceScene) -> None:
    camera = demo_views.scene.cameras[0]
    small = feature_camera(camera)
    assert (small.width, small.height) == (64, 48)
    field = torch.ones(len(demo_views.geometry), 2)
    rendered = render_features(demo_views, field, camera)
    assert rendered[:, 48:].abs().max() == 0 and rendered[:, 40:48].max() == pytest.approx(1)


def test_views_without_photographs_are_prompted(
    demo_views: DeviceScene, tiny_demo: DemoScene, tmp_path: Path, middle: Callable[..., tuple[int, int]]
) -> None:
    label = int(np.unique(tiny_demo.labels)[-1])
    path = tmp_path / "small.pth"
    torch.save(small_sam(size=1024, width=8, global_blocks=()).state_dict(), path)
    sam = open_model(path, "cpu")
    scene = demo_views.scene
    bare = [replace(camera, image_path=None) for camera in scene.cameras[2:]]
    views = DeviceScene(Scene(scene.gaussians, [*scene.cameras[:2], *bare], None))
    config = SanerfHqConfig(features="distilled", iterations=5, warm_up=2, rays=64, agreement=0.0)
    method = SanerfHq(views, config, sam=sam, progress=False)
    assert isinstance(method.prompter, DistilledPrompter)
    assert method.prompter.features(bare[0].name).shape == (256, 64, 64)
    found = method.segment_prompt(Prompt(scene.cameras[0].name, [middle(label)]))
    assert found.mask.shape == (len(scene.gaussians),)
    assert found.report["counts"]["views_used"] >= 1
