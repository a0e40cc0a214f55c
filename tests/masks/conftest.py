"""Tiny photographs, scenes, generators and SAM checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saga.scene.camera import Camera
from saga.scene.gaussians import Gaussians
from saga.scene.scene import Scene

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


def make_camera(name: str, width: int = 20, height: int = 14, **fields: object) -> Camera:
    camera = Camera(name, width, height, 20.0, 20.0, width / 2, height / 2, np.eye(4))
    return Camera(**{**camera.__dict__, **fields})


@dataclass
class CountingGenerator:
    """Masks that depend on the image, a record of what was asked, and a wish to fail."""

    name: str = "counting"
    description: str = "masks that are counted"
    setting: int = 0
    features: bool = True
    fail_at: int | None = None
    seen: list[int] = field(default_factory=list)

    @property
    def identity(self) -> dict[str, object]:
        return {"setting": self.setting}

    def generate(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        if self.fail_at == len(self.seen):
            raise KeyboardInterrupt
        self.seen.append(int(image[0, 0, 0]))
        levels = np.arange(int(image[0, 0, 0]) % 5)  # from none to four masks
        masks = image[..., 1] > levels[:, None, None] * 40
        encoded = np.full((256, 64, 64), image[0, 0, 0], np.float16) if self.features else None
        return masks, encoded


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Four photographs and one view without."""
    rng = np.random.default_rng(0)
    cameras = []
    for index in range(4):
        pixels = rng.integers(0, 255, (14, 20, 3), dtype=np.uint8)
        pixels[0, 0, 0] = 10 * index + index
        path = tmp_path / "images" / f"{index:03d}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(path)
        cameras.append(make_camera(path.name, image_path=path))
    cameras.append(make_camera("evaluation.png"))
    return Scene(one_gaussian(), cameras)


def one_gaussian() -> Gaussians:
    return Gaussians.from_arrays(
        np.zeros((1, 3)), np.ones((1, 3)), np.array([[1.0, 0, 0, 0]]), np.full(1, 0.5), np.zeros((1, 1, 3))
    )


@pytest.fixture
def counting() -> Callable[..., CountingGenerator]:
    return CountingGenerator


@pytest.fixture
def camera() -> Callable[..., Camera]:
    """camera(name, width, height, **fields of Camera)."""
    return make_camera


@pytest.fixture
def shared() -> Path:
    """The folder of the shared data sets; skips where there is none."""
    if not SHARED.is_dir():
        pytest.skip("no shared data")
    return SHARED
