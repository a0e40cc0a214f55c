"""The config of DiscoNeRF."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from saga.config import Config, Fraction, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, Seed


@dataclass(frozen=True)
class DiscoNerfConfig(Config):
    """How a scene is cut into objects (DiscoNeRF, sections 3 and 7.3)."""

    slots: NonNegativeInt = 0
    """Object slots N; 0 takes twice the masks of the view with the most, 2 K_max, as in section 4."""
    most_slots: PositiveInt = 256
    """Bound of the automatic number of slots: memory and time grow with it. Of a view with more masks than slots, those
    of least affinity stay unmatched."""
    matching: bool = True
    """Match masks of a view to distinct slots (Hungarian matching). Without, each takes the slot of its largest
    affinity, the ablation of section 4.2."""
    false_positive: NonNegativeFloat = 0.01
    """Weight of the false positive loss, lambda_FP (eq. 6)."""
    regularization: NonNegativeFloat = 10.0
    """Weight of the differences between neighbors (eq. 7); 0 is the ablation of section 4.2. It acts in proximal steps
    between those of Adam, so its scale is not the paper's."""
    regularize_every: PositiveInt = 10
    """Steps between two passes of the regularization over the scene."""
    neighbors: PositiveInt = 16
    """Gaussians that are neighbors of one, itself included; only mutual ones count."""
    iterations: PositiveInt = 600
    """Training steps."""
    views_per_step: PositiveInt = 5
    """Views of one step, the batch size B."""
    pixels: PositiveInt = 400
    """Pixels that one step samples from each of its views."""
    pixels_per_view: PositiveInt = 4096
    """Pixels of each view that steps sample from; their rows of the blending matrix are cached."""
    cached_pixels: PositiveInt = 400_000
    """Most pixels cached in all. Lower it when memory is short."""
    start: Literal["random", "spectral"] = "spectral"
    """Features before the first step: small random ones as in the paper, or in closed form the groups of Gaussians that
    masks keep putting together."""
    dimensions: PositiveInt = 32
    """Number of features of each Gaussian, which one layer turns into slots."""
    learning_rate: PositiveFloat = 0.05
    """Adam's learning rate for the features; it falls to 0 along a line."""
    decoder_rate: PositiveFloat = 0.01
    """Adam's learning rate for the layer from features to slots."""
    nested: Literal["wholes", "all"] = "wholes"
    """What becomes of masks inside larger ones: "wholes" leaves them out as section 7.1 does; "all" keeps them, and
    slots compete for them."""
    included: Fraction = 0.9
    """Share of a mask that makes it part of a larger one."""
    smallest_mask: Fraction = 0.0
    """Share of the image below which a mask is left out; section 7.1 has 0.03, which drops small objects."""
    uncovered: bool = False
    """Count what no mask of a view covers as one more mask. It holds a background together, and joins objects that the
    masks of a view miss."""
    separate: bool = False
    """Make parts of a slot that do not touch objects of their own."""
    smallest_object: NonNegativeInt = 50
    """Number of Gaussians below which an object's Gaussians go to the next best objects."""
    seed: Seed = 0
    """Seed of sampling and initialization. The same seed gives the same objects on the same machine."""
