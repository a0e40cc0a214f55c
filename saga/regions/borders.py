"""Borders between cells: how long they are, and what image edges, creases and depth jumps say about them."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from saga.regions.cells import STRONGEST_EDGE
from saga.regions.config import Cues
from saga.regions.graph import SurfaceGraph

_SHARPEST = np.radians(60.0)
"""Angle between normals from which a crease counts in full."""
_JUMP = 0.03
"""Depth jump, as a share of the depth, from which it counts in full."""
_FEWEST_SAMPLES = 4
"""Samples of all views from which cells that only meet in pictures have a border."""
_SHARE_OF_VIEWS = 0.5
"""Samples for each view from which cells of unconnected pieces that meet in pictures may be merged."""
_PRIOR_SAMPLES = 4.0
"""Samples in views that the gradient of the voxels themselves weighs as much as."""
_CUE_SHARE = 0.5
"""A full crease or jump with a weight of one, as a share of a closed edge."""
_WEAKEST = 0.1
"""Least strength of a border, in Lab units a pixel."""
_ISLAND_NEIGHBORS, _ISLAND_SEARCH = 3, 40
"""Cells of other pieces that a cell of an unconnected piece is linked to, and how many near ones are looked at."""
_ISLAND_VOXELS = 20.0
"""Gap in voxels from which the border to another piece is closed."""
_ISLAND_STRENGTH = 0.3
"""Strength of the border to a piece that nearly touches, as a share of a closed edge."""
_ISLAND_LENGTH = 0.5


@dataclass(frozen=True, eq=False)
class Borders:
    """B pairs of cells that touch (or lie nearest across a gap), one < other."""

    one: np.ndarray  # [B]
    other: np.ndarray  # [B]
    lengths: np.ndarray  # [B]
    """Samples of a view along each border, the mean over all views, float64 [B]."""
    edges: np.ndarray  # [B]
    """Mean color gradient along each border, in Lab units a pixel."""
    creases: np.ndarray  # [B]
    """From -0.5 (convex) over 0 (flat) to 1 (concave)."""
    jumps: np.ndarray  # [B]
    """Mean depth jump in views, from 0 to 1."""
    near: np.ndarray  # [B]
    """Whether cells touch in 3D or belong to unconnected pieces of the surface; else they only meet in pictures."""

    def __len__(self) -> int:
        """Returns the number of borders."""
        return len(self.one)

    def strengths(self, cues: Cues) -> np.ndarray:  # [B]
        """Strength of each border for a hierarchy, in Lab units a pixel: `STRONGEST_EDGE` is closed."""
        shape = cues.concavity * self.creases + cues.depth * self.jumps
        strengths: np.ndarray = np.maximum(self.edges + STRONGEST_EDGE * _CUE_SHARE * shape, _WEAKEST)
        return strengths

    def only_near(self) -> Borders:
        """Returns the borders without those of cells that only meet in pictures."""
        return Borders(*(getattr(self, part.name)[self.near] for part in fields(self)))


def cell_borders(
    graph: SurfaceGraph,
    cells: np.ndarray,  # [V]
) -> Borders:
    """The borders of the cells of a surface.

    Cells border on each other where they touch in 3D and where they meet in pictures, one in front of the other.
    What still hangs alone is linked to what is nearest.
    """
    count = int(cells.max()) + 1
    between = cells[graph.one] != cells[graph.other]
    i, j = graph.one[between], graph.other[between]
    touching, index = np.unique(_keys(cells[i], cells[j], count), return_inverse=True)
    links = np.bincount(index, minlength=len(touching))
    creases = np.bincount(index, _creases(graph, i, j), len(touching)) / links
    gradients = np.bincount(index, np.maximum(graph.gradients[i], graph.gradients[j]), len(touching)) / links
    keys, seen, edges, jumps = _seen_in_views(graph, cells, count)
    known = np.isin(keys, touching) | (seen >= _FEWEST_SAMPLES)
    keys, seen, edges, jumps = keys[known], seen[known], edges[known], jumps[known]
    every = np.union1d(touching, keys)
    at, met = np.searchsorted(every, touching), np.searchsorted(every, keys)
    samples, crease, edge, jump = (
        _placed(values, place, len(every)) for values, place in ((seen, met), (creases, at), (edges, met), (jumps, met))
    )
    prior = _placed(np.full(len(touching), _PRIOR_SAMPLES), at, len(every))
    edge = (edge + prior * _placed(gradients, at, len(every))) / np.maximum(samples + prior, 1)
    least = 0.2 * np.sqrt(_placed(links, at, len(every)))
    lengths = np.maximum(samples / len(graph.views), least)
    piece = _pieces(touching // count, touching % count, count)
    apart = (piece[every // count] != piece[every % count]) & (samples >= _SHARE_OF_VIEWS * len(graph.views))
    near = np.isin(every, touching) | apart
    borders = Borders(every // count, every % count, lengths, edge, crease, jump / np.maximum(samples, 1), near)
    return _connected(borders, graph, cells)


def _placed(
    values: np.ndarray,  # [P]
    place: np.ndarray,  # [P]
    count: int,
) -> np.ndarray:  # [count]
    """The values in their places, 0 elsewhere."""
    out = np.zeros(count)
    out[place] = values
    return out


def _keys(
    one: np.ndarray,  # [P]
    other: np.ndarray,  # [P]
    count: int,
) -> np.ndarray:  # [P]
    """One integer for each unordered pair of cells."""
    keys: np.ndarray = np.minimum(one, other).astype(np.int64) * count + np.maximum(one, other)
    return keys


def _creases(
    graph: SurfaceGraph,
    i: np.ndarray,  # [P]
    j: np.ndarray,  # [P]
) -> np.ndarray:  # [P]
    """How concave the surface is between two voxels: normals that lean towards each other are."""
    step = (graph.points[i] - graph.points[j]).astype(np.float64)
    step /= np.maximum(np.linalg.norm(step, axis=1, keepdims=True), 1e-12)
    turned = graph.normals[i] - graph.normals[j]
    angle = np.arccos(np.clip((graph.normals[i] * graph.normals[j]).sum(1), -1, 1))
    sharpness = np.minimum(angle / _SHARPEST, 1.0)
    creases: np.ndarray = np.where((turned * step).sum(1) < 0, sharpness, -0.5 * sharpness)
    return creases


def _seen_in_views(
    graph: SurfaceGraph,
    cells: np.ndarray,  # [V]
    count: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:  # [K], [K], [K], [K]
    """Pairs of cells that meet in pictures: keys, neighboring samples of all views, sums of gradients and of jumps."""
    keys, sums = [np.zeros(0, np.int64)], [np.zeros((3, 0))]
    for view in graph.views:
        own = np.where(view.voxels >= 0, cells[view.voxels], -1)
        for first, second in ((np.s_[:, 1:], np.s_[:, :-1]), (np.s_[1:], np.s_[:-1])):
            border = (own[first] != own[second]) & (own[first] >= 0) & (own[second] >= 0)
            depths = view.depth[first][border], view.depth[second][border]
            near, far = np.minimum(*depths), np.maximum(*depths)
            gradient = np.maximum(view.gradient[first], view.gradient[second])[border]
            keys.append(_keys(own[first][border], own[second][border], count))
            sums.append(np.stack([np.ones(len(near)), gradient, np.minimum((far - near) / near / _JUMP, 1.0)]))
    distinct, index = np.unique(np.concatenate(keys), return_inverse=True)
    seen, edges, jumps = (np.bincount(index, row, len(distinct)) for row in np.concatenate(sums, axis=1))
    return distinct, seen, edges, jumps


def _connected(
    borders: Borders,
    graph: SurfaceGraph,
    cells: np.ndarray,  # [V]
) -> Borders:
    """The borders, and further ones from each unconnected piece to what is nearest, stronger across wider gaps."""
    count = int(cells.max()) + 1
    sizes = np.bincount(cells, minlength=count)
    centers = np.stack([np.bincount(cells, axis, count) for axis in graph.points.T], axis=1) / sizes[:, None]
    linked = borders.one[borders.near], borders.other[borders.near]
    piece = _pieces(*linked, count)
    nearest = min(_ISLAND_SEARCH + 1, count)
    distance, neighbor = cKDTree(centers).query(centers, k=nearest, workers=-1)
    distance, neighbor = distance.reshape(count, -1), neighbor.reshape(count, -1)
    foreign = piece[neighbor] != piece[:, None]
    chosen = foreign & (np.cumsum(foreign, axis=1) <= _ISLAND_NEIGHBORS)
    cell, column = np.nonzero(chosen)
    one, other, gap = cell, neighbor[cell, column], distance[cell, column]
    while True:
        piece = _pieces(np.r_[linked[0], one], np.r_[linked[1], other], count)
        if piece.max() == 0:
            break
        largest = piece == np.bincount(piece).argmax()
        main = np.flatnonzero(largest)
        away, index = cKDTree(centers[largest]).query(centers[~largest], workers=-1)
        rest = np.flatnonzero(~largest)
        order = np.lexsort((away, piece[rest]))
        first = order[np.r_[True, piece[rest][order][1:] != piece[rest][order][:-1]]]
        one, other, gap = np.r_[one, rest[first]], np.r_[other, main[index[first]]], np.r_[gap, away[first]]
    keys, kept = np.unique(_keys(one, other, count), return_index=True)
    new = ~np.isin(keys, _keys(borders.one, borders.other, count))
    near = borders.near | np.isin(_keys(borders.one, borders.other, count), keys)
    keys, kept = keys[new], kept[new]
    reach = np.sqrt(sizes) * graph.side / 2
    free = np.maximum(gap[kept] - reach[one[kept]] - reach[other[kept]], 0) / graph.side
    strength = _ISLAND_STRENGTH + (1 - _ISLAND_STRENGTH) * np.minimum(free / _ISLAND_VOXELS, 1.0)
    return Borders(
        one=np.r_[borders.one, keys // count],
        other=np.r_[borders.other, keys % count],
        lengths=np.r_[borders.lengths, np.full(len(keys), _ISLAND_LENGTH)],
        edges=np.r_[borders.edges, STRONGEST_EDGE * strength],
        creases=np.r_[borders.creases, np.zeros(len(keys))],
        jumps=np.r_[borders.jumps, np.zeros(len(keys))],
        near=np.r_[near, np.ones(len(keys), bool)],
    )


def _pieces(
    one: np.ndarray,  # [P]
    other: np.ndarray,  # [P]
    count: int,
) -> np.ndarray:  # [count]
    """Connected component of each cell."""
    labels: np.ndarray = connected_components(coo_matrix((np.ones(len(one)), (one, other)), (count, count)))[1]
    return labels
