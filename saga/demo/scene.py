"""The demo: a table of everyday things as Gaussians whose every label is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from saga.demo import lighting
from saga.demo.model import DemoObject
from saga.demo.objects import all_objects
from saga.demo.surfaces import area, sample
from saga.demo.textures import averaged
from saga.scene.camera import Camera
from saga.scene.gaussians import Gaussians
from saga.scene.orbit import look_at
from saga.scene.spherical_harmonics import C0, evaluate_basis

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


def make_scene(
    gaussians: int = 100_000, seed: int = 0, views: int = 24, size: tuple[int, int] = (480, 360)
) -> DemoScene:
    """Builds the demo scene: surfaces sampled into flat surfels, lit once, colored with SH of degree 1.

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
    low, focal = (views + 1) // 2, 1.12 * size[0]
    cameras = []
    for k in range(views):
        ring, step, count = (0, k, low) if k < low else (1, k - low, views - low)
        azimuth = 2 * np.pi * (step + 0.5 * ring) / count - 1.1
        elevation = np.radians((24.0, 44.0)[ring])
        distance = (2.05, 2.4)[ring]
        eye = distance * np.array(
            [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)]
        )
        pose = look_at(eye, np.array([0.0, 0.0, 0.06]), np.array([0.0, 0.0, 1.0]))
        cameras.append(Camera(f"{k:03d}.png", *size, focal, focal, size[0] / 2, size[1] / 2, pose))
    return cameras


def _sample_objects(objects: Sequence[DemoObject], count: int, rng: np.random.Generator) -> tuple[_Surfels, float]:
    """Samples every surface; returns the surfels and the distance between neighbors at detail 1."""
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
    """SH [N, 4, 3]: `color`, plus a white sheen of `height` seen from `axis` and minus it from behind."""
    sh = np.zeros((len(color), 4, 3))
    sh[:, 0] = (color - 0.5) / C0
    # Degree 1 spans the linear functions; their argument is the direction from the eye, hence the sign.
    linear = evaluate_basis(np.eye(3), 4)[:, 1:]
    sh[:, 1:] = (-height[:, None] * axis @ np.linalg.inv(linear).T)[:, :, None]
    return sh.astype(np.float32)
