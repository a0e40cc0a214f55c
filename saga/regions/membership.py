"""Which cell each Gaussian belongs to, and which cells a pixel shows."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from saga.raster import BlendOperator
from saga.regions.graph import SurfaceGraph

_REACH_VOXELS = 10.0
"""A Gaussian farther than this from the surface, in voxels as large as a view resolves there, belongs to no cell."""


def gaussian_cells(
    means: np.ndarray,  # [N, 3]
    graph: SurfaceGraph,
    cells: np.ndarray,  # [V]
) -> np.ndarray:  # [N]
    """Cell of the voxel nearest to each Gaussian's center, int32 [N]; -1 for one away from all that views see."""
    finite = np.isfinite(means).all(1)
    labels = np.full(len(means), -1, np.int32)
    distance, voxel = cKDTree(graph.points).query(means[finite], workers=-1)
    resolved = graph.side * np.maximum(graph.distances / np.median(graph.distances), 1.0)
    labels[finite] = np.where(distance <= _REACH_VOXELS * resolved[voxel], cells[voxel], -1)
    return labels


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
