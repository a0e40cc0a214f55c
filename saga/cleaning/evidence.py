"""What the views of a scene say about each of its Gaussians, gathered once, view after view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from saga.cleaning.copies import copies_of
from saga.cleaning.support import Support, support_of
from saga.raster import BlendOperator, DeviceScene, Geometry
from saga.runtime.progress import tracked
from saga.scene import Camera

_SEEN = 0.5
"""Pixels of blended weight from which a view counts as seeing a Gaussian."""
_RIM = 5
"""Pixels of a window whose nearest surface counts: what sticks out beside an outline is no floater."""
_FAR = 0.95
"""Where a view shows no surface, one is taken to lie at this quantile of the depths that it shows."""
_GAP = (0.02, 0.06)
"""In front of the surface by less than the first share of its depth is on it, by more than the second in the air."""
_LONG = 3.0
"""Longest over second standard deviation, from which a Gaussian is looked at along its length."""
_STATIONS = (-2.0, -1.0, 0.0, 1.0, 2.0)
"""Where along its length, in standard deviations."""
_TINY = 1e-12


@dataclass(frozen=True, eq=False)
class Evidence:
    """What is known about N Gaussians, float32 [N] each on the scene's device unless it says otherwise."""

    support: Support
    """How firmly each is part of something."""
    weight: Tensor  # [N]
    """Blended weight summed over the pixels of all views, A^T 1."""
    peak: Tensor  # [N]
    """The most of it in one view, pixels."""
    views: Tensor  # [N]
    """Number of views that see it."""
    front: Tensor  # [N]
    """Share of the weight that lies in the air in front of the surface that its views agree on."""
    near: Tensor  # [N]
    """Distance from the views, weighted, as a share of that of the surface behind it."""
    long: Tensor  # [N]
    """Longest over second standard deviation."""
    free: Tensor  # [N]
    """Share of its length that lies in the air, as its views see it; 0 for those that are not long."""
    worth: Tensor  # [N]
    """How much the photographs miss it when it goes (`pictures.worth_of`); negative where they are better off. 0
    without photographs, and where it was not tried."""
    copies: Tensor  # [N]
    """How exactly it repeats another that comes before it, 0 to 1."""
    planned: bool = False
    """Whether the views were planned, and are none that the scene was trained from."""


def gather(
    placed: DeviceScene,
    cameras: Sequence[Camera],
    planned: bool = False,
    progress: bool = False,
    strays: Tensor | None = None,  # [N] bool
) -> Evidence:
    """Gathers the evidence of some views, one after the other; memory does not grow with their number.

    The surface of each view is that of the firm Gaussians alone (`support_of`), so no stray one is taken for it. How
    far in front of it a Gaussian lies is told by the mean of the surface's reciprocal depth over the pixels that show
    it, weighted as they do: A^T (1 / depth) / A^T 1.

    Args:
        placed: the scene on a device.
        cameras: its views.
        planned: whether they were planned.
        progress: whether to show progress on standard error.
        strays: what is known to be part of no surface; none by default.
    """
    geometry = placed.geometry
    support = support_of(geometry, strays)
    firm = geometry.of_rows(support.firm)
    sums = _Sums(geometry)
    for camera in tracked(cameras, progress, "looking for what floats", "views"):
        operator = placed.operator(camera)
        sums.add(operator, _agreed_depth(BlendOperator(firm, camera)))
    total = sums.weight.clamp_min(_TINY)
    free = torch.zeros_like(sums.weight)
    free[sums.rows] = sums.in_air / sums.looks.clamp_min(_TINY)
    return Evidence(
        support, sums.weight, sums.peak, sums.views, sums.front / total, sums.near / total, sums.long, free,
        torch.zeros_like(free), copies_of(placed), planned,
    )  # fmt: skip


class _Sums:
    """Sums over views."""

    def __init__(self, geometry: Geometry) -> None:
        zeros = torch.zeros(len(geometry), device=geometry.device)
        self.weight, self.peak, self.views = zeros.clone(), zeros.clone(), zeros.clone()
        self.front, self.near = zeros.clone(), zeros.clone()
        self._means = geometry.means
        scales = geometry.scales.sort(dim=1).values
        self.long = scales[:, 2] / scales[:, 1].clamp_min(_TINY)
        self.rows = (self.long > _LONG).nonzero()[:, 0]  # [n]
        self._stations = stations(geometry.of_rows(self.rows))  # [n, S, 3]
        self.in_air, self.looks = zeros[self.rows].clone(), zeros[self.rows].clone()

    def add(
        self,
        operator: BlendOperator,
        depth: Tensor,  # [H, W]
    ) -> None:
        camera = operator.camera
        lifted = operator.lift(torch.stack([torch.ones_like(depth), 1 / depth], dim=-1))
        weight = lifted[:, 0]
        share = _depths(self._means, camera) * lifted[:, 1] / weight.clamp_min(_TINY)  # of the surface's depth
        self.weight += weight
        self.peak = torch.maximum(self.peak, weight)
        self.views += weight > _SEEN
        self.front += weight * ((1 - share - _GAP[0]) / (_GAP[1] - _GAP[0])).clamp(0, 1)
        self.near += weight * share.clamp(0, 1)
        self._add_lengths(camera, depth, weight[self.rows])

    def _add_lengths(
        self,
        camera: Camera,
        depth: Tensor,  # [H, W]
        weight: Tensor,  # [n]
    ) -> None:
        seen = (weight > _SEEN).nonzero()[:, 0]
        pose = torch.from_numpy(camera.world_to_camera).to(self._stations)
        local = self._stations[seen] @ pose[:3, :3].T + pose[:3, 3]  # [m, S, 3]
        z = local[..., 2]
        ahead = z > _TINY
        scale = torch.where(ahead, 1 / z.clamp_min(_TINY), 0)
        x = (local[..., 0] * scale * camera.fx + camera.cx).floor()
        y = (local[..., 1] * scale * camera.fy + camera.cy).floor()
        inside = ahead & (x >= 0) & (y >= 0) & (x < camera.width) & (y < camera.height)
        surface = depth[y.clamp(0, camera.height - 1).long(), x.clamp(0, camera.width - 1).long()]
        air = inside & (z < (1 - sum(_GAP) / 2) * surface)
        looked = inside.sum(1).clamp_min(1)
        self.in_air[seen] += air.sum(1) / looked
        self.looks[seen] += inside.any(1).to(torch.float32)


def stations(geometry: Geometry) -> Tensor:  # [n, S, 3]
    """Returns points along the longest axis of each Gaussian, two standard deviations to either side, world units."""
    w, x, y, z = torch.nn.functional.normalize(geometry.quaternions, dim=1).unbind(1)
    columns = torch.stack(
        [
            torch.stack([1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)], dim=1),
            torch.stack([2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)], dim=1),
            torch.stack([2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)], dim=1),
        ],
        dim=1,
    )  # [n, axis, 3]
    longest, which = geometry.scales.max(dim=1)
    along = columns[torch.arange(len(which), device=which.device), which] * longest[:, None]
    places = torch.tensor(_STATIONS, device=along.device)
    return geometry.means[:, None] + places[None, :, None] * along[:, None]


def _agreed_depth(firm: BlendOperator) -> Tensor:  # [H, W]
    """Returns camera z of the nearest firm surface around each pixel, world units; inf where there is none at all."""
    depth = firm.surface().depth
    shown = depth[depth.isfinite()]
    if len(shown) == 0:
        return depth
    far = shown.kthvalue(max(1, int(_FAR * len(shown)))).values
    filled = torch.where(depth.isfinite(), depth, far)
    return -torch.nn.functional.max_pool2d(-filled[None, None], _RIM, stride=1, padding=_RIM // 2)[0, 0]


def _depths(
    means: Tensor,  # [N, 3]
    camera: Camera,
) -> Tensor:  # [N]
    pose = torch.from_numpy(camera.world_to_camera[2]).to(means)
    return means @ pose[:3] + pose[3]
