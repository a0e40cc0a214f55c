"""The fused surface as a graph of voxels, with what the views' image edges and depths say about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from scipy.sparse import csr_matrix
from scipy.spatial import cKDTree

from saga.masks.color_edges import color_edges
from saga.regions.config import RegionConfig
from saga.scene.resizing import resize

if TYPE_CHECKING:
    from saga.masks.scene.surface import Surface

_GAP_SAMPLES = 4.0
"""Samples that show no voxel take the nearest one that does within this distance: so both sides of a depth jump,
where the surface is unsure, meet."""
_COARSER = 1.5
"""How much larger voxels become when there are too many."""
_NEIGHBORS = 15
"""Nearest voxels looked at; only those that are mutual are linked."""
_REACH_VOXELS = 3.0
"""Voxels farther apart than this are not linked."""


@dataclass(frozen=True, eq=False)
class ViewEvidence:
    """What one view sees of the voxels, on a grid of its pixels."""

    voxels: np.ndarray  # [h, w]
    """Voxel of each sample, int32 [h, w]; across depth jumps that of the nearest sample, -1 where there is none."""
    depth: np.ndarray  # [h, w]
    """Camera z of the surface at the sample that the voxel comes from, float32 [h, w]."""
    gradient: np.ndarray  # [h, w]
    """Greatest color gradient of the photograph within each sample's surroundings, in Lab units a pixel."""


@dataclass(frozen=True, eq=False)
class SurfaceGraph:
    """V voxels of a surface, linked to those nearby."""

    side: float
    """Side of a voxel, in world units."""
    points: np.ndarray  # [V, 3]
    """Position of each voxel, float32 [V, 3], world coordinates."""
    lab: np.ndarray  # [V, 3]
    """Mean color, float32 [V, 3], CIELAB."""
    normals: np.ndarray  # [V, 3]
    """Unit normals towards the cameras, float32 [V, 3]."""
    gradients: np.ndarray  # [V]
    """Mean color gradient of the views at each voxel, in Lab units a pixel."""
    areas: np.ndarray  # [V]
    """Samples of a view that show a voxel, the mean over all views."""
    distances: np.ndarray  # [V]
    """Mean distance to the cameras that see a voxel, in world units."""
    one: np.ndarray  # [E]
    """First voxel of each link, int32 [E]; every link is there once."""
    other: np.ndarray  # [E]
    """Second voxel of each link, int32 [E]."""
    lengths: np.ndarray  # [E]
    """Length of each link, in world units."""
    views: Sequence[ViewEvidence]

    def __len__(self) -> int:
        """Returns the number of voxels."""
        return len(self.points)

    @property
    def samples(self) -> float:
        """Samples of a view that show any voxel, the mean over all views."""
        return float(self.areas.sum())


def image_gradient(
    photograph: np.ndarray,  # [H, W, 3]
    long_side: int,
) -> np.ndarray:  # [h, w]
    """Color gradient of a uint8 RGB photograph at a long side in pixels, float32 [h, w], in Lab units a pixel."""
    height, width = photograph.shape[:2]
    scale = min(1.0, long_side / max(height, width))
    return color_edges(resize(photograph, max(1, round(width * scale)), max(1, round(height * scale)))).gradient


def surface_graph(
    surface: Surface,
    gradients: Sequence[np.ndarray],  # K x [h', w']
    config: RegionConfig,
) -> SurfaceGraph:
    """Links the voxels of a fused surface.

    Args:
        surface: the surface, as K views see it.
        gradients: the views' image gradients, of any size (see `image_gradient`).
        config: how many voxels there may be.
    """
    side, points, lab, normals, labels = _coarsened(surface, config.voxels)
    count = len(points)
    views: list[ViewEvidence] = []
    total, seen, shown, distance = np.zeros((4, count))
    for grid, voxels, gradient in zip(surface.grids, surface.voxels, gradients, strict=True):
        own = np.where(voxels >= 0, labels[voxels], -1).astype(np.int32)
        view = ViewEvidence(
            own, grid.depth, _sampled(gradient, grid.rows / grid.camera.height, grid.columns / grid.camera.width)
        )
        views.append(view)
        mask = own >= 0
        index = own[mask]
        seen += np.bincount(index, minlength=count)
        total += np.bincount(index, view.gradient[mask], count)
        distance += np.bincount(index, grid.depth[mask], count)
    seen = np.maximum(seen, 1)
    one, other, lengths = _links(points, side)
    return SurfaceGraph(
        side, points, lab, normals, total / seen, seen / len(views), distance / seen, one, other, lengths, views
    )


def _sampled(
    gradient: np.ndarray,  # [h', w']
    rows: np.ndarray,  # [h]
    columns: np.ndarray,  # [w]
) -> np.ndarray:  # [h, w]
    """The greatest gradient around each sample; positions are shares of the image's height and width."""
    reach = max(1, -(-gradient.shape[0] // len(rows)))
    greatest = ndimage.maximum_filter(gradient, reach)
    y = np.clip((rows * gradient.shape[0]).astype(int), 0, gradient.shape[0] - 1)
    x = np.clip((columns * gradient.shape[1]).astype(int), 0, gradient.shape[1] - 1)
    sampled: np.ndarray = greatest[y[:, None], x[None]]
    return sampled


def _coarsened(
    surface: Surface, most: int
) -> tuple[float, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:  # side, [V, 3], [V, 3], [V, 3], [surface V]
    """The surface with larger voxels, until there are at most `most`, and the new voxel of each old one."""
    side, labels, count = surface.side, np.arange(len(surface)), len(surface)
    origin = surface.points.min(0) if count else np.zeros(3)
    while count > most:
        side *= _COARSER
        codes = np.floor((surface.points - origin) / side).astype(np.int64)
        extent = codes.max(0) + 1
        codes = (codes[:, 0] * extent[1] + codes[:, 1]) * extent[2] + codes[:, 2]
        labels = np.unique(codes, return_inverse=True)[1].ravel()
        count = int(labels.max()) + 1
    if side == surface.side:
        return side, surface.points, surface.lab, surface.normals, labels
    weights = surface.samples.astype(np.float64)
    points, lab, normals = (
        _means(labels, values, weights, count) for values in (surface.points, surface.lab, surface.normals)
    )
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    return side, points, lab, normals, labels


def _means(
    labels: np.ndarray,  # [P]
    values: np.ndarray,  # [P, C]
    weights: np.ndarray,  # [P]
    count: int,
) -> np.ndarray:  # [count, C]
    total = np.maximum(np.bincount(labels, weights, count), 1e-12)
    columns = [np.bincount(labels, column * weights, count) / total for column in values.T]
    return np.stack(columns, axis=1).astype(np.float32)


def _links(
    points: np.ndarray,  # [V, 3]
    side: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # [E], [E], [E]
    """Pairs of voxels that are among each other's nearest, one < other, with their distance."""
    count = len(points)
    nearest = min(_NEIGHBORS + 1, count)
    distance, neighbor = cKDTree(points).query(points, k=nearest, distance_upper_bound=_REACH_VOXELS * side, workers=-1)
    row = np.repeat(np.arange(count), nearest)
    distance, neighbor = distance.ravel(), neighbor.ravel()
    linked = np.isfinite(distance) & (neighbor != row)
    directed = csr_matrix((distance[linked], (row[linked], neighbor[linked])), (count, count))
    mutual = directed.minimum(directed.T).tocoo()
    upper = (mutual.row < mutual.col) & (mutual.data > 0)
    return mutual.row[upper].astype(np.int32), mutual.col[upper].astype(np.int32), mutual.data[upper]
