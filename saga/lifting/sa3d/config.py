"""Settings of SA3D."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from saga.errors import SagaError
from saga.lifting.views import ViewOrder


@dataclass(frozen=True)
class Sa3dConfig:
    """How masks of single views become one 3D mask (SA3D, sections 3.3 and 3.4). Raises SagaError for bad values."""

    negative_weight: float = 0.5
    """lambda of eq. 5: weight of pixels outside a view's mask against those inside."""
    points: int = 3
    """n_p: most points that a view is prompted with."""
    decay: bool = True
    """Whether points far in depth from the first ones lose confidence (eq. 7); without, self-prompting is a plain
    non-maximum suppression in the image."""
    rejection: float = 0.5
    """tau: a view's mask is left out when its IoU with the rendered mask is lower."""
    views: int = 0
    """Views to go through beside the prompt's, evenly spaced among all; 0 takes all."""
    order: ViewOrder = "nearest"
    """Their order: "nearest" to the prompt's view first, "farthest" first, or as the files are named."""
    propagate: bool = True
    """Whether other views are asked at all; False is the paper's baseline "single view"."""
    passes: int = 1
    """2 repeats the whole with what the first pass got wrong in the prompt's view as negative points (appendix B)."""
    statistical_filter: bool = True
    """Drop Gaussians far from the others: a few large ones of the background, which many views show through or behind
    the object, would cover much of a view."""
    filter_deviations: float = 3.0
    """Standard deviations above the mean distance beyond which a Gaussian is dropped."""
    ball_query: bool = True
    """Add Gaussians close to the selection: those that no view shows get no confidence."""
    ball_quantile: float = 0.99
    """Quantile of nearest neighbour distances that is the ball's radius."""
    seed: int = 0
    """Seed of the points drawn from scribbles."""

    def __post_init__(self) -> None:
        wrong = {
            "negative_weight": (self.negative_weight >= 0, "0 or more"),
            "points": (self.points >= 1, "1 or more"),
            "rejection": (0 <= self.rejection <= 1, "a number from 0 to 1"),
            "views": (self.views >= 0, "0 (all) or more"),
            "order": (self.order in get_args(ViewOrder), f"one of {', '.join(get_args(ViewOrder))}"),
            "passes": (self.passes in (1, 2), "1 or 2"),
            "ball_quantile": (0 < self.ball_quantile <= 1, "a number above 0 and up to 1"),
        }
        for name, (right, expected) in wrong.items():
            if not right:
                raise SagaError(f"{name}: expected {expected}, found {getattr(self, name)!r}.")
