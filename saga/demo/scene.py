"""The demo: everyday things as Gaussians whose every label is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from scipy.spatial.transform import Rotation

from saga.demo import lighting
from saga.demo.capture import CAPTURES, Capture
from saga.demo.layouts import LAYOUTS
from saga.demo.model import DemoObject
from saga.demo.names import CaptureName, LayoutName
from saga.demo.surfaces import area, sample
from saga.demo.textures import averaged
from saga.scene.camera import Camera
from saga.scene.gaussians import Gaussians
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
    """Object of every Gaussian; 0 is the background, such as the table, and floaters."""
    names: dict[str, int]
    """Object name -> label; the first is the background's."""
    cameras: list[Camera]
    """The views as they are; there are no photographs yet."""
    capture: Capture = CAPTURES["perfect"]
    """How its photographs are taken and its cameras are found."""
    floating: np.ndarray | None = None  # [N] bool
    """Which Gaussians are floaters, which no photograph shows; None without any."""
    seed: int = 0
    """Seed of everything random."""


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
    lit: np.ndarray  # [N] bool
    labels: np.ndarray  # [N] uint8


def make_scene(
    gaussians: int = 100_000,
    seed: int = 0,
    views: int = 24,
    size: tuple[int, int] = (480, 360),
    layout: LayoutName = "table",
    capture: CaptureName = "perfect",
    without: str | None = None,
) -> DemoScene:
    """Builds a demo scene: surfaces sampled into flat surfels, lit once, colored with SH of degree 1.

    Args:
        gaussians: about how many Gaussians to make, without floaters.
        seed: places the surfels and decides the capture's errors; the objects themselves never change.
        views: number of cameras; captures of few views have their own.
        size: width and height of the cameras' images in pixels.
        layout: what stands where, one of `saga.demo.layouts.LAYOUTS`.
        capture: how it is photographed, one of `saga.demo.capture.CAPTURES`.
        without: the name of a thing that is left out. Everything else is where it is with it, but lit without it.
    """
    plan, taken = LAYOUTS[layout], CAPTURES[capture]
    objects = plan.objects()
    names = {name: label for label, name in enumerate(dict.fromkeys(thing.name for thing in objects))}
    rng = np.random.default_rng(seed)
    surfels, spacing = _sample_objects(objects, names, gaussians, rng)
    if without is not None:
        kept = surfels.labels != names[without]
        surfels = _Surfels(*(getattr(surfels, field.name)[kept] for field in fields(surfels)))
    color, key = _light(surfels, spacing)
    made = DemoScene(
        gaussians=Gaussians.from_arrays(
            means=surfels.points.astype(np.float32),
            scales=_scales(surfels.extents),
            quaternions=_quaternions(surfels.tangents, surfels.normals),
            opacities=np.full(len(color), _OPACITY, np.float32),
            sh=_harmonics(color, surfels.gloss * np.sqrt(key), lighting.sheen(surfels.normals)),
        ),
        labels=surfels.labels,
        names=names,
        cameras=taken.cameras(plan, views, size, seed),
        capture=taken,
        seed=seed,
    )
    return made if made.capture.floaters <= 0 else _with_floaters(made, np.array(plan.target), spacing, rng)


def _light(surfels: _Surfels, spacing: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns the colors [N, 3] under the light, and the share [N] of the key light that arrives."""
    color, key, lit = surfels.albedo.copy(), np.zeros(len(surfels.lit)), surfels.lit
    albedo, points, normals, glow = (
        values[lit] for values in (surfels.albedo, surfels.points, surfels.normals, surfels.glow)
    )
    color[lit], key[lit] = lighting.shade(albedo, points, normals, glow, spacing)
    return color, key


def _with_floaters(
    scene: DemoScene,
    target: np.ndarray,  # [3]
    spacing: float,
    rng: np.random.Generator,
) -> DemoScene:
    """Adds stray Gaussians of label 0 between the cameras and what they look at."""
    count, known = round(scene.capture.floaters * len(scene.labels)), scene.gaussians
    eyes = np.stack([camera.position for camera in scene.cameras])[rng.integers(len(scene.cameras), size=count)]
    means = eyes + rng.uniform(0.15, 0.75, (count, 1)) * (target - eyes) + 0.2 * rng.standard_normal((count, 3))
    sh = np.zeros((count, 4, 3), np.float32)
    sh[:, 0] = (rng.uniform(0.2, 0.9, (count, 1)) - 0.5) / C0
    gaussians = Gaussians.from_arrays(
        means=np.concatenate([known.means, means.astype(np.float32)]),
        scales=np.concatenate([known.scales, (spacing * rng.uniform(0.5, 3.0, (count, 3))).astype(np.float32)]),
        quaternions=np.concatenate([known.quaternions, _random_quaternions(count, rng)]),
        opacities=np.concatenate([known.opacities, rng.uniform(0.05, 0.5, count).astype(np.float32)]),
        sh=np.concatenate([known.sh, sh]),
    )
    floating = np.arange(len(scene.labels) + count) >= len(scene.labels)
    labels = np.concatenate([scene.labels, np.zeros(count, np.uint8)])
    return replace(scene, gaussians=gaussians, labels=labels, floating=floating)


def _random_quaternions(count: int, rng: np.random.Generator) -> np.ndarray:  # [count, 4]
    values = rng.standard_normal((count, 4)).astype(np.float32)
    return np.asarray(values / np.linalg.norm(values, axis=1, keepdims=True))


def _sample_objects(
    objects: Sequence[DemoObject], names: dict[str, int], count: int, rng: np.random.Generator
) -> tuple[_Surfels, float]:
    """Samples every surface; returns the surfels and the distance between neighbors at detail 1."""
    wanted = sum(t.detail * t.scale**2 * area(patch.surface) for t in objects for patch in t.patches)
    spacing = float(np.sqrt(wanted / count))
    columns: list[tuple[np.ndarray, ...]] = []
    for thing in objects:
        for patch in thing.patches:
            local = sample(patch.surface, spacing / np.sqrt(thing.detail) / thing.scale, rng)
            turn = Rotation.from_euler("z", thing.yaw)
            n = len(local.u)
            columns.append(
                (
                    thing.scale * turn.apply(local.points) + thing.position,
                    turn.apply(local.normals),
                    turn.apply(local.tangents),
                    thing.scale * local.extents,
                    averaged(patch.texture, patch.surface, local),
                    np.full(n, patch.gloss),
                    np.full(n, patch.glow),
                    np.full(n, thing.lit),
                    np.full(n, names[thing.name], np.uint8),
                )
            )
    return _Surfels(*(np.concatenate(column) for column in zip(*columns, strict=True))), spacing


def _scales(extents: np.ndarray) -> np.ndarray:
    tangent = _COVER * extents
    return np.concatenate([tangent, _FLATNESS * tangent.min(1, keepdims=True)], axis=1).astype(np.float32)


def _quaternions(tangents: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Returns rotations, w x y z, whose axes are tangent, bitangent and normal."""
    frames = np.stack([tangents, np.cross(normals, tangents), normals], axis=2)
    return np.asarray(Rotation.from_matrix(frames).as_quat()[:, [3, 0, 1, 2]].astype(np.float32))


def _harmonics(color: np.ndarray, height: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """Returns SH [N, 4, 3]: `color`, plus a white sheen of `height` seen from `axis` and minus it from behind."""
    sh = np.zeros((len(color), 4, 3))
    sh[:, 0] = (color - 0.5) / C0
    # Degree 1 spans the linear functions; their argument is the direction from the eye, hence the sign.
    linear = evaluate_basis(np.eye(3), 4)[:, 1:]
    sh[:, 1:] = (-height[:, None] * axis @ np.linalg.inv(linear).T)[:, :, None]
    return sh.astype(np.float32)
