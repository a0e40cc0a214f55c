"""Pixels to points of the world and back, with visibility by rendered depth (SA3D, eq. 6; SANeRF-HQ, eq. 6)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from saga.raster.device_scene import DeviceScene
from saga.scene import Camera


def unproject(
    camera: Camera,
    pixels: Tensor,  # [K, 2]
    depths: Tensor,  # [K]
) -> Tensor:  # [K, 3]
    """Returns world points, float64 [K, 3], that integer pixels (x, y) show at these camera depths (z, world units)."""
    center = pixels.to(torch.float64) + 0.5
    focal = torch.tensor([camera.fx, camera.fy], dtype=torch.float64, device=pixels.device)
    middle = torch.tensor([camera.cx, camera.cy], dtype=torch.float64, device=pixels.device)
    z = depths.to(torch.float64)[:, None]
    local = torch.cat([(center - middle) / focal * z, z], dim=1)
    pose = torch.from_numpy(camera.world_to_camera).to(local)
    return (local - pose[:3, 3]) @ pose[:3, :3]


def world_points(
    device_scene: DeviceScene,
    name: str,
    pixels: Tensor,  # [K, 2]
) -> Tensor:  # [K, 3]
    """Returns world points, float64 [K, 3], of integer pixels (x, y) of a view; NaN where the view shows nothing."""
    depths = device_scene.depth(name)[pixels[:, 1], pixels[:, 0]]
    points = unproject(device_scene.scene.camera(name), pixels, torch.where(depths.isfinite(), depths, torch.nan))
    return points


def seen_points(
    device_scene: DeviceScene,
    name: str,
    points: Tensor,  # [K, 3]
    tolerance: float = 0.03,
) -> tuple[Tensor, Tensor]:  # [K, 2], [K]
    """Returns where a view shows world points: integer pixels (x, y) int64 [K, 2], and whether each is seen, bool [K].

    A point is seen when it falls into the image and lies no farther than what the rendered depth shows there, give or
    take `tolerance` of its own depth. Pixels of unseen points are meaningless but inside the image.
    """
    camera = device_scene.scene.camera(name)
    finite = points.isfinite().all(1)
    pixels, z = camera.project(torch.where(finite[:, None], points, 0.0).cpu().numpy())
    depths = torch.from_numpy(z).to(points.device)
    limits = (camera.width, camera.height)
    inside = np.isfinite(pixels).all(1) & (pixels >= 0).all(1) & (pixels < limits).all(1) & (z > 0)
    kept = torch.from_numpy(inside).to(points.device) & finite
    whole = torch.from_numpy(np.where(inside[:, None], pixels, 0.0)).to(points.device).long()
    shown = device_scene.depth(name)[whole[:, 1], whole[:, 0]].to(depths)
    return whole, kept & (depths <= shown * (1 + tolerance)) & shown.isfinite()
