"""SceneRegions: the cells and regions of a scene, and their file."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from saga.errors import SagaError
from saga.files.json_values import json_text
from saga.files.reading import reading
from saga.files.tensors import read_tensors
from saga.files.transaction import atomic_path
from saga.regions.config import Cues, RegionConfig
from saga.regions.given import GivenMasks
from saga.scene import Scene

FORMAT_VERSION = 7
SUFFIX = ".regions"
"""Of the file beside the scene, instead of the PLY's."""
_OPENEST = 0.25
"""Share of a region's border whose closedness the openest part is judged by."""


@dataclass(frozen=True, eq=False)
class SceneRegions:
    """R regions of L cells of one scene, and the B borders between the cells."""

    scene_digest: str
    """Digest of the geometry they were made of (Gaussians.digest)."""
    config: RegionConfig
    """How they were made."""
    cells: np.ndarray  # [N]
    """Cell of each Gaussian, int32 [N] in the PLY's order; -1 for one that lies on no surface."""
    shares: np.ndarray  # [L]
    """Share of a picture that a cell fills, the mean over all views, float32 [L]."""
    members: np.ndarray  # [R, L]
    """Whether a region holds a cell, bool [R, L]."""
    own: np.ndarray  # [R]
    """Whether a region is a support of the scene or an object that stands on one, bool [R]; see saga.masks.scene."""
    borders: np.ndarray  # [2, B]
    """The two cells of each border, int32 [2, B]."""
    lengths: np.ndarray  # [B]
    """Length of each border in the pictures, float32 [B]."""
    closed: np.ndarray  # [B]
    """How much image edges, creases and depth jumps close each border, float32 [B] from 0 (open) to 1 (closed)."""
    boxes: np.ndarray  # [L, 2, 3]
    """Least and greatest coordinates of what views see of a cell, float32 [L, 2, 3], world coordinates."""
    given: GivenMasks | None = None
    """What masks that were given for the views say about the cells; None where there were none."""
    rims: np.ndarray | None = None  # [L]
    """Share of the rim of a picture, a narrow frame inside its edges, that a cell fills, the mean over views, float32
    [L]; None where it is not known, as where the scene has supports."""

    @property
    def count(self) -> int:
        """Number of cells L."""
        return len(self.shares)

    def closures(
        self,
        members: np.ndarray,  # [R, L]
    ) -> np.ndarray:  # [R]
        """How closed the border around each set of cells is, in [0, 1]; 0 for a set without a border."""
        one, other = self.borders
        return self.closedness(members[:, one] != members[:, other])

    def closedness(
        self,
        chosen: np.ndarray,  # [R, B]
    ) -> np.ndarray:  # [R]
        """How closed each choice of borders is, in [0, 1]; 0 for none.

        It is the mean of two: the closedness of the whole border, and the lower quartile of it along the border. A
        region that leaks has a border that is open in places, however strong the rest.
        """
        lengths, closed = self.lengths[self._by_closedness], self.closed[self._by_closedness]
        closedness = np.zeros(len(chosen))
        for row, own in enumerate(chosen):  # each has few of the borders: sums over all take hundreds of megabytes
            some = np.flatnonzero(own[self._by_closedness])
            along = np.cumsum(lengths[some], dtype=np.float64)
            if len(some) == 0 or along[-1] <= 0:
                continue
            mean = lengths[some] @ closed[some] / along[-1]
            closedness[row] = (mean + closed[some[np.searchsorted(along, _OPENEST * along[-1])]]) / 2
        return closedness

    @cached_property
    def region_closures(self) -> np.ndarray:  # [R]
        """How closed the border around each region is."""
        return self.closures(self.members)

    @cached_property
    def confirmed(self) -> np.ndarray:  # [R]
        """How well masks that were given confirm each region, in [0, 1]; 0 where there are none."""
        return np.zeros(len(self.members)) if self.given is None else self.given.confirmed(self.members)

    @cached_property
    def _by_closedness(self) -> np.ndarray:  # [B]
        return np.argsort(self.closed, kind="stable")

    def gaussians(
        self,
        members: np.ndarray,  # [L]
    ) -> np.ndarray:  # [N]
        """The Gaussians in a set of cells, bool [N]."""
        return self.looked_up(members, False)

    def looked_up(
        self,
        of_cells: np.ndarray,  # [L] bool
        without: bool,
    ) -> np.ndarray:  # [N] bool
        """What each Gaussian's cell has; `without` for those in no cell."""
        found: np.ndarray = np.concatenate([[without], of_cells]).take(self.places)
        return found

    def held(
        self,
        selected: np.ndarray,  # [N] bool
    ) -> np.ndarray:  # [L] int64
        """How many of each cell's Gaussians are selected."""
        counts: np.ndarray = np.bincount(self.places[np.flatnonzero(selected)], minlength=self.count + 1)[1:]
        return counts

    @cached_property
    def places(self) -> np.ndarray:  # [N]
        """Row of each Gaussian in a table with a row for each cell after one for no cell, int64 [N].

        As indices that NumPy takes as they are: a click looks up and counts all Gaussians several times.
        """
        return self.cells.astype(np.int64) + 1

    @cached_property
    def sizes(self) -> np.ndarray:  # [L]
        """Number of Gaussians of each cell, int64 [L]."""
        counts: np.ndarray = np.bincount(self.places, minlength=self.count + 1)[1:]
        return counts

    def save(self, path: str | Path) -> None:
        """Writes one safetensors file, under a temporary name first. Raises SagaError."""
        tensors = {
            "cells": self.cells,
            "shares": self.shares,
            "boxes": self.boxes,
            "members": np.packbits(self.members, axis=1),
            "own": self.own,
            "borders": self.borders,
            "lengths": self.lengths,
            "closed": self.closed,
        }
        if self.rims is not None:
            tensors["rims"] = self.rims
        if self.given is not None:
            tensors |= self.given.tensors()
        metadata = {
            "format_version": FORMAT_VERSION,
            "scene_digest": self.scene_digest,
            "config": asdict(self.config),
        }
        with atomic_path(path) as temporary:
            save_file(
                {k: np.ascontiguousarray(v) for k, v in tensors.items()},
                temporary,
                {"saga_regions": json_text(metadata)},
            )

    @staticmethod
    def load(path: str | Path, scene: Scene | None = None, advice: str = "delete it, or train again") -> SceneRegions:
        """Reads what `save` wrote; with a scene, checks that they belong to it.

        Args:
            path: the file.
            scene: the scene whose regions are expected.
            advice: what a person should do, or what is done, where the file is of no use.

        Raises:
            SagaError: no such file, another kind of file, another format version, or another scene.
        """
        path = Path(path)
        if not path.is_file():
            raise SagaError(
                f"{path}: expected a file of regions, found none; make one beside the scene with saga-train."
            )
        with reading(path, "regions of saga-train", advice):
            tensors, metadata = read_tensors(path, "saga_regions", "np")
            version = metadata["format_version"]
            if version != FORMAT_VERSION:
                raise SagaError(f"{path}: expected format version {FORMAT_VERSION}, found {version}; {advice}.")
            settings = metadata["config"]
            cues = tuple(Cues(**entry) for entry in settings.pop("hierarchies"))
            tensors["members"] = np.unpackbits(tensors["members"], axis=1, count=len(tensors["shares"])).astype(bool)
            given = GivenMasks.of_tensors(tensors, len(tensors["shares"]))
            config = RegionConfig(hierarchies=cues, **settings)
            regions = SceneRegions(metadata["scene_digest"], config, given=given, **tensors)
            regions._check()
        if scene is not None and (
            regions.scene_digest != scene.gaussians.digest() or len(regions.cells) != len(scene.gaussians)
        ):
            raise SagaError(f"{path}: expected regions of {scene.path}, found those of another scene; {advice}.")
        return regions

    def _check(self) -> None:
        """Raises ValueError when arrays do not fit together, or name cells that there are not."""
        cells, borders = self.count, self.borders.shape[-1]
        shapes: dict[str, tuple[str, tuple[int, ...]]] = {
            "shares": ("f", (cells,)),
            "boxes": ("f", (cells, 2, 3)),
            "members": ("b", (len(self.members), cells)),
            "own": ("b", (len(self.members),)),
            "borders": ("i", (2, borders)),
            "lengths": ("f", (borders,)),
            "closed": ("f", (borders,)),
            "cells": ("i", (len(self.cells),)),
        }
        if self.rims is not None:
            shapes["rims"] = ("f", (cells,))
        for name, (kind, shape) in shapes.items():
            found = getattr(self, name)
            if found.shape != shape or found.dtype.kind != kind:
                raise ValueError(f"{name} of {found.dtype} {list(found.shape)}")
        for name, least in (("cells", -1), ("borders", 0)):
            named = getattr(self, name)
            if np.any((named < least) | (named >= cells)):
                raise ValueError(f"{name} that name other than {cells} cells")
