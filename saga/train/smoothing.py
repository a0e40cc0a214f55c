"""Averaging features over nearest neighbours.

Only sums over many Gaussians are supervised, so single ones drift: neighbours on a surface almost always
belong together, and their mean is the better estimate. It also reaches Gaussians that no sampled pixel saw.
"""

from __future__ import annotations

import torch
from scipy.spatial import cKDTree

from saga.raster import Geometry, SparseRows


def neighbour_average(geometry: Geometry, neighbours: int) -> SparseRows:
    """The linear map that replaces each Gaussian's value by the mean over its nearest `neighbours` (itself included).

    Row i of the result holds the neighbours of Gaussian i. Invisible Gaussians (opacity 0) are no one's
    neighbours but their own.
    """
    device, n = geometry.means.device, len(geometry.means)
    points = geometry.means.cpu().numpy()
    visible = (geometry.opacities > 0).nonzero()[:, 0].cpu().numpy()
    k = max(1, min(neighbours, len(visible)))
    indices = torch.arange(n, dtype=torch.int32)[:, None].repeat(1, k)
    if len(visible) > 0:
        _, found = cKDTree(points[visible]).query(points[visible], k=k, workers=-1)
        indices[torch.from_numpy(visible)] = torch.from_numpy(visible[found.reshape(-1, k)].astype("int32"))
    indptr = torch.arange(n + 1, dtype=torch.int64) * k
    weights = torch.full((n * k,), 1.0 / k)
    return SparseRows(indptr.to(device), indices.flatten().to(device), weights.to(device), columns=n)
