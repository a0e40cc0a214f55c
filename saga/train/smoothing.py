"""Averaging features over nearest neighbours.

Only sums over many Gaussians are supervised, so single ones drift: neighbours on a surface almost always
belong together, and their mean is the better estimate. It also reaches Gaussians that no sampled pixel saw.
"""

from __future__ import annotations

import torch
from scipy.spatial import cKDTree
from torch import Tensor

from saga.raster import Geometry, SparseRows

_CHUNK = 1 << 14


def neighbour_average(geometry: Geometry, neighbours: int) -> SparseRows:
    """A linear map that replaces each Gaussian's value by the mean over itself and its mutual neighbours.

    Row i of the result holds Gaussian i and those among its nearest `neighbours` (itself included) that have i
    among theirs. So the many Gaussians of a surface do not speak for a large stray one near it, which
    has them as its neighbours but is not one of theirs. Invisible Gaussians (opacity 0) are left alone.
    """
    n = len(geometry)
    visible = (geometry.opacities > 0).nonzero()[:, 0].cpu()
    k = max(1, min(neighbours, len(visible)))
    source, target = torch.arange(n), torch.arange(n)
    if k > 1:
        found = _nearest(geometry.means.cpu()[visible], k)  # [V, k]
        near, rank = _mutual(found).nonzero(as_tuple=True)
        source = torch.cat([source, visible[near]])
        target = torch.cat([target, visible[found[near, rank]]])
    source, order = torch.sort(source, stable=True)
    counts = torch.bincount(source, minlength=n)
    indptr = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    weights = (1.0 / counts).repeat_interleave(counts)
    return SparseRows(indptr, target[order].to(torch.int32), weights, columns=n).to(geometry.device)


def _nearest(
    points: Tensor,  # [n, 3]
    k: int,
) -> Tensor:  # [n, k] int64
    """The nearest points of each, itself among them."""
    coordinates = points.numpy()
    return torch.from_numpy(cKDTree(coordinates).query(coordinates, k=k, workers=-1)[1].reshape(-1, k))


def _mutual(
    found: Tensor,  # [n, k] int64
) -> Tensor:  # [n, k] bool
    """Which neighbours have the point among theirs, the point itself left out."""
    parts = []
    for rows, others in zip(torch.arange(len(found)).split(_CHUNK), found.split(_CHUNK), strict=True):
        own = rows[:, None, None]
        parts.append((found[others] == own).any(2) & (others != own[..., 0]))
    return torch.cat(parts)
