"""Rooms and furniture for the demo's layouts, in meters, each around its own foot point."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from saga.demo.model import DemoObject, Patch
from saga.demo.surfaces import Samples, Surface, lathe, moved, rounded_box
from saga.demo.textures import Texture, bands, hexed, mix, noise, plain, wood

Vector = tuple[float, float, float]


def box(size: Vector, at: Vector, texture: Texture, gloss: float = 0.05, radius: float = 0.01) -> list[Patch]:
    """Returns the six faces of a rounded box whose foot point lies at `at`."""
    return [Patch(moved(face, at), texture, gloss) for face in rounded_box(size, radius)]


def rectangle(corner: Vector, along: Vector, across: Vector) -> Surface:
    """Returns a flat rectangle from a corner and two edges; its normal is along x across."""
    start, first, second = (np.asarray(vector, float) for vector in (corner, along, across))
    return lambda u, v: start + u[:, None] * first + v[:, None] * second


def room(name: str, width: float, depth: float, height: float, sides: int = 2) -> DemoObject:
    """Builds a floor of planks with up to four walls: at its back (y = depth / 2), left, right and in front."""
    w, d = width / 2, depth / 2
    floor = rectangle((-w, -d, 0), (width, 0, 0), (0, depth, 0))
    back = rectangle((-w, d, 0), (width, 0, 0), (0, 0, height))
    left = rectangle((-w, -d, 0), (0, depth, 0), (0, 0, height))
    right = rectangle((w, d, 0), (0, -depth, 0), (0, 0, height))
    front = rectangle((w, -d, 0), (-width, 0, 0), (0, 0, height))
    planks = wood("b08a5e", "7a5230", 0.18)
    patches = [Patch(floor, planks, 0.04)]
    patches += [Patch(wall, _plaster("d9d4c7"), 0.0) for wall in (back, left, right, front)[:sides]]
    return DemoObject(name, patches, detail=0.1)


def sofa() -> DemoObject:
    """Builds a two-seat sofa of blue cloth with a yellow cushion."""
    cloth = plain("3d5a80", 0.12, 45)
    patches = box((1.5, 0.75, 0.30), (0, 0, 0.08), cloth, 0.0, 0.06)
    patches += box((1.5, 0.18, 0.45), (0, 0.30, 0.34), cloth, 0.0, 0.06)
    for side in (-1, 1):
        patches += box((0.18, 0.75, 0.28), (side * 0.68, 0, 0.34), cloth, 0.0, 0.06)
        patches += box((0.06, 0.06, 0.09), (side * 0.62, -0.3, 0), plain("4a3526"), 0.1)
    patches += box((0.36, 0.12, 0.34), (-0.40, 0.12, 0.37), plain("e0b13c", 0.1, 60), 0.0, 0.05)
    return DemoObject("sofa", patches, detail=0.22)


def chair() -> DemoObject:
    """Builds a wooden chair with four legs and a red seat."""
    frame = wood("a5713f", "6b4423", 0.3)
    patches = box((0.42, 0.42, 0.05), (0, 0, 0.42), plain("9c3b32", 0.08, 50), 0.03, 0.02)
    patches += box((0.42, 0.04, 0.42), (0, 0.20, 0.47), frame, 0.08)
    for x in (-0.18, 0.18):
        for y in (-0.18, 0.18):
            patches += box((0.045, 0.045, 0.43), (x, y, 0), frame, 0.08)
    return DemoObject("chair", patches, detail=0.35)


def cabinet() -> DemoObject:
    """Builds a low white cabinet with two doors and round knobs."""

    def doors(s: Samples) -> np.ndarray:
        color = plain("e9e5da", 0.03)(s)
        x, z = s.points[:, 0], s.points[:, 2]
        color[np.abs(x) < 0.006] = hexed("6d675b")
        frame = (np.abs(np.abs(x) - 0.22) > 0.16) | (np.abs(z - 0.35) > 0.27)
        color[~frame] *= 0.92
        color[np.hypot(np.abs(x) - 0.06, z - 0.38) < 0.02] = hexed("7b6a3a")
        return color

    return DemoObject("cabinet", box((0.9, 0.42, 0.7), (0, 0, 0), doors, 0.08, 0.015), detail=0.3)


def coffee_table() -> DemoObject:
    """Builds a low round table on one leg."""
    top = [(0.0, 0.36), (0.40, 0.36), (0.42, 0.38), (0.41, 0.40), (0.0, 0.40)]
    leg = [(0.0, 0.0), (0.18, 0.0), (0.16, 0.02), (0.035, 0.05), (0.035, 0.36)]
    grain = wood("8a5a38", "54331d", 0.2)
    patches = [Patch(lathe(top, smooth=False), grain, 0.1), Patch(lathe(leg, smooth=False), plain("2c2c30"), 0.15)]
    return DemoObject("coffee_table", patches, detail=0.4)


def bench() -> DemoObject:
    """Builds a wooden bench without a back."""
    grain = wood("c39a66", "8b6238", 0.12)
    patches = box((1.1, 0.32, 0.05), (0, 0, 0.40), grain, 0.05)
    for side in (-1, 1):
        patches += box((0.06, 0.28, 0.40), (side * 0.46, 0, 0), plain("34363c"), 0.1)
    return DemoObject("bench", patches, detail=0.35)


def bookcase(name: str, width: float = 1.2, height: float = 1.15, boards: int = 3) -> DemoObject:
    """Builds a case with a back, two sides and boards, open to -y; the boards' tops are `board_heights`."""
    grain = wood("d8b98c", "a5804f", 0.4)
    patches = box((width, 0.02, height), (0, 0.16, 0), plain("cbb89a", 0.05), 0.0)
    for side in (-1, 1):
        patches += box((0.03, 0.34, height), (side * (width / 2 - 0.015), 0, 0), grain, 0.04)
    for z in (*board_heights(height, boards), height):
        patches += box((width - 0.06, 0.32, 0.025), (0, 0, z - 0.025), grain, 0.04)
    return DemoObject(name, patches, detail=0.4)


def board_heights(height: float = 1.15, boards: int = 3) -> list[float]:
    """Returns the heights of the tops of a bookcase's boards, lowest first."""
    return [0.05 + k * height / boards for k in range(boards)]


def picture(name: str, size: tuple[float, float], colors: Sequence[str], seed: int) -> DemoObject:
    """Builds a framed painting with its back on y = 0 that looks towards -y; the foot point is its lower edge."""
    width, height = size
    rng = np.random.default_rng(seed)
    places, palette = rng.uniform(-0.5, 0.5, (9, 2)) * size, np.stack([hexed(color) for color in colors])

    def canvas(s: Samples) -> np.ndarray:
        x, z = s.points[:, 0], s.points[:, 2] - height / 2
        wave = 0.05 * noise(s.points * 8)
        nearest = np.argmin(np.hypot(x[:, None] - places[:, 0], z[:, None] - places[:, 1]) + wave[:, None], axis=1)
        color = palette[nearest % len(palette)]
        rim = (np.abs(x) > width / 2 - 0.03) | (np.abs(z) > height / 2 - 0.03)
        return np.where(rim[:, None], hexed("3b2a1c") * np.ones((len(x), 1)), color)

    return DemoObject(name, box((width, 0.035, height), (0, -0.0175, 0), canvas, 0.05, 0.006), detail=0.6)


def clock() -> DemoObject:
    """Builds a round wall clock that looks towards -y."""
    profile = [(0.0, 0.0), (0.15, 0.0), (0.155, 0.03), (0.14, 0.034), (0.135, 0.026), (0.0, 0.026)]
    disk = lathe(profile, smooth=False)

    def face(s: Samples) -> np.ndarray:
        x, z = s.points[:, 0], s.points[:, 2]
        radius, angle = np.hypot(x, z), np.arctan2(z, x)
        color = plain("f6f2e8", 0.02)(s)
        color[radius > 0.137] = hexed("2f4858")
        ticks = np.abs((angle * 6 / np.pi + 0.5) % 1 - 0.5) < 0.06
        color[ticks & (radius > 0.105) & (radius < 0.128)] = hexed("22282e")
        color[(np.abs(x) < 0.006) & (z > 0) & (radius < 0.10)] = hexed("22282e")
        color[(np.abs(z) < 0.007) & (x > 0) & (radius < 0.07)] = hexed("b8322a")
        return color

    turn = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    return DemoObject("clock", [Patch(lambda u, v: disk(u, v) @ turn.T, face, 0.1)], detail=0.8)


def carton(name: str, size: Vector, color: str, accent: str) -> DemoObject:
    """Builds a printed carton: a colored box with a lighter field on every side."""

    def print_(s: Samples) -> np.ndarray:
        base = plain(color, 0.04, 70)(s)
        field = (np.abs(s.u - 0.5) < 0.33) & (np.abs(s.v - 0.5) < 0.28)
        base[field] = hexed(accent)
        lines = field & (np.abs((s.v * 12) % 1 - 0.5) < 0.18) & (np.abs(s.u - 0.5) < 0.24)
        base[lines] = hexed(color) * 0.6
        return base

    return DemoObject(name, box(size, (0, 0, 0), print_, 0.06, 0.004))


def vase(name: str, color: str) -> DemoObject:
    """Builds a vase with a band at its shoulder."""
    profile = [(0.0, 0.0), (0.045, 0.0), (0.07, 0.05), (0.075, 0.11), (0.04, 0.18), (0.03, 0.21), (0.042, 0.24)]
    inside = [(0.040, 0.24), (0.028, 0.21), (0.0, 0.17)]
    glaze = bands(color, (0.10, 0.125, "f4efe0"))
    return DemoObject(name, [Patch(lathe(profile), glaze, 0.16), Patch(lathe(inside), plain("2b2622"), 0.0)])


def _plaster(code: str) -> Texture:
    color = hexed(code)
    return lambda s: mix(color * np.ones((len(s.u), 1)), color * 0.93, 0.5 + 0.5 * noise(s.points * 6, 4))
