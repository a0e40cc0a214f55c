"""The places that the demo can build: what stands where, in meters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from saga.demo import furniture, outdoors, vehicles
from saga.demo.dishes import bottle, bowl, mug, plate
from saga.demo.food import apple, donut, orange
from saga.demo.model import DemoObject
from saga.demo.objects import table
from saga.demo.textures import plain
from saga.demo.things import ball, book, die, duck, lamp, plant


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


def _on_ground(thing: DemoObject, x: float, y: float, yaw: float = 0.0, **changes: object) -> DemoObject:
    height = float(outdoors.ground_height(np.array([x]), np.array([y]))[0])
    return _put(thing, x, y, height - 0.01, yaw, **changes)


def garden() -> list[DemoObject]:
    """Makes uneven ground with stones, bushes and things that people leave outside."""
    return [
        outdoors.ground("ground", 2.2),
        _on_ground(outdoors.stone("boulder", 0.45, "8d8a83", 1), -0.7, 0.4),
        _on_ground(outdoors.stone("stone", 0.25, "a49a86", 2), 0.1, -0.75),
        _on_ground(outdoors.bush("bush", 0.6, "2d5a27", "77a94b", 3), 0.75, 0.75),
        _on_ground(outdoors.bush("shrub", 0.42, "6a4a2b", "c06c3a", 4), -0.55, -0.7),
        _on_ground(plant(), 0.2, 0.25, scale=1.5),
        _on_ground(ball(), 0.85, -0.3, scale=1.3),
        _on_ground(furniture.chair(), -0.1, 0.95, 2.6),
    ]


def single() -> list[DemoObject]:
    """Makes one object with nothing around it; its background is a small disk under it."""
    return [replace(plate(), name="stand", position=(0.0, 0.0, 0.0), scale=1.6), _put(duck(), 0, 0, 0.02, scale=2.2)]


def dark() -> list[DemoObject]:
    """Makes dark things on a dark cloth: black on nearly black, some of them glossy."""
    cloth = replace(table(), patches=[replace(p, texture=plain("24262a", 0.15), gloss=0.0) for p in table().patches])
    black = plain("17181b", 0.1)

    def blackened(thing: DemoObject, gloss: float, name: str | None = None) -> DemoObject:
        patches = [replace(patch, texture=black, gloss=gloss) for patch in thing.patches]
        return replace(thing, patches=patches, name=name or thing.name)

    return [
        cloth,
        _put(blackened(bottle(), 0.25), -0.25, 0.15),
        _put(blackened(mug(), 0.1), 0.18, -0.28, yaw=0.4),
        _put(blackened(furniture.vase("vase", "17181b"), 0.2), 0.32, 0.2),
        _put(furniture.carton("case", (0.26, 0.16, 0.10), "1e2024", "2b2e34"), -0.05, 0.02, yaw=0.5),
        _put(blackened(ball(), 0.15), -0.42, -0.2),
        _put(book("notebook", (0.2, 0.28, 0.02), "2a2d33", "3a3e46", (0.0, 0.0, 0.0), 0.0), 0.0, 0.45, yaw=0.2),
    ]


def kitchen() -> list[DemoObject]:
    """Makes a room with four walls, a table in its middle, and a toy in the middle of that."""
    top = 0.40 * 1.7
    return [
        replace(furniture.room("room", 5.2, 5.0, 2.3, sides=4), detail=0.03),
        _put(furniture.coffee_table(), 0, 0, scale=1.7),
        _put(vehicles.bulldozer(), 0, 0.02, top, 0.6, scale=1.3),
        _put(plate(), -0.42, -0.22, top),
        _put(mug(), 0.45, 0.12, top),
        _put(furniture.chair(), 1.25, -0.35, 0, -1.9),
        _put(furniture.cabinet(), -0.9, 2.2, 0),
    ]


def patio() -> list[DemoObject]:
    """Makes a round garden table with a plant on it under the sky, a hedge far behind."""
    table_ = _on_ground(furniture.coffee_table(), 0, 0, scale=1.7)
    return [
        replace(outdoors.ground("ground", 5.0), detail=0.03),
        outdoors.hedge("ground", 5.5, 2.2),
        outdoors.sky("ground", 16.0),
        table_,
        _put(plant(), 0.02, 0.0, table_.position[2] + 0.40 * table_.scale, scale=1.2),
        _on_ground(ball(), 0.9, -0.7, scale=1.2),
        _on_ground(outdoors.bush("bush", 0.7, "2d5a27", "77a94b", 3), -1.3, 0.9),
    ]


def roadside() -> list[DemoObject]:
    """Makes a bicycle in front of a bench on a lawn, under the sky."""
    return [
        replace(outdoors.ground("ground", 5.0), detail=0.03),
        outdoors.hedge("ground", 5.5, 2.2),
        outdoors.sky("ground", 16.0),
        _on_ground(furniture.bench(), 0.1, 0.35, scale=1.3),
        _on_ground(vehicles.bicycle(), 0.0, -0.05, 0.12),
    ]


def greenhouse() -> list[DemoObject]:
    """Makes a fern that fills the picture, with a bench and a wall behind it."""
    return [
        furniture.room("room", 3.4, 2.6, 2.0, sides=2),
        _put(outdoors.fern("fern", 0.9, 2), 0.0, -0.2),
        _put(furniture.bench(), 0.3, 0.7),
        _put(furniture.carton("carton", (0.4, 0.3, 0.3), "b08968", "e6ccb2"), 0.45, 0.7, 0.45, 0.2),
        _put(outdoors.bush("bush", 0.55, "2d5a27", "77a94b", 3), -0.9, 0.6),
    ]
