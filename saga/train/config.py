"""Settings of training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class TrainConfig:
    """How a feature field is trained (SAGA, section 3.3). Defaults hold for every scene tried so far."""

    dimensions: int = 32
    """Features of each Gaussian, C."""
    iterations: int = 600
    """Optimization steps, each on pixels of one view."""
    pixels: int = 1024
    """Pixels sampled in a step."""
    pixels_per_view: int = 8192
    """Pixels of a view whose rows of A are cached."""
    cached_pixels: int = 400_000
    """Most pixels cached in all: bounds memory (about 250 bytes each), whatever the number of images."""
    gpu_cache_megabytes: int = 4096
    """Most cached rows that a GPU keeps; more are left in pinned memory, and read from there step by step."""
    learning_rate: float = 2.5e-3
    """Adam's rate for features and for phi."""
    sam_guidance: float = 1.0
    """Weight of the SAM-guidance loss (eq. 7); 0 switches it off."""
    correspondence: float = 1.0
    """Weight of the correspondence loss, lambda of eq. 11; 0 switches it off."""
    correspondence_form: Literal["relu", "paper"] = "relu"
    """"paper" is K * S as in eq. 10; "relu" is K * max(S, 0), which stops pushing once features of
    different objects are orthogonal. With eq. 10 many objects can only share two opposite directions."""
    start: Literal["random", "spectral"] = "spectral"
    """Features before the first step: a closed form from the masks ("spectral"), good enough to query at once, with 0
    iterations; or small random ones, which need about two and a half times as many steps."""
    norm_regularization: float = 0.0
    """Weight of a loss that keeps the features along each ray alike: 1 - |F_r| / sum of weights times lengths."""
    granularity: bool = False
    """Also train a gate by which queries choose between parts, objects and groups (saga.train.granularity).
    Off by default: queries that ask for no granularity lose some precision by it, and parts are learnt only where
    the masks of different views agree on them."""
    smooth_every: int = 100
    """Steps between two averagings of features over nearest neighbors; 0 never averages."""
    smooth_neighbors: int = 16
    """Gaussians averaged over, including the Gaussian itself."""
    seed: int = 0
    """Seed of sampling and initialization; the same seed gives the same field on the same machine."""
