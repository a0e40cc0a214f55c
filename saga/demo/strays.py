"""What training leaves in the air, put into a scene on purpose: Gaussians that should go, each with its kind."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from saga.raster import DeviceScene
from saga.scene import Camera, Gaussians, Scene
from saga.scene.spherical_harmonics import C0

KINDS = ("blob", "spike", "haze")
"""What the kinds 1, 2 and 3 of `with_strays` are; 0 is the scene's own."""
_CLUMP = 6
"""The most blobs that hang together."""
_STEEP = 0.6
"""Cosine between a spike and the line of sight: one that lies in the surface crosses no gap."""

_Parts = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Means, scales, quaternions (w first), opacities and colors of some Gaussians."""
_Sight = tuple[np.ndarray, np.ndarray, float, float]
"""Center of a camera, unit direction of a pixel, distance of the surface there, size of a pixel at distance 1."""


def with_strays(
    scene: Scene | DeviceScene, count: int, seed: int = 0
) -> tuple[Gaussians, np.ndarray]:  # [N + count] uint8
    """Adds Gaussians of three kinds in front of what the views of a scene see.

    A third are blobs, alone or a few together, 4 to 90 % of the way from a surface to a camera; a third are spikes,
    which reach from a surface, or from the air, towards the cameras; a third are haze, wide and faint, near a camera.
    Sizes, opacities and distances vary by factors of 4 to 15.

    Args:
        scene: a scene whose views show surfaces.
        count: how many to add.
        seed: seed of everything random.

    Returns:
        The Gaussians, the scene's own first, in their order, and the kind of each: 0 its own, k the k-th of `KINDS`.
    """
    placed, rng = DeviceScene.of(scene, "cpu"), np.random.default_rng(seed)
    parts, kinds = [], []
    makers: list[Callable[[_Sight, np.random.Generator], _Parts]] = [_blobs, _spike, _haze]
    shares = np.array_split(np.arange(count), len(KINDS))
    for kind, (make, share) in enumerate(zip(makers, shares, strict=True), 1):
        missing = len(share)
        while missing > 0:
            made = make(_sight(placed, rng), rng)
            some = tuple(part[:missing] for part in made)
            parts.append(some)
            kinds += [kind] * len(some[0])
            missing -= len(some[0])
    known = placed.scene.gaussians
    means, scales, quaternions, opacities, colors = (np.concatenate(column) for column in zip(*parts, strict=True))
    sh = np.zeros((count, *known.sh.shape[1:]), np.float32)
    sh[:, 0] = (colors - 0.5) / C0
    added = (means, scales, quaternions, opacities, sh)
    own = (known.means, known.scales, known.quaternions, known.opacities, known.sh)
    both = Gaussians.from_arrays(*(np.concatenate([a, b.astype(np.float32)]) for a, b in zip(own, added, strict=True)))
    return both, np.concatenate([np.zeros(len(known), np.uint8), np.array(kinds, np.uint8)])


def _sight(placed: DeviceScene, rng: np.random.Generator) -> _Sight:
    """A random pixel of a random view that shows a surface."""
    while True:
        camera: Camera = placed.scene.cameras[rng.integers(len(placed.scene.cameras))]
        x, y = int(rng.integers(camera.width)), int(rng.integers(camera.height))
        depth = float(placed.operator(camera).surface(torch.tensor([[x, y]])).depth)
        if np.isfinite(depth):
            local = np.array([(x + 0.5 - camera.cx) / camera.fx, (y + 0.5 - camera.cy) / camera.fy, 1.0])
            length = float(np.linalg.norm(local))
            return camera.position, camera.world_to_camera[:3, :3].T @ local / length, depth * length, 1 / camera.fx


def _blobs(sight: _Sight, rng: np.random.Generator) -> _Parts:
    eye, ray, distance, pixel = sight
    number = 1 if rng.uniform() < 0.5 else int(rng.integers(2, _CLUMP + 1))
    away = distance * rng.uniform(0.1, 0.96)
    size = away * pixel * np.exp(rng.uniform(np.log(0.7), np.log(9.0), (number, 1)))
    scales = size * np.exp(rng.uniform(-0.4, 0.4, (number, 3)))
    means = eye + away * ray + (number > 1) * 1.5 * size * rng.standard_normal((number, 3))
    colors = np.clip(rng.uniform(0, 1, 3) + 0.05 * rng.standard_normal((number, 3)), 0, 1)
    return means, scales, _turns(number, rng), rng.uniform(0.1, 0.95, number), colors


def _spike(sight: _Sight, rng: np.random.Generator) -> _Parts:
    eye, ray, distance, _ = sight
    # Half of them begin at the surface and stick out of it, half hang in the air.
    away = distance * (rng.uniform(0.97, 1.0) if rng.uniform() < 0.5 else rng.uniform(0.3, 0.9))
    along = rng.standard_normal(3)
    while not along @ ray < -_STEEP * np.linalg.norm(along):
        along = rng.standard_normal(3)
    along /= np.linalg.norm(along)
    length = distance * np.exp(rng.uniform(np.log(0.04), np.log(0.12)))  # one standard deviation
    thin = length / np.exp(rng.uniform(np.log(8.0), np.log(40.0), 2))
    turn = Rotation.align_vectors(along[None], np.array([[1.0, 0.0, 0.0]]))[0].as_quat()[[3, 0, 1, 2]]
    means = (eye + away * ray + 1.2 * length * along)[None]
    return means, np.array([[length, *thin]]), turn[None], rng.uniform(0.15, 0.9, 1), rng.uniform(0, 1, (1, 3))


def _haze(sight: _Sight, rng: np.random.Generator) -> _Parts:
    eye, ray, distance, _ = sight
    away = distance * rng.uniform(0.05, 0.3)
    size = away * np.exp(rng.uniform(np.log(0.03), np.log(0.15)))
    scales = size * np.exp(rng.uniform(-0.5, 0.5, (1, 3)))
    gray = np.clip(rng.uniform(0.3, 1, 1) + 0.05 * rng.standard_normal((1, 3)), 0, 1)
    opacity = np.exp(rng.uniform(np.log(0.01), np.log(0.15), 1))
    return (eye + away * ray)[None], scales, _turns(1, rng), opacity, gray


def _turns(count: int, rng: np.random.Generator) -> np.ndarray:  # [count, 4]
    quaternions = rng.standard_normal((count, 4))
    return np.asarray(quaternions / np.linalg.norm(quaternions, axis=1, keepdims=True))
