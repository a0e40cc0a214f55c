"""Averaging features over nearest neighbors.

Only sums over many Gaussians are supervised, so single ones drift: neighbors on a surface almost always
belong together, and their mean is the better estimate. It also reaches Gaussians that no sampled pixel saw.
"""

from __future__ import annotations

import torch
from torch import Tensor

from saga.native import bindings, host
from saga.postprocess import mutual_neighbors, nearest_neighbors
from saga.raster import Geometry, SparseRows

_PIECE = 1 << 18
"""Gaussians whose neighbors are put in order at a time."""
_FEWEST_COLUMNS, _MOST_COLUMNS = 4, 16
"""Columns that are averaged at a time: each time all features pass by, and memory for so many is taken."""
_SPACE = 96 << 20
"""Values that this memory holds where more than the fewest columns fit."""


def neighbor_average(
    geometry: Geometry,
    neighbors: int,
    rows: Tensor | None = None,  # [n] int64
) -> SparseRows:
    """Returns a linear map that replaces each Gaussian's value by the mean over itself and its mutual neighbors.

    Row i of the result holds Gaussian i and those among its nearest `neighbors` (itself included) that have i
    among theirs. So the many Gaussians of a surface do not speak for a large stray one near it, which
    has them as its neighbors but is not one of theirs. Invisible Gaussians (opacity 0) are left alone.
    Everything happens on the geometry's device, up to 32 neighbors. With `rows`, it is about these Gaussians alone, in
    this order.
    """
    visible = geometry.opacities > 0
    places = visible.nonzero()[:, 0] if rows is None else visible[rows].nonzero()[:, 0]  # [V]
    n, device = len(geometry) if rows is None else len(rows), geometry.device
    k = max(1, min(neighbors, len(places)))
    found = nearest_neighbors(geometry.means[places if rows is None else rows[places]], k)  # [V, k]
    mutual = mutual_neighbors(found)
    counts = torch.ones(n, dtype=torch.int64, device=device)
    for own, part in zip(places.split(_PIECE), mutual.split(_PIECE), strict=True):
        counts[own] = part.sum(1)
    indptr = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    indices = torch.empty(int(indptr[-1]), dtype=torch.int32, device=device)
    hidden = torch.ones(n, dtype=torch.bool, device=device).index_fill_(0, places, False).nonzero()[:, 0]
    indices[indptr[hidden]] = hidden.to(torch.int32)
    native = None if found.is_cuda else host.function("saga_mutual_lists")
    if native is None or len(places) == 0:
        _list_mutual(found, mutual, places, indptr, counts, indices)
    else:
        arrays = (found.contiguous(), mutual, places, indptr, indices)
        kinds = (torch.int32, torch.bool, torch.int64, torch.int64, torch.int32)
        native(len(places), k, *map(bindings.pointer, arrays, kinds))
    return SparseRows(indptr, indices, torch.empty(0, device=device), columns=n)


def _list_mutual(
    found: Tensor,  # [V, k] int32
    mutual: Tensor,  # [V, k] bool
    places: Tensor,  # [V] int64, ascending
    indptr: Tensor,  # [n + 1] int64
    counts: Tensor,  # [n] int64
    indices: Tensor,  # [indptr[n]] int32
) -> None:
    """Writes the places of mutual neighbors, in pieces: what lies between is several times as large as the result."""
    for first in range(0, len(places), _PIECE):
        piece = slice(first, first + _PIECE)
        neighbors_in_order = places[found[piece][mutual[piece]].long()].to(torch.int32)
        indices[_entries(places[piece], indptr, counts)] = neighbors_in_order


def smoothed(
    average: SparseRows,
    values: Tensor,  # [N, C]
) -> None:
    """Replaces values by their averages, some columns and some rows at a time, so that no second array is as large."""
    fitting = _SPACE // max(len(values), 1) // _FEWEST_COLUMNS * _FEWEST_COLUMNS
    columns = min(max(fitting, _FEWEST_COLUMNS), _MOST_COLUMNS)
    space = values.new_empty(len(values) * min(columns, values.shape[1]))
    for part in values.split(columns, dim=1):
        before = space[: part.numel()].view_as(part).copy_(part)
        for first in range(0, len(values), _PIECE):
            rows = torch.arange(first, min(first + _PIECE, len(values)), device=values.device)
            part[first : first + len(rows)] = average.render(before, rows)


def _entries(
    rows: Tensor,  # [n] int64, ascending
    indptr: Tensor,  # [N + 1] int64
    counts: Tensor,  # [N] int64
) -> Tensor | slice:  # [sum of counts] int64
    """Returns where the entries of some rows are: one behind the other, unless other rows are among them."""
    first, last = int(rows[0]), int(rows[-1])
    if last - first + 1 == len(rows):
        return slice(int(indptr[first]), int(indptr[last + 1]))
    own = counts[rows]
    starts = indptr[rows] - (own.cumsum(0) - own)
    return torch.arange(int(own.sum()), device=rows.device) + starts.repeat_interleave(own)
