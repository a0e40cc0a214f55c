"""gsplat's rasterizer behind BlendOperator's interface: the peer to compare with, on CUDA only.

gsplat (https://github.com/nerfstudio-project/gsplat, 1.5) renders; its gradient with respect to colors is the lift.
Rows of A are left to the other backends: gsplat lists pairs of pixels and Gaussians (rasterize_to_indices_in_range),
but not their weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from saga.errors import SagaError
from saga.raster.geometry import Geometry
from saga.raster.reference import DILATION, NEAR, TILE
from saga.scene.camera import Camera

_CHUNK = 32
"""Channels rendered at once, as many as gsplat itself takes."""


@dataclass(frozen=True, eq=False)
class GsplatView:
    """One camera's projected Gaussians and tile lists, as gsplat makes them."""

    width: int
    height: int
    means2d: Tensor  # [1, N, 2] px
    conics: Tensor  # [1, N, 3]
    opacities: Tensor  # [1, N]
    depths: Tensor  # [N], camera z, 0 when culled
    tile_offsets: Tensor  # [1, tile rows, tile columns] int32
    ids: Tensor  # [pairs] int32

    @staticmethod
    def build(geometry: Geometry, camera: Camera) -> GsplatView:
        """Projects, culls and sorts the scene for one camera, in gsplat's "classic" mode.

        Raises:
            SagaError: the scene is not on a GPU, or gsplat is not installed or could not be compiled.
        """
        functions = _gsplat(geometry.device)
        attributes = torch.cat([geometry.means, geometry.scales, geometry.quaternions, geometry.opacities[:, None]], 1)
        # gsplat leaves out what is transparent, and has no rule for what is not finite.
        opacities = torch.where(attributes.isfinite().all(1), geometry.opacities, torch.zeros_like(geometry.opacities))
        view = torch.tensor(camera.world_to_camera, dtype=torch.float32, device=geometry.device)
        pinhole = [[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]]
        with torch.no_grad():
            radii, means2d, depths, conics, _ = functions.fully_fused_projection(
                geometry.means, None, geometry.quaternions, geometry.scales, view[None],
                torch.tensor([pinhole], dtype=torch.float32, device=geometry.device), camera.width, camera.height,
                eps2d=DILATION, near_plane=NEAR, opacities=opacities,
            )  # fmt: skip
            columns, rows = -(-camera.width // TILE), -(-camera.height // TILE)
            _, keys, ids = functions.isect_tiles(means2d, radii, depths, TILE, columns, rows)
            offsets = functions.isect_offset_encode(keys, 1, columns, rows)
        visible = (radii[0] > 0).all(1)
        depths = torch.where(visible, depths[0], torch.zeros_like(depths[0]))
        return GsplatView(camera.width, camera.height, means2d, conics, opacities[None], depths, offsets, ids)

    def render(
        self,
        x: Tensor,  # [N, C]
    ) -> Tensor:  # [H, W, C]
        """Returns A x, differentiable any number of times."""
        image: Tensor = _Render.apply(x, self)
        return image

    def lift(
        self,
        y: Tensor,  # [H, W, C]
    ) -> Tensor:  # [N, C]
        """Returns A^T y, differentiable any number of times."""
        values: Tensor = _Lift.apply(y, self)
        return values

    def rasterize(
        self,
        colors: Tensor,  # [N, C], 0 < C <= 32
    ) -> Tensor:  # [H, W, C]
        """Returns the product as gsplat computes it, with the gradient of gsplat."""
        image: Tensor = _gsplat(colors.device).rasterize_to_pixels(
            self.means2d, self.conics, colors[None], self.opacities, self.width, self.height, TILE,
            self.tile_offsets, self.ids,
        )[0][0]  # fmt: skip
        return image


class _Render(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, view: GsplatView) -> Tensor:
        ctx.view = view
        if 0 in x.shape:
            return x.new_zeros(view.height, view.width, x.shape[1])
        return torch.cat([view.rasterize(part) for part in x.split(_CHUNK, 1)], 2)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return _Lift.apply(gradient, ctx.view), None


class _Lift(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, y: Tensor, view: GsplatView) -> Tensor:
        ctx.view = view
        count, channels = len(view.depths), y.shape[2]
        if count == 0 or channels == 0:
            return y.new_zeros(count, channels)
        parts: list[Tensor] = []
        for part in y.split(_CHUNK, 2):
            colors = y.new_zeros(count, part.shape[2]).requires_grad_()
            with torch.enable_grad():
                image = view.rasterize(colors)
            parts += torch.autograd.grad(image, colors, part)
        return torch.cat(parts, 1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return _Render.apply(gradient, ctx.view), None


def _gsplat(device: torch.device) -> Any:
    """Returns the module of gsplat's CUDA functions."""
    if device.type != "cuda":
        raise SagaError(f"backend gsplat: expected a scene on a GPU, found one on {device}; use backend native there.")
    try:
        from gsplat.cuda import _backend, _wrapper
    except ImportError as error:
        raise SagaError(f'backend gsplat: {error}; install it with pip install "saga-splat[gsplat]".') from error
    if _backend._C is None:
        raise SagaError(
            "backend gsplat: expected a CUDA toolkit to compile its kernels with, found none; install nvcc."
        )
    return _wrapper
