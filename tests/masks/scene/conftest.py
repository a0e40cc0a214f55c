"""A table with boxes on it, as Gaussians, cameras and photographs, whose every pixel is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from saga.masks.scene.config import SceneMaskConfig
from saga.masks.scene.grid import ViewGrid, view_grid
from saga.masks.scene.surface import Surface, fuse
from saga.raster import BlendOperator, Geometry
from saga.scene import Camera, Gaussians, Scene
from saga.scene.orbit import look_at
from saga.scene.spherical_harmonics import C0

SPACING = 0.02
THICKNESS = 0.005
"""How far the surface may lie from the centers of the Gaussians."""
GREY, RED, BLUE = (0.6, 0.6, 0.6), (0.8, 0.1, 0.1), (0.1, 0.2, 0.8)


@dataclass(frozen=True)
class Box:
    """A box by its center, its sides and its color."""

    center: tuple[float, float, float]
    sides: tuple[float, float, float]
    color: tuple[float, float, float] = RED

    def surfels(self) -> tuple[np.ndarray, np.ndarray]:
        """Points on the surface, [P, 3], and the standard deviations of flat Gaussians there, [P, 3]."""
        half = np.array(self.sides) / 2
        faces, scales = [], []
        for axis in range(3):
            others = [other for other in range(3) if other != axis]
            steps = [np.linspace(-half[o], half[o], max(2, round(2 * half[o] / SPACING) + 1)) for o in others]
            u, v = (part.ravel() for part in np.meshgrid(*steps))
            for side in (-1, 1):
                face = np.zeros((len(u), 3))
                face[:, others[0]], face[:, others[1]], face[:, axis] = u, v, side * half[axis]
                faces.append(face)
                scales.append(np.where(np.arange(3) == axis, 0.05, 0.5) * np.full_like(face, SPACING))
        return np.concatenate(faces) + self.center, np.concatenate(scales)


TABLE = Box((0, 0, -0.02), (2.4, 2.4, 0.04), GREY)
WALL, PICTURE = Box((-1.2, 0, 0.6), (0.04, 2.4, 1.2), GREY), Box((-1.16, 0.4, 0.9), (0.06, 0.5, 0.3))
FIRST, SECOND = Box((-0.4, 0, 0.15), (0.3, 0.3, 0.3)), Box((0.45, 0.1, 0.1), (0.4, 0.3, 0.2), BLUE)


def make_scene(
    boxes: Sequence[Box], views: int = 8, elevation: float = 40.0, folder: Path | None = None, arc: float = 360.0
) -> Scene:
    """Boxes seen by a ring of cameras around the z axis, with photographs on disk when there is a folder.

    An `arc` of less than 360 degrees has its middle on the x axis.
    """
    parts, scales = zip(*(box.surfels() for box in boxes), strict=True)
    points = np.concatenate(parts).astype(np.float32)
    colors = np.concatenate([np.tile(box.color, (len(part), 1)) for box, part in zip(boxes, parts, strict=True)])
    count = len(points)
    gaussians = Gaussians.from_arrays(
        means=points,
        scales=np.concatenate(scales).astype(np.float32),
        quaternions=np.tile(np.array([1, 0, 0, 0], np.float32), (count, 1)),
        opacities=np.full(count, 0.99, np.float32),
        sh=((colors - 0.5) / C0).astype(np.float32)[:, None],
    )
    cameras = []
    for number in range(views):
        start = 0.0 if arc == 360.0 else -arc / 2
        azimuth, up = np.radians(start + arc * number / views), np.radians(elevation)
        eye = 3.0 * np.array([np.cos(up) * np.cos(azimuth), np.cos(up) * np.sin(azimuth), np.sin(up)])
        pose = look_at(eye, np.zeros(3), np.array([0.0, 0.0, 1.0]))
        cameras.append(Camera(f"{number:02d}.png", 160, 120, 150.0, 150.0, 80.0, 60.0, pose))
    scene = Scene(gaussians, cameras)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        for index, camera in enumerate(cameras):
            path = folder / camera.name
            Image.fromarray(photograph(scene, camera)).save(path)
            cameras[index] = replace(camera, image_path=path)
    return scene


def photograph(scene: Scene, camera: Camera) -> np.ndarray:  # [H, W, 3]
    """What a camera sees, uint8 RGB."""
    colors = torch.from_numpy(scene.gaussians.colors(camera.position)).float()
    image = BlendOperator(Geometry.from_gaussians(scene.gaussians), camera).render(colors)
    return (image.clamp(0, 1) * 255).round().byte().numpy()


def make_grids(scene: Scene, side: int = 160) -> list[ViewGrid]:
    """What every camera sees of the surface."""
    geometry = Geometry.from_gaussians(scene.gaussians)
    return [view_grid(BlendOperator(geometry, c), photograph(scene, c), side) for c in scene.cameras]


def make_surface(boxes: Sequence[Box], **options: object) -> Surface:
    """The fused surface of boxes."""
    surface = fuse(make_grids(make_scene(boxes, **options)), SceneMaskConfig())  # type: ignore[arg-type]
    assert surface is not None
    return surface


def on_box(surface: Surface, box: Box, margin: float = 0.03) -> np.ndarray:  # [V]
    """Voxels on a box, and not near what it stands on."""
    offset = np.abs(surface.points - np.array(box.center))
    low = surface.points[:, 2] > box.center[2] - box.sides[2] / 2 + margin
    return (offset <= np.array(box.sides) / 2 + margin).all(1) & low


@pytest.fixture(scope="session")
def table_surface() -> Surface:
    """A table with a red and a blue box on it."""
    return make_surface([TABLE, FIRST, SECOND])
