"""What the photographs say about borders between labels: how strong the edges along them are, over many views."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from saga.masks.scene.grid import ViewGrid
from saga.masks.scene.labels import Labels
from saga.masks.scene.surface import Surface

_VIEWS = 16
"""Views that are asked, about."""
_CLOSED_GRADIENT = 15.0
"""Color gradient, in Lab units per sample, of a fully closed border."""
LOOKUP_VOXELS = 3.0
"""Distance within which samples without a voxel take the label of the nearest one."""


def label_images(surface: Surface, labels: Labels) -> Iterator[tuple[int, np.ndarray]]:
    """Index and image of labels, int64 [h, w], of about 16 views, evenly spread."""
    step = max(1, len(surface.grids) // _VIEWS)
    for index, nearest in zip(range(0, len(surface.grids), step), _nearest(surface, labels, step), strict=True):
        yield index, np.where(nearest >= 0, labels.of_voxel[nearest], -1)


def _nearest(surface: Surface, labels: Labels, step: int) -> list[np.ndarray]:  # each [h, w]
    """The labeled voxel at or nearest to each sample of every step-th view, int32; -1 where none is within reach.

    Which voxels have a label at all hardly ever changes while labels do, so the answer is remembered.
    """
    known = labels.of_voxel >= 0
    remembered = surface.remembered.get("nearest")
    if remembered is not None and remembered[0] == step and np.array_equal(remembered[1], known):
        images: list[np.ndarray] = remembered[2]
        return images
    lookup = Lookup(surface.points, np.where(known, np.arange(len(known)), -1), LOOKUP_VOXELS * surface.side)
    images = []
    for index in range(0, len(surface.grids), step):
        voxels = surface.voxels[index]
        seen = np.where((voxels >= 0) & known[voxels], voxels, -1)
        images.append(lookup.completed(seen, surface.grids[index]).astype(np.int32))
    surface.remembered["nearest"] = (step, known, images)
    return images


class Lookup:
    """The label of the nearest labeled voxel."""

    def __init__(
        self,
        points: np.ndarray,  # [V, 3]
        of_voxel: np.ndarray,  # [V]
        reach: float,
    ) -> None:
        """Remembers the labeled voxels; `reach` is in world units."""
        known = of_voxel >= 0
        self.reach, self._labels = reach, of_voxel[known]
        self._tree = cKDTree(points[known]) if known.any() else None

    def completed(
        self,
        image: np.ndarray,  # [h, w]
        grid: ViewGrid,
    ) -> np.ndarray:  # [h, w]
        """The image of labels with samples of label -1 given that of the nearest voxel within reach."""
        missing = grid.seen & (image < 0)
        if self._tree is None or not missing.any():
            return image
        distances, index = self._tree.query(grid.points[missing], distance_upper_bound=self.reach, workers=-1)
        image = image.copy()
        image[missing] = np.where(np.isfinite(distances), self._labels[np.minimum(index, len(self._labels) - 1)], -1)
        return image


def outline_strengths(surface: Surface, labels: Labels) -> np.ndarray:  # [L]
    """Mean strength of image edges along the whole outline of each label, from 0 (none) to 1 (closed)."""
    total, length = np.zeros(len(labels)), np.zeros(len(labels))
    for one, other, strength in _borders(surface, labels):
        for side in (one, other):
            total += np.bincount(side, strength, len(labels))
            length += np.bincount(side, minlength=len(labels))
    return total / np.maximum(length, 1)


def seam_strengths(
    surface: Surface,
    labels: Labels,
    pairs: Sequence[tuple[int, int]],
) -> np.ndarray:  # [P]
    """Mean strength of image edges along the border between the two labels of each pair, from 0 to 1."""
    total, length = np.zeros(len(pairs)), np.zeros(len(pairs))
    for one, other, strength in _borders(surface, labels):
        for number, (first, second) in enumerate(pairs):
            between = ((one == first) & (other == second)) | ((one == second) & (other == first))
            total[number] += strength[between].sum()
            length[number] += between.sum()
    return total / np.maximum(length, 1)


def edge_strengths(grid: ViewGrid) -> np.ndarray:  # [h, w]
    """Strength of the image edge at or next to each sample, from 0 to 1."""
    strengths: np.ndarray = ndimage.maximum_filter(np.minimum(grid.edges.gradient / _CLOSED_GRADIENT, 1), 3)
    return strengths


def _borders(surface: Surface, labels: Labels) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Neighboring samples of different labels in some views: their two labels, and the edge between them."""
    for index, image in label_images(surface, labels):
        strengths = edge_strengths(surface.grids[index])
        sides: list[Callable[[np.ndarray], np.ndarray]]
        for sides in ([lambda a: a[:, 1:], lambda a: a[:, :-1]], [lambda a: a[1:], lambda a: a[:-1]]):
            one, other = (side(image) for side in sides)
            differ = (one != other) & (one >= 0) & (other >= 0)
            yield one[differ], other[differ], sides[0](strengths)[differ]
