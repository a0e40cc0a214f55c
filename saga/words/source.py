"""What words ask of a model: embeddings of pictures and texts, or masks of what a text names in a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np


@runtime_checkable
class TextImageModel(Protocol):
    """Embeds pictures and texts into one space, where a text lies near the pictures that it describes."""

    name: str
    """What people call it."""

    @property
    def identity(self) -> str:
        """A digest of all that decides embeddings: they are kept by it."""
        ...

    @property
    def scale(self) -> float:
        """What cosines are multiplied with before a softmax or sigmoid: the model has learned it."""
        ...

    @property
    def side(self) -> int:
        """Width and height in pixels of the pictures that the model looks at."""
        ...

    def embed_images(
        self,
        pictures: Sequence[np.ndarray],  # each [H, W, 3] uint8
    ) -> np.ndarray:  # [K, D]
        """Returns embeddings of RGB pictures, float32 [K, D] of unit length."""
        ...

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:  # [K, D]
        """Returns embeddings of texts, float32 [K, D] of unit length."""
        ...


@dataclass(frozen=True)
class Detections:
    """What a detector finds of a text in one picture."""

    masks: np.ndarray  # [M, H, W] bool
    """The mask of each thing."""
    scores: np.ndarray  # [M] float32
    """How sure the model is of each, 0 to 1."""


class Detector(Protocol):
    """Finds what a text names in a picture, each thing with a mask of its own."""

    name: str
    """What people call it."""

    def detect(self, view: str, text: str) -> Detections:
        """Returns what a view of the scene, by its camera's name, shows of a text. Raises SagaError."""
        ...
