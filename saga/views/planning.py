"""Next-best-view planning: of many candidates, the few that together see the most of a scene's surface."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from saga.raster import BlendOperator, DeviceScene, Geometry
from saga.runtime.progress import tracked
from saga.runtime.sets import size_of
from saga.scene import Camera
from saga.views.candidates import Extent, around, inside, is_enclosed, measure

_PROBE_SIZE = (96, 72)
"""Width and height in pixels at which candidates are tried."""
_MOST_GAUSSIANS = 25_000
"""Candidates are tried with so many Gaussians; of more, a sample stands for all."""
_SIGHTINGS = 3.0
"""Good looks that a Gaussian is worth: further ones of the same add nothing."""
_CLEAR = 0.2
"""Blended weight, in pixels of the probing picture, that is half a good look."""
_WIDE_SHARE = 3
"""One in so many views shows the whole scene, the others parts of it."""
_NEAR = 0.06
"""Depth, in radii of the scene, in front of which a pixel shows something that stands in the way."""
_MOST_BLOCKED = 0.15
"""Share of such pixels from which a candidate is left out."""


def plan_views(
    placed: DeviceScene,
    count: int,
    size: tuple[int, int] = (800, 600),
    seed: int = 0,
    progress: bool = False,
) -> list[Camera]:
    """Chooses views of a scene without cameras, each the one that shows most of what is not yet seen well.

    Candidates lie around the scene and around its parts, or, where the scene surrounds its middle as a room does,
    inside of it. Each is rendered small; what it shows of a Gaussian is its blended weight there. The views are named
    view_000.png and so on, in the order of their direction around the scene.

    Args:
        placed: the scene on a device; its own cameras, if any, are not looked at.
        count: number of views, at least 1; fewer are returned when there are fewer usable candidates.
        size: width and height of the views in pixels.
        seed: seed of the candidates.
        progress: whether to show progress on standard error.

    Raises:
        ValueError: a count or size below 1.
    """
    if min(count, *size) < 1:
        raise ValueError(f"count and size: expected 1 or more, found {count} and {size}")
    extent = measure(placed.scene.gaussians)
    geometry = _thinned(placed.geometry, placed.valid, seed)
    enclosed = is_enclosed(geometry, extent)
    wide, close = ([], inside(extent, _PROBE_SIZE, seed)) if enclosed else around(extent, _PROBE_SIZE, seed)
    looks = [_look(geometry, camera, extent) for camera in tracked([*wide, *close], progress, "planning views")]
    worth, seen = _worth(geometry), torch.zeros(len(geometry), device=geometry.device)
    shown = torch.stack(looks)
    first = _greedy(shown[: len(wide)], worth, seen, -(-count // _WIDE_SHARE) if close else count)
    second = _greedy(shown[len(wide) :], worth, seen, count - len(first))
    chosen = [wide[index] for index in first] + [close[index] for index in second]
    return _named([camera.resized(*_cover(size)) for camera in chosen], extent, size)


def _thinned(geometry: Geometry, valid: Tensor, seed: int) -> Geometry:
    """Returns a random part of the valid Gaussians, enlarged so that their surface stays closed."""
    rows = valid.nonzero()[:, 0]
    if len(rows) > _MOST_GAUSSIANS:
        order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))[:_MOST_GAUSSIANS]
        enlarged = (len(rows) / _MOST_GAUSSIANS) ** 0.5
        rows = rows[order.to(rows.device)]
    else:
        enlarged = 1.0
    return replace(
        geometry,
        means=geometry.means[rows],
        scales=geometry.scales[rows] * enlarged,
        quaternions=geometry.quaternions[rows],
        opacities=geometry.opacities[rows],
    )


def _worth(geometry: Geometry) -> Tensor:  # [n]
    """How much each Gaussian counts: its opacity times its larger cross section, giants of the background bounded."""
    scales = geometry.scales.sort(dim=1).values
    area = scales[:, 1] * scales[:, 2]
    return geometry.opacities * area.clamp(max=float(torch.quantile(area[:_MOST_GAUSSIANS], 0.9)))


def _look(geometry: Geometry, camera: Camera, extent: Extent) -> Tensor:  # [n]
    """Tells how well a candidate shows each Gaussian, 0 to 1; 0 everywhere when something stands in its way."""
    operator = BlendOperator(geometry, camera)
    pose = torch.from_numpy(camera.world_to_camera[2]).to(geometry.means)
    depths = geometry.means @ pose[:3] + pose[3]
    near = (depths > 0) & (depths < _NEAR * extent.radius)  # what lies behind the camera shows nowhere
    # Mostly nothing is near, and no picture is needed to see that nothing stands in the way.
    blocked = float(operator.render(near.to(depths.dtype)[:, None]).mean()) if size_of(near) > 0 else 0.0
    weight = operator.lift(torch.ones(camera.height, camera.width, 1, device=geometry.device))[:, 0]
    return weight / (weight + _CLEAR) * (blocked < _MOST_BLOCKED)


def _greedy(
    looks: Tensor,  # [K, n]
    worth: Tensor,  # [n]
    seen: Tensor,  # [n]
    count: int,
) -> list[int]:
    """Indices of candidates, each the one that adds most to what was seen before it; adds its looks to `seen`."""
    chosen: list[int] = []
    for _ in range(min(count, len(looks))):
        gains = ((seen + looks).clamp(max=_SIGHTINGS) - seen) @ worth
        gains[chosen] = -1.0
        best = int(gains.argmax())
        if float(gains[best]) <= 0:
            break
        chosen.append(best)
        seen.copy_((seen + looks[best]).clamp(max=_SIGHTINGS))
    return chosen


def _cover(size: tuple[int, int]) -> tuple[int, int]:
    """Returns the size at a candidate's aspect ratio that covers a size."""
    scale = max(size[0] / _PROBE_SIZE[0], size[1] / _PROBE_SIZE[1])
    return round(scale * _PROBE_SIZE[0]), round(scale * _PROBE_SIZE[1])


def _named(cameras: list[Camera], extent: Extent, size: tuple[int, int]) -> list[Camera]:
    """Returns the cameras cropped to a size and numbered around the scene."""
    width, height = size
    forward = np.eye(3)[np.argmin(np.abs(extent.up))]
    side = np.cross(extent.up, forward)
    directions = [camera.world_to_camera[2, :3] for camera in cameras]
    angles = [np.arctan2(d @ side, d @ forward) for d in directions]
    digits = max(3, len(str(len(cameras) - 1)))
    ordered = [cameras[i] for i in np.argsort(angles, kind="stable")]
    return [
        replace(camera, name=f"view_{k:0{digits}d}.png", width=width, height=height, cx=width / 2, cy=height / 2)
        for k, camera in enumerate(ordered)
    ]
