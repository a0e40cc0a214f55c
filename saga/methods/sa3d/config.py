"""The config of SA3D."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Gt, Interval, Le

from saga.config import Config, Fraction, NonNegativeFloat, NonNegativeInt, PositiveInt, Seed
from saga.methods.config import ViewOrder


@dataclass(frozen=True)
class Sa3dConfig(Config):
    """How masks of single views become one 3D mask (SA3D, sections 3.3 and 3.4)."""

    negative_weight: NonNegativeFloat = 0.5
    """Weight of pixels outside a view's mask against those inside, lambda of eq. 5; the paper has 0.15. A Gaussian is
    selected when more than lambda / (1 + lambda) of what is seen of it lies inside."""
    points: PositiveInt = 3
    """Most points that a view is prompted with, n_p."""
    decay: bool = True
    """Lower the confidence of points far in space from the first ones (eq. 7)."""
    rejection: Fraction = 0.5
    """IoU with the rendered mask below which a view's mask is left out, tau."""
    views: NonNegativeInt = 0
    """Views to go through beside the prompt's, evenly spaced among all; 0 takes all."""
    order: ViewOrder = "nearest"
    """Order of the views: nearest to the prompt's view first, as the files are named, or farthest first."""
    propagate: bool = True
    """Prompt other views at all. Without, the answer is the paper's baseline "single view"."""
    passes: Annotated[int, Interval(ge=1, le=2)] = 1
    """2 repeats the whole with negative points where the first pass went wrong in the prompt's view (appendix B)."""
    statistical_filter: bool = True
    """Drop Gaussians that lie far from the others unless they lie well inside the masks; the paper does not."""
    filter_deviations: NonNegativeFloat = 3.0
    """Standard deviations above the mean distance beyond which the filter drops a Gaussian."""
    ball_query: bool = True
    """Add hidden Gaussians that lie close to the selection; the paper does not."""
    ball_quantile: Annotated[float, Gt(0), Le(1)] = 0.99
    """Quantile of nearest-neighbor distances that is the ball's radius."""
    seed: Seed = 0
    """Seed of the points that are drawn from scribbles."""
