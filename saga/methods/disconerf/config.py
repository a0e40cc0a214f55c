"""Settings of DiscoNeRF."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class DiscoNerfConfig:
    """How a scene is cut into objects (DiscoNeRF, sections 3 and 7.3)."""

    slots: int = 0
    """Object slots N; 0 takes twice the masks of the view with the most, 2 K_max, as in section 4."""
    most_slots: int = 256
    """Bound of the automatic number of slots: memory and time grow with it. A view with more masks than slots leaves
    those of least affinity unmatched."""
    matching: bool = True
    """Masks of a view take distinct slots (Hungarian matching); False lets each take the slot of its largest affinity,
    the ablation of section 4.2. From the random start, IoU over the views falls from 99.7 % to 65 % on a table of 13
    objects and from 81 % to 54 % on four captured objects."""
    false_positive: float = 0.01
    """Weight of the false positive loss, lambda_FP (eq. 6)."""
    regularization: float = 10.0
    """Weight of the differences between neighbors (eq. 7). It acts in proximal steps between those of Adam, so on
    another scale than the paper's 0.01. 0 is the ablation of section 4.2: 90 % and 75 % IoU from the random start on
    the same two scenes. After 200 steps on the first one, 1 has 95 % and 10 has 97 %."""
    regularise_every: int = 10
    """Steps between two passes of the regularization over the scene."""
    neighbors: int = 16
    """Gaussians that are neighbors of one, itself included; only mutual ones count."""
    iterations: int = 600
    """Optimization steps."""
    views_per_step: int = 5
    """Views of a step, the batch size B."""
    pixels: int = 400
    """Pixels of each of them."""
    pixels_per_view: int = 4096
    """Pixels of a view whose rows of A are cached, to draw those of a step from."""
    cached_pixels: int = 400_000
    """Most pixels cached in all: bounds memory, whatever the number of images."""
    start: Literal["random", "spectral"] = "spectral"
    """Features before the first step: small random ones as in the paper, or the groups of Gaussians that masks keep
    putting together, in closed form (saga.train.spectral). On the captured objects it raises IoU from 81 % to 95 %
    (91 % with another seed); on the table of 13 objects both reach 99 %, "random" with fewer fragments."""
    dimensions: int = 32
    """Features of each Gaussian, which one layer turns into slots."""
    learning_rate: float = 0.05
    """Adam's rate for the features; it falls to 0 along a line."""
    decoder_rate: float = 0.01
    """Adam's rate for the layer from features to slots."""
    nested: Literal["wholes", "all"] = "wholes"
    """Of masks inside larger ones: "wholes" leaves them out as section 7.1 does; "all" keeps them, and slots compete:
    73 % IoU instead of 99 % on the table of 13 objects, where views show parts as often as wholes, though 98 % instead
    of 95 % on the captured objects, in more pieces."""
    included: float = 0.9
    """Share of a mask that makes it part of a larger one."""
    smallest_mask: float = 0.0
    """Masks of a smaller share of the image are left out. Section 7.1 has 0.03, which small objects do not survive."""
    uncovered: bool = False
    """What no mask of a view covers counts as one more mask. It holds a background together, and joins whatever objects
    the masks of a view miss: on the captured objects IoU is 96 % instead of 95 %, but SBD 63 % instead of 83 %."""
    separate: bool = False
    """Parts of a slot that do not touch become objects of their own."""
    smallest_object: int = 50
    """Objects of fewer Gaussians are given to the next best ones."""
    seed: int = 0
    """Seed of sampling and initialization; the same seed gives the same objects on the same machine."""
