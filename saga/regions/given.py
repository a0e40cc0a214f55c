"""How well masks that were given for the views confirm a set of cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from saga.masks.rules import with_rest

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix  # loaded where there are masks: other clicks have no use for it

    from saga.masks.scene.grid import ViewGrid
    from saga.masks.source import MaskSource
    from saga.regions.graph import ViewEvidence

_SEEN_ENOUGH = 0.25
"""A view says something of a set of cells when it shows at least this share of the most that any view shows of it."""


@dataclass(frozen=True, eq=False)
class GivenMasks:
    """M masks of V views on L cells, counted in samples of the views."""

    views: np.ndarray  # [M]
    """View of each mask, int32 [M], ascending."""
    inside: csr_matrix  # [M, L]
    """Samples that show each cell inside each mask, float32 [M, L]."""
    sizes: np.ndarray  # [M]
    """Samples of each mask, float32 [M]."""
    shown: csr_matrix  # [V, L]
    """Samples that show each cell, float32 [V, L]."""

    def confirmed(
        self,
        members: np.ndarray,  # [R, L]
    ) -> np.ndarray:  # [R]
        """IoU of sets of cells, bool [R, L], with the best mask of each view that shows enough of them; their mean."""
        if len(self.views) == 0 or len(members) == 0:
            return np.zeros(len(members))
        sets = members.T.astype(np.float32)
        shared, shown = self.inside @ sets, self.shown @ sets  # [M, R], [V, R]
        union = shown[self.views] + self.sizes[:, None] - shared
        iou = shared / np.maximum(union, 1e-9)
        first = np.flatnonzero(np.diff(self.views, prepend=-1))
        best, shown = np.maximum.reduceat(iou, first, axis=0), shown[self.views[first]]
        enough = (shown > 0) & (shown >= _SEEN_ENOUGH * shown.max(0))
        confirmed: np.ndarray = (best * enough).sum(0) / np.maximum(enough.sum(0), 1)
        return confirmed

    def tensors(self) -> dict[str, np.ndarray]:
        """The arrays that a file keeps, by name."""
        arrays = {"given.views": self.views, "given.sizes": self.sizes}
        for name, counts in (("inside", self.inside), ("shown", self.shown)):
            arrays |= {f"given.{name}.{part}": getattr(counts, part) for part in ("data", "indices", "indptr")}
        return arrays

    @staticmethod
    def of_tensors(tensors: dict[str, np.ndarray], cells: int) -> GivenMasks | None:
        """Takes what `tensors` made out of a file's arrays; None where there is none of it.

        Raises:
            ValueError: arrays do not fit together.
        """
        own = {name: tensors.pop(name) for name in list(tensors) if name.startswith("given.")}
        if not own:
            return None
        from scipy.sparse import csr_matrix

        views, sizes = own["given.views"], own["given.sizes"]
        counts = {}
        for name in ("inside", "shown"):
            parts = tuple(own[f"given.{name}.{part}"] for part in ("data", "indices", "indptr"))
            matrix = csr_matrix(parts, (len(parts[2]) - 1, cells))
            matrix.check_format()
            if any(part.dtype.kind != kind for part, kind in zip(parts, "fii", strict=True)):
                raise ValueError(f"{name} of {', '.join(str(part.dtype) for part in parts)}")
            counts[name] = matrix
        if sizes.dtype.kind != "f":
            raise ValueError(f"sizes of {sizes.dtype}")
        if views.shape != sizes.shape or len(views) != counts["inside"].shape[0]:
            raise ValueError(f"{len(views)} masks with {counts['inside'].shape[0]} rows")
        if views.dtype.kind != "i" or np.any(np.diff(views) < 0) or (len(views) > 0 and views[0] < 0):
            raise ValueError("views of masks that are not in order")
        if len(views) > 0 and views[-1] >= counts["shown"].shape[0]:
            raise ValueError(f"masks of view {views[-1]} of {counts['shown'].shape[0]}")
        return GivenMasks(views, counts["inside"], sizes, counts["shown"])


def given_masks(
    source: MaskSource,
    grids: Sequence[ViewGrid],
    views: Sequence[ViewEvidence],
    cells: np.ndarray,  # [V]
) -> GivenMasks:
    """Counts the masks of a source on the cells of a surface.

    What no mask of a view covers counts as one more mask, as in training; views without masks say nothing.

    Args:
        source: masks of the views.
        grids: where the views were sampled.
        views: which voxel each sample shows, in the same order.
        cells: cell of each voxel, int [V].

    Raises:
        SagaError: masks cannot be read.
    """
    from scipy.sparse import csr_matrix, vstack

    count = int(cells.max()) + 1
    inside, shown, sizes, owners = [], [], [], []
    for index, (grid, view) in enumerate(zip(grids, views, strict=True)):
        seen = view.voxels >= 0
        of_sample = cells[view.voxels[seen]]
        shown.append(np.bincount(of_sample, minlength=count))
        masks = source.masks(grid.camera)[:, grid.rows[:, None], grid.columns[None]]
        flat = with_rest(masks)[:, seen.ravel()]  # [M, samples]
        for mask in flat[flat.any(1)]:
            inside.append(csr_matrix(np.bincount(of_sample[mask], minlength=count).astype(np.float32)))
            sizes.append(np.count_nonzero(mask))
            owners.append(index)
    rows = vstack(inside, format="csr") if inside else csr_matrix((0, count), dtype=np.float32)
    return GivenMasks(
        np.array(owners, np.int32), rows, np.array(sizes, np.float32), csr_matrix(np.stack(shown).astype(np.float32))
    )
