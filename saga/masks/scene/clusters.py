"""Groups of points: by density, and by how high they rise over the ground that joins them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

_LEVELS = (2.0, 2.5, 3.2, 4.0, 5.0, 6.5)
"""Heights at which summits are told apart, in multiples of the height that counts as above the ground."""
_SMOOTHED = 8
"""Points whose median height stands for a point's."""


def density_clusters(
    points: np.ndarray,  # [P, 3]
    reach: float,
    fewest: int,
) -> np.ndarray:  # [P]
    """Cluster of each point, int64 [P], -1 for noise (DBSCAN: Ester et al., 1996).

    A core has `fewest` other points within reach; cores within reach of each other are one cluster, and points within
    reach of a core join it.
    """
    count = len(points)
    if count == 0:
        return np.zeros(0, np.int64)
    pairs = cKDTree(points).query_pairs(reach, output_type="ndarray")
    core = np.bincount(pairs.ravel(), minlength=count) >= fewest
    joined = pairs[core[pairs].all(1)]
    graph = coo_matrix((np.ones(len(joined), bool), tuple(joined.T)), (count, count))
    clusters = np.where(core, connected_components(graph, directed=False)[1], -1)
    rim = pairs[core[pairs].sum(1) == 1]
    inner = np.where(core[rim[:, 0]], rim[:, 0], rim[:, 1])
    clusters[rim.sum(1) - inner] = clusters[inner]
    return clusters


def nearest_label(
    points: np.ndarray,  # [P, 3]
    labels: np.ndarray,  # [P]
    queries: np.ndarray,  # [Q, 3]
    reach: float = np.inf,
) -> np.ndarray:  # [Q]
    """Label of the nearest point within reach, -1 where there is none."""
    if len(points) == 0 or len(queries) == 0:
        return np.full(len(queries), -1)
    distances, index = cKDTree(points).query(queries, distance_upper_bound=reach, workers=-1)
    return np.where(np.isfinite(distances), labels[np.minimum(index, len(points) - 1)], -1)


def summits(
    points: np.ndarray,  # [P, 3]
    heights: np.ndarray,  # [P]
    reach: float,
    fewest: int,
    ratio: float,
    smallest: int = 60,
) -> np.ndarray:  # [P]
    """Density clusters of points, split where only low ground joins parts that rise high: int64 [P], -1 for noise.

    Args:
        points: world coordinates.
        heights: height over the ground in multiples of what counts as above it.
        reach: as `density_clusters`.
        fewest: as `density_clusters`.
        ratio: times the level that joins them that two parts must rise to stay apart (their persistence).
        smallest: points that a part needs.
    """
    if len(points) < 2:
        return np.full(len(points), -1)
    neighbors = cKDTree(points).query(points, k=min(_SMOOTHED, len(points)), workers=-1)[1]
    heights = np.median(heights[neighbors], axis=1)
    levels = []
    for number, level in enumerate(_LEVELS):
        above = np.flatnonzero(heights > level) if number > 0 else np.arange(len(points))
        clusters = np.full(len(points), -1)
        clusters[above] = density_clusters(points[above], reach, fewest)
        levels.append(clusters)
    result = np.full(len(points), -1)
    found = [
        part
        for cluster in np.unique(levels[0][levels[0] >= 0])
        for part in _parts(points, heights, levels, np.flatnonzero(levels[0] == cluster), 0, ratio, smallest)
    ]
    for number, part in enumerate(found):
        result[part] = number
    return result


def _parts(
    points: np.ndarray,  # [P, 3]
    heights: np.ndarray,  # [P]
    levels: Sequence[np.ndarray],  # each [P]
    members: np.ndarray,  # [m]
    level: int,
    ratio: float,
    smallest: int,
) -> list[np.ndarray]:
    """Index sets that one cluster of a level falls into on the levels above, all its members shared out."""
    if level + 1 == len(levels):
        return [members]
    above = levels[level + 1][members]
    children = [members[above == cluster] for cluster in np.unique(above[above >= 0])]
    high = [
        child
        for child in children
        if len(child) >= smallest and np.percentile(heights[child], 90) >= ratio * _LEVELS[level]
    ]
    parts = [part for child in high for part in _parts(points, heights, levels, child, level + 1, ratio, smallest)]
    if len(parts) < 2:
        return [members]
    owner = np.concatenate([np.full(len(part), number) for number, part in enumerate(parts)])
    nearest = nearest_label(points[np.concatenate(parts)], owner, points[members])
    return [members[nearest == number] for number in range(len(parts))]
