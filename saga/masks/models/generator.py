"""The masks of a scene's photographs by a model."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from functools import cached_property

import numpy as np

from saga.masks.config import SamConfig
from saga.masks.models.digest import model_digest
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
        return {"checkpoint": self.digest, **config}

    @cached_property
    def digest(self) -> str:
        """Tells the model's files from those of others."""
        return model_digest(self.model)

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
