"""The demo: a table of everyday things as Gaussians whose every label is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from saga.demo import lighting
from saga.demo.objects import DemoObject, all_objects
from saga.demo.surfaces import area, sample
from saga.demo.textures import averaged
from saga.scene.camera import Camera
from saga.scene.gaussians import Gaussians

_SH_C0 = 0.28209479177387814
_SH_C1 = 0.4886025119029199

_OPACITY = 0.95
_COVER = 0.62
"""Standard deviation of a surfel along its tangents, in sample distances: less leaves holes, more blurs."""
_FLATNESS = 0.12
"""Standard deviation along the normal, relative to the tangents."""


@dataclass(frozen=True, eq=False)
class DemoScene:
    """A scene with exact instance labels."""

    gaussians: Gaussians
    labels: np.ndarray  # [N] uint8
    """Object of every Gaussian; 0 is the table."""
    names: dict[str, int]
    """Object name -> label."""
    cameras: list[Camera]
    """Inward views on two rings around the table; there are no photographs yet."""


@dataclass(frozen=True)
class _Surfels:
    """Everything that becomes Gaussians, in world coordinates."""

    points: np.ndarray  # [N, 3]
    normals: np.ndarray  # [N, 3]
    tangents: np.ndarray  # [N, 3]
    extents: np.ndarray  # [N, 2]
    albedo: np.ndarray  # [N, 3] sRGB
    gloss: np.ndarray  # [N]
    glow: np.ndarray  # [N]
    labels: np.ndarray  # [N] uint8


def make_scene(gaussians: int = 100_000, seed: int = 0, views: int = 24, size: tuple[int, int] = (480, 360)) -> DemoScene:
    """Builds the demo scene: surfaces sampled into flat surfels, lit once, coloured with SH of degree 1.

    Args:
        gaussians: about how many Gaussians to make.
        seed: places the surfels; the objects themselves never change.
        views: number of cameras, on two rings.
        size: width and height of the cameras' images in pixels.
    """
    objects = all_objects()
    surfels, spacing = _sample_objects(objects, gaussians, np.random.default_rng(seed))
    lit, key = lighting.shade(surfels.albedo, surfels.points, surfels.normals, surfels.glow, spacing)
    return DemoScene(
        gaussians=Gaussians.from_arrays(
            means=surfels.points.astype(np.float32),
            scales=_scales(surfels.extents),
            quaternions=_quaternions(surfels.tangents, surfels.normals),
            opacities=np.full(len(lit), _OPACITY, np.float32),
            sh=_harmonics(lit, surfels.gloss * np.sqrt(key), lighting.sheen(surfels.normals)),
        ),
        labels=surfels.labels,
        names={thing.name: label for label, thing in enumerate(objects)},
        cameras=ring_cameras(views, size),
    )


def ring_cameras(views: int, size: tuple[int, int]) -> list[Camera]:
    """Cameras on a low and a high ring around the table, looking at its middle."""
    low = (views + 1) // 2
    cameras = []
    for k in range(views):
        ring, step, count = (0, k, low) if k < low else (1, k - low, views - low)
        azimuth = 2 * np.pi * (step + 0.5 * ring) / count - 1.1
        elevation = np.radians((24.0, 44.0)[ring])
        distance = (2.05, 2.4)[ring]
        eye = distance * np.array(
            [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)]
        )
        cameras.append(look_at(f"{k:03d}.png", eye, (0.0, 0.0, 0.06), size, focal=1.12 * size[0]))
    return cameras


def look_at(
    name: str, eye: Sequence[float] | np.ndarray, target: Sequence[float], size: tuple[int, int], focal: float
) -> Camera:
    """Camera at `eye` looking at `target`, z up, `focal` in pixels."""
    eye = np.asarray(eye, dtype=float)
    forward = np.asarray(target, dtype=float) - eye
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward])
    world_to_camera = np.eye(4)
    world_to_camera[:3, :3] = rotation
    world_to_camera[:3, 3] = -rotation @ eye
    width, height = size
    return Camera(name, width, height, focal, focal, width / 2, height / 2, world_to_camera)


def _sample_objects(
    objects: Sequence[DemoObject], count: int, rng: np.random.Generator
) -> tuple[_Surfels, float]:
    """Samples every surface; returns the surfels and the distance between neighbours at detail 1."""
    wanted = sum(thing.detail * area(patch.surface) for thing in objects for patch in thing.patches)
    spacing = float(np.sqrt(wanted / count))
    columns: list[tuple[np.ndarray, ...]] = []
    for label, thing in enumerate(objects):
        for patch in thing.patches:
            local = sample(patch.surface, spacing / np.sqrt(thing.detail), rng)
            turn = Rotation.from_euler("z", thing.yaw)
            n = len(local.u)
            columns.append(
                (
                    turn.apply(local.points) + thing.position,
                    turn.apply(local.normals),
                    turn.apply(local.tangents),
                    local.extents,
                    averaged(patch.texture, patch.surface, local),
                    np.full(n, patch.gloss),
                    np.full(n, patch.glow),
                    np.full(n, label, np.uint8),
                )
            )
    return _Surfels(*(np.concatenate(column) for column in zip(*columns, strict=True))), spacing


def _scales(extents: np.ndarray) -> np.ndarray:
    tangent = _COVER * extents
    return np.concatenate([tangent, _FLATNESS * tangent.min(1, keepdims=True)], axis=1).astype(np.float32)


def _quaternions(tangents: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """wxyz rotations whose axes are tangent, bitangent and normal."""
    frames = np.stack([tangents, np.cross(normals, tangents), normals], axis=2)
    return Rotation.from_matrix(frames).as_quat()[:, [3, 0, 1, 2]].astype(np.float32)


def _harmonics(color: np.ndarray, height: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """SH [N, 4, 3]: `color` plus a white sheen of `height` when seen from `axis`, less when seen from behind.

    SH colours are functions of the direction from the eye to the Gaussian, hence the opposite signs.
    """
    sh = np.zeros((len(color), 4, 3))
    sh[:, 0] = (color - 0.5) / _SH_C0
    x, y, z = (height[:, None] * axis / _SH_C1).T
    sh[:, 1], sh[:, 2], sh[:, 3] = y[:, None], -z[:, None], x[:, None]
    return sh.astype(np.float32)
