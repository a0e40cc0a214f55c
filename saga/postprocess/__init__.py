"""Post-processing with the 3D prior: statistical filter, region growing, ball query (SAGA, section 3.5)."""

from saga.postprocess.growing import ball_query, grow_region
from saga.postprocess.neighbors import nearest_neighbor_distance, nearest_neighbors
from saga.postprocess.statistical import statistical_filter

__all__ = ["ball_query", "grow_region", "nearest_neighbor_distance", "nearest_neighbors", "statistical_filter"]
