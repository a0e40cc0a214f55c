"""Cameras, scenes and backends of the rasterizer's tests.

Backends are compared with `reference.weights_dense` in float64: the operator's matrix A itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, get_args

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from saga.native import bindings
from saga.raster import Backend, BlendOperator, Geometry, reference
from saga.scene.camera import Camera

MakeCamera = Callable[..., Camera]
MakeScene = Callable[..., Geometry]
Close = Callable[..., None]


class Case(NamedTuple):
    """A backend on a device; "emulated" is the CUDA backend's code on the CPU."""

    backend: Backend
    device: str
    emulated: bool = False

    def operator(self, geometry: Geometry, camera: Camera, exact: bool = True) -> BlendOperator:
        return BlendOperator(geometry.to(self.device, torch.float32), camera, self.backend, exact)

    def tensor(self, values: Tensor) -> Tensor:
        return values.to(self.device, torch.float32)


CASES = [Case(backend, device) for device in ("cpu", "cuda") for backend in get_args(Backend) if backend != "auto"]
CASES = [case for case in CASES if case[:2] != ("gsplat", "cpu")] + [Case("native", "cpu", True)]


@pytest.fixture(params=CASES, ids=lambda case: "emulated" if case.emulated else "-".join(case[:2]))
def case(request: pytest.FixtureRequest) -> Case:
    """Every backend on every device that it has; skipped where the device or the library is missing."""
    found: Case = request.param
    if found.emulated:
        request.getfixturevalue("emulated")
        return found
    if found.device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    if found.backend == "native" and bindings.library(found.device) is None:
        pytest.skip(f"the {found.device} library is not built")
    if found.backend == "gsplat":
        pytest.importorskip("gsplat")
        if request.node.get_closest_marker("rows"):
            pytest.skip("gsplat gives no rows of the operator")
    return found


@pytest.fixture
def camera() -> MakeCamera:
    """camera(width, height): looks at the origin from 4 units away; `straight` stands at the origin, along +z."""

    def make(width: int = 50, height: int = 37, focal: float = 45.0, straight: bool = False) -> Camera:
        view = np.eye(4)
        if not straight:
            view[:3, :3] = Rotation.from_euler("xyz", [20, -35, 10], degrees=True).as_matrix()
            view[2, 3] = 4.0
        # An off-center principal point and unequal focal lengths, so that swapped axes show.
        return Camera("view.png", width, height, focal, 1.1 * focal, 0.5 * width + 1.25, 0.5 * height - 0.75, view)

    return make


def _decisive(geometry: Geometry, camera: Camera) -> bool:
    """No weight lies so near a threshold, and no two depths so near each other, that float32 could differ."""

    def kept(factor: float) -> Tensor:
        changed = Geometry(geometry.means, geometry.scales, geometry.quaternions, geometry.opacities * factor)
        return reference.weights_dense(changed, camera) > 0

    projection = reference.project(geometry, camera)
    gaps = projection.depths[projection.visible].sort().values.diff()
    return torch.equal(kept(1 - 1e-5), kept(1 + 1e-5)) and bool((gaps > 2e-6).all())


@pytest.fixture
def cloud() -> MakeScene:
    """cloud(camera, count, seed): anisotropic Gaussians around the origin, in float64."""

    def make(camera: Camera, count: int = 150, seed: int = 0) -> Geometry:
        for attempt in range(seed, seed + 10_000, 100):
            generator = torch.Generator().manual_seed(attempt)

            def uniform(*shape: int, generator: torch.Generator = generator) -> Tensor:
                return torch.rand(*shape, generator=generator, dtype=torch.float32).double()

            scales = 0.03 * 10 ** uniform(count, 3)
            geometry = Geometry(3 * uniform(count, 3) - 1.5, scales, uniform(count, 4) - 0.5, uniform(count))
            if _decisive(geometry, camera):
                return geometry
        raise AssertionError("no scene without borderline weights found")

    return make


@pytest.fixture
def blobs() -> MakeScene:
    """blobs(means, opacities, scales, quaternions): hand-placed Gaussians, in float64."""

    def make(
        means: list[list[float]],
        opacities: list[float] | float = 0.5,
        scales: list[list[float]] | float = 0.1,
        quaternions: list[list[float]] | None = None,
    ) -> Geometry:
        count = len(means)
        spread = [[scales] * 3] * count if isinstance(scales, float | int) else scales
        values = (
            torch.tensor(means).reshape(count, 3),
            torch.tensor(spread).reshape(count, 3),
            torch.tensor(quaternions or [[1.0, 0, 0, 0]] * count).reshape(count, 4),
            torch.tensor([opacities] * count if isinstance(opacities, float | int) else opacities),
        )
        return Geometry(*(value.float().double() for value in values))

    return make


@pytest.fixture
def close() -> Close:
    """close(actual, expected, atol, rtol): equal within tolerances, and of equal magnitude."""

    def check(actual: Tensor, expected: Tensor, atol: float, rtol: float = 1e-4) -> None:
        actual, expected = actual.detach().cpu().double(), expected.detach().cpu().double()
        torch.testing.assert_close(actual, expected, atol=atol, rtol=rtol)
        # Values that are missing altogether could hide below a tolerance; their magnitude cannot.
        assert expected.abs().max() > 20 * atol, "the tolerance is too wide to tell anything"
        assert 0.99 < actual.norm() / expected.norm() < 1.01

    return check
