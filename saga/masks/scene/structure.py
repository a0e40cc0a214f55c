"""From a surface to its objects: the whole way, and what is kept of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from saga.files.arrays import read_npz
from saga.files.reading import reading
from saga.files.transaction import atomic_path
from saga.masks.scene.config import SceneMaskConfig
from saga.masks.scene.confirmation import drop_unconfirmed
from saga.masks.scene.grid import ViewGrid
from saga.masks.scene.heights import Ground, ground
from saga.masks.scene.joins import join_seamless
from saga.masks.scene.labels import Kind, Labels
from saga.masks.scene.necks import split_necks
from saga.masks.scene.outlines import LOOKUP_VOXELS, Lookup
from saga.masks.scene.pieces import find_pieces
from saga.masks.scene.snapping import snapped
from saga.masks.scene.stacks import split_stacks
from saga.masks.scene.supports import find_supports
from saga.masks.scene.surface import Lattice, Surface


@dataclass(frozen=True, eq=False)
class SceneStructure:
    """The supports and objects of a scene, as labels of the voxels of its surface."""

    lattice: Lattice
    points: np.ndarray  # [V, 3]
    labels: Labels
    doubtful: np.ndarray  # [V]
    """Voxels so low on their object that they may be a bump of the support, bool."""

    @property
    def found(self) -> bool:
        """Whether there is a support."""
        return len(self.labels) > 0

    @property
    def description(self) -> str:
        """What was found, in a few words; empty when no support was."""
        supports, objects = (len(self.labels.of(kind)) for kind in (Kind.SUPPORT, Kind.OBJECT))
        if supports == 0:
            return ""
        return f"{objects} object{'s' * (objects != 1)} on {supports} support{'s' * (supports != 1)}"

    def labels_of(self, grid: ViewGrid) -> np.ndarray:  # [h, w]
        """Label of each sample of a view, int64 [h, w]; -1 where nothing is known."""
        voxels = self.lattice.voxels_of(grid)
        image = np.full(voxels.shape, -1)
        image[voxels >= 0] = self.labels.of_voxel[voxels[voxels >= 0]]
        return self._lookup.completed(image, grid)

    def drawn(
        self,
        grid: ViewGrid,
        gradient: np.ndarray,  # [H, W]
    ) -> np.ndarray:  # [H, W]
        """Labels of a view drawn to the edges of its photograph, at any size (`color_edges`); -1 where none is."""
        voxels = self.lattice.voxels_of(grid)
        doubtful = (voxels >= 0) & np.append(self.doubtful, False)[voxels]
        return snapped(grid, self.labels_of(grid), self.labels, gradient, doubtful)

    @cached_property
    def _lookup(self) -> Lookup:
        return Lookup(self.points, self.labels.of_voxel, LOOKUP_VOXELS * self.lattice.side)

    def save(self, path: Path) -> None:
        """Writes the structure as one npz, whole or not at all. Raises SagaError."""
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez(
                file,
                codes=self.lattice.codes,
                origin=self.lattice.origin,
                lengths=np.array([self.lattice.side, self.lattice.farthest, self.lattice.jump]),
                points=self.points,
                doubtful=self.doubtful,
                of_voxel=self.labels.of_voxel,
                kinds=np.array([kind.value for kind in self.labels.kinds], dtype="U16"),
                supports=np.array(self.labels.supports, dtype=np.int64),
                boards=np.array(self.labels.boards, dtype=np.int64),
            )

    @staticmethod
    def load(path: Path) -> SceneStructure:
        """Reads what `save` wrote. Raises SagaError for anything else."""
        expected = ("the structure of a scene", "it is found again")
        with reading(path, *expected):
            file = read_npz(path, None, *expected)
            lattice = Lattice(file["codes"], file["origin"], *file["lengths"].tolist())
            kinds = [Kind(value) for value in file["kinds"].tolist()]
            labels = Labels(file["of_voxel"], kinds, file["supports"].tolist(), file["boards"].tolist())
            voxels = len(file["codes"])
            for name, shape in (("points", (voxels, 3)), ("of_voxel", (voxels,)), ("doubtful", (voxels,))):
                if file[name].shape != shape or not np.isfinite(file[name]).all():
                    raise ValueError(f"{name} of {list(file[name].shape)} for {voxels} voxels")
            if np.any((labels.of_voxel < -1) | (labels.of_voxel >= len(kinds))) or len(labels.supports) != len(kinds):
                raise ValueError(f"labels that name other than {len(kinds)} things")
            return SceneStructure(lattice, file["points"], labels, file["doubtful"])

    @staticmethod
    def nothing() -> SceneStructure:
        """A structure without anything: no support was found."""
        lattice = Lattice(np.zeros(0, np.int64), np.zeros(3), 1.0, np.inf, np.inf)
        return SceneStructure(lattice, np.zeros((0, 3), np.float32), Labels(np.zeros(0, np.int64)), np.zeros(0, bool))


def find_structure(
    surface: Surface, config: SceneMaskConfig, say: Callable[[str], None] = lambda line: None
) -> SceneStructure:
    """Finds the supports of a surface and what stands on them; nothing where no support carries anything."""
    supports = find_supports(surface, config, np.random.default_rng(config.seed), say)
    if not supports:
        return SceneStructure.nothing()
    grounds = [ground(surface, support, config) for support in supports]
    labels = find_pieces(surface, grounds, config)
    join_seamless(surface, labels, config)
    drop_unconfirmed(surface, labels, config)
    split_necks(surface, grounds, labels, config)
    split_stacks(surface, grounds, labels, config)
    if not labels.of(Kind.OBJECT):
        return SceneStructure.nothing()
    return SceneStructure(surface.lattice, surface.points, labels, _doubtful(grounds, labels, config))


def _doubtful(grounds: Sequence[Ground], labels: Labels, config: SceneMaskConfig) -> np.ndarray:  # [V]
    """Voxels of objects that rise little over the support, and little of the object's own height."""
    doubtful = np.zeros(len(labels.of_voxel), bool)
    for label in labels.of(Kind.OBJECT):
        members = np.flatnonzero(labels.of_voxel == label)
        each = grounds[labels.supports[label]]
        rise = each.heights[members] / each.threshold[members]
        limit = min(config.doubtful_height, config.doubtful_share * np.percentile(rise, 90))
        # What is not above the support at all is an object's as a bottom that it encloses.
        doubtful[members] = each.above[members] & (rise < limit)
    return doubtful
