"""From similarity maps of clicks to guidance in 3D: lifting, fusion, bilateral filter (SGISRF, section 3.3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from saga.methods.sgisrf.grid import Grid, flat
from saga.raster import SparseRows

NEIGHBORS = 8
"""Voxels beside its own that a lifted pixel reaches (section 3.3, "2D to 3D Lifting")."""
SIGMA_OPACITY = 0.3
"""Width of the bilateral filter in opacity; the paper leaves it open."""
SIGMA_SPACE = 1.0
"""Width of the bilateral filter in voxels; the paper leaves it open."""
_EPSILON = 1e-6


@dataclass(frozen=True)
class Lifted:
    """What clicks of one sign say about Gaussians: the fused guidance G before it is put on a grid."""

    gaussians: Tensor  # [U] int64, distinct
    confidence: Tensor  # [U] float32, largest over pixels and clicks

    @staticmethod
    def nothing(device: torch.device | str = "cpu") -> Lifted:
        """Returns what no click says."""
        return Lifted(torch.zeros(0, dtype=torch.int64, device=device), torch.zeros(0, device=device))

    @staticmethod
    def of(
        gaussians: Tensor,  # [P] int64, negative where a pixel shows nothing
        confidence: Tensor,  # [P] float32
    ) -> Lifted:
        """Lets Gaussians inherit the confidences of the pixels that show them; the maximum where several show the same.

        Confidences that are not finite are left out.
        """
        kept = (gaussians >= 0) & confidence.isfinite()
        found, place = torch.unique(gaussians[kept], return_inverse=True)
        best = torch.full((len(found),), -torch.inf, device=confidence.device)
        return Lifted(found, best.scatter_reduce(0, place, confidence[kept].float(), "amax"))

    @staticmethod
    def fused(parts: Sequence[Lifted], device: torch.device | str = "cpu") -> Lifted:
        """Returns the maximum over clicks."""
        parts = [Lifted.nothing(device), *parts]
        return Lifted.of(torch.cat([p.gaussians for p in parts]), torch.cat([p.confidence for p in parts]))


def strongest(rows: SparseRows) -> Tensor:  # [P]
    """Returns the Gaussian with the largest weight T_i alpha_i in each row (eq. 5), the nearest of equals, -1 for none.

    int64 [P].
    """
    counts = rows.indptr[1:] - rows.indptr[:-1]
    device = rows.weights.device
    pixel = torch.repeat_interleave(torch.arange(len(rows), device=device), counts)
    best = torch.zeros(len(rows), device=device).scatter_reduce(0, pixel, rows.weights, "amax", include_self=False)
    entry = torch.arange(len(pixel), device=device)
    last = torch.full_like(best, len(pixel), dtype=torch.int64)
    first = last.scatter_reduce(0, pixel, torch.where(rows.weights == best[pixel], entry, len(pixel)), "amin")
    found = torch.full_like(first, -1)
    found[counts > 0] = rows.indices.long()[first[counts > 0]]
    return found


def splat(
    grid: Grid,
    points: Tensor,  # [U, 3]
    confidence: Tensor,  # [U]
) -> tuple[Tensor, Tensor]:
    """Returns G and M on the grid: each point's confidence in its voxel and the 8 voxels nearest to it.

    G [size, size, size] float32 is the maximum over points, 0 where there is none; M, 1 or 0, says where there is one.
    """
    shape, device = (grid.size,) * 3, points.device
    place = grid.locate(points)
    inside = ((place >= 0) & (place < grid.size)).all(1)
    place, confidence = place[inside], confidence[inside]
    steps = torch.tensor([-1, 0, 1], device=device)
    offsets = torch.cartesian_prod(steps, steps, steps)
    home = torch.floor(place).long()
    middle = place - home - 0.5
    # |offset - middle|^2 without the part that all offsets share; the own voxel is always the nearest.
    distance = (offsets**2).sum(1).to(place.dtype) - 2 * middle @ offsets.T.to(place.dtype)
    nearest = distance.topk(NEIGHBORS + 1, dim=1, largest=False).indices
    cells = home[:, None] + offsets[nearest]
    good = ((cells >= 0) & (cells < grid.size)).all(2)
    target = flat(cells[good], grid.size)
    values = confidence.float()[:, None].expand(good.shape)[good]
    guidance = torch.full((grid.size**3,), -torch.inf, device=device).scatter_reduce(0, target, values, "amax")
    known = guidance > -torch.inf
    return torch.where(known, guidance, 0.0).reshape(shape), known.float().reshape(shape)


def fuse(
    grid: Grid,
    means: Tensor,  # [N, 3]
    clicks: Sequence[Sequence[Lifted]],
) -> tuple[Tensor, Tensor]:
    """Returns G and M of all clicks of one sign: the maximum over clicks of the mean over views that repeat a click.

    Views that do not reach a voxel have no say in its mean. A click of one view is what the paper has.
    """
    shape, device = (grid.size,) * 3, means.device
    fused, known = torch.zeros(shape, device=device), torch.zeros(shape, device=device)
    for views in clicks:
        total, count = torch.zeros(shape, device=device), torch.zeros(shape, device=device)
        for lifted in views:
            guidance, mask = splat(grid, means[lifted.gaussians], lifted.confidence)
            total += guidance
            count += mask
        mean = torch.where(count > 0, total / count.clamp(min=1), -torch.inf)
        fused = torch.where(known > 0, torch.maximum(fused, mean), torch.where(count > 0, mean, 0.0))
        known = torch.maximum(known, (count > 0).float())
    return fused, known


def propagate(
    guidance: Tensor,  # [C, S, S, S], 0 where the mask is 0
    mask: Tensor,  # [C, S, S, S] 0 or 1
    opacity: Tensor,  # [S, S, S]
    sigma_opacity: float = SIGMA_OPACITY,
    sigma_space: float = SIGMA_SPACE,
) -> Tensor:  # [C, S, S, S]
    """Applies P, the bilateral filter over 3 x 3 x 3 voxels, normalized by partial convolution (eq. 6, 7).

    F_BF(G) / (F_BF(M) + epsilon), where F_BF(V, x) is the mean of V over the neighbors of x inside the grid, weighted
    by likeness in opacity and by distance. 0 where no neighbor has guidance.
    """
    whole = torch.zeros_like(opacity)
    sums = torch.zeros_like(torch.cat([guidance, mask]))
    both = torch.cat([guidance, mask])
    for here, there, squared in _neighbor_slices(opacity.shape[0]):
        weight = torch.exp(
            -((opacity[there] - opacity[here]) ** 2) / (2 * sigma_opacity**2) - squared / (2 * sigma_space**2)
        )
        whole[here] += weight
        sums[(slice(None), *here)] += both[(slice(None), *there)] * weight
    filtered = sums / whole
    count = len(guidance)
    return filtered[:count] / (filtered[count:] + _EPSILON)


def _neighbor_slices(size: int) -> Iterator[tuple[tuple[slice, ...], tuple[slice, ...], int]]:
    """Yields for each of the 27 offsets: voxels that have this neighbor, the neighbors, and the squared distance."""
    spans = {
        -1: (slice(1, size), slice(0, size - 1)),
        0: (slice(0, size), slice(0, size)),
        1: (slice(0, size - 1), slice(1, size)),
    }
    for x, (here_x, there_x) in spans.items():
        for y, (here_y, there_y) in spans.items():
            for z, (here_z, there_z) in spans.items():
                yield (here_x, here_y, here_z), (there_x, there_y, there_z), x * x + y * y + z * z
