"""Masks of a person or a model, joined by those of the scene's geometry where they miss an object."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from saga.masks.scene.generator import SceneGenerator
from saga.masks.scene.labels import Kind
from saga.masks.source import MaskSource, ViewMasks, WrappedMasks
from saga.scene.camera import Camera
from saga.scene.scene import Scene

_ACCOUNTED = 0.5
"""Share of what views show of an object in any mask, from which it is not missed."""
_EVERYTHING = 0.95
"""A mask that holds more than this share of what a view shows says nothing of the things in it."""
_VIEWS = 16
"""Views that tell which objects are missed."""


def accounted(
    labels: np.ndarray,  # [P]
    masks: np.ndarray,  # [M, P]
    count: int,
) -> tuple[np.ndarray, np.ndarray]:  # [L], [L]
    """Counts the samples of each object in one view, and those that lie in any mask.

    A mask that is larger than the object says what it is as well: a bump of the reconstruction on a table lies in the
    table's mask. Only a mask of nearly all that the view shows says nothing.

    Args:
        labels: label of each sample, int [P]; -1 where there is none.
        masks: masks of the view at the samples, bool [M, P].
        count: number of labels.
    """
    covered = masks[masks.mean(1) <= _EVERYTHING].any(0)
    known = labels >= 0
    return np.bincount(labels[known], minlength=count), np.bincount(labels[known & covered], minlength=count)


def missed_objects(own: SceneGenerator, given: MaskSource, progress: bool = True) -> list[int]:
    """Tells which objects of the scene's structure masks that were given say nothing of, over some views together.

    Raises:
        SagaError: masks or a photograph cannot be read.
    """
    structure = own.structure(progress)
    objects = structure.labels.of(Kind.OBJECT) if structure.found else []
    if not objects:
        return []
    count = len(structure.labels)
    shown, held = np.zeros((2, count), np.int64)
    for grid in own.grids(_VIEWS, progress):
        masks = given.masks(grid.camera)[:, grid.rows[:, None], grid.columns[None]]
        if len(masks) > 0:  # a view without masks was not looked at
            each = accounted(structure.labels_of(grid)[grid.seen], masks[:, grid.seen], count)
            shown, held = shown + each[0], held + each[1]
    return [label for label in objects if held[label] < _ACCOUNTED * shown[label]]


class MissedObjects:
    """The generator of masks of some objects of the scene, for the mask cache."""

    name = "missed"
    """Names the generator in the cache."""

    def __init__(self, own: SceneGenerator, labels: Sequence[int]) -> None:
        """Takes what knows the scene's structure, and the labels of the objects there."""
        self._own, self._labels = own, np.array(labels, np.int64)
        count = len(labels)
        self.description = f"{count} object{'s' * (count != 1)} that they miss, from the scene's geometry"
        self.identity: dict[str, object] = {"scene": own.identity, "labels": list(labels)}

    def generate_view(self, scene: Scene, camera: Camera) -> ViewMasks:
        """Makes the masks of the objects that one view shows."""
        return ViewMasks(self._own.wholes(camera, self._labels))


class JoinedMasks(WrappedMasks):
    """Masks that were given, and those of objects that they miss; features are those of the given ones."""

    def __init__(self, given: MaskSource, missed: MaskSource, own: SceneGenerator) -> None:
        """Joins masks of both; `own` knows the objects of the scene."""
        self.source, self._missed, self.own = given, missed, own

    @property
    def description(self) -> str:
        """As MaskSource: those of both."""
        return f"{self.source.description}; {self._missed.description}"

    def masks(self, camera: Camera) -> np.ndarray:  # [M, H, W]
        """Returns the masks of a view, first those that were given; none for a view without these. Raises SagaError."""
        given = self.source.masks(camera)
        return given if len(given) == 0 else np.concatenate([given, self._missed.masks(camera)])

    def weights(self, camera: Camera) -> np.ndarray | None:  # [M]
        """Returns the weights of the given masks, and for each of the others as much as the heaviest of them."""
        own = super().weights(camera)
        if own is None:
            return None
        more = len(self.masks(camera)) - len(own)
        return np.pad(own, (0, more), constant_values=own.max(initial=0))
