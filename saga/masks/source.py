"""What makes masks and what hands them out."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from saga.scene.camera import Camera


class MaskSource(Protocol):
    """Masks of the views of a scene, read one view at a time."""

    description: str
    """One line for people: which masks these are."""

    def masks(self, camera: Camera) -> np.ndarray:  # [M, H, W]
        """Return the masks bool [M, H, W] of a view in pixels of its ideal pinhole; M may be 0. Raises SagaError."""
        ...

    def has_features(self, camera: Camera) -> bool:
        """Whether `features` gives any for a view; cheap to ask."""
        ...

    def features(self, camera: Camera) -> np.ndarray | None:  # [256, 64, 64]
        """The SAM encoder's features of a view, float16 [256, 64, 64], or None where there are none."""
        ...


class MaskGenerator(Protocol):
    """Makes the masks of one image."""

    @property
    def name(self) -> str:
        """Short name, fit for a folder."""
        ...

    @property
    def description(self) -> str:
        """One line for people: which masks these are."""
        ...

    @property
    def identity(self) -> dict[str, object]:
        """Everything beside the image that decides the result, JSON-able; cheap to compute."""
        ...

    def generate(
        self,
        image: np.ndarray,  # [H, W, 3]
    ) -> tuple[np.ndarray, np.ndarray | None]:  # [M, H, W], [256, 64, 64]
        """Masks bool [M, H, W] of a uint8 RGB image and, when there is an encoder, its float16 features."""
        ...
