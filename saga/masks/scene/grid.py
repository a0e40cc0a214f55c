"""What one view sees of the surface, on a regular grid of its pixels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy import ndimage
from skimage.color import rgb2lab
from torch import Tensor

from saga.raster import BlendOperator
from saga.scene.camera import Camera

_SURFACE_ALPHA = 0.5
"""Least opacity of a pixel that has a surface."""
_NEAR_MEDIAN = 0.02
"""Entries of a row within this share of the median depth are one surface."""


@dataclass(frozen=True, eq=False)
class ViewGrid:
    """The surface that a view shows, at every `step`-th pixel."""

    camera: Camera
    step: int
    """Pixels between two samples."""
    depth: np.ndarray  # [h, w]
    """Camera z of the surface, float32 [h, w]; 0 where there is none."""
    color: np.ndarray  # [h, w, 3]
    """The photograph there, uint8 RGB [h, w, 3]."""

    @property
    def columns(self) -> np.ndarray:  # [w]
        """Pixel column of each sample."""
        return np.arange(self.step // 2, self.camera.width, self.step)

    @property
    def rows(self) -> np.ndarray:  # [h]
        """Pixel row of each sample."""
        return np.arange(self.step // 2, self.camera.height, self.step)

    @cached_property
    def seen(self) -> np.ndarray:  # [h, w]
        """Where there is a surface, bool [h, w]."""
        return self.depth > 0

    @property
    def points(self) -> np.ndarray:  # [h, w, 3]
        """The surface in world coordinates, float32 [h, w, 3]; the camera's center where there is none."""
        camera = self.camera
        x = (self.columns + 0.5 - camera.cx) / camera.fx
        y = (self.rows + 0.5 - camera.cy) / camera.fy
        rays = np.stack([*np.meshgrid(x, y), np.ones(self.depth.shape)], -1) @ camera.world_to_camera[:3, :3]
        points: np.ndarray = (camera.position + rays * self.depth[..., None]).astype(np.float32)
        return points

    @property
    def lab(self) -> np.ndarray:  # [h, w, 3]
        """The photograph there in CIELAB, float32 [h, w, 3]."""
        lab: np.ndarray = rgb2lab(self.color).astype(np.float32)
        return lab

    def steady(self, jump: float) -> np.ndarray:  # [h, w]
        """Where the surface does not jump by more than a share of its depth to a neighbor, bool [h, w]."""
        highest = ndimage.maximum_filter(self.depth, 3)
        lowest = ndimage.minimum_filter(np.where(self.seen, self.depth, np.inf), 3)
        steady: np.ndarray = self.seen & (highest - lowest <= jump * self.depth)
        return steady

    def nearest_sample(
        self,
        height: int,
        width: int,
    ) -> tuple[np.ndarray, np.ndarray]:  # [height, 1], [1, width]
        """Index of the sample nearest to every pixel of the view's image at another size."""
        down = _nearest(height, self.camera.height, self.step, self.depth.shape[0])
        across = _nearest(width, self.camera.width, self.step, self.depth.shape[1])
        return down[:, None], across[None]


def _nearest(size: int, full: int, step: int, samples: int) -> np.ndarray:  # [size]
    pixels = (np.arange(size) + 0.5) * full / size
    return np.clip((pixels - step // 2 + step / 2) / step, 0, samples - 1).astype(int)


def view_grid(
    operator: BlendOperator,
    photograph: np.ndarray,  # [H, W, 3]
    side: int,
) -> ViewGrid:
    """Looks at the surface of one view with about `side` samples along its longer side.

    Args:
        operator: the view's blending operator.
        photograph: uint8 RGB at the camera's size.
        side: samples along the longer side.
    """
    camera = operator.camera
    step = max(1, round(max(camera.width, camera.height) / side))
    empty = ViewGrid(camera, step, np.zeros((0, 0)), np.zeros((0, 0, 3)))
    x, y = np.meshgrid(empty.columns, empty.rows)
    pixels = torch.from_numpy(np.stack([x.ravel(), y.ravel()], axis=1))
    depth = surface_depth(operator, pixels).cpu().numpy().reshape(x.shape)
    return ViewGrid(camera, step, depth, photograph[empty.rows[:, None], empty.columns[None]])


def surface_depth(
    operator: BlendOperator,
    pixels: Tensor,  # [P, 2]
) -> Tensor:  # [P]
    """Camera z of the surface at pixels (x, y), float32 [P]; 0 where accumulated opacity is below 0.5.

    Of each Gaussian that a ray meets, the depth is where its density along the ray is greatest; the surface is
    their median by weight, refined to the mean of those within 2 % of it.
    """
    rows = operator.rows(pixels)
    count = len(rows)
    row = torch.repeat_interleave(torch.arange(count), (rows.indptr[1:] - rows.indptr[:-1]).cpu()).to(
        rows.indptr.device
    )
    gaussians = rows.indices.long()
    depth = _ray_depths(operator, pixels.to(row.device)[row], gaussians)
    weight = rows.weights.double()
    ends = torch.cat([weight.new_zeros(1), weight.cumsum(0)])
    total = ends[rows.indptr[1:]] - ends[rows.indptr[:-1]]
    reached = ends[1:] - ends[rows.indptr[:-1]][row]
    half = 0.5 * total[row]
    middle = (reached >= half) & (reached - weight < half)
    median = torch.zeros(count, dtype=depth.dtype, device=depth.device)
    median[row[middle]] = depth[middle]
    near = weight * ((depth - median[row]).abs() < _NEAR_MEDIAN * median[row])
    zeros = torch.zeros(count, dtype=torch.float64, device=depth.device)
    mean = zeros.index_add(0, row, near * depth) / zeros.index_add(0, row, near).clamp(min=1e-12)
    return torch.where((total > _SURFACE_ALPHA) & (median > 0), mean, 0.0).float()


_FLATTEST = 0.05
"""Least standard deviation of a Gaussian, relative to its greatest, in the depth along a ray."""


def _ray_depths(
    operator: BlendOperator,
    pixels: Tensor,  # [E, 2]
    gaussians: Tensor,  # [E]
) -> Tensor:  # [E]
    """Camera z at which the ray of each entry's pixel meets its Gaussian most, t = d' S^-1 (mu - o) / d' S^-1 d."""
    geometry, camera = operator.geometry, operator.camera
    device = geometry.device
    pose = torch.from_numpy(camera.world_to_camera).to(device, torch.float32)
    scales = torch.maximum(geometry.scales, _FLATTEST * geometry.scales.amax(1, keepdim=True)).clamp(min=1e-12)
    w, x, y, z = torch.nn.functional.normalize(geometry.quaternions, dim=1).unbind(1)
    axes = torch.stack(
        [1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y),
         2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x),
         2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)], 1,
    ).reshape(-1, 3, 3)  # fmt: skip
    whiten = axes @ pose[:3, :3].T / scales[:, :, None]  # camera coordinates to the Gaussian's own unit sphere
    centers = geometry.means @ pose[:3, :3].T + pose[:3, 3]
    towards = (whiten @ centers[:, :, None])[..., 0]
    rays = torch.stack(
        [(pixels[:, 0] + 0.5 - camera.cx) / camera.fx, (pixels[:, 1] + 0.5 - camera.cy) / camera.fy,
         torch.ones(len(pixels), device=device)], 1,
    ).float()  # fmt: skip
    along = (whiten[gaussians] @ rays[:, :, None])[..., 0]
    depth = (along * towards[gaussians]).sum(1) / (along * along).sum(1).clamp(min=1e-20)
    center = centers[gaussians, 2]
    return torch.where((depth > 0.3 * center) & (depth < 2 * center), depth, center)
