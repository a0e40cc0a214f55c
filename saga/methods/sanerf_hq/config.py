"""The config of SANeRF-HQ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from saga.config import Config, Fraction, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, Seed


@dataclass(frozen=True)
class SanerfHqConfig(Config):
    """How prompts become an object field (SANeRF-HQ). Where the paper gives no value, the docstring says so."""

    views: NonNegativeInt = 40
    """Most views that are prompted beside the prompt's own, evenly spaced in the files' order; 0 takes all, as the
    paper does. More than 47 do not stay in memory and are made anew for every object."""
    features: Literal["cache", "distilled"] = "cache"
    """What Segment Anything decodes: the encoder's features of each photograph, or features rendered from a field that
    is fitted to them, for any view (section 3.1)."""
    feature_iterations: NonNegativeInt = 0
    """Steps on the MSE loss (eq. 3) after the closed-form start of the feature field; the paper takes 5000 from a
    random start."""
    feature_rate: PositiveFloat = 0.01
    """Adam's learning rate for the feature field."""
    min_visible: NonNegativeInt = 0
    """Number of visible positive points below which a view is left out, k of appendix A; 0 takes half of them, rounded
    up."""
    tolerance: NonNegativeFloat = 0.03
    """Share of its depth that a seen point may lie behind what the view shows."""
    spread_points: PositiveInt = 8
    """Points spread in space inside a mask that is given, or that a box finds, to prompt the other views with."""
    extend: bool = True
    """Prompt views that the prompt's points leave out with points inside the masks found so far, nearest views first.
    The paper gives enough points for every view."""
    rough: bool = True
    """Tell the prompter what is known of the object so far, to choose among masks that hold the same points."""
    agreement: Fraction = 0.5
    """IoU with what all views say together below which a view's mask is asked for again, and left out when that does
    not help; 0 keeps every mask, as the paper does."""
    start: Literal["lift", "zero"] = "lift"
    """Identity logits before the first step: the log odds of the share of each Gaussian's blended weight inside the
    masks, or 0. The paper's network starts at random."""
    iterations: NonNegativeInt = 600
    """Training steps of the object field; 0 takes the start as the answer."""
    rays: PositiveInt = 4096
    """Rays of one step, R of eq. 8."""
    sampling: Literal["near", "uniform"] = "near"
    """Which rays are drawn: those of pixels in a mask or that show a Gaussian that some mask shows, or all."""
    learning_rate: PositiveFloat = 0.005
    """Adam's learning rate for the object field; not given in the paper."""
    cached_rays: PositiveInt = 1_000_000
    """Most rays kept of all views together, about 200 bytes each; more photographs make the grid coarser."""
    grid: PositiveInt = 4
    """Pixels between rays along each axis, the scale of the error maps (appendix A: 4)."""
    rgb_weight: NonNegativeFloat = 1.0
    """Weight of the Ray-Pair RGB loss (eq. 9 to 11, 14); 0 leaves it out (table 3)."""
    warm_up: NonNegativeInt = 300
    """Steps before the Ray-Pair RGB loss joins."""
    rgb_distance: NonNegativeFloat = 0.15
    """Distance of rendered colors (RGB from 0 to 1) up to which rays count as similar, tau of eq. 10; not given in the
    paper."""
    similarity_weight: NonNegativeFloat = 10.0
    """w of eq. 11; not given in the paper."""
    similarity_offset: NonNegativeFloat = 1e-6
    """Epsilon of eq. 11; not given in the paper."""
    error_points: NonNegativeInt = 2
    """High-error pixels of one step, the set T of eq. 14; not given in the paper."""
    patch: PositiveInt = 16
    """Side in pixels of the patches around the reprojections of a high-error pixel, N (appendix A: 8 or 16)."""
    patch_rays: PositiveInt = 32
    """Rays drawn in each patch."""
    patch_views: NonNegativeInt = 4
    """Views that a high-error pixel is reprojected to, beside its own, V of eq. 13; the paper takes every view."""
    references: PositiveInt = 20
    """Reference rays of each set, K of eq. 9."""
    update_every: PositiveInt = 200
    """Steps between two full updates of the error maps."""
    redraw_every: PositiveInt = 50
    """Steps for which high-error pixels and the rays of their patches are drawn at once; the paper draws in every
    step."""
    neighbors: NonNegativeInt = 16
    """Nearest neighbors that Gaussians which no ray touches follow; 0 leaves such Gaussians out of every object."""
    smooth_every: NonNegativeInt = 20
    """Steps between two averagings of the logits over neighbors, for the smoothness of the paper's network; 0 never
    averages."""
    seed: Seed = 0
    """Seed of everything drawn. The same seed gives the same object."""
