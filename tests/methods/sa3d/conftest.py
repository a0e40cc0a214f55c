"""Prompts of the tiny demo."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from saga.demo import DemoScene

VIEW = "000.png"


@pytest.fixture(scope="session")
def shown(tiny_demo: DemoScene, tiny_instances: dict[str, np.ndarray]) -> Callable[..., np.ndarray]:
    """shown(name, view): where a view (the first by default) shows an object of the demo, bool [H, W]."""

    def find(name: str, view: str = VIEW) -> np.ndarray:  # [H, W]
        return np.asarray(tiny_instances[view] == tiny_demo.names[name])

    return find


@pytest.fixture(scope="session")
def middle(shown: Callable[..., np.ndarray]) -> Callable[..., tuple[int, int]]:
    """middle(name, view): the pixel (x, y) of a view (the first by default) farthest from the object's border."""

    def find(name: str, view: str = VIEW) -> tuple[int, int]:
        mask = shown(name, view)
        y, x = np.unravel_index(distance_transform_edt(mask).argmax(), mask.shape)
        return int(x), int(y)

    return find
