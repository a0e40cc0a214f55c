"""A table with a box of two colors and a plain box on it, of which every Gaussian's thing is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from saga.raster.device_scene import DeviceScene
from saga.regions import RegionConfig, SceneRegions, build_regions
from saga.scene import Camera, Gaussians, Scene
from saga.scene.orbit import look_at
from saga.scene.spherical_harmonics import C0
from tests.regions.rows import cells, side_by_side

SPACING = 0.02
_THINGS = (
    ((0, 0, -0.02), (2.4, 2.4, 0.04), (0.6, 0.6, 0.6)),
    ((-0.4, 0, 0.1), (0.3, 0.3, 0.2), (0.8, 0.1, 0.1)),
    ((-0.4, 0, 0.3), (0.3, 0.3, 0.2), (0.85, 0.6, 0.1)),
    ((0.45, 0.1, 0.1), (0.4, 0.3, 0.2), (0.1, 0.2, 0.8)),
)
"""Center, sides and color of the table, the lower and the upper half of one box, and the other box."""


@dataclass(frozen=True)
class Known:
    """A scene with the thing of each of its Gaussians."""

    scene: Scene
    things: np.ndarray  # [N]

    @property
    def seen(self) -> np.ndarray:  # [N]
        """Gaussians that views can see: not where boxes stand on the table, or on each other."""
        x, y, height = self.scene.gaussians.means.T
        covered = [
            (abs(x - center[0]) <= sides[0] / 2) & (abs(y - center[1]) <= sides[1] / 2)
            for center, sides, _ in _THINGS[1:]
        ]
        between = (np.abs(height - 0.2) < 0.005) & np.isin(self.things, (1, 2))
        return np.where(self.things == 0, (height > -0.005) & ~np.any(covered, axis=0), (height > 0.005) & ~between)

    def iou(
        self,
        chosen: np.ndarray,  # [N] bool
        *things: int,
    ) -> float:
        truth = np.isin(self.things, things)
        return float((chosen & truth & self.seen).sum() / ((chosen | truth) & self.seen).sum())


def _surfels(sides: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Points on the surface of a box around the origin, and standard deviations of flat Gaussians there."""
    half = np.array(sides) / 2
    faces, scales = [], []
    for axis in range(3):
        u_axis, v_axis = (other for other in range(3) if other != axis)
        steps = [np.linspace(-half[o], half[o], round(2 * half[o] / SPACING) + 1) for o in (u_axis, v_axis)]
        u, v = (part.ravel() for part in np.meshgrid(*steps))
        for side in (-1, 1):
            face = np.zeros((len(u), 3))
            face[:, u_axis], face[:, v_axis], face[:, axis] = u, v, side * half[axis]
            faces.append(face)
            scales.append(np.where(np.arange(3) == axis, 0.05, 0.5) * np.full_like(face, SPACING))
    return np.concatenate(faces), np.concatenate(scales)


@pytest.fixture(scope="session")
def known() -> Known:
    parts, scales, colors, things = [], [], [], []
    for thing, (center, sides, color) in enumerate(_THINGS):
        points, scale = _surfels(sides)
        parts.append(points + center)
        scales.append(scale)
        colors.append(np.tile(color, (len(points), 1)))
        things.append(np.full(len(points), thing))
    points = np.concatenate(parts).astype(np.float32)
    gaussians = Gaussians.from_arrays(
        means=points,
        scales=np.concatenate(scales).astype(np.float32),
        quaternions=np.tile(np.array([1, 0, 0, 0], np.float32), (len(points), 1)),
        opacities=np.full(len(points), 0.99, np.float32),
        sh=((np.concatenate(colors) - 0.5) / C0).astype(np.float32)[:, None],
    )
    cameras = []
    for number in range(6):
        azimuth, up = 2 * np.pi * number / 6, np.radians(40)
        eye = 2.4 * np.array([np.cos(up) * np.cos(azimuth), np.cos(up) * np.sin(azimuth), np.sin(up)])
        pose = look_at(eye, np.zeros(3), np.array([0.0, 0.0, 1.0]))
        cameras.append(Camera(f"{number}.png", 160, 120, 150.0, 150.0, 80.0, 60.0, pose))
    return Known(Scene(gaussians, cameras), np.concatenate(things))


@pytest.fixture(scope="session")
def on_device(known: Known) -> DeviceScene:
    return DeviceScene(known.scene, "cpu")


@pytest.fixture(scope="session")
def regions(on_device: DeviceScene) -> SceneRegions:
    return build_regions(on_device, RegionConfig(cells=250), progress=False)


@pytest.fixture
def row() -> SceneRegions:
    """Cells 0 to 5 side by side, with regions around 1 to 3, and one of 5 alone."""
    return SceneRegions(
        scene_digest="row",
        config=RegionConfig(),
        cells=np.array([0, 1, 2, 3, 4, 5, -1], np.int32),
        shares=np.full(6, 0.1, np.float32),
        members=np.stack([cells(1), cells(1, 2, 3), cells(0, 1, 2, 3), cells(0, 1, 2, 3, 4), cells(5)]),
        own=np.zeros(5, bool),
        borders=np.array([[0, 1, 2, 3, 4], [1, 2, 3, 4, 5]], np.int32),
        lengths=np.ones(5, np.float32),
        closed=np.array([0.8, 0.5, 0.1, 0.98, 0.2], np.float32),
        boxes=side_by_side(1, 1, 1, 1, 1, 1),
    )
