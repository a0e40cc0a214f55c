"""Masks in memory, made from the demo's instances."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from saga.masks import ArrayMasks
from saga.train import TrainConfig


@pytest.fixture
def instances(tiny_masks: dict[str, np.ndarray]) -> Callable[..., ArrayMasks]:
    """instances(sam=None): the exact masks; `sam` gives every view features [256, 64, 64] too."""

    def make(sam: np.ndarray | None = None) -> ArrayMasks:
        return ArrayMasks(tiny_masks, features={} if sam is None else dict.fromkeys(tiny_masks, sam))

    return make


@pytest.fixture
def quick() -> Callable[..., TrainConfig]:
    """quick(**settings): a run of a fraction of a second."""

    def make(**settings: object) -> TrainConfig:
        small = {"iterations": 12, "pixels": 128, "pixels_per_view": 1024, "cached_pixels": 6144, "smooth_every": 5}
        return TrainConfig(**(small | settings))  # type: ignore[arg-type]

    return make
