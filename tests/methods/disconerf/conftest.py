"""Slots trained once on the tiny demo, and mask sources for it."""

from __future__ import annotations

import numpy as np
import pytest

from saga.demo import DemoScene, instances_as_masks
from saga.export.rendering import render_labels
from saga.masks import ArrayMasks
from saga.methods.disconerf import DiscoNerfConfig, ObjectSlots
from saga.raster import DeviceScene
from saga.scene import Scene

CONFIG = DiscoNerfConfig(iterations=120, pixels=200, pixels_per_view=2048, smallest_object=10)


@pytest.fixture(scope="session")
def truth(tiny_scene: Scene, tiny_demo: DemoScene) -> dict[str, np.ndarray]:
    """View name -> the object of each pixel: 1 is the table, 0 nothing."""
    placed, labels = DeviceScene(tiny_scene), tiny_demo.labels.astype(np.int64) + 1
    return {camera.name: render_labels(placed, camera, labels) for camera in tiny_scene.cameras}


@pytest.fixture(scope="session")
def exact(truth: dict[str, np.ndarray]) -> ArrayMasks:
    """The exact masks, in an order of their own in every view."""
    rng = np.random.default_rng(0)
    return ArrayMasks({name: rng.permutation(instances_as_masks(labels)) for name, labels in truth.items()})


@pytest.fixture(scope="session")
def slots(tiny_scene: Scene, exact: ArrayMasks) -> ObjectSlots:
    return ObjectSlots(tiny_scene, CONFIG, masks=exact, progress=False)


@pytest.fixture
def config() -> DiscoNerfConfig:
    return CONFIG
