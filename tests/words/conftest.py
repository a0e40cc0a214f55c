"""The objects of the small scene as they are."""

from __future__ import annotations

import numpy as np
import pytest

from saga.demo import DemoScene
from saga.query import Segmentation
from saga.raster import DeviceScene
from saga.scene import Scene


@pytest.fixture(scope="session")
def placed(tiny_scene: Scene) -> DeviceScene:
    return DeviceScene(tiny_scene, "cpu")


@pytest.fixture(scope="session")
def things(tiny_demo: DemoScene, placed: DeviceScene) -> dict[str, Segmentation]:
    """Every thing of the small scene, exactly, by its name."""
    found = {}
    for index, (name, label) in enumerate(tiny_demo.names.items()):
        mask = tiny_demo.labels == label
        report = {"kind": "object" if index else "support"}
        found[name] = Segmentation(mask, mask.astype(np.float32), report, placed)
    return found
