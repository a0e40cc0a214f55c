"""What the photographs say about borders between labels: how strong the edges along them are, over many views."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

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
_SILHOUETTE = 0.03
"""Difference in depth between neighboring samples, of their depth, from which one hides what is behind it."""
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


@dataclass(frozen=True, eq=False)
class Outlines:
    """What speaks for the outline of each label, as shares of its whole length in all views, from 0 to 1."""

    strengths: np.ndarray  # [L]
    """Mean strength of the image edges along it."""
    silhouettes: np.ndarray  # [L]
    """Share of it where the label hides what lies behind."""


def outlines(surface: Surface, labels: Labels) -> Outlines:
    """Looks at the whole outline of each label."""
    total, hiding, length = (np.zeros(len(labels)) for _ in range(3))
    for border in _borders(surface, labels):
        for side, ahead in ((border.one, border.ahead), (border.other, -border.ahead)):
            total += np.bincount(side, border.strength, len(labels))
            hiding += np.bincount(side, ahead > _SILHOUETTE, len(labels))
            length += np.bincount(side, minlength=len(labels))
    return Outlines(total / np.maximum(length, 1), hiding / np.maximum(length, 1))


def seam_strengths(
    surface: Surface,
    labels: Labels,
    pairs: Sequence[tuple[int, int]],
) -> np.ndarray:  # [P]
    """Mean strength of image edges along the border between the two labels of each pair, from 0 to 1."""
    total, length = np.zeros(len(pairs)), np.zeros(len(pairs))
    for border in _borders(surface, labels):
        one, other = border.one, border.other
        for number, (first, second) in enumerate(pairs):
            between = ((one == first) & (other == second)) | ((one == second) & (other == first))
            total[number] += border.strength[between].sum()
            length[number] += between.sum()
    return total / np.maximum(length, 1)


def edge_strengths(grid: ViewGrid) -> np.ndarray:  # [h, w]
    """Strength of the image edge at or next to each sample, from 0 to 1."""
    strengths: np.ndarray = ndimage.maximum_filter(np.minimum(grid.edges.gradient / _CLOSED_GRADIENT, 1), 3)
    return strengths


@dataclass(frozen=True, eq=False)
class _Border:
    """B pairs of neighboring samples of different labels in a view."""

    one: np.ndarray  # [B]
    other: np.ndarray  # [B]
    """Their labels."""
    strength: np.ndarray  # [B]
    """Strength of the image edge between them, from 0 to 1."""
    ahead: np.ndarray  # [B]
    """How much nearer to the camera the first one is, as a share of the lesser depth."""


def _borders(surface: Surface, labels: Labels) -> Iterator[_Border]:
    for index, image in label_images(surface, labels):
        grid = surface.grids[index]
        strengths = edge_strengths(grid)
        sides: list[Callable[[np.ndarray], np.ndarray]]
        for sides in ([lambda a: a[:, 1:], lambda a: a[:, :-1]], [lambda a: a[1:], lambda a: a[:-1]]):
            one, other = (side(image) for side in sides)
            differ = (one != other) & (one >= 0) & (other >= 0)
            near, far = (side(grid.depth)[differ] for side in sides)
            ahead = (far - near) / np.maximum(np.minimum(near, far), 1e-12)
            yield _Border(one[differ], other[differ], sides[0](strengths)[differ], ahead)
