"""The neighbor searches as plainly as possible: the oracle of the native ones, and their stand-in.

They take float32 CPU tensors, work in float64 and are exact. `reach` is the largest distance that is near.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

ROWS = 4096  # points whose neighbors are held in memory at a time


def nearest_distance(
    points: Tensor,  # [n, 3]
) -> Tensor:
    """Returns the distance from each point to the closest other one; infinity for a point that is alone."""
    coordinates = points.double().numpy()
    distances = cKDTree(coordinates).query(coordinates, k=[2], workers=-1)[0][:, 0]
    return torch.from_numpy(distances).float()


def nearest_neighbors(
    points: Tensor,  # [n, 3]
    count: int,
) -> Tensor:  # [n, count] int32
    """Returns each point itself and the nearest others, by distance, then by index."""
    tree = cKDTree(points.double().numpy())
    starts = range(0, tree.n, ROWS)
    parts = [_neighbors_of(tree, np.arange(start, min(start + ROWS, tree.n)), count, count + 1) for start in starts]
    return torch.from_numpy(np.concatenate(parts))


def _neighbors_of(
    tree: cKDTree,
    rows: np.ndarray,  # [r]
    count: int,
    asked: int,
) -> np.ndarray:  # [r, count] int32
    """Of some points: from the `asked` nearest, and more where others may be as near as the last that counts."""
    asked = min(asked, tree.n)
    found = tree.query(tree.data[rows], k=list(range(1, asked + 1)), workers=-1)[1]  # [r, asked]
    x, y, z = np.moveaxis(tree.data[found] - tree.data[rows, None], -1, 0)
    squares = x * x + y * y + z * z
    others = found != rows[:, None]
    order = np.lexsort((found, squares, others))[:, :count]
    nearest = np.take_along_axis(found, order, 1).astype(np.int32)
    if asked < tree.n:
        last = np.take_along_axis(squares, order[:, -1:], 1)[:, 0]
        # An unfinished tie may hide the point itself, too: it is at distance 0 as its duplicates are.
        unsure = squares.max(1) <= last * (1 + 1e-12)
        if unsure.any():
            nearest[unsure] = _neighbors_of(tree, rows[unsure], count, 2 * asked)
    return nearest


def mutual_neighbors(
    found: Tensor,  # [n, k] int32
) -> Tensor:  # [n, k] bool
    """Tells which neighbors have the point among theirs, on the device where they are."""
    points = torch.arange(len(found), dtype=found.dtype, device=found.device)[:, None, None]
    mutual = torch.empty(found.shape, dtype=torch.bool, device=found.device)  # small parts would hold large holes open
    for own, others, part in zip(points.split(ROWS), found.split(ROWS), mutual.split(ROWS), strict=True):
        part.copy_((found[others.long()] == own).any(2))
    return mutual


def mean_distance(
    points: Tensor,  # [n, 3]
    neighbors: int,
) -> Tensor:
    """Returns the mean distance from each point to its nearest ones, itself included."""
    coordinates = points.double().numpy()
    tree = cKDTree(coordinates)
    nearest = list(range(1, neighbors + 1))
    means = np.empty(len(coordinates))
    for start in range(0, len(coordinates), ROWS):
        rows = slice(start, start + ROWS)
        means[rows] = tree.query(coordinates[rows], k=nearest, workers=-1)[0].mean(axis=1)
    return torch.from_numpy(means).float()


def within_radius(
    points: Tensor,  # [n, 3]
    queries: Tensor,  # [q, 3]
    skip: Tensor,  # [q] bool, queries that count without being looked at
    reach: float,
) -> Tensor:
    """Tells which queries have a point within reach."""
    within = skip.clone()
    if len(points) > 0 and not bool(skip.all()):
        tree = cKDTree(points.double().numpy())
        bound = 2 * reach  # of the search; it is exclusive, so not the reach itself
        distances = tree.query(queries[~skip].double().numpy(), distance_upper_bound=bound, workers=-1)[0]
        within[~skip] = torch.from_numpy(distances <= reach)
    return within


def grow_region(
    points: Tensor,  # [n, 3]
    seeds: Tensor,  # [n] bool
    reach: float,
) -> Tensor:
    """Returns the seeds and every point that steps of at most reach from point to point lead to."""
    region, front = seeds.clone(), seeds
    while bool(front.any()):
        grown = within_radius(points[front], points, region, reach)
        region, front = grown, grown & ~region
    return region
