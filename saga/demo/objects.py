"""The demo's table and the things on it, in metres, z up, each built around its own foot point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from saga.demo.surfaces import (
    Samples,
    Surface,
    ellipsoid,
    lathe,
    leaf,
    moved,
    rounded_box,
    torus,
    tube,
)
from saga.demo.textures import Texture, bands, hexed, mix, noise, plain, stripes, wood

TABLE_RADIUS = 0.80


@dataclass(frozen=True)
class Patch:
    """One surface of an object."""

    surface: Surface
    texture: Texture
    gloss: float = 0.06
    """Height of the view-dependent sheen, 0 for matt."""
    glow: float = 0.0
    """Light of its own, as a fraction of its colour."""


@dataclass(frozen=True)
class DemoObject:
    """An object, where it stands, and how finely it is sampled."""

    name: str
    patches: Sequence[Patch]
    position: tuple[float, float, float] = (0.0, 0.0, 0.0)
    yaw: float = 0.0
    """Turn about z, in radians."""
    detail: float = 1.0
    """Surfels per area, relative to the other objects."""


def table() -> DemoObject:
    """A round table top of planks."""
    edge = 0.02
    profile = [
        (TABLE_RADIUS - edge + edge * np.cos(t), -0.025 + 0.025 * np.sin(t)) for t in np.linspace(-1.5, 1.5, 9)
    ]
    profile += [(TABLE_RADIUS - edge, 0.0), (0.0, 0.0)]
    grain = wood("c99c6b", "8a5a33", 0.135)
    return DemoObject("table", [Patch(lathe(profile, smooth=False), grain, 0.05)], detail=0.62)


def mug() -> DemoObject:
    """White mug with a blue band, a handle and coffee in it."""
    glaze = bands("f4f1ea", (0.055, 0.115, "2f6db5"), (0.062, 0.066, "f4f1ea"), (0.104, 0.108, "f4f1ea"))
    outside = [(0.0, 0.0), (0.055, 0.0), (0.062, 0.008), (0.064, 0.08), (0.065, 0.158), (0.062, 0.162)]
    handle = [(0.060, 0, 0.128), (0.098, 0, 0.132), (0.116, 0, 0.088), (0.098, 0, 0.042), (0.060, 0, 0.040)]
    return DemoObject(
        "mug",
        [
            Patch(lathe(outside, smooth=False), glaze, 0.14),
            Patch(lathe([(0.062, 0.162), (0.058, 0.158), (0.057, 0.125)], smooth=False), plain("f4f1ea"), 0.1),
            Patch(lathe([(0.057, 0.135), (0.0, 0.135)], smooth=False), plain("4a2a18"), 0.2),
            Patch(tube(handle, 0.0105), plain("f4f1ea"), 0.14),
        ],
        (0.27, -0.30, 0.0),
        yaw=-0.6,
        detail=1.25,
    )


def bowl() -> DemoObject:
    """Glazed bowl: turquoise outside, cream inside."""
    outer = [(0.0, 0.0), (0.06, 0.0), (0.065, 0.012), (0.11, 0.04), (0.145, 0.085), (0.152, 0.105), (0.148, 0.109)]
    inner = [(0.148, 0.109), (0.142, 0.095), (0.105, 0.048), (0.05, 0.022), (0.0, 0.018)]

    def glaze(s: Samples) -> np.ndarray:
        color = mix(hexed("1f7f86"), hexed("5cc2bd"), s.points[:, 2] / 0.11 + 0.25 * noise(s.points * 50))
        rim = s.points[:, 2] > 0.094 + 0.006 * np.sin(16 * np.pi * s.u)
        color[rim] = hexed("f3e3bd")
        return color

    return DemoObject(
        "bowl", [Patch(lathe(outer), glaze, 0.14), Patch(lathe(inner), plain("f3e8cf"), 0.08)], (-0.20, -0.06, 0.0)
    )


def _fruit(radius: float, flat: float, dimple: float) -> Surface:
    """A ball of height 2 * flat * radius, dimpled at the top."""
    turn = np.linspace(-np.pi / 2, np.pi / 2, 60)
    dip = dimple * np.exp(-(((turn - np.pi / 2) / 0.4) ** 2))
    return lathe([(radius * np.cos(t), radius * flat * (1 + np.sin(t)) - d) for t, d in zip(turn, dip, strict=True)])


def orange() -> DemoObject:
    """An orange, lying in the bowl."""

    def peel(s: Samples) -> np.ndarray:
        color = mix(hexed("f08a12"), hexed("ffb43d"), 0.4 + 0.5 * noise(s.points * 160, 2))
        color[s.v > 0.955] = hexed("5d7a2c")
        return color

    return DemoObject("orange", [Patch(_fruit(0.062, 0.97, 0.004), peel, 0.08)], (-0.175, -0.045, 0.027), 0.4)


def apple() -> DemoObject:
    """A red and yellow apple with a stem and a leaf."""

    def skin(s: Samples) -> np.ndarray:
        streak = noise(np.stack([np.cos(2 * np.pi * s.u) * 3, np.sin(2 * np.pi * s.u) * 3, s.v * 1.5], 1), 3)
        side = 0.5 + 0.5 * np.cos(2 * np.pi * (s.u - 0.1))
        color = mix(hexed("b81d22"), hexed("e9c04a"), 0.75 * side + 0.45 * streak - 0.2)
        return mix(color, hexed("c8cf6a"), (s.v - 0.93) * 14)

    stem = tube([(0, 0, 0.088), (0.003, 0, 0.11), (0.012, 0, 0.128)], 0.004)
    blade = leaf([(0.006, 0.0, 0.112), (0.03, 0.014, 0.132), (0.062, 0.024, 0.122)], 0.017)
    return DemoObject(
        "apple",
        [
            Patch(_fruit(0.058, 0.9, 0.02), skin, 0.14),
            Patch(stem, plain("5b3a1e"), 0.0),
            Patch(blade, plain("4f8f35", 0.15), 0.05),
        ],
        (-0.005, -0.235, 0.0),
        detail=1.3,
    )


def book(
    name: str,
    size: tuple[float, float, float],
    cover: str,
    accent: str,
    position: tuple[float, float, float],
    yaw: float,
) -> DemoObject:
    """A closed book: coloured cover with a title field, ivory pages on three sides."""

    def binding(s: Samples) -> np.ndarray:
        color = plain(cover, 0.05, 90)(s)
        x, y = s.points[:, 0] / size[0], s.points[:, 1] / size[1]
        frame = np.maximum(np.abs(x), np.abs(y))
        color[(frame > 0.42) & (frame < 0.445)] = hexed(accent)
        title = (np.abs(x - 0.14) < 0.13) & (np.abs(y) < 0.28)
        color[title] = hexed(accent)
        color[title & (np.abs((x - 0.14) * 11 % 1 - 0.5) < 0.17) & (np.abs(y) < 0.22)] = hexed(cover) * 0.7
        return color

    def spine(s: Samples) -> np.ndarray:
        color = plain(cover, 0.05, 90)(s)
        y = np.abs(s.points[:, 1] / size[1])
        color[(y > 0.34) & (y < 0.38)] = hexed(accent)
        color[y < 0.2] = hexed(accent)
        return color

    def pages(s: Samples) -> np.ndarray:
        z = s.points[:, 2]
        leaves = 0.5 + 0.5 * np.sin(z * 1400 + 2 * noise(s.points * 30))
        color = mix(hexed("f1e7cd"), hexed("cdbf9f"), 0.6 * leaves)
        color[(z < 0.006) | (z > size[2] - 0.006)] = hexed(cover)
        return color

    faces = rounded_box(size, 0.004)
    textures = [spine, pages, pages, pages, binding, binding]
    patches = [Patch(f, t, 0.07 if t is not pages else 0.0) for f, t in zip(faces, textures, strict=True)]
    return DemoObject(name, patches, position, yaw)


def bottle() -> DemoObject:
    """Green bottle with a paper label and a cork."""
    body = [(0.0, 0.0), (0.048, 0.0), (0.054, 0.008), (0.054, 0.19), (0.05, 0.215), (0.026, 0.26), (0.019, 0.285)]
    body += [(0.018, 0.335), (0.021, 0.337), (0.021, 0.352), (0.017, 0.354), (0.0, 0.354)]

    def glass(s: Samples) -> np.ndarray:
        z = s.points[:, 2]
        color = mix(hexed("1d4f2b"), hexed("3d8549"), 0.4 + 0.4 * np.sin(4 * np.pi * s.u) + 0.2 * noise(s.points * 25))
        label = (z > 0.06) & (z < 0.165)
        color[label] = plain("f2e6c8", 0.05, 80)(s)[label]
        for low, high, code in [(0.066, 0.071, "8e1b2c"), (0.153, 0.158, "8e1b2c"), (0.318, 0.36, "8e1b2c")]:
            color[(z > low) & (z < high)] = hexed(code)
        medallion = np.hypot((s.u * 3 % 1 - 0.5) / 3 * 2 * np.pi * 0.054, z - 0.118) < 0.026
        color[medallion & label] = hexed("c8952c")
        text = label & ~medallion & (np.abs(z * 75 % 1 - 0.5) < 0.16) & (np.abs(z - 0.112) < 0.03)
        color[text & (np.abs(s.u * 3 % 1 - 0.5) > 0.3)] = hexed("55463a")
        return color

    return DemoObject(
        "bottle",
        [
            Patch(lathe(body, smooth=False), glass, 0.2),
            Patch(lathe([(0.0155, 0.35), (0.0165, 0.38), (0.015, 0.382), (0.0, 0.382)], smooth=False), plain("c79a63", 0.2, 150)),
        ],
        (0.10, 0.10, 0.0),
        detail=1.1,
    )


_PIPS = {
    1: [(0, 0)],
    2: [(-1, -1), (1, 1)],
    3: [(-1, -1), (0, 0), (1, 1)],
    4: [(-1, -1), (-1, 1), (1, -1), (1, 1)],
    5: [(-1, -1), (-1, 1), (1, -1), (1, 1), (0, 0)],
    6: [(-1, -1), (-1, 0), (-1, 1), (1, -1), (1, 0), (1, 1)],
}


def die(size: float = 0.105) -> DemoObject:
    """A red die with white pips, on the books."""

    def face(value: int) -> Texture:
        def texture(s: Samples) -> np.ndarray:
            color = plain("c4262e", 0.05)(s)
            for x, y in _PIPS[value]:
                color[np.hypot(s.u - 0.5 - 0.25 * x, s.v - 0.5 - 0.25 * y) < 0.1] = hexed("fbf7f0")
            return color

        return texture

    values = [3, 4, 2, 5, 1, 6]
    patches = [Patch(f, face(n), 0.12) for f, n in zip(rounded_box((size,) * 3, 0.014), values, strict=True)]
    return DemoObject("die", patches, (-0.08, 0.375, 0.108), 0.75, detail=1.5)


def plate() -> DemoObject:
    """A flat plate with a blue line along its rim."""
    profile = [(0.0, 0.0), (0.08, 0.0), (0.09, 0.006), (0.14, 0.020), (0.143, 0.024), (0.138, 0.026), (0.095, 0.012)]
    profile += [(0.085, 0.009), (0.0, 0.009)]

    def glaze(s: Samples) -> np.ndarray:
        radius = np.hypot(s.points[:, 0], s.points[:, 1])
        color = plain("f0eef2", 0.02)(s)
        color[(radius > 0.12) & (radius < 0.131)] = hexed("3f63a8")
        color[(radius > 0.105) & (radius < 0.109)] = hexed("3f63a8")
        return color

    return DemoObject("plate", [Patch(lathe(profile, smooth=False), glaze, 0.12)], (-0.24, -0.47, 0.0))


def donut() -> DemoObject:
    """A donut with pink icing and sprinkles, on the plate."""
    ring, thick = 0.060, 0.036
    rng = np.random.default_rng(3)
    where = rng.uniform(0, 1, (70, 2)) * [1.0, 0.34] + [0.0, 0.08]
    turn = rng.uniform(0, np.pi, 70)
    codes = [hexed(c) for c in ("ffffff", "ffd23f", "3ec1d3", "8bd450", "7b4bd6")]

    def icing(s: Samples) -> np.ndarray:
        tube_turn = s.v
        edge = 0.035 * np.sin(2 * np.pi * s.u * 7) + 0.02 * np.sin(2 * np.pi * s.u * 17 + 1)
        iced = (tube_turn > 0.03 + edge) & (tube_turn < 0.47 - edge)
        color = mix(hexed("c98d4a"), hexed("a8692f"), 0.4 + 0.6 * noise(s.points * 45))
        color[iced] = plain("f277a8", 0.03)(s)[iced]
        for k, ((u, v), angle) in enumerate(zip(where, turn, strict=True)):
            around = ((s.u - u + 0.5) % 1 - 0.5) * 2 * np.pi * ring
            over = (s.v - v) * 2 * np.pi * thick
            long = around * np.cos(angle) + over * np.sin(angle)
            wide = -around * np.sin(angle) + over * np.cos(angle)
            color[iced & (np.abs(long) < 0.0085) & (np.abs(wide) < 0.0032)] = codes[k % len(codes)]
        return color

    return DemoObject("donut", [Patch(torus(ring, thick, thick), icing, 0.1)], (-0.24, -0.47, 0.009), detail=1.6)


def lamp() -> DemoObject:
    """A desk lamp: brass foot and stem, cream shade, lit."""
    foot = [(0.0, 0.0), (0.10, 0.0), (0.104, 0.008), (0.09, 0.02), (0.03, 0.03), (0.018, 0.05), (0.013, 0.07)]
    stem = [(0.013, 0.07), (0.012, 0.14), (0.022, 0.16), (0.022, 0.175), (0.012, 0.19), (0.011, 0.36)]

    def cloth(s: Samples) -> np.ndarray:
        color = plain("f3d9a2", 0.06, 120)(s)
        z = s.points[:, 2]
        color[(z < 0.325) | (z > 0.488)] = hexed("b5523b")
        return color

    outside = lathe([(0.165, 0.31), (0.088, 0.50)], smooth=False)
    inside = lathe([(0.085, 0.50), (0.162, 0.31)], smooth=False)
    brass = plain("b88a3d", 0.08, 40)
    return DemoObject(
        "lamp",
        [
            Patch(lathe(foot), brass, 0.25),
            Patch(lathe(stem, smooth=False), brass, 0.25),
            Patch(outside, cloth, 0.0, glow=0.35),
            Patch(inside, plain("fff0c8"), 0.0, glow=0.7),
            Patch(ellipsoid((0, 0, 0.39), (0.03, 0.03, 0.04)), plain("fff8e0", 0.0), 0.0, glow=1.0),
        ],
        (-0.47, 0.32, 0.0),
    )


def ball() -> DemoObject:
    """A beach ball, leaning to one side."""
    codes = ["e2453c", "f7f4ee", "f5b82e", "f7f4ee", "2f7fd0", "f7f4ee"]
    sphere = moved(ellipsoid((0, 0, 0), (0.125,) * 3), (0, 0, 0.125), yaw=0.5, tilt=0.6)
    return DemoObject("ball", [Patch(sphere, stripes(codes), 0.14)], (0.49, -0.02, 0.0))


def plant() -> DemoObject:
    """A terracotta pot with soil and a tuft of leaves."""
    pot = [(0.0, 0.0), (0.068, 0.0), (0.092, 0.115), (0.103, 0.117), (0.106, 0.15), (0.097, 0.152), (0.094, 0.13)]
    rng = np.random.default_rng(5)
    patches = [
        Patch(lathe(pot, smooth=False), bands("b9623c", (0.117, 0.16, "c97650"), (0.045, 0.07, "e7c9a5")), 0.03),
        Patch(lathe([(0.094, 0.132), (0.0, 0.138)], smooth=False), plain("3b2a1e", 0.5, 150), 0.0),
    ]
    for k in range(17):
        angle = 2.4 * k + rng.uniform(-0.2, 0.2)
        upright = 1 - k / 17
        reach, rise = 0.06 + 0.17 * (1 - upright) ** 0.7, 0.15 + 0.21 * upright
        path = [
            (0.015, 0, 0.13),
            (0.35 * reach + 0.015, 0, 0.13 + 0.75 * rise),
            (reach + 0.015, 0, 0.13 + rise * (0.95 - 0.6 * (1 - upright))),
        ]
        patches.append(Patch(moved(leaf(path, rng.uniform(0.026, 0.036)), (0, 0, 0), yaw=angle), _foliage(rng), 0.08))
    return DemoObject("plant", patches, (0.40, 0.40, 0.0))


def _foliage(rng: np.random.Generator) -> Texture:
    base = mix(hexed("2f7a35"), hexed("6fb04a"), rng.uniform(0, 1, 1))[0]

    def texture(s: Samples) -> np.ndarray:
        vein = np.exp(-(((s.u - 0.5) / 0.06) ** 2)) + 0.5 * (np.abs((s.v * 9 + np.abs(s.u - 0.5) * 3) % 1 - 0.5) < 0.07)
        return mix(base * (0.8 + 0.35 * s.v)[:, None], hexed("b9d98a"), 0.55 * vein)

    return texture


def duck() -> DemoObject:
    """A rubber duck with an orange bill and black eyes."""
    yellow = plain("fbcf2c", 0.03)
    tail = tube([(-0.055, 0, 0.06), (-0.085, 0, 0.078), (-0.105, 0, 0.105)], lambda v: 0.034 * (1 - v) ** 0.7 + 0.003)
    patches = [
        Patch(ellipsoid((0, 0, 0.052), (0.088, 0.062, 0.052)), yellow, 0.12),
        Patch(tail, yellow, 0.12),
        Patch(ellipsoid((0.045, 0, 0.128), (0.047, 0.044, 0.046)), yellow, 0.12),
        Patch(ellipsoid((0.093, 0, 0.120), (0.027, 0.023, 0.009)), plain("ef7d1a"), 0.1),
    ]
    for side in (-1, 1):
        patches.append(Patch(ellipsoid((-0.012, side * 0.056, 0.06), (0.046, 0.014, 0.027)), plain("f2bb18"), 0.1))
        patches.append(Patch(ellipsoid((0.078, side * 0.025, 0.141), (0.009, 0.008, 0.011)), plain("16161a", 0), 0.2))
    return DemoObject("duck", patches, (0.02, -0.56, 0.0), yaw=-0.5, detail=1.4)


def all_objects() -> list[DemoObject]:
    """The table first, then everything on it: the place in the list is the label."""
    return [
        table(),
        mug(),
        bowl(),
        orange(),
        apple(),
        book("atlas", (0.25, 0.34, 0.058), "24466e", "e8c25a", (-0.06, 0.38, 0.0), 1.35),
        book("novel", (0.19, 0.27, 0.048), "9b2d3a", "f0e2c4", (-0.07, 0.385, 0.058), 1.75),
        bottle(),
        die(),
        plate(),
        donut(),
        lamp(),
        ball(),
        plant(),
        duck(),
    ]
