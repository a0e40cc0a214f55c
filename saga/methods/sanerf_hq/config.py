"""Settings of SANeRF-HQ."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal, get_args, get_type_hints

from saga.errors import SagaError

_AT_LEAST_ONE = ("rays", "cached_rays", "grid", "patch", "patch_rays", "references", "update_every", "redraw_every")


@dataclass(frozen=True)
class SanerfHqConfig:
    """How prompts become an object field (SANeRF-HQ). Where the paper gives no value, the docstring says so."""

    views: int = 40
    """At most this many views are prompted, evenly spaced in the files' order, beside the prompt's own; 0 takes all.
    The paper takes all; with more than 47, views drop out of memory (48 are remembered) and are made anew for every
    object."""
    features: Literal["cache", "distilled"] = "cache"
    """What Segment Anything decodes: the encoder's features of each photograph, remembered; or features rendered from
    a field fitted to them, for any view, with a photograph or without (section 3.1)."""
    feature_iterations: int = 0
    """Steps of Adam on the MSE loss (eq. 3) after the closed-form start of the feature field; the paper takes 5000
    from a random start."""
    feature_rate: float = 0.01
    """Adam's rate for the feature field."""
    min_visible: int = 0
    """Views that see fewer of the positive points than this are left out: k of appendix A, which depends on the number
    of points. 0 takes half of them, rounded up."""
    tolerance: float = 0.03
    """A point is seen where it lies at most this share of its depth behind what the view shows."""
    spread_points: int = 8
    """Points of the world spread inside a mask that is given, or that a box finds, to prompt the other views with."""
    extend: bool = True
    """Whether views that the prompt's points leave out are prompted with points spread inside the masks found so
    far, nearest views first. The paper gives enough points for every view; one click is seen from one side only."""
    rough: bool = True
    """Whether the prompter is told what is known of the object so far (the closed form of the masks of earlier views),
    to choose among masks that hold the same points."""
    agreement: float = 0.5
    """After all views are prompted, masks with a lower IoU than this with what the masks of all views say together are
    asked for again, and left out when that does not help; a view's first mask is held against the views before it in
    the same way. 0 keeps every mask, as the paper does: then one click on the tabletop scene's ramekin became the table
    (2D IoU 0 instead of 99.4 %)."""
    start: Literal["lift", "zero"] = "lift"
    """Identity logits before the first step: the log odds of the share of each Gaussian's blended weight inside the
    masks, lift(M) / lift(1); or 0. The paper's network starts at random. With 0 iterations this start is the answer:
    2D IoU 99.1 % and boundary IoU 97.9 % on two objects of the tabletop scene, 99.1 and 99.0 % after training."""
    iterations: int = 600
    """Steps of Adam on the object field."""
    rays: int = 4096
    """Rays of a step, R of eq. 8."""
    sampling: Literal["near", "uniform"] = "near"
    """Which rays are drawn: those of pixels in a mask or that show a Gaussian that some mask shows, or all. What no
    mask touches is background by its start and learns nothing more."""
    learning_rate: float = 0.005
    """Adam's rate for the object field; not given in the paper. 0.02 without averaging (`smooth_every`) fits ragged
    masks ray by ray and drives single Gaussians astray: 2D IoU 52.5 % instead of 99.1 % on the same two objects."""
    cached_rays: int = 1_000_000
    """Most rays kept in all views together, about 200 bytes each; more photographs make the grid coarser."""
    grid: int = 4
    """Pixels between rays, along each axis: the scale of the error maps (appendix A: 4)."""
    rgb_weight: float = 1.0
    """Weight of the Ray-Pair RGB loss (eq. 9 to 11, 14); 0 leaves it out (table 3). Measured with 1 against 0: 2D IoU
    the same to 0.1 points on flower, dtu24 and two objects of tabletop, for one and a half to two times the time."""
    warm_up: int = 300
    """Steps before the Ray-Pair RGB loss joins."""
    rgb_distance: float = 0.15
    """tau: rays whose rendered colors (RGB in 0 to 1) lie no farther apart than this count as similar. Eq. 10 measures
    a distance, so similar is at most tau, not at least. Not given in the paper."""
    similarity_weight: float = 10.0
    """w of eq. 11; not given in the paper."""
    similarity_offset: float = 1e-6
    """Epsilon of eq. 11; not given in the paper."""
    error_points: int = 2
    """High-error pixels of a step, the set T of eq. 14; not given in the paper."""
    patch: int = 16
    """Side N of the patches around the reprojections of a high-error pixel (appendix A: 8 or 16)."""
    patch_rays: int = 32
    """Rays drawn in each patch."""
    patch_views: int = 4
    """Views that a high-error pixel is reprojected to, beside its own: V of eq. 13. The paper takes every view."""
    references: int = 20
    """Reference rays of each set, K of eq. 9."""
    update_every: int = 200
    """Steps between two full updates of the error maps."""
    redraw_every: int = 50
    """Steps for which high-error pixels and the rays of their patches are drawn at once. The paper draws in every
    step; rows of A are cheaper in bulk."""
    neighbors: int = 16
    """Gaussians that no ray touches follow their nearest this many; 0 leaves them out of every object."""
    smooth_every: int = 20
    """Steps between two averagings of the logits over neighbors; 0 never averages. It stands for the smoothness of the
    paper's field, a network: 2D IoU 99.0 % instead of 96.1 % with 50 steps and 52.5 % without, at a rate of 0.02 on two
    objects of tabletop. Coarse captures pay a little: flower 94.7 instead of 94.9 %."""
    seed: int = 0
    """Seed of everything drawn; the same seed gives the same object."""

    def __post_init__(self) -> None:
        """Raises SagaError for a value that no run could use."""
        hints = get_type_hints(type(self))
        for field in fields(self):
            value, options = getattr(self, field.name), get_args(hints[field.name])
            if options and value not in options:
                raise SagaError(f"{field.name}: expected one of {', '.join(options)}, found {value!r}.")
            if not options and hints[field.name] is not bool and value < 0:
                raise SagaError(f"{field.name}: expected 0 or more, found {value}.")
        for name in _AT_LEAST_ONE:
            if getattr(self, name) < 1:
                raise SagaError(f"{name}: expected 1 or more, found {getattr(self, name)}.")
