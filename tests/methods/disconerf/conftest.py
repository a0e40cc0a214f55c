"""Slots trained once on the tiny demo, and mask sources for it."""

from __future__ import annotations

import numpy as np
import pytest

from saga.demo import DemoScene, instances_as_masks
from saga.export.rendering import render_labels
from saga.methods.disconerf import DiscoNerfConfig, ObjectSlots, discover_objects
from saga.raster import Geometry
from saga.scene import Camera, Scene

CONFIG = DiscoNerfConfig(iterations=120, pixels=200, pixels_per_view=2048, smallest_object=10)


class ViewMasks:
    """A MaskSource: masks of the views by name, none for views without."""

    description = "given masks"

    def __init__(self, masks: dict[str, np.ndarray]) -> None:
        self._masks = masks

    def masks(self, camera: Camera) -> np.ndarray:  # [M, H, W]
        return self._masks.get(camera.name, np.zeros((0, camera.height, camera.width), bool))

    def features(self, camera: Camera) -> np.ndarray | None:  # [256, 64, 64]
        return None


@pytest.fixture(scope="session")
def truth(tiny_scene: Scene, tiny_demo: DemoScene) -> dict[str, np.ndarray]:
    """View name -> the object of each pixel: 1 is the table, 0 nothing."""
    geometry, labels = Geometry.from_gaussians(tiny_scene.gaussians), tiny_demo.labels.astype(np.int64) + 1
    return {camera.name: render_labels(geometry, camera, labels) for camera in tiny_scene.cameras}


@pytest.fixture(scope="session")
def exact(truth: dict[str, np.ndarray]) -> ViewMasks:
    """The exact masks, in an order of their own in every view."""
    rng = np.random.default_rng(0)
    return ViewMasks({name: rng.permutation(instances_as_masks(labels)) for name, labels in truth.items()})


@pytest.fixture(scope="session")
def slots(tiny_scene: Scene, exact: ViewMasks) -> ObjectSlots:
    return discover_objects(tiny_scene, exact, CONFIG, progress=False)


@pytest.fixture
def config() -> DiscoNerfConfig:
    return CONFIG


@pytest.fixture
def view_masks() -> type[ViewMasks]:
    return ViewMasks
