"""Averaging features over nearest neighbors.

Only sums over many Gaussians are supervised, so single ones drift: neighbors on a surface almost always
belong together, and their mean is the better estimate. It also reaches Gaussians that no sampled pixel saw.
"""

from __future__ import annotations

import torch
from torch import Tensor

from saga.postprocess import mutual_neighbors, nearest_neighbors
from saga.raster import Geometry, SparseRows

_PIECE = 1 << 18
"""Gaussians whose neighbors are put in order at a time."""
_COLUMNS = 8
"""Columns that are averaged at a time."""


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
    mutual = mutual_neighbors(found)
    counts = torch.ones(n, dtype=torch.int64, device=device)
    counts[places] = mutual.sum(1)
    indptr = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    indices = torch.empty(int(indptr[-1]), dtype=torch.int32, device=device)
    hidden = (~visible).nonzero()[:, 0]
    indices[indptr[hidden]] = hidden.to(torch.int32)
    # In pieces, since what lies between is several times as large as the result. A piece's entries lie in order, with
    # those of the invisible, which are right already, among them.
    for first in range(0, len(places), _PIECE):
        own = places[first : first + _PIECE]
        entries = indptr[own].repeat_interleave(counts[own]) + _within(counts[own])
        piece = slice(first, first + _PIECE)
        indices[entries] = places[found[piece][mutual[piece]].long()].to(torch.int32)
    return SparseRows(indptr, indices, (1.0 / counts).repeat_interleave(counts), columns=n)


def smoothed(
    average: SparseRows,
    values: Tensor,  # [N, C]
) -> None:
    """Replaces values by their averages, some columns at a time, so that no second array is as large."""
    for part in values.split(_COLUMNS, dim=1):
        part.copy_(average.render(part.contiguous()))


def _within(
    counts: Tensor,  # [n] int64
) -> Tensor:  # [sum of counts] int64
    """Returns 0, 1, ... for the entries of each row."""
    starts = counts.cumsum(0) - counts
    return torch.arange(int(counts.sum()), device=counts.device) - starts.repeat_interleave(counts)
