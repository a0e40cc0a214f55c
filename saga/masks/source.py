"""What makes masks and what hands them out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from saga.scene.camera import Camera
from saga.scene.scene import Scene


class MaskSource(Protocol):
    """Masks of the views of a scene, read one view at a time."""

    @property
    def description(self) -> str:
        """One line for people: which masks these are."""
        ...

    def masks(self, camera: Camera) -> np.ndarray:  # [M, H, W]
        """Return the masks bool [M, H, W] of a view in pixels of its ideal pinhole; M may be 0. Raises SagaError."""
        ...

    def has_features(self, camera: Camera) -> bool:
        """Whether `features` gives any for a view; cheap to ask."""
        ...

    def features(self, camera: Camera) -> np.ndarray | None:  # [256, 64, 64]
        """Returns the SAM encoder's features of a view, float16 [256, 64, 64], or None where there are none."""
        ...


@runtime_checkable
class WeightedMasks(Protocol):
    """A source of masks that do not all count alike."""

    def weights(self, camera: Camera) -> np.ndarray | None:  # [M]
        """Returns the weight of each mask of a view in training, float32 [M], positive; None where all count alike."""
        ...


@runtime_checkable
class IdentifiedMasks(Protocol):
    """A source that knows which masks of different views are of one thing."""

    def ids(self, camera: Camera) -> np.ndarray | None:  # [M]
        """Returns the thing that each mask of a view is of, positive int32 [M]; None where nobody knows."""
        ...


class WrappedMasks:
    """Masks of another source, which a class changes in one respect; `source` says which."""

    source: MaskSource

    @property
    def description(self) -> str:
        """As MaskSource."""
        return self.source.description

    def masks(self, camera: Camera) -> np.ndarray:  # [M, H, W]
        """As MaskSource."""
        return self.source.masks(camera)

    def has_features(self, camera: Camera) -> bool:
        """As MaskSource."""
        return self.source.has_features(camera)

    def features(self, camera: Camera) -> np.ndarray | None:  # [256, 64, 64]
        """As MaskSource."""
        return self.source.features(camera)

    def weights(self, camera: Camera) -> np.ndarray | None:  # [M]
        """As WeightedMasks; None of a source without weights."""
        return self.source.weights(camera) if isinstance(self.source, WeightedMasks) else None


@dataclass(frozen=True)
class ViewMasks:
    """What a generator makes of one view."""

    masks: np.ndarray  # [M, H, W]
    """bool [M, H, W] at the camera's size."""
    features: np.ndarray | None = None  # [256, 64, 64]
    """The encoder's features, float16 [256, 64, 64], or None."""
    weights: np.ndarray | None = None  # [M]
    """Weight of each mask in training, float32 [M], or None: all count alike."""
    ids: np.ndarray | None = None  # [M]
    """The thing that each mask is of, positive int32 [M], the same number in all views; None where nobody knows."""


class Generator(Protocol):
    """What makes masks, as the cache knows it."""

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


@runtime_checkable
class ViewGenerator(Generator, Protocol):
    """Makes the masks of a view from more than its photograph."""

    def generate_view(self, scene: Scene, camera: Camera) -> ViewMasks:
        """Makes the masks of one view of a scene. Raises SagaError."""
        ...


class MaskGenerator(Generator, Protocol):
    """Makes the masks of one image."""

    def generate(
        self,
        image: np.ndarray,  # [H, W, 3]
    ) -> tuple[np.ndarray, np.ndarray | None]:  # [M, H, W], [256, 64, 64]
        """Returns masks bool [M, H, W] of a uint8 RGB image and, when there is an encoder, its float16 features."""
        ...
