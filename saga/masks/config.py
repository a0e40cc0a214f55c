"""Settings of what makes masks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ClassicalConfig:
    """What decides which regions become masks."""

    long_side: int = 640
    """Larger images are segmented at this long side, in pixels, and the masks enlarged."""
    superpixels: int = 1500
    """Regions that the hierarchy starts from."""
    masks: int = 80
    """The most masks an image gets."""
    smallest: float = 6e-4
    """Smallest mask as a share of the image."""
    largest: float = 0.95
    """Largest mask as a share of the image."""
    seam: float = 0.2
    """Weakest edge, from 0 (none) to 1 (closed), between a region and the one it is merged with: leaves out
    the pieces of a plain surface."""
    duplicate_iou: float = 0.85
    """Of two masks that overlap more than this, one is kept."""


@dataclass(frozen=True)
class SamConfig:
    """How automatic masks are made; the values are segment-anything's own."""

    points_per_side: int = 32
    """Point prompts along each side of the grid laid over the image."""
    points_per_batch: int = 64
    """Prompts decoded at once: more is faster and takes more memory; the masks stay the same."""
    pred_iou_thresh: float = 0.88
    """Masks that the model itself rates lower are dropped."""
    stability_score_thresh: float = 0.95
    """Masks that change more when the cutoff moves are dropped."""
    box_nms_thresh: float = 0.7
    """Of two masks whose boxes overlap more than this (IoU), the better is kept."""
    crop_n_layers: int = 0
    """Also segment this many layers of ever smaller crops: finds small things, costs time."""
