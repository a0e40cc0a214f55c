"""Post-processing with the 3D prior: statistical filter, region growing, ball query (SAGA, section 3.5)."""

from saga.postprocess.growing import ball_query, grow_region
from saga.postprocess.neighbours import nearest_neighbour_distance, nearest_neighbours
from saga.postprocess.statistical import statistical_filter

__all__ = ["ball_query", "grow_region", "nearest_neighbour_distance", "nearest_neighbours", "statistical_filter"]
