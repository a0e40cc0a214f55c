"""Local rays around high-error pixels and their reprojections (SANeRF-HQ, eq. 13)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from saga.methods.points import seen_points, world_points
from saga.methods.sanerf_hq.config import SanerfHqConfig
from saga.methods.sanerf_hq.rays import RayCache
from saga.raster import SparseRows


@dataclass(frozen=True)
class RaySets:
    """Q sets of at most R rays each."""

    rows: SparseRows
    places: Tensor  # [Q, R] int64, rows of the rays
    valid: Tensor  # [Q, R] bool
    colors: Tensor  # [Q, R, 3] rendered RGB in 0 to 1


def reprojected(
    cache: RayCache,
    names: list[str],
    view: Tensor,  # [Q] int64
    pixels: Tensor,  # [Q, 2] int64
    tolerance: float,
) -> tuple[Tensor, Tensor]:  # [Q, V, 2], [Q, V]
    """Returns where each of the views `names` shows what pixels (x, y) of view number `view` show, and whether it does.

    A pixel is always seen at itself in its own view, even when it shows nothing.
    """
    points = torch.full((len(view), 3), torch.nan, dtype=torch.float64, device=view.device)
    for number, name in enumerate(names):
        own = view == number
        if bool(own.any()):
            points[own] = world_points(cache.device_scene, name, pixels[own])
    found = [seen_points(cache.device_scene, name, points, tolerance) for name in names]
    where, seen = (torch.stack(part, dim=1) for part in zip(*found, strict=True))
    everyone = torch.arange(len(view), device=view.device)
    where[everyone, view], seen[everyone, view] = pixels, True
    return where, seen


def draw_sets(
    cache: RayCache,
    names: list[str],
    view: Tensor,  # [Q] int64
    pixels: Tensor,  # [Q, 2] int64
    config: SanerfHqConfig,
    random: torch.Generator,
) -> RaySets:
    """Returns the rays R_p of some pixels p; R is (1 + patch_views) * patch_rays.

    They are random ones of the N x N patches around p and around where a few other views, drawn at random among those
    that see it, show it.
    """
    where, seen = reprojected(cache, names, view, pixels, config.tolerance)
    everyone = torch.arange(len(view), device=view.device)
    order = torch.rand(seen.shape, generator=random).to(view.device) + 2 * ~seen
    order[everyone, view] = -1.0
    chosen = order.argsort(dim=1)[:, : 1 + config.patch_views]  # [Q, V], its own view first
    centers = torch.gather(where, 1, chosen[..., None].expand(-1, -1, 2))
    shape = (*chosen.shape, config.patch_rays)
    offsets = torch.randint(config.patch, (*shape, 2), generator=random).to(view.device) - config.patch // 2
    rays = (centers[:, :, None] + offsets).flatten(1, 2)  # [Q, R, 2]
    of = chosen[..., None].expand(shape).flatten(1)  # [Q, R]
    valid = torch.gather(seen, 1, chosen)[..., None].expand(shape).flatten(1)
    return _kept(cache, names, rays, of, valid)


def _kept(cache: RayCache, names: list[str], rays: Tensor, of: Tensor, valid: Tensor) -> RaySets:
    """Returns rows and colors of rays [Q, R, 2] of views [Q, R], without those outside of their images."""
    places, colors = torch.zeros_like(of), torch.zeros(*of.shape, 3, device=of.device)
    valid, parts, first = valid.clone(), [], 0
    for number, name in enumerate(names):
        camera = cache.device_scene.scene.camera(name)
        limits = torch.tensor([camera.width, camera.height], device=of.device)
        mine = of == number
        valid &= ~mine | ((rays >= 0) & (rays < limits)).all(-1)
        mine &= valid
        if not bool(mine.any()):
            continue
        pixels = rays[mine]
        parts.append(cache.device_scene.operator(name).rows(pixels))
        places[mine] = torch.arange(first, first + len(pixels), device=of.device)
        colors[mine] = cache.colors(name)[pixels[:, 1], pixels[:, 0]].to(torch.float32) / 255
        first += len(pixels)
    return RaySets(SparseRows.concatenated(parts), places, valid, colors)
