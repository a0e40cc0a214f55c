"""The masks of a scene's photographs by a model."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from saga.masks.config import SamConfig
from saga.masks.models.checkpoint import checkpoint_digest
from saga.masks.models.folders import weight_files
from saga.masks.models.model import MaskModel
from saga.masks.models.opening import open_model
from saga.masks.models.resolve import ResolvedModel
from saga.masks.rules import SAM_FEATURE_CHANNELS, SAM_FEATURE_SIDE


@dataclass(frozen=True)
class ModelGenerator:
    """Automatic masks and features by a model, which is only loaded when an image needs it."""

    bytes_per_view = 2 * SAM_FEATURE_CHANNELS * SAM_FEATURE_SIDE**2
    """What the features of a view take in the cache, which do not compress."""

    model: ResolvedModel
    """The model's files."""
    device: str = "auto"
    """Where the model runs: "auto", "cpu" or a CUDA device."""
    config: SamConfig = field(default_factory=SamConfig)
    """How automatic masks are made."""

    @property
    def name(self) -> str:
        """Names the generator in the cache."""
        return "sam"

    @property
    def description(self) -> str:
        """One line for people."""
        return f"masks by Segment Anything ({self.model.name})"

    @property
    def identity(self) -> dict[str, object]:
        """Everything that decides the masks of an image, JSON-able: the cache's key."""
        config = asdict(self.config)
        del config["points_per_batch"]  # changes the speed, not the masks
        return {"checkpoint": model_digest(self.model), **config}

    @cached_property
    def opened(self) -> MaskModel:
        """The model, loaded at its first use."""
        return open_model(self.model, self.device, self.config)

    def generate(
        self,
        image: np.ndarray,  # [H, W, 3]
    ) -> tuple[np.ndarray, np.ndarray | None]:  # [M, H, W], [256, 64, 64]
        """Returns masks bool [M, H, W] of a uint8 RGB image [H, W, 3] and its features float16 [256, 64, 64]."""
        features = self.opened.features(image)
        return self.opened.automatic_masks(image), features


def model_digest(model: ResolvedModel) -> str:
    """Tells models apart without reading gigabytes."""
    if model.is_file:
        return checkpoint_digest(model.path)
    digest = hashlib.sha256()
    for path in sorted(model.path.glob("*config.json")):
        digest.update(path.name.encode() + path.read_bytes())
    for path in weight_files(model.path):
        digest.update(_sampled(path))
    return digest.hexdigest()


_SAMPLES, _SAMPLE = 256, 1 << 16
"""Pieces of a weights file that are read, spread evenly, and bytes of each."""


def _sampled(path: Path) -> bytes:
    """Returns the SHA-256 of the size of a file and of pieces all over it: a fine-tuned part is a run of megabytes."""
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        for start in sorted({size * piece // _SAMPLES for piece in range(_SAMPLES)} | {max(0, size - _SAMPLE)}):
            file.seek(start)
            digest.update(file.read(_SAMPLE))
    return digest.digest()
