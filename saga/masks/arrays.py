"""Masks in memory."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

import numpy as np

from saga.errors import SagaError
from saga.masks.rules import SAM_FEATURE_CHANNELS, SAM_FEATURE_SIDE
from saga.masks.through_lens import masks_to_pinhole
from saga.scene.camera import Camera

_FEATURES_SHAPE = (SAM_FEATURE_CHANNELS, SAM_FEATURE_SIDE, SAM_FEATURE_SIDE)


class ArrayMasks:
    """A MaskSource of arrays: view name -> masks bool [M, H, W] of the view's photograph."""

    def __init__(
        self,
        masks: Mapping[str, np.ndarray],  # each [M, H, W]
        cameras: Sequence[Camera] | None = None,
        features: Mapping[str, np.ndarray] | None = None,  # each [256, 64, 64]
        description: str = "masks in memory",
    ) -> None:
        """Take the masks as they are, without a copy.

        Args:
            masks: the masks of each view, bool [M, H, W] in pixels of its photograph; M may be 0, and views may be
                missing: they have none.
            cameras: the views. With them, names and sizes are checked at once; without, sizes when they are read.
            features: the features of a SAM encoder for each view, where there are any.
            description: one line for people, which masks these are.

        Raises:
            SagaError: an array is of another type or shape, or there is no view of its name.
        """
        self.description = description
        self._masks, self._features = dict(masks), dict(features or {})
        for name, array in self._masks.items():
            if not isinstance(array, np.ndarray) or array.dtype != bool or array.ndim != 3:
                raise SagaError(
                    f"masks of {name}: expected bool [M, H, W], found {_kind(array)}; "
                    "compare label maps with each label (labels == k) and stack the results."
                )
        for name, array in self._features.items():
            if array.shape != _FEATURES_SHAPE:
                raise SagaError(
                    f"features of {name}: expected {list(_FEATURES_SHAPE)}, found {list(array.shape)}; "
                    "give what SAM's image encoder makes of the photograph."
                )
        if cameras is not None:
            self._check_names([camera.name for camera in cameras])
            for camera in cameras:
                if camera.name in self._masks:
                    self._check_size(camera)

    def masks(self, camera: Camera) -> np.ndarray:  # [M, H, W]
        """Return the masks bool [M, H, W] of a view in pixels of its ideal pinhole; M is 0 for a view without.

        Raises:
            SagaError: the masks have another size than the view's photograph.
        """
        if camera.name not in self._masks:
            return np.zeros((0, camera.height, camera.width), bool)
        self._check_size(camera)
        return masks_to_pinhole(self._masks[camera.name], camera)

    def has_features(self, camera: Camera) -> bool:
        """Whether there are features of a view."""
        return camera.name in self._features

    def features(self, camera: Camera) -> np.ndarray | None:  # [256, 64, 64]
        """Return the features of a view, float [256, 64, 64], or None."""
        return self._features.get(camera.name)

    def _check_names(self, known: Sequence[str]) -> None:
        for name in (*self._masks, *self._features):
            if name not in known:
                near = difflib.get_close_matches(name, known, n=3, cutoff=0.0)
                raise SagaError(
                    f"masks of {name}: expected the name of one of {len(known)} views, found none of that name; "
                    f"the nearest are {', '.join(near) or 'none'}."
                )

    def _check_size(self, camera: Camera) -> None:
        found = self._masks[camera.name].shape
        if found[1:] != (camera.height, camera.width):
            raise SagaError(
                f"masks of {camera.name}: expected [M, {camera.height}, {camera.width}], the size of its photograph, "
                f"found {list(found)}; resize them, or give [M, H, W] in that order."
            )


def _kind(array: object) -> str:
    return f"{array.dtype} {list(array.shape)}" if isinstance(array, np.ndarray) else type(array).__name__
