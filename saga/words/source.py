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

    boxes: np.ndarray  # [M, 4]
    """Box of each thing, float32 x0, y0, x1, y1 in pixels."""
    scores: np.ndarray  # [M]
    """How sure the model is of each, float32 from 0 to 1."""
    masks: np.ndarray | None  # [M, H, W]
    """Mask of each thing, bool; None of a model that has boxes only."""


@runtime_checkable
class Detector(Protocol):
    """Finds what a text names in a picture, each thing by itself."""

    name: str
    """What people call it."""

    @property
    def identity(self) -> str:
        """A digest of all that decides what is found: it is kept by it."""
        ...

    def detect(
        self,
        picture: np.ndarray,  # [H, W, 3] uint8
        text: str,
    ) -> Detections:
        """Returns what an RGB picture shows of a text; none where the model is not sure enough of any."""
        ...
