"""What carries masks of one photograph along through others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from saga.scene.camera import Camera
from saga.scene.scene import Scene


class Tracker(Protocol):
    """A model, or what stands for one, that follows things from photograph to photograph."""

    @property
    def description(self) -> str:
        """A few words for people: the model."""
        ...

    @property
    def identity(self) -> dict[str, object]:
        """Everything that decides where a mask is found again, JSON-able; cheap to compute."""
        ...

    def track(
        self,
        scene: Scene,
        cameras: Sequence[Camera],
        masks: np.ndarray,  # [T, H, W]
    ) -> Iterator[np.ndarray]:  # each [T, H, W]
        """Yields the masks, bool, in each view after the first, in turn; all of a mask's pixels are False where lost.

        Photographs are read one after the other, and memory does not grow with their number.

        Args:
            scene: gives the photographs.
            cameras: the views in the order in which they are gone through.
            masks: what to follow, bool at the first view's size.

        Raises:
            SagaError: a photograph cannot be read, or memory is short.
        """
        ...
