"""The views of the native backends (CPU and CUDA): projection, products, rows and surfaces."""

from __future__ import annotations

from collections.abc import Callable
from ctypes import byref
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from saga.native import bindings as c
from saga.raster.geometry import Geometry
from saga.scene.camera import Camera


@dataclass(frozen=True)
class TiledView:
    """One camera's projected Gaussians and depth-ordered tile lists: all that A depends on."""

    width: int
    height: int
    splats: Tensor  # [N, 8] float32: x, y, conic a, b, c, opacity, half width, half height
    depths: Tensor  # [N] float32, camera z, 0 when culled
    tile_offsets: Tensor  # [tiles + 1] int64
    ids: Tensor  # [pairs] int32

    @staticmethod
    def build(geometry: Geometry, camera: Camera) -> TiledView:
        """Projects, culls, and sorts the scene for one camera."""
        means, n, device = geometry.means, len(geometry.means), geometry.means.device
        struct, stream, kind = c.camera_struct(camera), c.stream(geometry.means), device.type
        splats, depths = _zeros(device, n, c.SPLAT), _zeros(device, n)
        counts = torch.empty(n, dtype=torch.int32, device=device)
        attributes = [c.pointer(a) for a in (means, geometry.quaternions, geometry.scales, geometry.opacities)]
        c.call(kind, "saga_project", byref(struct), n, *attributes, c.pointer(splats), c.pointer(depths),
               c.pointer(counts, torch.int32), stream)  # fmt: skip
        pairs = int(counts.sum(dtype=torch.int64))
        tiles = -(-camera.width // c.TILE) * -(-camera.height // c.TILE)
        offsets = torch.empty(tiles + 1, dtype=torch.int64, device=device)
        ids = torch.empty(pairs, dtype=torch.int32, device=device)
        workspace = c.workspace(splats, "saga_bin_workspace", byref(struct), n, pairs)
        c.call(kind, "saga_bin", byref(struct), n, c.pointer(splats), c.pointer(depths),
               c.pointer(counts, torch.int32), pairs, c.pointer(offsets, torch.int64),
               c.pointer(ids, torch.int32), c.pointer(workspace, torch.uint8), stream)  # fmt: skip
        return TiledView(camera.width, camera.height, splats, depths, offsets, ids)


def _zeros(device: torch.device, *shape: int) -> Tensor:
    """Returns float32 zeros. On the CPU they take no memory until they are written, which PyTorch's do."""
    return torch.from_numpy(np.zeros(shape, np.float32)) if device.type == "cpu" else torch.zeros(shape, device=device)


def _flags(exact: bool) -> int:
    """Flags of saga_render and saga_lift; torch.use_deterministic_algorithms asks for deterministic sums."""
    return (c.EXACT if exact else 0) | (c.DETERMINISTIC if torch.are_deterministic_algorithms_enabled() else 0)


def _lists(splats: Tensor, tile_offsets: Tensor, ids: Tensor) -> tuple[int, int, int]:
    return c.pointer(splats), c.pointer(tile_offsets, torch.int64), c.pointer(ids, torch.int32)


def run_render(
    x: Tensor,  # [N, C]
    splats: Tensor,  # [N, 8]
    tile_offsets: Tensor,  # [tiles + 1]
    ids: Tensor,  # [pairs]
    width: int,
    height: int,
    exact: bool,
) -> Tensor:  # [H, W, C]
    """Returns A x for one view."""
    x = x.contiguous()
    out = torch.empty(height, width, x.shape[1], device=x.device)
    c.call(x.device.type, "saga_render", byref(c.image_struct(width, height)), *_lists(splats, tile_offsets, ids),
           x.shape[1], c.pointer(x), c.pointer(out), _flags(exact), c.stream(x))  # fmt: skip
    return out


def run_lift(
    y: Tensor,  # [H, W, C]
    splats: Tensor,  # [N, 8]
    tile_offsets: Tensor,  # [tiles + 1]
    ids: Tensor,  # [pairs]
    exact: bool,
) -> Tensor:  # [N, C]
    """Returns A^T y for one view."""
    y = y.contiguous()
    height, width, channels = y.shape
    n, struct, kind = len(splats), c.image_struct(width, height), y.device.type
    out = torch.empty(n, channels, device=y.device)
    flags = _flags(exact)
    workspace = c.workspace(y, "saga_lift_workspace", byref(struct), n, channels, flags)
    c.call(kind, "saga_lift", byref(struct), n, *_lists(splats, tile_offsets, ids), channels, c.pointer(y),
           c.pointer(out), flags, c.pointer(workspace, torch.uint8), c.stream(y))  # fmt: skip
    return out


def _products(values: Tensor) -> tuple[Callable[..., Tensor], Callable[..., Tensor]]:
    """Returns what renders and what lifts: operators where autograd or torch.compile must see some.

    Registering these takes a twentieth of a command, and their first call takes seconds to import.
    """
    if not (torch.compiler.is_compiling() or (values.requires_grad and torch.is_grad_enabled())):
        return run_render, run_lift
    from saga.raster.differentiable import lift_op, render_op

    return render_op, lift_op


def render(
    x: Tensor,  # [N, C]
    view: TiledView,
    exact: bool,
) -> Tensor:  # [H, W, C]
    """Returns A x for one view, differentiable in x."""
    return _products(x)[0](x, view.splats, view.tile_offsets, view.ids, view.width, view.height, exact)


def lift(
    y: Tensor,  # [H, W, C]
    view: TiledView,
    exact: bool,
) -> Tensor:  # [N, C]
    """Returns A^T y for one view, differentiable in y."""
    return _products(y)[1](y, view.splats, view.tile_offsets, view.ids, exact)


def rows(
    view: TiledView,
    pixels: Tensor,  # [P, 2] int32 (x, y), sorted by tile
    runs: Tensor,  # [R + 1] int64, first pixel of each tile's run
    order: Tensor,  # [P] int64, the row of each pixel
) -> tuple[Tensor, Tensor, Tensor]:
    """Returns rows of A at sampled pixels: indptr [P + 1] int64, indices [nnz] int32, weights [nnz] float32."""
    kind, device, count = pixels.device.type, pixels.device, len(pixels)
    struct, stream = c.image_struct(view.width, view.height), c.stream(pixels)
    shared = (byref(struct), *_lists(view.splats, view.tile_offsets, view.ids), c.pointer(pixels, torch.int32),
              len(runs) - 1, c.pointer(runs, torch.int64))  # fmt: skip
    counts = torch.empty(count, dtype=torch.int32, device=device)
    c.call(kind, "saga_rows_count", *shared, c.pointer(counts, torch.int32), stream)
    indptr = torch.zeros(count + 1, dtype=torch.int64, device=device)
    torch.cumsum(torch.empty_like(counts).index_copy_(0, order, counts), 0, out=indptr[1:])
    starts = indptr[order]
    indices = torch.empty(int(indptr[-1]), dtype=torch.int32, device=device)
    weights = torch.empty(int(indptr[-1]), device=device)
    c.call(kind, "saga_rows_fill", *shared, c.pointer(starts, torch.int64), c.pointer(indices, torch.int32),
           c.pointer(weights), stream)  # fmt: skip
    return indptr, indices, weights


def surface(
    view: TiledView,
    geometry: Geometry,
    camera: Camera,
    pixels: Tensor,  # [P, 2] int32 (x, y), sorted by tile
    runs: Tensor,  # [R + 1] int64, first pixel of each tile's run
) -> tuple[Tensor, Tensor]:
    """Returns camera z of the surface (inf where alpha < 0.5) and alpha at sampled pixels: [P] float32 each."""
    kind, device, n = pixels.device.type, pixels.device, len(geometry)
    depths, alphas = torch.empty(len(pixels), device=device), torch.empty(len(pixels), device=device)
    workspace = c.workspace(depths, "saga_surface_workspace", n)
    attributes = [c.pointer(a) for a in (geometry.means, geometry.quaternions, geometry.scales)]
    c.call(kind, "saga_surface", byref(c.camera_struct(camera)), n, *attributes,
           *_lists(view.splats, view.tile_offsets, view.ids), c.pointer(pixels, torch.int32), len(runs) - 1,
           c.pointer(runs, torch.int64), c.pointer(depths), c.pointer(alphas), c.pointer(workspace, torch.uint8),
           c.stream(pixels))  # fmt: skip
    return depths, alphas
