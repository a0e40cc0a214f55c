"""A garden for the demo's layouts: uneven ground, stones, bushes, a hedge far away and the sky, in meters."""

from __future__ import annotations

import numpy as np

from saga.demo.model import DemoObject, Patch
from saga.demo.surfaces import Samples, Surface, ellipsoid, lathe, leaf, moved, tube
from saga.demo.textures import Texture, hexed, mix, noise, plain

_RELIEF = 0.10
"""Height of the ground's bumps in meters."""


def ground_height(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Returns the height of the garden's ground at places [n], [n]."""
    points = np.stack([np.asarray(x, float) * 0.9, np.asarray(y, float) * 0.9, np.full(np.shape(x), 3.7)], axis=-1)
    return np.asarray(_RELIEF * noise(points, 2) + 0.04 * np.asarray(x))


def ground(name: str, radius: float) -> DemoObject:
    """Builds a square of uneven lawn with bare patches of soil."""

    def surface(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        x, y = (2 * u - 1) * radius, (2 * v - 1) * radius
        return np.stack([x, y, ground_height(x, y)], axis=1)

    def lawn(s: Samples) -> np.ndarray:
        blades = noise(s.points * 55, 4)
        color = mix(hexed("4f7d2f"), hexed("8fb04d"), 0.5 + 0.5 * blades)
        soil = noise(s.points * np.array([1.6, 1.6, 0.0]) + 5.1, 3)
        return mix(color, hexed("7d6342") * (1 + 0.2 * blades[:, None]), 3 * (soil - 0.35))

    return DemoObject(name, [Patch(surface, lawn, 0.0)], detail=0.12)


def hedge(name: str, radius: float, height: float) -> DemoObject:
    """Builds a ragged hedge all around."""
    wall = lathe([(radius, 0.0), (radius, height)], smooth=False)

    def surface(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        points = wall(u, v)
        bulge = 0.4 * noise(points * 1.1, 3)[:, None]
        return np.asarray(points * (1 + bulge * np.array([0.25, 0.25, 0.6])) - np.array([0.0, 0.0, 0.3]))

    def leaves(s: Samples) -> np.ndarray:
        return mix(hexed("22401f"), hexed("6f8f3e"), 0.5 + 0.6 * noise(s.points * 2.5, 4))

    return DemoObject(name, [Patch(surface, leaves, 0.0)], detail=0.05)


def sky(name: str, radius: float) -> DemoObject:
    """Builds a dome of sky with clouds."""

    def clouds(s: Samples) -> np.ndarray:
        blue = mix(hexed("cfdfee"), hexed("6f9fd8"), s.points[:, 2] / radius)
        return mix(blue, hexed("f5f6f7"), 2 * noise(s.points / radius * 3, 3))

    dome = lathe([(radius * np.cos(t), radius * np.sin(t)) for t in np.linspace(0, np.pi / 2, 33)], smooth=False)
    return DemoObject(name, [Patch(dome, clouds, 0.0)], detail=5e-4, lit=False)


def stone(name: str, size: float, code: str, seed: int) -> DemoObject:
    """Builds an irregular stone, sunk a little into the ground."""
    rng = np.random.default_rng(seed)
    base, offset = ellipsoid((0, 0, 0.35 * size), (size * rng.uniform(0.35, 0.6, 3)).tolist()), rng.uniform(0, 9, 3)

    def surface(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        points = base(u, v)
        middle = np.array([0, 0, 0.35 * size])
        return np.asarray(middle + (points - middle) * (1 + 0.16 * noise(points / size * 2.2 + offset, 2))[:, None])

    def grain(s: Samples) -> np.ndarray:
        return mix(hexed(code), hexed(code) * 0.6, 0.5 + 0.6 * noise(s.points / size * 9, 3))

    return DemoObject(name, [Patch(surface, grain, 0.03)], detail=0.5)


def bush(name: str, size: float, dark: str, light: str, seed: int) -> DemoObject:
    """Builds a bush: a short stem and many pointed leaves on a ball."""
    rng = np.random.default_rng(seed)
    patches = [Patch(tube([(0, 0, 0), (0.01, 0, 0.3 * size), (0, 0.01, 0.6 * size)], 0.03), plain("5b4028", 0.2), 0.0)]
    for k in range(70):
        z = 1 - 1.7 * (k + 0.5) / 70
        around, out = 2.4 * k, np.sqrt(max(0.0, 1 - z * z))
        blade = leaf([(0.1 * size, 0, 0), (0.3 * size, 0, 0.06 * size), (0.5 * size, 0, 0.0)], 0.09 * size)
        lifted = moved(_pitched(blade, np.arctan2(z, out)), (0, 0, 0.55 * size), yaw=around)
        patches.append(Patch(lifted, _leaf_color(dark, light, rng.uniform()), 0.03))
    return DemoObject(name, patches, detail=0.35)


def _pitched(surface: Surface, angle: float) -> Surface:
    """Returns the surface turned about y, so that its +x end rises by an angle in radians."""
    turn = np.array([[np.cos(angle), 0, -np.sin(angle)], [0, 1, 0], [np.sin(angle), 0, np.cos(angle)]])
    return lambda u, v: surface(u, v) @ turn.T


def _leaf_color(dark: str, light: str, share: float) -> Texture:
    base = hexed(dark) + share * (hexed(light) - hexed(dark))
    return lambda s: mix(base * (0.8 + 0.4 * s.v)[:, None], hexed(light), 0.4 * np.exp(-(((s.u - 0.5) / 0.08) ** 2)))


def fern(name: str, size: float, seed: int) -> DemoObject:
    """Builds a fern: fronds that bend outwards from one foot, each with two rows of leaflets."""
    rng = np.random.default_rng(seed)
    patches: list[Patch] = []
    for k in range(12):
        reach, rise = size * rng.uniform(0.45, 0.65), size * rng.uniform(0.55, 0.95)
        place = [(0.02 * size, 0, 0), (0.4 * reach, 0, 0.9 * rise), (0.8 * reach, 0, rise), (reach, 0, 0.8 * rise)]
        frond, yaw, tone = tube(place, 0.006 * size), 2.4 * k + rng.uniform(-0.3, 0.3), rng.uniform()
        patches.append(Patch(moved(frond, (0, 0, 0), yaw), plain("4d5a2a", 0.1), 0.0))
        for v in np.linspace(0.3, 0.98, 9):
            foot = frond(np.zeros(1), np.array([v]))[0]
            length = 0.16 * size * np.sin(np.pi * v) + 0.05 * size
            for side in (-1, 1):
                tip = foot + np.array([0.35 * length, side * length, -0.1 * length])
                blade = leaf([foot, (foot + tip) / 2, tip], 0.026 * size)
                patches.append(Patch(moved(blade, (0, 0, 0), yaw), _leaf_color("2c5a25", "86b04f", tone), 0.03))
    return DemoObject(name, patches, detail=0.6)
