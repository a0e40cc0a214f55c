"""Which cells a pixel shows."""

from __future__ import annotations

import torch
from torch import Tensor

from saga.raster import BlendOperator


def pixel_cells(
    operator: BlendOperator,
    cells: Tensor,  # [N] int64
    count: int,
    pixels: Tensor,  # [P, 2]
) -> Tensor:  # [P, count]
    """How much each pixel (x, y) shows of each of `count` cells, float32 [P, count] in [0, 1]: blended weights.

    What belongs to no cell counts for none.
    """
    rows = operator.rows(pixels)
    owner = cells[rows.indices.long()]
    row = torch.repeat_interleave(torch.arange(len(rows), device=owner.device), rows.indptr[1:] - rows.indptr[:-1])
    known = owner >= 0
    shown = torch.zeros(len(rows) * count, device=owner.device)
    shown.index_add_(0, row[known] * count + owner[known], rows.weights[known])
    return shown.reshape(len(rows), count)
