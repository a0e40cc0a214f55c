"""Point clouds that are hard in different ways, and the searches on every device."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import saga.postprocess
from saga.native import searches


def uniform(rng: np.random.Generator) -> np.ndarray:
    return rng.random((3000, 3))


def sphere(rng: np.random.Generator) -> np.ndarray:
    directions = rng.normal(size=(4000, 3))
    return directions / np.linalg.norm(directions, axis=1, keepdims=True)


def uneven(rng: np.random.Generator) -> np.ndarray:
    """Clusters of very different size and density, as in captured scenes."""
    centers, sizes = rng.uniform(-5, 5, (20, 3)), rng.lognormal(-2, 1, 20)
    chosen = rng.integers(0, 20, 4000)
    return centers[chosen] + sizes[chosen, None] * rng.normal(size=(4000, 3))


def floaters(rng: np.random.Generator) -> np.ndarray:
    return np.concatenate([0.1 * rng.normal(size=(3000, 3)), rng.uniform(-10, 10, (100, 3))])


def far_outlier(rng: np.random.Generator) -> np.ndarray:
    return np.concatenate([rng.normal(size=(2000, 3)), [[1e6, -1e6, 0]]])


def heavy_tail(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=(2000, 3)) * rng.lognormal(0, 2, (2000, 1))


def duplicates(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 5, (2000, 3)) / 4


def one_place(rng: np.random.Generator) -> np.ndarray:
    return np.full((500, 3), 0.3)


def line(rng: np.random.Generator) -> np.ndarray:
    return np.stack([np.arange(1000), np.zeros(1000), np.zeros(1000)], axis=1)


CLOUDS = [uniform, sphere, uneven, floaters, far_outlier, heavy_tail, duplicates, one_place, line]


@pytest.fixture(params=CLOUDS, ids=lambda make: make.__name__)
def cloud(request: pytest.FixtureRequest) -> Tensor:
    """Float32 [n, 3]."""
    return make_cloud(request.param)


@pytest.fixture(params=[uniform, sphere, uneven, floaters, heavy_tail], ids=lambda make: make.__name__)
def scattered(request: pytest.FixtureRequest) -> Tensor:
    """Float32 [n, 3] without ties."""
    return make_cloud(request.param)


def make_cloud(make: Callable[[np.random.Generator], np.ndarray]) -> Tensor:
    return torch.from_numpy(make(np.random.default_rng(0)).astype(np.float32))


class OnDevice:
    """The functions of a module with their tensors on a device; those of the caller are on the CPU."""

    def __init__(self, module: ModuleType, device: str) -> None:
        self.module, self.device = module, device

    def __getattr__(self, name: str) -> Callable[..., Any]:
        function = getattr(self.module, name)

        def call(*arguments: Any, **options: Any) -> Any:
            moved = [value.to(self.device) if isinstance(value, Tensor) else value for value in arguments]
            result = function(*moved, **options)
            return tuple(map(self.fetch, result)) if isinstance(result, tuple) else self.fetch(result)

        return call

    def fetch(self, value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        assert value.device.type == self.device
        return value.cpu()


@pytest.fixture
def native(native_device: str) -> OnDevice:
    """The searches of each native library."""
    return OnDevice(searches, native_device)


@pytest.fixture
def post(native_device: str) -> OnDevice:
    """The public functions, on each native library."""
    return OnDevice(saga.postprocess, native_device)
