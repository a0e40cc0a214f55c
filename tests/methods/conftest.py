"""The tiny demo as lifting methods see it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saga.demo import instances_as_masks
from saga.raster.device_scene import DeviceScene
from saga.scene import Camera, Scene


class InstanceMasks:
    """A MaskSource of the demo's exact instances; a view in `without` has no masks."""

    description = "exact instances"

    def __init__(self, folder: Path, without: tuple[str, ...] = ()) -> None:
        self.folder, self.without = folder, without

    def masks(self, camera: Camera) -> np.ndarray:  # [M, H, W]
        found = instances_as_masks(np.asarray(Image.open(self.folder / camera.name)))
        return found[:0] if camera.name in self.without else found

    def features(self, camera: Camera) -> None:
        return None


@pytest.fixture
def instance_masks(tiny_folder: Path) -> InstanceMasks:
    return InstanceMasks(tiny_folder / "instances")


@pytest.fixture(scope="session")
def tiny_views(tiny_scene: Scene) -> DeviceScene:
    return DeviceScene(tiny_scene)


@pytest.fixture(scope="session")
def tiny_instances(tiny_folder: Path) -> dict[str, np.ndarray]:
    """Label map of each view, by name."""
    return {path.name: np.asarray(Image.open(path)) for path in sorted((tiny_folder / "instances").glob("*.png"))}
