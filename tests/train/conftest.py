"""Masks in memory, made from the demo's instances."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saga.demo import instances_as_masks
from saga.scene import Camera
from saga.train import TrainConfig


class InstanceMasks:
    """A MaskSource of given masks; `sam` gives every view features [256, 64, 64] too."""

    description = "exact instances"

    def __init__(self, masks: dict[str, np.ndarray], sam: np.ndarray | None = None) -> None:
        self.by_view, self.sam = masks, sam

    def masks(self, camera: Camera) -> np.ndarray:  # [M, H, W]
        return self.by_view[camera.name]

    def features(self, camera: Camera) -> np.ndarray | None:  # [256, 64, 64]
        return self.sam


@pytest.fixture
def instances(tiny_folder: Path) -> Callable[..., InstanceMasks]:
    """instances(sam=None): a fresh source, whose `by_view` a test may change."""

    def make(sam: np.ndarray | None = None) -> InstanceMasks:
        pictures = sorted((tiny_folder / "instances").glob("*.png"))
        return InstanceMasks({p.name: instances_as_masks(np.asarray(Image.open(p))) for p in pictures}, sam)

    return make


@pytest.fixture
def quick() -> Callable[..., TrainConfig]:
    """quick(**settings): a run of a fraction of a second."""

    def make(**settings: object) -> TrainConfig:
        small = {"iterations": 12, "pixels": 128, "pixels_per_view": 1024, "cached_pixels": 6144, "smooth_every": 5}
        return TrainConfig(**(small | settings))  # type: ignore[arg-type]

    return make
