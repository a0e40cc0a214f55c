"""Settings of queries and of their post-processing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

GRANULARITIES = {"part": 0.2, "object": 0.8, "group": 1.0}
"""Granularities by name. Most masks show parts, so that whole objects lie high among the scales of a scene."""


@dataclass(frozen=True)
class QueryConfig:
    """How a prompt becomes a selection (SAGA, sections 3.4 and 3.5)."""

    score_threshold: float | Literal["adaptive", "paper"] = "adaptive"
    """Least score of a selected Gaussian. A number is a cosine similarity: higher is tighter, lower looser.
    "adaptive" looks for the valley of the scores' histogram; "paper" takes the mean of the scores (mean plus
    one standard deviation for SAM queries), which in a scene with many objects selects far too much."""
    granularity: float | None = None
    """From 0 (parts) to 1 (groups): the scale of what is selected, as a rank among the scene's masks, for a field
    trained with granularity; see GRANULARITIES. None leaves the scale open."""
    clusters: int = 5
    """Queries drawn from a scribble, mask or box by k-means."""
    accept_overlap: float = 0.9
    """Share of a SAM mask that its mean query must reproduce to be used alone, else k-means."""
    query_shifts: int = 2
    """Steps that move each query to the middle of the Gaussians alike to it; the scores are the larger ones of the
    query as it was and as it has become. 0 takes the query as the prompt gives it, as in the paper."""
    graph_smoothness: float = 0.0
    """Weight of neighbors in a graph cut that decides about scores near the threshold; 0 goes by the threshold alone.
    It tidies a raw selection; after filter and ball query it changed nothing on the scenes measured."""
    statistical_filter: bool = True
    """Drop Gaussians far from the others (points and scribbles)."""
    filter_deviations: float = 3.0
    """Standard deviations above the mean distance beyond which a Gaussian is dropped. The paper's 1 takes the borders
    of evenly sampled objects away with the noise."""
    region_growing: bool = True
    """Keep what hangs together with the Gaussians seen under the mask (masks, boxes and SAM)."""
    ball_query: bool = True
    """Add Gaussians close to the selection."""
    ball_quantile: float = 0.99
    """Quantile of nearest neighbor distances that is the ball's radius. 1 is the paper's maximum, which a single
    stray Gaussian makes so large that the ball reaches the object's surroundings."""
    seed: int = 0
    """Seed of k-means."""
