"""The config of masks that are propagated through the photographs."""

from __future__ import annotations

from dataclasses import dataclass

from saga.config import Config, Fraction, PositiveInt


@dataclass(frozen=True)
class PropagationConfig(Config):
    """Which masks are tracked, from where to where, and what is believed of it."""

    spacing: PositiveInt = 8
    """About how many photographs each keyframe serves; half as many lie on either side of it."""
    masks: PositiveInt = 64
    """Most masks of a keyframe that are tracked, the larger ones first; time grows with them."""
    smallest: Fraction = 3e-4
    """Smallest mask that is tracked, as a share of its photograph."""
    agreement: Fraction = 0.75
    """IoU of a mask with what another view's mask of the same track shows there, over that of the track's best pairs,
    below which the two speak for a cut. Leaves and wires never agree as well as a ball does."""
    same: Fraction = 0.65
    """IoU, on the surface and in views that both have masks in, from which tracks of different keyframes are of one
    thing."""
    fits: Fraction = 0.5
    """Least IoU of a tracked mask with what the surface of its thing shows in the view."""
    filled: bool = True
    """Whether a thing whose track was lost in a view, or was wrong there, gets the mask that the others put there."""
    pixels: PositiveInt = 40_000
    """Masks are compared in images of about this size."""
