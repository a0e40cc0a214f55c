"""The config of queries and of their post-processing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from annotated_types import Gt, Interval, Le

from saga.config import Config, Fraction, NonNegativeFloat, NonNegativeInt, PositiveInt, Seed

Level = Literal["part", "object", "group"]
LEVELS: tuple[str, ...] = get_args(Level)
"""What the nested answers to a prompt are called, smallest first."""


@dataclass(frozen=True)
class QueryConfig(Config):
    """How a prompt becomes a selection (SAGA, sections 3.4 and 3.5)."""

    score_threshold: Literal["adaptive", "paper"] | float = "adaptive"
    """Least score of a selected Gaussian, a cosine similarity: higher is tighter, lower is looser. "adaptive" finds the
    valley of the histogram of the scores; "paper" takes their mean (plus one standard deviation for SAM's queries)."""
    granularity: Level | None = None
    """Which of the nested answers is given, relative to the prompt; the best one by default. It takes the regions that
    saga-train writes beside the scene."""
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
    ball_radius: Literal["local", "fixed"] | None = None
    """How far the ball query reaches from each selected Gaussian: "local" follows the spacing of those around it;
    "fixed" is one radius for all, as in the paper, which the sparsest decide. "local" by default; "fixed" with
    Open3D."""
    ball_quantile: Annotated[float, Gt(0), Le(1)] | None = None
    """Quantile of nearest-neighbor distances that is the ball's radius: the maximum (1) of those around each for local
    radii, 0.99 of all for a fixed one, and the paper's maximum with Open3D."""
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
