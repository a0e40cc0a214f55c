"""The gsplat backend where gsplat cannot run: what it refuses, and how it calls gsplat.

A stand-in with gsplat's signatures computes on the CPU what gsplat would on a GPU; parity with gsplat itself is
tested on machines with a GPU by the cases of the other files.
"""

from __future__ import annotations

import inspect
import sys
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from saga.errors import SagaError
from saga.raster import BlendOperator, Geometry, gsplat, reference


class Stand:
    """gsplat's functions for one scene and camera, by the dense matrix."""

    def __init__(self, scene: Geometry, view) -> None:
        self.projection = reference.project(scene, view)
        self.matrix = reference.weights_dense(scene, view).float()
        self.size = (view.height, view.width)
        self.channels: list[int] = []

    def fully_fused_projection(self, means: Tensor, *arguments, opacities: Tensor, **options):
        assert bool(opacities.isfinite().all())
        found = self.projection
        radii = torch.where(found.visible[:, None], found.extents.ceil(), 0).int()
        # What is culled is left as it was in memory.
        depths = torch.where(found.visible, found.depths, torch.nan)
        return radii[None], found.means2d.float()[None], depths.float()[None], found.conics.float()[None], None

    def isect_tiles(self, means2d: Tensor, radii: Tensor, depths: Tensor, tile: int, columns: int, rows: int):
        assert (tile, columns, rows) == (16, -(-self.size[1] // 16), -(-self.size[0] // 16))
        return None, torch.zeros(1, dtype=torch.int64), torch.zeros(1, dtype=torch.int32)

    def isect_offset_encode(self, keys: Tensor, images: int, columns: int, rows: int):
        return torch.zeros(images, rows, columns, dtype=torch.int32)

    def rasterize_to_pixels(self, means2d: Tensor, conics: Tensor, colors: Tensor, *arguments, **options):
        self.channels.append(colors.shape[2])
        return (self.matrix @ colors[0]).reshape(1, *self.size, -1), self.matrix.sum(1).reshape(1, *self.size, 1)


@pytest.fixture
def stand(camera, cloud, monkeypatch):
    view = camera()
    scene = cloud(view, count=60)
    stand, wrapper = Stand(scene, view), pytest.importorskip("gsplat.cuda._wrapper")

    def checked(name: str):
        def call(*arguments, **options):
            inspect.signature(getattr(wrapper, name)).bind(*arguments, **options)
            return getattr(stand, name)(*arguments, **options)

        return call

    names = ("fully_fused_projection", "isect_tiles", "isect_offset_encode", "rasterize_to_pixels")
    monkeypatch.setattr(gsplat, "_gsplat", lambda device: SimpleNamespace(**{name: checked(name) for name in names}))
    return stand, BlendOperator(scene.to(dtype=torch.float32), view, "gsplat")


@pytest.mark.parametrize("channels", [1, 32, 33, 70])
def test_products_and_gradients_go_through_gsplat_in_parts(stand, channels):
    stand, operator = stand
    x = torch.randn(60, channels, requires_grad=True)
    image = operator.render(x)
    torch.testing.assert_close(image, (stand.matrix @ x).reshape(*stand.size, channels))
    assert sum(stand.channels) == channels and max(stand.channels) <= 32
    y = torch.randn_like(image)
    (gradient,) = torch.autograd.grad(image, x, y)
    torch.testing.assert_close(gradient, operator.lift(y))
    torch.testing.assert_close(gradient, stand.matrix.T @ y.reshape(-1, channels), atol=1e-4, rtol=1e-4)


def test_the_lift_is_differentiable(stand):
    stand, operator = stand
    y = torch.randn(*stand.size, 3, requires_grad=True)
    factor = torch.randn(60, 3)
    (operator.lift(y) * factor).sum().backward()
    torch.testing.assert_close(y.grad, (stand.matrix @ factor).reshape(y.shape))


def test_alpha_and_depth(stand):
    stand, operator = stand
    depths = stand.projection.depths.float()
    torch.testing.assert_close(operator.alpha(), stand.matrix.sum(1).reshape(stand.size))
    torch.testing.assert_close(operator.depth(), (stand.matrix @ depths).reshape(stand.size))


def test_no_channels(stand):
    stand, operator = stand
    assert operator.render(torch.zeros(60, 0)).shape == (*stand.size, 0)
    assert operator.lift(torch.zeros(*stand.size, 0)).shape == (60, 0)


def test_rows_are_refused(stand):
    with pytest.raises(SagaError, match="^rows: expected backend native or reference, found gsplat; use"):
        stand[1].rows(torch.tensor([[0, 0]]))


def test_the_surface_is_refused(stand):
    with pytest.raises(SagaError, match="^surface: expected backend native or reference, found gsplat; use"):
        stand[1].surface()


def test_a_scene_on_the_cpu_is_refused(camera, cloud):
    view = camera()
    with pytest.raises(SagaError, match="^backend gsplat: expected a scene on a GPU, found one on cpu; use"):
        BlendOperator(cloud(view).to(dtype=torch.float32), view, "gsplat")


def test_a_missing_gsplat_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "gsplat", None)
    monkeypatch.setitem(sys.modules, "gsplat.cuda", None)
    with pytest.raises(SagaError, match="^backend gsplat: .*pip install"):
        gsplat._gsplat(torch.device("cuda"))
