"""Members of an object that do it no good: hidden inside it, or floating apart from it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from saga.raster import BlendOperator, Geometry
from saga.scene import Camera
from saga.scene.orbit import look_at, weighted_quantile
from saga.train.smoothing import neighbor_average

_VIEWS = 16
"""Of the scene's cameras, and as many again from all sides."""
_SIZE = 400
_FIELD_OF_VIEW = 50.0
_RADIUS_QUANTILE = 0.98
_MARGIN = 1.1
_HIDDEN = 0.01
_NEIGHBORS = 10
_SMALL = 0.05
"""Of the object's Gaussians: a component with more is never taken for a floating one."""
_APART = 0.05
"""Of the object's size: a component that is nearer than this to the object's body is part of it."""


def hidden_members(
    geometry: Geometry,
    cameras: Sequence[Camera],
) -> Tensor:  # [n]
    """Tells which Gaussians of an object, rendered alone, contribute to no picture: bool [n] on its device.

    Less than a hundredth of a pixel in every one of up to 16 of the scene's views and of 16 more, in which the
    object fills the picture, from all sides. `geometry` holds the n Gaussians of the object and no others.
    """
    if len(geometry) == 0:
        return torch.zeros(0, dtype=torch.bool, device=geometry.device)
    views = [*cameras[:: max(1, -(-len(cameras) // _VIEWS))], *sides_of(geometry)]
    return most_seen(geometry, views) < _HIDDEN


def most_seen(
    geometry: Geometry,
    cameras: Sequence[Camera],
) -> Tensor:  # [n]
    """Returns how much of each Gaussian the view shows that shows most of it: its blended weight in pixels."""
    most = torch.zeros(len(geometry), device=geometry.device)
    for camera in cameras:
        picture = torch.ones(camera.height, camera.width, 1, device=geometry.device)
        most = torch.maximum(most, BlendOperator(geometry, camera).lift(picture)[:, 0])
    return most


def floating_members(geometry: Geometry) -> Tensor:  # [n]
    """Tells which Gaussians of an object float apart from it: bool [n] on its device.

    The object's body is the largest component of the graph of mutual nearest neighbors (each of two among
    the 10 nearest of the other), components of a twentieth of the Gaussians or more, and those within a
    twentieth of the object's size of the body, from component to component; a Gaussian reaches two standard
    deviations far. What is left floats. `geometry` holds the n Gaussians of the object and no others.
    """
    from scipy.sparse import csr_matrix  # loaded when needed: it takes a twentieth of a click
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    count = len(geometry)
    if not bool((geometry.opacities > 0).any()):
        return torch.zeros(count, dtype=torch.bool, device=geometry.device)
    rows = neighbor_average(geometry, _NEIGHBORS).to("cpu")
    joint = np.ones(len(rows.indices), bool)
    graph = csr_matrix((joint, rows.indices.numpy(), rows.indptr.numpy()), shape=(count, count))
    component = connected_components(graph, directed=False)[1]
    sizes = np.bincount(component)
    near = sizes >= min(sizes.max(), math.ceil(_SMALL * count))
    means = geometry.means.cpu().double().numpy()
    reach = 2 * geometry.scales.amax(1).cpu().double().numpy()
    body = near[component]
    far = _APART * _size(means[body], geometry.opacities.cpu().numpy()[body])
    joined = body
    while joined.any() and not body.all():
        # Only what joined last can bring others near that were not.
        gap = cKDTree(means[joined]).query(means[~body], workers=-1)[0] - reach[~body]
        near[component[~body][gap <= far]] = True
        joined, body = near[component] & ~body, near[component]
    return torch.from_numpy(~body).to(geometry.device)


def _size(
    means: np.ndarray,  # [n, 3]
    weights: np.ndarray,  # [n]
) -> float:
    """Returns the diagonal of the box that holds most of some Gaussians."""
    weights = weights + 1e-12
    low, high = ([weighted_quantile(axis, weights, q) for axis in means.T] for q in (0.02, 0.98))
    return float(np.linalg.norm(np.subtract(high, low)))


def sides_of(geometry: Geometry) -> list[Camera]:
    """Returns 16 views of an object that it fills, evenly spread over all sides, along a Fibonacci spiral."""
    means = geometry.means.cpu().double().numpy()
    weights = geometry.opacities.cpu().numpy() + 1e-12
    center = np.array([weighted_quantile(axis, weights, 0.5) for axis in means.T])
    reach = np.linalg.norm(means - center, axis=1) + 2 * geometry.scales.amax(1).cpu().double().numpy()
    radius = weighted_quantile(reach, weights, _RADIUS_QUANTILE)
    half = math.radians(_FIELD_OF_VIEW / 2)
    distance, focal = max(_MARGIN * radius, 1e-6) / math.sin(half), _SIZE / 2 / math.tan(half)
    cameras = []
    for i in range(_VIEWS):
        height = 1 - (2 * i + 1) / _VIEWS
        angle = i * math.pi * (3 - math.sqrt(5))
        ring = math.sqrt(1 - height * height)
        outward = np.array([ring * math.cos(angle), ring * math.sin(angle), height])  # never along z
        pose = look_at(center + distance * outward, center, np.array([0.0, 0.0, 1.0]))
        cameras.append(Camera(f"side_{i}.png", _SIZE, _SIZE, focal, focal, _SIZE / 2, _SIZE / 2, pose))
    return cameras
