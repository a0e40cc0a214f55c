from .growing import ball_query as ball_query
from .growing import grow_region as grow_region
from .local_ball import local_ball_query as local_ball_query
from .neighbors import mutual_neighbors as mutual_neighbors
from .neighbors import nearest_neighbor_distance as nearest_neighbor_distance
from .neighbors import nearest_neighbors as nearest_neighbors
from .statistical import statistical_filter as statistical_filter
