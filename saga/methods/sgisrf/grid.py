"""A cube of voxels over a part of a scene, and the opacity of its Gaussians sampled in it (SGISRF, section 3.2)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from saga.raster import Geometry

_REACH = 2.0
"""Samples of a Gaussian lie within this many standard deviations."""
_LATTICES = (1, 3, 5, 9)
"""Samples along an axis; a Gaussian takes the fewest that are less than a voxel apart."""


@dataclass(frozen=True)
class Box:
    """An axis-aligned cube, world units."""

    center: tuple[float, float, float]
    half: float
    """Half of its side."""

    def grown(self, factor: float) -> Box:
        """Returns a box of another size at the same place."""
        return replace(self, half=self.half * factor)


@dataclass(frozen=True)
class Grid:
    """A cube of `size`^3 voxels; values on it are [size, size, size], indexed x, y, z."""

    box: Box
    size: int

    @property
    def voxel(self) -> float:
        """Side of a voxel, world units."""
        return 2 * self.box.half / self.size

    def finer(self) -> Grid:
        """Returns the grid at twice the resolution: voxel (x, y, z) has the children (2x + a, 2y + b, 2z + c)."""
        return replace(self, size=2 * self.size)

    def locate(
        self,
        points: Tensor,  # [N, 3]
    ) -> Tensor:  # [N, 3]
        """Returns world points in units of voxels from the cube's lowest corner; voxel i reaches from i to i + 1."""
        corner = torch.tensor(self.box.center, dtype=points.dtype, device=points.device) - self.box.half
        return (points - corner) / self.voxel

    def cells(
        self,
        points: Tensor,  # [N, 3]
    ) -> tuple[Tensor, Tensor]:  # [N], [N]
        """Returns the flat voxel of each world point, int64, and whether it lies in the cube (else the voxel is 0)."""
        index = torch.floor(self.locate(points)).to(torch.int64)
        inside = ((index >= 0) & (index < self.size)).all(1)
        return flat(torch.where(inside[:, None], index, 0), self.size), inside

    def sample(
        self,
        values: Tensor,  # [C, S, S, S] on a grid of any size S over the same cube
        points: Tensor,  # [N, 3]
    ) -> Tensor:  # [N, C]
        """Values between voxel centers, trilinear; points outside take the border's. Differentiable in values."""
        place = 2 * self.locate(points) / self.size - 1
        # grid_sample reads its last dimension as (x of the last axis, ..., x of the first).
        place = place.flip(-1)[None, :, None, None]
        found = torch.nn.functional.grid_sample(
            values[None], place.to(values.dtype), padding_mode="border", align_corners=False
        )
        return found[0, :, :, 0, 0].T


def flat(
    index: Tensor,  # [N, 3] int64
    size: int,
) -> Tensor:  # [N]
    """Returns the flat number of voxels of a cube of `size`^3."""
    return (index[:, 0] * size + index[:, 1]) * size + index[:, 2]


def within(
    geometry: Geometry,
    box: Box,
) -> Tensor:  # [n] int64
    """Returns which Gaussians have their center in a box."""
    center = torch.tensor(box.center, dtype=geometry.dtype, device=geometry.device)
    near = ((geometry.means - center).abs() <= box.half).all(1)
    return torch.nonzero(near & (geometry.opacities > 0))[:, 0]


def opacity_grid(
    geometry: Geometry,
    members: Tensor,  # [n] int64, Gaussians to sample
    grid: Grid,
) -> Tensor:  # [size, size, size]
    """Returns A: how much of the light through each voxel its Gaussians take, float32 in [0, 1).

    A Gaussian is a lattice of small patches across its axes; each takes away opacity * exp(-d^2 / 2) of the light
    through its own area, so that a wall through a voxel gives the wall's opacity and a speck next to nothing:
    A = 1 - exp(-sum of -log(1 - a) area / voxel^2).
    """
    thickness = torch.zeros(grid.size**3, dtype=torch.float32, device=geometry.device)
    if len(members) == 0:
        return thickness.reshape((grid.size,) * 3)
    means, opacities = geometry.means[members], geometry.opacities[members].clamp(max=0.999)
    scales, order = geometry.scales[members].sort(dim=1, descending=True)
    axes = rotation_matrices(geometry.quaternions[members]).gather(2, order[:, None, :].expand(-1, 3, 3))
    kinds = _lattice_numbers(scales, grid.voxel)
    for kind in torch.unique(kinds, dim=0).tolist():
        chosen = (kinds == torch.tensor(kind, device=kinds.device)).all(1)
        points, weight, alpha_share = _lattice(means[chosen], axes[chosen], scales[chosen], kind)
        area = 4 * _REACH**2 * scales[chosen, 0] * scales[chosen, 1] / kind[0] ** 2
        depth = -torch.log1p(-opacities[chosen, None] * alpha_share[None]) * weight[None]
        depth = depth * (area / grid.voxel**2).clamp(max=1.0)[:, None]
        cell, inside = grid.cells(points.reshape(-1, 3))
        thickness.scatter_add_(0, cell, torch.where(inside, depth.reshape(-1), 0.0).to(torch.float32))
    return (1 - torch.exp(-thickness)).reshape((grid.size,) * 3)


def _lattice_numbers(
    scales: Tensor,  # [n, 3] largest first
    voxel: float,
) -> Tensor:  # [n, 2] int64
    """Samples along the two larger axes and along the least."""
    spans = 2 * _REACH * scales / voxel
    numbers = torch.tensor(_LATTICES, device=scales.device)
    steps = torch.tensor(_LATTICES[:-1], dtype=scales.dtype, device=scales.device)
    wide = numbers[torch.searchsorted(steps, spans[:, 0].contiguous())]
    return torch.stack([wide, torch.where(spans[:, 2] > 1, 3, 1)], dim=1)


def _lattice(
    means: Tensor,  # [m, 3]
    axes: Tensor,  # [m, 3, 3] columns, largest first
    scales: Tensor,  # [m, 3]
    kind: list[int],
) -> tuple[Tensor, Tensor, Tensor]:  # [m, k, 3], [k], [k]
    """Returns points of the lattice, the share of each along the least axis, and exp(-d^2 / 2) across the others."""
    wide, deep = kind
    across = (torch.arange(wide, dtype=means.dtype, device=means.device) + 0.5) / wide * 2 * _REACH - _REACH
    along = torch.tensor([0.0] if deep == 1 else [-1.2, 0.0, 1.2], dtype=means.dtype, device=means.device)
    u, v, w = (part.reshape(-1) for part in torch.meshgrid(across, across, along, indexing="ij"))
    offsets = torch.stack([u, v, w], dim=1)
    points = means[:, None] + torch.einsum("mij,kj->mki", axes * scales[:, None, :], offsets)
    # One patch for the whole Gaussian takes the mean of exp(-d^2 / 2) over its square, 0.36 within two deviations.
    share = torch.exp(-(u**2 + v**2) / 2) if wide > 1 else torch.full_like(u, 0.36)
    return points, torch.full_like(w, 1.0 / deep), share


def rotation_matrices(
    quaternions: Tensor,  # [N, 4] w first
) -> Tensor:  # [N, 3, 3]
    """Returns rotations from the Gaussians' axes, which are the columns, to the world's."""
    w, x, y, z = torch.nn.functional.normalize(quaternions, dim=1).unbind(1)
    first = torch.stack([1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)], dim=1)
    second = torch.stack([2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)], dim=1)
    return torch.stack([first, second, torch.linalg.cross(first, second, dim=1)], dim=2)
