"""The scene that rasterizers are measured on."""

from __future__ import annotations

import numpy as np
import torch

from saga.raster import Geometry
from saga.scene.camera import Camera


def surfels(count: int, device: str) -> Geometry:
    """Flat Gaussians on five spheres and a floor, as densely as they are many."""
    rng = np.random.default_rng(0)
    centers = np.array([[0, 0, 0], [1.3, 0.1, 0.4], [-1.2, 0, 0.7], [0.3, 0.2, -1.4], [-0.7, -0.9, -0.5]])
    floor = rng.random(count) < 0.5
    normals = rng.normal(size=(count, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    means = centers[rng.integers(0, 5, count)] + 0.6 * normals
    means[floor] = rng.uniform(-3, 3, (int(floor.sum()), 3)) * [1, 0, 1] + [0, 0.7, 0]
    normals[floor] = [0, 1, 0]
    # The rotation that takes z to the normal: halfway between them.
    quaternions = np.stack([1 + normals[:, 2], -normals[:, 1], normals[:, 0], np.zeros(count)], 1)
    spacing = np.sqrt((36 + 5 * 4 * np.pi * 0.36) / count)
    scales = spacing * rng.uniform(0.5, 1.5, (count, 3)) * [1, 1, 0.02]
    arrays = (means, scales, quaternions, rng.uniform(0.1, 1, count))
    return Geometry(*(torch.tensor(array, dtype=torch.float32, device=device) for array in arrays))


def view(width: int, height: int) -> Camera:
    """Looks down at the spheres from 4.5 units away."""
    tilt = np.radians(20)
    world_to_camera = np.eye(4)
    world_to_camera[1:3, 1:3] = [[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]]
    world_to_camera[2, 3] = 4.5
    focal = 0.9 * width
    return Camera("benchmark", width, height, focal, focal, width / 2, height / 2, world_to_camera)
