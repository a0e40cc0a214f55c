"""A field trained once on the tiny demo, and a pixel well inside an object."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import distance_transform_edt

from saga.masks import ArrayMasks
from saga.query import Segmenter
from saga.scene import Scene
from saga.train import FeatureField, TrainConfig, train

VIEW = "000.png"


@pytest.fixture(scope="session")
def field(tiny_scene: Scene, tiny_masks: dict[str, np.ndarray]) -> FeatureField:
    config = TrainConfig(iterations=150, pixels=400, cached_pixels=24_000)
    return train(tiny_scene, ArrayMasks(tiny_masks), config, progress=False)


@pytest.fixture(scope="session")
def sam_features() -> np.ndarray:  # [256, 64, 64]
    return np.random.default_rng(0).normal(size=(256, 64, 64)).astype(np.float16)


@pytest.fixture(scope="session")
def sam_field(tiny_scene: Scene, tiny_masks: dict[str, np.ndarray], sam_features: np.ndarray) -> FeatureField:
    """A field with phi, trained on features that tell positions apart."""
    config = TrainConfig(iterations=10, pixels=128, cached_pixels=6144)
    masks = ArrayMasks(tiny_masks, features=dict.fromkeys(tiny_masks, sam_features))
    return train(tiny_scene, masks, config, progress=False)


@pytest.fixture(scope="session")
def segmenter(tiny_scene: Scene, field: FeatureField) -> Segmenter:
    return Segmenter(tiny_scene, field)


@pytest.fixture(scope="session")
def instances(tiny_folder: Path) -> np.ndarray:  # [120, 160]
    """Labels of the pixels of the first view."""
    return np.asarray(Image.open(tiny_folder / "instances" / VIEW))


@pytest.fixture(scope="session")
def middle(tiny_folder: Path) -> Callable[..., tuple[int, int]]:
    """middle(label, view): the pixel (x, y) of a view (the first by default) farthest from the object's border."""

    def find(label: int, view: str = VIEW) -> tuple[int, int]:
        shown = np.asarray(Image.open(tiny_folder / "instances" / view)) == label
        y, x = np.unravel_index(distance_transform_edt(shown).argmax(), shown.shape)
        return int(x), int(y)

    return find
