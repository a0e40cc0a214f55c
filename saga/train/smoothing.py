"""Averaging features over nearest neighbors.

Only sums over many Gaussians are supervised, so single ones drift: neighbors on a surface almost always
belong together, and their mean is the better estimate. It also reaches Gaussians that no sampled pixel saw.
"""

from __future__ import annotations

import torch
from torch import Tensor

from saga.postprocess import nearest_neighbors
from saga.raster import Geometry, SparseRows

_COMPARED = 1 << 22  # neighbors of neighbors held in memory at a time


def neighbor_average(geometry: Geometry, neighbors: int) -> SparseRows:
    """Returns a linear map that replaces each Gaussian's value by the mean over itself and its mutual neighbors.

    Row i of the result holds Gaussian i and those among its nearest `neighbors` (itself included) that have i
    among theirs. So the many Gaussians of a surface do not speak for a large stray one near it, which
    has them as its neighbors but is not one of theirs. Invisible Gaussians (opacity 0) are left alone.
    Everything happens on the geometry's device, up to 32 neighbors.
    """
    n, device = len(geometry), geometry.device
    visible = geometry.opacities > 0  # [n]
    places = visible.nonzero()[:, 0]  # [V]
    k = max(1, min(neighbors, len(places)))
    found = nearest_neighbors(geometry.means[places], k)  # [V, k]
    mutual = _mutual(found)
    counts = torch.ones(n, dtype=torch.int64, device=device)
    counts[places] = mutual.sum(1)
    indptr = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    rows = torch.arange(n, device=device).repeat_interleave(counts)
    indices = rows.to(torch.int32)  # right for the invisible
    indices[visible[rows]] = places[found[mutual].long()].to(torch.int32)
    return SparseRows(indptr, indices, (1.0 / counts)[rows], columns=n)


def _mutual(
    found: Tensor,  # [n, k] int32
) -> Tensor:  # [n, k] bool
    """Tells which neighbors have the point among theirs, as it has itself."""
    chunk = max(1, _COMPARED // found.shape[1] ** 2)
    points = torch.arange(len(found), dtype=found.dtype, device=found.device)[:, None, None]
    chunks = zip(points.split(chunk), found.split(chunk), strict=True)
    return torch.cat([(found[others.long()] == own).any(2) for own, others in chunks])
