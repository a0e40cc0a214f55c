"""Cells: small patches of the surface that end where image edges of all views are, and whose each Gaussian is."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from saga.regions.graph import SurfaceGraph

STRONGEST_EDGE = 15.0
"""Color gradient, in Lab units a pixel, above which a border counts as fully closed."""
_PLAIN = 0.2
"""Cost of a step of one voxel over a plain surface, relative to one across a closed edge."""
_COLOR_UNIT = 10.0
"""Difference of color between neighbors, in Lab units, that costs as much as a closed edge."""
_BISECTIONS = 14
_FINEST, _COARSEST = 1.0, 60.0
"""Sides of the boxes that seeds are drawn from, in voxels."""
_SHIFT = np.array([0.8191725134, 0.6710436067, 0.5497004779])
"""Shift of the boxes from one division to the next, as shares of their sides: any number of them is spread evenly
(Roberts 2018, powers of the inverse of the root of x^4 = x + 1)."""
_OCTAVES = (-2, 6)
"""Doublings of the distance to the cameras, relative to the median, within which boxes grow with it."""

_REACH_VOXELS = 30.0
"""A Gaussian farther than this from the surface, in voxels as large as a view resolves there, belongs to no cell."""


def surface_cells(graph: SurfaceGraph, count: int, division: int = 0) -> np.ndarray:  # [V]
    """Divides a surface into about `count` cells of like area in the pictures; labels int32 [V] from 0.

    Cells grow from the flattest voxel of each box of a grid along shortest paths, on which steps across image
    edges are long: so borders of cells settle on edges. Boxes grow with the distance to the cameras, for
    voxels far away are few.

    Args:
        graph: the surface.
        count: about how many cells.
        division: which of many divisions, each with boxes that lie elsewhere.
    """
    gradient = np.maximum(graph.gradients[graph.one], graph.gradients[graph.other])
    color = np.linalg.norm(graph.lab[graph.one] - graph.lab[graph.other], axis=1)
    cost = _PLAIN + np.minimum(gradient, STRONGEST_EDGE) / STRONGEST_EDGE + color / _COLOR_UNIT
    links = csr_matrix((graph.lengths / graph.side * cost, (graph.one, graph.other)), (len(graph), len(graph)))
    seeds = _seeds(graph, count, division * _SHIFT % 1)
    _, _, source = dijkstra(links, directed=False, indices=seeds, min_only=True, return_predecessors=True)
    order = np.full(len(graph), -1)
    order[seeds] = np.arange(len(seeds))
    labels = np.where(source >= 0, order[np.maximum(source, 0)], -1)
    apart = labels < 0
    if apart.any():  # scraps no path leads to go to what is nearest
        nearest = cKDTree(graph.points[~apart]).query(graph.points[apart], workers=-1)[1]
        labels[apart] = labels[~apart][nearest]
    return np.unique(labels, return_inverse=True)[1].ravel().astype(np.int32)


def _seeds(
    graph: SurfaceGraph,
    count: int,
    shift: np.ndarray,  # [3]
) -> np.ndarray:  # [S]
    """The flattest voxel of each box of a grid whose size makes about `count` boxes."""
    relative = graph.distances / np.median(graph.distances)
    octave = np.round(np.log2(np.maximum(relative, 2.0 ** _OCTAVES[0]))).clip(*_OCTAVES).astype(np.int64)
    low, high = _FINEST, _COARSEST
    for _ in range(_BISECTIONS):
        middle = (low * high) ** 0.5
        boxes = _boxes(graph, octave, middle, shift)
        low, high = (middle, high) if boxes.max() + 1 > count else (low, middle)
    order = np.lexsort((graph.gradients, boxes))
    first = np.r_[True, boxes[order][1:] != boxes[order][:-1]]
    seeds: np.ndarray = order[first]
    return seeds


def _boxes(
    graph: SurfaceGraph,
    octave: np.ndarray,  # [V]
    voxels: float,
    shift: np.ndarray,  # [3]
) -> np.ndarray:  # [V]
    """Box of each voxel, for boxes with a side of so many voxels at the median distance, shifted by shares of it."""
    size = voxels * graph.side * 2.0**octave
    cells = np.floor((graph.points - graph.points.min(0)) / size[:, None] + shift).astype(np.int64)
    extent = cells.max(0) + 1
    code = ((octave - octave.min()) * extent[0] + cells[:, 0]) * extent[1] + cells[:, 1]
    return np.unique(code * extent[2] + cells[:, 2], return_inverse=True)[1].ravel()


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


def cell_boxes(
    graph: SurfaceGraph,
    cells: np.ndarray,  # [V]
) -> np.ndarray:  # [L, 2, 3]
    """Least and greatest coordinates of each cell's voxels, whose own half side is added; float32 [L, 2, 3], world."""
    order = np.argsort(cells, kind="stable")
    first = np.flatnonzero(np.r_[True, cells[order][1:] != cells[order][:-1]])
    points = graph.points[order]
    least, greatest = np.minimum.reduceat(points, first), np.maximum.reduceat(points, first)
    boxes: np.ndarray = np.stack([least - graph.side / 2, greatest + graph.side / 2], axis=1).astype(np.float32)
    return boxes
