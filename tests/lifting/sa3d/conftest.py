"""The tiny demo with its exact masks, and a pixel well inside each object."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import distance_transform_edt

from saga.demo import DemoScene, instances_as_masks
from saga.lifting.prompter import MaskPrompter
from saga.lifting.views import Views
from saga.scene import Camera, Scene

VIEW = "000.png"


class ExactMasks:
    """A MaskSource of the demo's instances, but in the views `without`."""

    description = "exact instances"

    def __init__(self, folder: Path, without: tuple[str, ...] = ()) -> None:
        self.folder, self.without = folder, without

    def masks(self, camera: Camera) -> np.ndarray:  # [M, H, W]
        if camera.name in self.without:
            return np.zeros((0, camera.height, camera.width), bool)
        return instances_as_masks(np.asarray(Image.open(self.folder / camera.name)))

    def features(self, camera: Camera) -> None:
        return None


@pytest.fixture(scope="session")
def views(tiny_scene: Scene) -> Views:
    return Views(tiny_scene)


@pytest.fixture(scope="session")
def prompter(views: Views, tiny_folder: Path) -> MaskPrompter:
    return MaskPrompter(views, ExactMasks(tiny_folder / "instances"))


@pytest.fixture(scope="session")
def instance(tiny_folder: Path) -> Callable[..., np.ndarray]:
    """instance(label, view): where a view (the first by default) shows an object, bool [H, W]."""

    def find(label: int, view: str = VIEW) -> np.ndarray:  # [H, W]
        return np.asarray(Image.open(tiny_folder / "instances" / view)) == label

    return find


@pytest.fixture(scope="session")
def middle(instance: Callable[..., np.ndarray]) -> Callable[..., tuple[int, int]]:
    """middle(label, view): the pixel (x, y) of a view (the first by default) farthest from the object's border."""

    def find(label: int, view: str = VIEW) -> tuple[int, int]:
        y, x = np.unravel_index(distance_transform_edt(instance(label, view)).argmax(), (120, 160))
        return int(x), int(y)

    return find


@pytest.fixture(scope="session")
def label(tiny_demo: DemoScene, instance: Callable[..., np.ndarray]) -> int:
    """The object largest in the first view, table and floor apart."""
    named = {number for number, name in enumerate(tiny_demo.names) if name not in ("table", "floor", "ground")}
    return max((n for n in named if n > 0), key=lambda n: int(instance(n).sum()))
