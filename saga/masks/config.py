"""The configs of what makes masks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from saga.config import Config, Fraction, NonNegativeInt, PositiveInt

MaskKind = Literal["auto", "labels", "soft"]
"""What gray levels are: labels, each an object; or one object with soft edges. "auto" tells them apart."""


@dataclass(frozen=True)
class ClassicalConfig(Config):
    """Which regions of an image become masks."""

    long_side: PositiveInt = 640
    """Long side in pixels at which larger images are segmented; their masks are enlarged."""
    superpixels: PositiveInt = 1500
    """Regions that the hierarchy begins with."""
    masks: PositiveInt = 80
    """Most masks of an image."""
    smallest: Fraction = 6e-4
    """Smallest mask as a share of the image."""
    largest: Fraction = 0.95
    """Largest mask as a share of the image."""
    seam: Fraction = 0.2
    """Weakest edge, from 0 (none) to 1 (closed), between a region and the one it is merged with. It leaves out the
    pieces of a plain surface."""
    duplicate_iou: Fraction = 0.85
    """IoU above which one of two masks is dropped as a duplicate."""


@dataclass(frozen=True)
class SamConfig(Config):
    """How Segment Anything makes automatic masks; names and defaults are its own."""

    points_per_side: PositiveInt = 32
    """Point prompts along each side of the grid that is laid over the image."""
    points_per_batch: PositiveInt = 64
    """Prompts decoded at once: more are faster and take more memory, and the masks stay the same."""
    pred_iou_thresh: Fraction = 0.88
    """Masks that the model itself rates lower than this IoU are dropped."""
    stability_score_thresh: Fraction = 0.95
    """Masks that are less stable than this when the cutoff moves are dropped."""
    box_nms_thresh: Fraction = 0.7
    """IoU of two masks' boxes above which the worse mask is dropped."""
    crop_n_layers: NonNegativeInt = 0
    """Layers of ever smaller crops that are segmented too: they find small things and cost time."""
