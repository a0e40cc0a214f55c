"""The scenes that the demo can build: what stands where, and from where it is photographed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from saga.demo import furniture, outdoors
from saga.demo.dishes import bottle, bowl, mug, plate
from saga.demo.food import apple, donut, orange
from saga.demo.model import DemoObject
from saga.demo.names import LayoutName
from saga.demo.objects import all_objects, table
from saga.demo.things import ball, book, die, duck, lamp, plant
from saga.scene.camera import Camera
from saga.scene.orbit import look_at

Ring = tuple[float, float]
"""Distance in meters and elevation in degrees of a ring of cameras."""


@dataclass(frozen=True)
class Layout:
    """One scene of the demo."""

    objects: Callable[[], list[DemoObject]]
    """Makes everything that is there. What bears the first name is the background, label 0; objects of one name share
    a label."""
    target: tuple[float, float, float]
    """Point that the cameras look at, meters."""
    rings: Sequence[Ring]
    """Rings that the views are spread over, one after the other."""
    azimuths: tuple[float, float] = (0.0, 360.0)
    """First and last direction of the cameras around z in degrees; 270 is in front, towards -y."""
    focal: float = 1.12
    """Focal length in image widths."""

    def cameras(self, views: int, size: tuple[int, int]) -> list[Camera]:
        """Returns cameras "000.png" and so on of `size` (width, height) in pixels that look at the target."""
        cameras: list[Camera] = []
        counts = [len(part) for part in np.array_split(np.arange(views), len(self.rings))]
        for (distance, degrees), count, ring in zip(self.rings, counts, range(len(self.rings)), strict=True):
            for azimuth in self._azimuths(count, ring):
                elevation = np.radians(degrees)
                direction = [
                    np.cos(elevation) * np.cos(azimuth),
                    np.cos(elevation) * np.sin(azimuth),
                    np.sin(elevation),
                ]
                eye = np.asarray(self.target) + distance * np.array(direction)
                pose = look_at(eye, np.asarray(self.target, float), np.array([0.0, 0.0, 1.0]))
                name, focal = f"{len(cameras):03d}.png", self.focal * size[0]
                cameras.append(Camera(name, *size, focal, focal, size[0] / 2, size[1] / 2, pose))
        return cameras

    def _azimuths(self, count: int, ring: int) -> np.ndarray:  # [count] radians
        first, last = np.radians(self.azimuths)
        if np.isclose(last - first, 2 * np.pi):  # a closed ring ends one step before its start
            return np.asarray(first + 2 * np.pi * (np.arange(count) + 0.5 * ring) / max(count, 1))
        return np.asarray(np.linspace(first, last, count))


def _put(thing: DemoObject, x: float, y: float, z: float = 0.0, yaw: float = 0.0, **changes: object) -> DemoObject:
    return replace(thing, position=(x, y, z), yaw=yaw, **changes)  # type: ignore[arg-type]


def _upright_book(
    name: str, size: tuple[float, float, float], cover: str, accent: str, x: float, z: float
) -> DemoObject:
    """Returns a book that stands on its lower edge, its spine towards -y."""
    return replace(furniture.carton(name, (size[2], size[0], size[1]), cover, accent), position=(x, 0.0, z))


def shelf() -> list[DemoObject]:
    """Makes a bookcase with things on three boards."""
    low, middle, high = furniture.board_heights()
    books = [
        _upright_book(f"book_{k}", (0.17, 0.22 + 0.02 * (k % 3), 0.035 + 0.008 * (k % 2)), cover, accent, x, middle)
        for k, (cover, accent, x) in enumerate(
            [("7b2d26", "e8d5a3", -0.50), ("1f4e5f", "f2e2c4", -0.45), ("3a5a40", "f0ead2", -0.40),
             ("5f0f40", "f4d35e", -0.355)], 1
        )
    ]  # fmt: skip
    return [
        furniture.bookcase("shelf"),
        *books,
        _put(furniture.vase("vase", "c8553d"), -0.05, 0, middle),
        _put(duck(), 0.33, -0.02, middle, -1.2),
        _put(ball(), -0.35, 0, low),
        _put(furniture.carton("carton", (0.28, 0.2, 0.18), "b08968", "e6ccb2"), 0.05, 0, low, 0.1),
        _put(bottle(), 0.42, 0, low),
        _put(plant(), -0.38, 0, high, scale=0.75),
        _put(mug(), 0.0, -0.03, high, -1.5),
        _put(bowl(), 0.36, 0, high),
    ]


def living_room() -> list[DemoObject]:
    """Makes a room with furniture on its floor, and things on the furniture."""
    return [
        furniture.room("room", 4.2, 4.0, 1.6),
        _put(furniture.sofa(), -0.5, 1.35),
        _put(furniture.chair(), 1.2, -0.3, 0, -1.0),
        _put(furniture.cabinet(), -1.75, -0.2, 0, np.pi / 2),
        _put(furniture.coffee_table(), -0.2, 0.05),
        _put(plant(), 1.45, 1.35, scale=2.2),
        _put(ball(), 0.55, -1.15, scale=1.5),
        _put(lamp(), -1.75, -0.35, 0.7),
        _put(mug(), -0.05, 0.1, 0.40),
        _put(bowl(), -0.38, -0.05, 0.40),
    ]


def clutter() -> list[DemoObject]:
    """Makes a crowded table: things touch, lean over each other and are alike."""
    carton = furniture.carton
    return [
        table(),
        _put(carton("cereal", (0.19, 0.07, 0.28), "d1495b", "edae49"), -0.20, 0.20, yaw=0.2),
        _put(carton("rice", (0.17, 0.06, 0.24), "00798c", "e6f0f2"), -0.02, 0.20, yaw=0.1),
        _put(carton("tea", (0.12, 0.08, 0.09), "30638e", "edae49"), -0.13, 0.10, yaw=0.3),
        _put(carton("soap", (0.10, 0.06, 0.04), "c99c6b", "b58a5a"), 0.10, -0.20, yaw=0.7),
        _put(bottle(), 0.13, 0.16),
        _put(mug(), 0.05, 0.03, yaw=2.0),
        _put(replace(mug(), name="second_mug"), 0.21, 0.02, yaw=-0.5),
        _put(apple(), -0.08, -0.08),
        _put(replace(orange(), name="orange"), -0.21, -0.05),
        _put(plate(), -0.12, -0.32),
        _put(donut(), -0.12, -0.32, 0.009),
        _put(die(), 0.28, -0.14, 0.0, 0.4),
        _put(book("manual", (0.2, 0.27, 0.03), "2b2d42", "8d99ae", (0.0, 0.0, 0.0), 0.0), 0.36, 0.24, yaw=0.5),
        _put(duck(), 0.36, 0.24, 0.03, 0.8, scale=0.8),
    ]


def gallery() -> list[DemoObject]:
    """Makes a wall with pictures and a clock, and a bench in front of it; photographed from the front."""
    wall = 1.2
    paintings = [
        ("harbor", (0.62, 0.46), ("264653", "2a9d8f", "e9c46a"), -0.95, 0.95),
        ("portrait", (0.36, 0.50), ("6d597a", "b56576", "eaac8b"), -0.25, 0.92),
        ("field", (0.50, 0.36), ("606c38", "dda15e", "fefae0"), 0.42, 1.0),
    ]
    hung = [
        _put(furniture.picture(name, size, colors, 3 + k), x, wall, z)
        for k, (name, size, colors, x, z) in enumerate(paintings)
    ]
    return [
        furniture.room("room", 3.0, 2.4, 1.7, sides=1),
        *hung,
        _put(furniture.clock(), 1.05, wall, 1.25),
        _put(furniture.bench(), -0.35, 0.65),
        _put(furniture.vase("vase", "588157"), -0.65, 0.65, 0.45),
        _put(plant(), 0.85, 0.75, scale=1.6),
    ]


def garden() -> list[DemoObject]:
    """Makes uneven ground with stones, bushes and things that people leave outside."""

    def on_ground(thing: DemoObject, x: float, y: float, yaw: float = 0.0, **changes: object) -> DemoObject:
        height = float(outdoors.ground_height(np.array([x]), np.array([y]))[0])
        return _put(thing, x, y, height - 0.01, yaw, **changes)

    return [
        outdoors.ground("ground", 2.2),
        on_ground(outdoors.stone("boulder", 0.45, "8d8a83", 1), -0.7, 0.4),
        on_ground(outdoors.stone("stone", 0.25, "a49a86", 2), 0.1, -0.75),
        on_ground(outdoors.bush("bush", 0.6, "2d5a27", "77a94b", 3), 0.75, 0.75),
        on_ground(outdoors.bush("shrub", 0.42, "6a4a2b", "c06c3a", 4), -0.55, -0.7),
        on_ground(plant(), 0.2, 0.25, scale=1.5),
        on_ground(ball(), 0.85, -0.3, scale=1.3),
        on_ground(furniture.chair(), -0.1, 0.95, 2.6),
    ]


def single() -> list[DemoObject]:
    """Makes one object with nothing around it; its background is a small disk under it."""
    return [replace(plate(), name="stand", position=(0.0, 0.0, 0.0), scale=1.6), _put(duck(), 0, 0, 0.02, scale=2.2)]


_START = float(np.degrees(-1.1))
"""Direction of the table's first camera in degrees."""

LAYOUTS: dict[LayoutName, Layout] = {
    "table": Layout(all_objects, (0.0, 0.0, 0.06), ((2.05, 24.0), (2.4, 44.0)), (_START, _START + 360.0)),
    "shelf": Layout(shelf, (0.0, 0.0, 0.55), ((1.9, 4.0), (2.1, 22.0)), (215.0, 325.0)),
    "room": Layout(living_room, (-0.1, 0.2, 0.35), ((3.4, 24.0), (3.6, 42.0)), (245.0, 385.0), 0.9),
    "clutter": Layout(clutter, (0.0, 0.0, 0.08), ((1.5, 26.0), (1.7, 50.0))),
    "gallery": Layout(gallery, (0.0, 1.1, 0.95), ((2.5, 0.0), (2.6, 14.0)), (230.0, 310.0), 0.95),
    "garden": Layout(garden, (0.0, 0.0, 0.15), ((2.9, 18.0), (3.2, 38.0))),
    "single": Layout(single, (0.0, 0.0, 0.16), ((1.1, 12.0), (1.2, 45.0))),
}
"""Layouts by the name that the command line takes."""
