"""The tiny demo as lifting methods see it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saga.masks import ArrayMasks
from saga.raster.device_scene import DeviceScene
from saga.scene import Scene


@pytest.fixture(scope="session")
def instance_masks(tiny_masks: dict[str, np.ndarray]) -> ArrayMasks:
    return ArrayMasks(tiny_masks)


@pytest.fixture(scope="session")
def tiny_views(tiny_scene: Scene) -> DeviceScene:
    return DeviceScene(tiny_scene)


@pytest.fixture(scope="session")
def tiny_instances(tiny_folder: Path) -> dict[str, np.ndarray]:
    """Label map of each view, by name."""
    return {path.name: np.asarray(Image.open(path)) for path in sorted((tiny_folder / "instances").glob("*.png"))}
