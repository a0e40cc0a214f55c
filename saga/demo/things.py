"""Other things of the demo: books, die, lamp, ball, plant, duck, in metres, each around its foot point."""

from __future__ import annotations

import numpy as np

from saga.demo.model import DemoObject, Patch
from saga.demo.surfaces import Samples, ellipsoid, lathe, leaf, moved, rounded_box, tube
from saga.demo.textures import Texture, bands, hexed, mix, noise, plain, stripes

_PIPS = {
    1: [(0, 0)],
    2: [(-1, -1), (1, 1)],
    3: [(-1, -1), (0, 0), (1, 1)],
    4: [(-1, -1), (-1, 1), (1, -1), (1, 1)],
    5: [(-1, -1), (-1, 1), (1, -1), (1, 1), (0, 0)],
    6: [(-1, -1), (-1, 0), (-1, 1), (1, -1), (1, 0), (1, 1)],
}


def book(
    name: str,
    size: tuple[float, float, float],
    cover: str,
    accent: str,
    position: tuple[float, float, float],
    yaw: float,
) -> DemoObject:
    """A closed book: colored cover with a title field, ivory pages on three sides."""

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
    pot = [
        (0.0, 0.0),
        (0.068, 0.0),
        (0.092, 0.115),
        (0.103, 0.117),
        (0.106, 0.15),
        (0.097, 0.152),
        (0.094, 0.13),
    ]
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
        blade = leaf(path, rng.uniform(0.026, 0.036))
        patches.append(Patch(moved(blade, (0, 0, 0), yaw=angle), _foliage(rng), 0.08))
    return DemoObject("plant", patches, (0.40, 0.40, 0.0))


def _foliage(rng: np.random.Generator) -> Texture:
    base = mix(hexed("2f7a35"), hexed("6fb04a"), rng.uniform(0, 1, 1))[0]

    def texture(s: Samples) -> np.ndarray:
        rib = np.exp(-(((s.u - 0.5) / 0.06) ** 2))
        side_ribs = np.abs((s.v * 9 + np.abs(s.u - 0.5) * 3) % 1 - 0.5) < 0.07
        return mix(base * (0.8 + 0.35 * s.v)[:, None], hexed("b9d98a"), 0.55 * rib + 0.28 * side_ribs)

    return texture


def duck() -> DemoObject:
    """A rubber duck with an orange bill and black eyes."""
    yellow = plain("fbcf2c", 0.03)
    spine = [(-0.055, 0, 0.06), (-0.085, 0, 0.078), (-0.105, 0, 0.105)]
    tail = tube(spine, lambda v: 0.034 * (1 - v) ** 0.7 + 0.003)
    patches = [
        Patch(ellipsoid((0, 0, 0.052), (0.088, 0.062, 0.052)), yellow, 0.12),
        Patch(tail, yellow, 0.12),
        Patch(ellipsoid((0.045, 0, 0.128), (0.047, 0.044, 0.046)), yellow, 0.12),
        Patch(ellipsoid((0.093, 0, 0.120), (0.027, 0.023, 0.009)), plain("ef7d1a"), 0.1),
    ]
    for side in (-1, 1):
        wing = ellipsoid((-0.012, side * 0.056, 0.06), (0.046, 0.014, 0.027))
        eye = ellipsoid((0.078, side * 0.025, 0.141), (0.009, 0.008, 0.011))
        patches += [Patch(wing, plain("f2bb18"), 0.1), Patch(eye, plain("16161a", 0), 0.2)]
    return DemoObject("duck", patches, (0.02, -0.56, 0.0), yaw=-0.5, detail=1.4)
