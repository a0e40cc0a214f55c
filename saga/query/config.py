"""The config of queries and of their post-processing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Gt, Interval, Le

from saga.config import Config, Fraction, Names, NonNegativeFloat, NonNegativeInt, PositiveInt, Seed

GRANULARITIES = {"part": 0.2, "object": 0.8, "group": 1.0}
"""Granularities by name. Most masks show parts, so that whole objects lie high among the scales of a scene."""


@dataclass(frozen=True)
class QueryConfig(Config):
    """How a prompt becomes a selection (SAGA, sections 3.4 and 3.5)."""

    score_threshold: Literal["adaptive", "paper"] | float = "adaptive"
    """Least score of a selected Gaussian, a cosine similarity: higher is tighter, lower is looser. "adaptive" finds the
    valley of the histogram of the scores; "paper" takes their mean (plus one standard deviation for SAM's queries)."""
    granularity: Annotated[float, Interval(ge=0, le=1), Names(GRANULARITIES)] | None = None
    """Scale of what is selected, from 0 (parts) to 1 (groups), for a field that was trained with granularity."""
    clusters: PositiveInt = 5
    """Queries that k-means draws from a scribble, mask or box."""
    accept_overlap: Fraction = 0.9
    """Share of a SAM mask that its mean query must reproduce to be used alone; otherwise k-means draws the queries."""
    query_shifts: NonNegativeInt = 2
    """Mean-shift steps that move each query to the middle of the Gaussians like it; 0 takes the paper's query."""
    graph_smoothness: NonNegativeFloat = 0.0
    """Weight of neighbors in a graph cut that decides about scores near the threshold; 0 leaves the cut out."""
    statistical_filter: bool = True
    """Drop Gaussians that lie far from the others (points and scribbles). --no-filter switches this and region growing
    off."""
    filter: Literal["fast", "open3d"] = "fast"
    """Searches behind the filter, region growing and the ball query: "fast" are saga's own; "open3d" are Open3D's, the
    paper's, which are slower (pip install "saga-splat[open3d]")."""
    filter_deviations: NonNegativeFloat | None = None
    """Standard deviations above the mean distance beyond which the filter drops a Gaussian: 3 by default, and the
    paper's 1 with Open3D."""
    region_growing: bool = True
    """Keep what hangs together with the Gaussians that are seen under the mask (masks, boxes and SAM)."""
    ball_query: bool = True
    """Add Gaussians that lie close to the selection."""
    ball_quantile: Annotated[float, Gt(0), Le(1)] | None = None
    """Quantile of nearest-neighbor distances that is the ball's radius: 0.99 by default, and the paper's maximum (1)
    with Open3D."""
    seed: Seed = 0
    """Seed of k-means."""


@dataclass(frozen=True)
class DiscoveryConfig(Config):
    """How the features of a scene are clustered into objects."""

    similarity: Annotated[float, Interval(ge=-1, le=1)] = 0.6
    """Least cosine similarity of a Gaussian's features to the mean of its object's."""
    smallest: NonNegativeInt = 50
    """Number of Gaussians below which an object is left out."""
    seed: Seed = 0
    """Seed of the clustering."""
