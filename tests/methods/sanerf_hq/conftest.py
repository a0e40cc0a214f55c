"""A small wall with an occluder, and the demo scene with its exact masks, as SANeRF-HQ sees them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import distance_transform_edt

from saga.masks import ArrayMasks
from saga.methods.prompter import MaskPrompter
from saga.raster.device_scene import DeviceScene
from saga.scene import Camera, Gaussians, Scene

SIDE = 48
FOCAL = 48.0


def eye(name: str, x: float) -> Camera:
    """A camera at (x, 0, 0) that looks along z."""
    pose = np.eye(4)
    pose[0, 3] = -x
    return Camera(name, SIDE, SIDE, FOCAL, FOCAL, SIDE / 2, SIDE / 2, pose)


def gaussians_at(means: np.ndarray, colors: np.ndarray, scale: float = 0.05) -> Gaussians:  # [N, 3], [N, 3]
    """Round opaque Gaussians."""
    count = len(means)
    quaternions = np.tile([1.0, 0, 0, 0], (count, 1))
    sh = ((colors - 0.5) / 0.28209479177387814)[:, None, :]
    return Gaussians.from_arrays(means, np.full((count, 3), scale), quaternions, np.full(count, 0.99), sh)


@pytest.fixture(scope="session")
def wall() -> DeviceScene:
    """A wall of 40 x 40 Gaussians at z = 4, its left half (x < 0) red, its right half blue.

    Before it, at z = 2, a small dark board hides different parts of it from the cameras "left", "middle" and "right".
    """
    xs, ys = np.meshgrid(np.linspace(-2, 2, 40), np.linspace(-2, 2, 40))
    back = np.stack([xs.ravel(), ys.ravel(), np.full(1600, 4.0)], axis=1)
    xs, ys = np.meshgrid(np.linspace(-0.2, 0.2, 10), np.linspace(-0.2, 0.2, 10))
    board = np.stack([xs.ravel(), ys.ravel(), np.full(100, 2.0)], axis=1)
    colors = np.where(back[:, :1] < 0, [[0.9, 0.1, 0.1]], [[0.1, 0.1, 0.9]])
    means, colors = np.concatenate([back, board]), np.concatenate([colors, np.full((100, 3), 0.2)])
    scene = Scene(gaussians_at(means, colors), [eye("left", -0.8), eye("middle", 0.0), eye("right", 0.8)], None)
    return DeviceScene(scene)


@pytest.fixture(scope="session")
def demo_views(tiny_scene: Scene) -> DeviceScene:
    return DeviceScene(tiny_scene)


@pytest.fixture(scope="session")
def demo_prompter(demo_views: DeviceScene, tiny_masks: dict[str, np.ndarray]) -> MaskPrompter:
    return MaskPrompter(demo_views, ArrayMasks(tiny_masks))


@pytest.fixture(scope="session")
def middle(tiny_folder: Path) -> Callable[..., tuple[int, int]]:
    """middle(label, view): the pixel (x, y) farthest from an object's border."""

    def find(label: int, view: str = "000.png") -> tuple[int, int]:
        shown = np.asarray(Image.open(tiny_folder / "instances" / view)) == label
        y, x = np.unravel_index(distance_transform_edt(shown).argmax(), shown.shape)
        return int(x), int(y)

    return find
