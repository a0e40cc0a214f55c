"""The surface of a scene: what all views see of it, fused into voxels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch

from saga.masks.scene.config import SceneMaskConfig
from saga.masks.scene.grid import ViewGrid
from saga.postprocess.neighbors import nearest_neighbors

_FARTHEST_DEPTHS = 6.0
"""Samples farther than this many median depths are background."""
_NORMAL_NEIGHBORS = 16
_NORMAL_REACH_VOXELS = 4.0
_MOST_SAMPLES = 0.8
"""Share of the samples in voxels that enough views see, below which larger boxes are looked at."""
_LARGER_BOXES = (2, 3)
"""Sides of these boxes, in voxels."""
_CODE_RANGE = 2**20
"""Voxels to either side of the origin that a code of 3 x 21 bits holds."""


@dataclass(frozen=True, eq=False)
class Lattice:
    """The occupied cells of a regular grid in space, and the samples of a view that lie in them."""

    codes: np.ndarray  # [V]
    """One integer for each cell, int64 [V], ascending."""
    origin: np.ndarray  # [3]
    """Corner of the cell 0, world coordinates."""
    side: float
    """Side of a cell, in world units."""
    farthest: float
    """Camera z from which samples are background, in world units."""
    jump: float
    """Samples where the depth changes by more than this share of itself are no surface."""

    def sampled(self, grid: ViewGrid) -> np.ndarray:  # [h, w]
        """Samples that are surface, bool [h, w]."""
        mask: np.ndarray = grid.steady(self.jump) & (grid.depth < self.farthest)
        return mask

    def codes_of(
        self,
        points: np.ndarray,  # [P, 3]
    ) -> np.ndarray:  # [P]
        """The code of the cell of each point, occupied or not."""
        cells = np.floor((points - self.origin) / self.side)
        cells = np.clip(cells, -_CODE_RANGE, _CODE_RANGE - 1).astype(np.int64) + _CODE_RANGE
        codes: np.ndarray = (cells[:, 0] << 42) | (cells[:, 1] << 21) | cells[:, 2]
        return codes

    def voxels_of(self, grid: ViewGrid) -> np.ndarray:  # [h, w]
        """Voxel of each sample of a view, int32 [h, w]; -1 where there is none."""
        mask = self.sampled(grid)
        voxels = np.full(mask.shape, -1, np.int32)
        if len(self.codes) > 0:
            wanted = self.codes_of(grid.points[mask])
            index = np.minimum(np.searchsorted(self.codes, wanted), len(self.codes) - 1)
            voxels[mask] = np.where(self.codes[index] == wanted, index, -1)
        return voxels


@dataclass(frozen=True, eq=False)
class Surface:
    """V voxels of the surface that at least two views see."""

    grids: Sequence[ViewGrid]
    """What each of the K views sees."""
    lattice: Lattice
    """Where the voxels lie."""
    depth: float
    """Median depth D, in world units."""
    points: np.ndarray  # [V, 3]
    """Mean of the samples in each voxel, float32 [V, 3], world coordinates."""
    lab: np.ndarray  # [V, 3]
    """Mean color, float32 [V, 3], CIELAB."""
    normals: np.ndarray  # [V, 3]
    """Unit normals towards the cameras, float32 [V, 3]."""
    samples: np.ndarray  # [V]
    """Samples in each voxel, int64 [V]."""
    views: np.ndarray  # [V]
    """Views that see each voxel, int64 [V]."""

    def __len__(self) -> int:
        """Returns the number of voxels."""
        return len(self.points)

    @property
    def side(self) -> float:
        """Side of a voxel, in world units."""
        return self.lattice.side

    @cached_property
    def remembered(self) -> dict[str, Any]:
        """What steps found out about the surface alone, for those after them."""
        return {}

    @cached_property
    def voxels(self) -> list[np.ndarray]:  # K x [h, w]
        """Voxel of each sample of each view, int32 [h, w]; -1 where there is none."""
        return [self.lattice.voxels_of(grid) for grid in self.grids]

    @cached_property
    def centers(self) -> np.ndarray:  # [K, 3]
        """Centers of the cameras."""
        return np.stack([grid.camera.position for grid in self.grids])

    def largest_shares(
        self,
        labels: np.ndarray,  # [V]
        count: int,
    ) -> np.ndarray:  # [count]
        """The largest share of a view's samples that each label (-1 is none) fills in any view."""
        largest = np.zeros(count)
        for voxels in self.voxels:
            shown = labels[voxels[voxels >= 0]]
            largest = np.maximum(largest, np.bincount(shown[shown >= 0], minlength=count) / voxels.size)
        return largest


@dataclass(frozen=True)
class _Cells:
    """Sums over the samples of a view or of all views in each occupied voxel."""

    codes: np.ndarray  # [C] int64, sorted
    sums: np.ndarray  # [C, 9] float64: position, color, direction to the camera
    samples: np.ndarray  # [C] int64
    views: np.ndarray  # [C] int64

    @staticmethod
    def merged(parts: Sequence[_Cells]) -> _Cells:
        codes, index = np.unique(np.concatenate([part.codes for part in parts]), return_inverse=True)
        sums = _sums(index, np.concatenate([part.sums for part in parts]), len(codes))
        samples = np.bincount(index, np.concatenate([part.samples for part in parts])).astype(np.int64)
        views = np.bincount(index, np.concatenate([part.views for part in parts])).astype(np.int64)
        return _Cells(codes, sums, samples, views)


def fuse(grids: Iterable[ViewGrid], config: SceneMaskConfig) -> Surface | None:
    """Fuses what views see into voxels; None when they see nothing twice.

    Voxels that only one view sees (half of the views, when there are fewer than four) are left out: floaters.
    """
    grids = list(grids)
    depths = [grid.depth[grid.seen] for grid in grids]
    if not any(len(each) for each in depths):
        return None
    depth = float(np.median(np.concatenate(depths)))
    pixel = float(np.median(np.concatenate([d / g.camera.fx * g.step for d, g in zip(depths, grids, strict=True)])))
    origin = np.mean([grid.camera.position for grid in grids], axis=0)
    empty = Lattice(np.zeros(0, np.int64), origin, config.voxel_pixels * pixel, _FARTHEST_DEPTHS * depth, config.jump)
    parts = [_cells_of(grid, empty) for grid in grids]
    cells = _Cells.merged(parts)
    kept = _confirmed(parts, cells, max(1, min(2, len(grids) // 2)))
    if kept.sum() <= _NORMAL_NEIGHBORS:
        return None
    samples = cells.samples[kept]
    mean = (cells.sums[kept] / samples[:, None]).astype(np.float32)
    points = mean[:, :3] + origin.astype(np.float32)
    normals = _normals(points, mean[:, 6:], _NORMAL_REACH_VOXELS * empty.side)
    lattice = replace(empty, codes=cells.codes[kept])
    return Surface(grids, lattice, depth, points, mean[:, 3:6], normals, samples, cells.views[kept])


def _confirmed(parts: Sequence[_Cells], cells: _Cells, least: int) -> np.ndarray:  # [C]
    """Which occupied voxels enough views see, bool.

    Few views seldom have samples in the same voxel: each sees a surface at its own slant, and noise of the depth is
    larger than a voxel. So where most of what they see would be lost, voxels of larger boxes that enough views see do.
    """
    kept: np.ndarray = (cells.views >= least) & (cells.samples >= 2)
    for times in _LARGER_BOXES:
        if cells.samples[kept].sum() >= _MOST_SAMPLES * cells.samples.sum():
            break
        boxes, of_cell = np.unique(_boxes(cells.codes, times), return_inverse=True)
        views = np.zeros(len(boxes), np.int64)
        for part in parts:
            views[np.unique(np.searchsorted(boxes, _boxes(part.codes, times)))] += 1
        kept |= views[of_cell] >= least
    return kept


def _boxes(
    codes: np.ndarray,  # [C]
    times: int,
) -> np.ndarray:  # [C]
    """Code of the box, so many times as large, that each cell of a lattice lies in."""
    axes = [(codes >> shift) & (2 * _CODE_RANGE - 1) for shift in (42, 21, 0)]
    boxes: np.ndarray = (axes[0] // times << 42) | (axes[1] // times << 21) | (axes[2] // times)
    return boxes


def _cells_of(grid: ViewGrid, lattice: Lattice) -> _Cells:
    mask = lattice.sampled(grid)
    points = grid.points[mask]
    codes, index = np.unique(lattice.codes_of(points), return_inverse=True)
    towards = grid.camera.position - points
    towards /= np.maximum(np.linalg.norm(towards, axis=1, keepdims=True), 1e-12)
    values = np.concatenate([points - lattice.origin, grid.lab[mask], towards], axis=1)
    samples = np.bincount(index, minlength=len(codes))
    return _Cells(codes, _sums(index, values, len(codes)), samples, np.ones(len(codes), np.int64))


def _sums(
    index: np.ndarray,  # [P]
    values: np.ndarray,  # [P, C]
    count: int,
) -> np.ndarray:  # [count, C]
    return np.stack([np.bincount(index, column, count) for column in values.T], axis=1)


def _normals(
    points: np.ndarray,  # [V, 3]
    towards: np.ndarray,  # [V, 3]
    reach: float,
) -> np.ndarray:  # [V, 3]
    """Direction of least spread of each point's nearest neighbors within reach, turned towards the cameras."""
    around = points[nearest_neighbors(torch.from_numpy(points), _NORMAL_NEIGHBORS).numpy()]
    within = np.square(around - points[:, None], dtype=np.float64).sum(2) < reach**2
    around = (around - around.mean(1, keepdims=True)) * within[:, :, None]
    _, vectors = np.linalg.eigh(np.einsum("nki,nkj->nij", around, around))
    normals = vectors[:, :, 0]
    normals *= np.where((normals * towards).sum(1, keepdims=True) < 0, -1, 1)
    return normals.astype(np.float32)
