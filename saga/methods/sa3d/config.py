"""Settings of SA3D."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from saga.errors import SagaError
from saga.methods.config import ViewOrder


@dataclass(frozen=True)
class Sa3dConfig:
    """How masks of single views become one 3D mask (SA3D, sections 3.3 and 3.4). Raises SagaError for bad values."""

    negative_weight: float = 0.5
    """lambda of eq. 5: weight of pixels outside a view's mask against those inside. A Gaussian is selected when more
    than lambda / (1 + lambda) of what is seen of it lies inside. The paper's 0.15 selects Gaussians that reach across
    the border: 0.5 is better by 1.5 points of mIoU on tabletop and composite, 1.6 on flower, 4 on dtu24. 1 gains 5
    more on dtu24 and loses 3 points of 3D IoU on tabletop; 0 spoils everything (42 for 82)."""
    points: int = 3
    """n_p: most points that a view is prompted with. 1 to 10 differ by 0.1 points where masks are given."""
    decay: bool = True
    """Whether points far in space from the first ones lose confidence (eq. 7); without, self-prompting is a plain
    non-maximum suppression in the image, which differs by 0.1 points where masks are given."""
    rejection: float = 0.5
    """tau: a view's mask is left out when its IoU with the rendered mask is lower. 0.3 to 0.6 are alike on tabletop
    (82.3), 0.7 rejects too much (77.7), 0 lets the surroundings in (5.8)."""
    views: int = 0
    """Views to go through beside the prompt's, evenly spaced among all; 0 takes all. Around tabletop, 20 of 39 cost 7
    points of mIoU, 8 cost 17: views far apart overlap too little to be accepted."""
    order: ViewOrder = "nearest"
    """Their order: "nearest" to the prompt's view first, "farthest" first (7 points worse on tabletop), or as the
    files are named (the same, where neighbors in the files are neighbors in space)."""
    propagate: bool = True
    """Whether other views are asked at all; False is the paper's baseline "single view"."""
    passes: int = 1
    """2 repeats the whole with what the first pass got wrong in the prompt's view, beyond its rim, as negative points
    (appendix B); the first pass stands when it got nothing wrong there."""
    statistical_filter: bool = True
    """Drop Gaussians far from the others unless they lie well inside the masks, which the paper does not: a few large
    ones of the background that are behind the object in many views cover much of some (dtu24 90.7, 87.1 without;
    composite 99.5 and 99.6)."""
    filter_deviations: float = 3.0
    """Standard deviations above the mean distance beyond which a Gaussian is dropped."""
    ball_query: bool = True
    """Add Gaussians that no mask says anything about and that are close to the selection, which the paper does not:
    the hidden ones (1.4 points of 3D IoU on tabletop, 0.1 on composite; masks of views stay the same)."""
    ball_quantile: float = 0.99
    """Quantile of nearest neighbor distances that is the ball's radius."""
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
