"""The config of SGISRF's inference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Interval

from saga.config import Config, Fraction, NonNegativeInt, PositiveFloat, PositiveInt


@dataclass(frozen=True)
class SgisrfConfig(Config):
    """How clicks become a segmentation."""

    propagation: bool = True
    """Guide by similarity maps and the bilateral filter, P of table 1. Without, each click speaks for its own voxel and
    the 8 around it, which takes a model that was trained so."""
    refinement: bool = True
    """Predict voxels near probability 0.5 again at twice the resolution, U of table 1."""
    exponent: PositiveFloat = 0.35
    """Power of positive clicks' similarity where features are sets of nested masks; the paper's is 1. Below 1 the whole
    is preferred to the part."""
    threshold: Fraction = 0.5
    """Probability from which a Gaussian belongs to the object."""
    margin: PositiveFloat = 1.8
    """Side of the grid's cube relative to the spread of what a click's similarity map marks."""
    rounds: PositiveInt = 3
    """Most predictions: while the object found does not fit the cube, it is fitted and predicted again."""
    echo_views: NonNegativeInt = 8
    """Other views in which a positive click is repeated where they show the same point of the surface; 0 uses the
    clicked view alone, as the paper does."""
    band: Annotated[float, Interval(ge=0, le=0.5)] = 0.4
    """Distance from probability 0.5 up to which a voxel is uncertain."""
    refined_voxels: NonNegativeInt = 2048
    """Most uncertain voxels that are refined."""
    lifted_pixels: PositiveInt = 25_000
    """Most pixels of a view that are lifted, evenly spaced over what the view shows of the cube."""
    scribble_clicks: PositiveInt = 6
    """Clicks that stand for a scribble or a mask."""
