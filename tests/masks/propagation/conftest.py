"""A ring of cameras around the demo's things, with exact labels, and trackers that make chosen mistakes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saga.demo import DemoScene, make_scene, write_scene
from saga.masks.propagation.config import PropagationConfig
from saga.masks.propagation.generator import PropagatedGenerator
from saga.raster import DeviceScene
from saga.scene import Scene, load_scene

sys.path.insert(0, str(Path(__file__).parent))
from trackers import ExactTracker, Fault  # noqa: E402


class ExactMasks:
    """Gives a photograph the exact masks of what it shows; counts what it was asked for."""

    name, description, identity = "exact", "exact masks", {"exact": True}

    def __init__(self, scene: Scene, truth: dict[str, np.ndarray]) -> None:
        self._photographs = {scene.image(camera).tobytes(): truth[camera.name] for camera in scene.cameras}
        self.asked = 0

    def generate(self, image: np.ndarray) -> tuple[np.ndarray, None]:
        self.asked += 1
        labels = self._photographs[image.tobytes()]
        shown = np.unique(labels[labels > 0])
        return labels[None] == shown[:, None, None], None


@pytest.fixture(scope="session")
def ring() -> DemoScene:
    """Everyday things on a table, photographed from a ring of twelve views."""
    made = make_scene(gaussians=6000, views=24, size=(200, 150))
    return replace(made, cameras=made.cameras[:12])


@pytest.fixture(scope="session")
def ring_folder(ring: DemoScene, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ring") / "scene"
    write_scene(ring, folder)
    return folder


@pytest.fixture(scope="session")
def placed(ring_folder: Path) -> DeviceScene:
    return DeviceScene(load_scene(ring_folder / "scene.ply"), "cpu")


@pytest.fixture(scope="session")
def truth(ring_folder: Path) -> dict[str, np.ndarray]:
    """View name -> label map [H, W]."""
    return {path.name: np.asarray(Image.open(path)) for path in sorted((ring_folder / "instances").glob("*.png"))}


@pytest.fixture
def propagated(placed: DeviceScene, truth: dict[str, np.ndarray], tmp_path: Path) -> Callable[..., PropagatedGenerator]:
    """propagated(fault): a generator whose tracker makes a mistake; nothing is tracked yet."""

    def make(fault: Fault | None = None, **settings: object) -> PropagatedGenerator:
        tracker = ExactTracker(truth, fault)
        config = PropagationConfig(**{"spacing": 4, "pixels": 20_000, **settings})  # type: ignore[arg-type]
        return PropagatedGenerator(placed, tmp_path, ExactMasks(placed.scene, truth), tracker, "cpu", config)

    return make
