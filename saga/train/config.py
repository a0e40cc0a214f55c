"""The config of training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from saga.config import Config, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, Seed
from saga.scene.box import Box


@dataclass(frozen=True)
class TrainConfig(Config):
    """How a feature field is trained (SAGA, section 3.3)."""

    dimensions: PositiveInt = 32
    """Number of features of each Gaussian, C."""
    iterations: NonNegativeInt = 600
    """Training steps, each on pixels of one view; 0 with a spectral start gives a field without training."""
    pixels: PositiveInt = 1024
    """Pixels that one step samples."""
    pixels_per_view: PositiveInt = 8192
    """Pixels of each view that steps sample from; their rows of the blending matrix are cached."""
    cached_pixels: PositiveInt = 400_000
    """Most pixels cached in all, about 250 bytes each. Lower it when memory is short."""
    gpu_cache_megabytes: NonNegativeInt = 4096
    """Most memory that cached pixels take on a GPU; the others are read from the host's memory."""
    learning_rate: PositiveFloat = 2.5e-3
    """Adam's learning rate for the features and for the projection of SAM's features."""
    sam_guidance: NonNegativeFloat = 1.0
    """Weight of the SAM-guidance loss (eq. 7); 0 switches it off."""
    correspondence: NonNegativeFloat = 1.0
    """Weight of the correspondence loss, lambda of eq. 11; 0 switches it off."""
    correspondence_form: Literal["relu", "paper"] = "relu"
    """Form of the correspondence loss: "paper" is K * S as in eq. 10; "relu" is K * max(S, 0), which stops pushing
    features of different objects apart once they are orthogonal."""
    scales: Literal[1, 2] = 2
    """Scales that the features keep apart. With 2, one half of them learns what shares any mask (eq. 8), the other what
    belongs together by the size of the masks: a mask of a heap does not blur the things in it. 1 is the paper's."""
    start: Literal["random", "spectral"] = "spectral"
    """Features before the first step: a closed form from the masks, or small random ones, which need more steps."""
    norm_regularization: NonNegativeFloat = 0.0
    """Weight of a loss that keeps the features along each ray alike: 1 - |F_r| / (sum of weights times lengths)."""
    agreement: NonNegativeFloat = 0.0
    """Power of how far other views agree with a mask, from 0 to 1, by which it counts; 0 lets all masks count alike."""
    smooth_every: NonNegativeInt = 100
    """Steps between two averagings of the features over nearest neighbors; 0 never averages."""
    smooth_neighbors: PositiveInt = 16
    """Gaussians that are averaged over, including the Gaussian itself."""
    region: str | None = None
    """Two corners x0,y0,z0,x1,y1,z1 of a box, in the scene's units: only Gaussians with their center in it get
    features, and only views that show it are learned from. None trains the whole scene."""
    seed: Seed = 0
    """Seed of sampling and initialization. The same seed gives the same field on the same machine."""

    def __post_init__(self) -> None:
        """As Config, and puts the region's corners in order. Raises SagaError for a region that is no box."""
        super().__post_init__()
        if self.region is not None:
            object.__setattr__(self, "region", str(Box.read(self.region)))

    @property
    def box(self) -> Box | None:
        """The region as a box; None for the whole scene."""
        return None if self.region is None else Box.read(self.region)
