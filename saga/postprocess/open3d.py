"""The post-processing of SAGA, section 3.5, as the paper has it: with Open3D's filter and its k-d tree, KDTreeFlann.

These functions stand for those of the same names in `statistical` and `growing`. They run on the CPU and search every
neighbor: the paper's own stage, to compare with.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from saga.postprocess.growing import check_quantile
from saga.postprocess.neighbors import check_mask, check_points, check_radius, reach_of
from saga.scene.point_cloud import import_open3d


def statistical_filter(
    points: Tensor,  # [n, 3]
    neighbors: int | None = None,
    std_ratio: float = 1.0,
) -> Tensor:  # [n] bool
    """Marks what PointCloud.remove_statistical_outlier keeps.

    Args:
        points: float32 in scene units, finite.
        neighbors: Number of nearest points, the point itself included; the root of n, rounded down, by default.
        std_ratio: Standard deviations above the mean of all mean distances beyond which a point is dropped.

    Returns:
        True for what is kept, on the points' device. Open3D also drops points whose neighbors all coincide with them.

    Raises:
        SagaError: Points are not finite or not [n, 3], or Open3D is missing.
    """
    candidates = check_points(points).cpu()
    keep = torch.zeros(len(candidates), dtype=torch.bool)
    if len(candidates) > 0:
        nearest = neighbors or math.isqrt(len(candidates))
        _, kept = cloud_of(candidates).remove_statistical_outlier(nb_neighbors=nearest, std_ratio=std_ratio)
        keep[torch.as_tensor(np.asarray(kept, dtype=np.int64))] = True
    return keep.to(points.device)


def grow_region(
    points: Tensor,  # [n, 3]
    seeds: Tensor,  # [n] bool
    radius: float | None = None,
) -> tuple[Tensor, float]:
    """The part of a selection that hangs together with the seeds, and the radius, as `growing.grow_region` has it.

    Raises:
        SagaError: As `growing.grow_region`, or Open3D is missing.
    """
    candidates = check_points(points).cpu()
    chosen = check_mask("seeds", seeds.cpu(), candidates)
    radius = _spacing(candidates[chosen], 1.0) if radius is None else check_radius(radius)
    front = chosen
    while bool(front.any()):
        front = _within(candidates[front], candidates, ~chosen, radius)
        chosen = chosen | front
    return chosen.to(points.device), radius


def ball_query(
    points: Tensor,  # [N, 3]
    members: Tensor,  # [N] bool
    radius: float | None = None,
    quantile: float = 1.0,
) -> tuple[Tensor, float]:
    """Returns the members and every point within the radius of one, and the radius, as `growing.ball_query` has it.

    Raises:
        SagaError: As `growing.ball_query`, or Open3D is missing.
    """
    check_quantile(quantile)
    scene = check_points(points).cpu()
    chosen = check_mask("members", members.cpu(), scene)
    selection = scene[chosen]
    radius = _spacing(selection, quantile) if radius is None else check_radius(radius)
    if len(selection) > 0:
        chosen = chosen | _within(selection, scene, ~chosen, radius)
    return chosen.to(points.device), radius


def cloud_of(
    points: Tensor,  # [n, 3]
) -> Any:
    """Returns the points as an open3d.geometry.PointCloud. Raises SagaError where Open3D is missing."""
    open3d = import_open3d("filter open3d")
    return open3d.geometry.PointCloud(open3d.utility.Vector3dVector(points.double().numpy()))


def _within(
    points: Tensor,  # [m, 3]
    queries: Tensor,  # [q, 3]
    asked: Tensor,  # [q] bool
    radius: float,
) -> Tensor:  # [q] bool
    """Which of the queries that are asked for have a point within the radius, by KDTreeFlann in Open3D's own loop."""
    within = torch.zeros_like(asked)
    distances = cloud_of(queries[asked]).compute_point_cloud_distance(cloud_of(points))
    within[asked] = torch.from_numpy(np.asarray(distances) <= reach_of(radius))
    return within


def _spacing(
    points: Tensor,  # [n, 3]
    quantile: float,
) -> float:
    """Returns the quantile (nearest rank) of the points' nearest neighbor distances; 0 for fewer than two points."""
    if len(points) < 2:
        return 0.0
    distances = np.asarray(cloud_of(points).compute_nearest_neighbor_distance())
    rank = max(math.ceil(quantile * len(points)), 1)
    return float(np.partition(distances, rank - 1)[rank - 1])
