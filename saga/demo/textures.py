"""Procedural colors: functions from surfels to sRGB in [0, 1]."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.ndimage import map_coordinates

from saga.demo.surfaces import Samples, Surface

Texture = Callable[[Samples], np.ndarray]  # -> [n, 3]

_LATTICE = np.random.default_rng(7).uniform(-1, 1, (32, 32, 32))


def averaged(texture: Texture, surface: Surface, samples: Samples, grid: int = 3) -> np.ndarray:
    """Returns the mean color [n, 3] over each surfel's cell, from grid x grid places: thin lines stay whole."""
    offsets = (np.arange(grid) + 0.5) / grid - 0.5
    total = np.zeros((len(samples.u), 3))
    for du in offsets:
        for dv in offsets:
            u = np.clip(samples.u + du * samples.steps[:, 0], 0, 1)
            v = np.clip(samples.v + dv * samples.steps[:, 1], 0, 1)
            total += texture(replace(samples, u=u, v=v, points=surface(u, v)))
    return np.clip(total / grid**2, 0, 1)


def noise(points: np.ndarray, octaves: int = 3) -> np.ndarray:
    """Smooth noise about [-1, 1] at [n, 3] points, one unit a feature; each octave halves size and height."""
    total = np.zeros(len(points))
    for octave in range(octaves):
        lattice = points * 2**octave + 11.3 * octave
        total += map_coordinates(_LATTICE, lattice.T, order=1, mode="grid-wrap") / 2**octave
    return total


def hexed(code: str) -> np.ndarray:
    """Returns sRGB [3] of a color such as "c0392b"."""
    return np.array([int(code[i : i + 2], 16) for i in (0, 2, 4)]) / 255


def mix(first: np.ndarray, second: np.ndarray, amount: np.ndarray) -> np.ndarray:
    """Returns `first` where `amount` [n] is 0, `second` where it is 1."""
    return np.asarray(first + (second - first) * np.clip(amount, 0, 1)[:, None])


def plain(code: str, grain: float = 0.04, scale: float = 60.0) -> Texture:
    """Returns one color with a little noise: `grain` its height, `scale` its frequency per scene unit."""
    color = hexed(code)
    return lambda s: np.clip(color * (1 + grain * noise(s.points * scale))[:, None], 0, 1)


def bands(default: str, *zones: tuple[float, float, str]) -> Texture:
    """Returns `default`, and other colors where z lies between two heights: (low, high, color)."""

    def texture(s: Samples) -> np.ndarray:
        color = plain(default)(s)
        for low, high, code in zones:
            inside = (s.points[:, 2] >= low) & (s.points[:, 2] < high)
            color[inside] = plain(code)(s)[inside]
        return color

    return texture


def wood(light: str, dark: str, planks: float) -> Texture:
    """Planks of width `planks` along y with grain, rings and dark joints."""
    first, second = hexed(light), hexed(dark)

    def texture(s: Samples) -> np.ndarray:
        x, y, z = s.points.T
        plank = np.floor(x / planks)
        shift = np.sin(plank * 12.9898) * 43.7
        streaks = noise(np.stack([x * 70, y * 5 + shift, z * 20], axis=1), 4)
        rings = np.sin(40 * x + 2.5 * noise(np.stack([x * 9, y * 2.5 + shift, z], axis=1)) + shift)
        tone = 0.38 + 0.22 * streaks + 0.10 * rings + 0.16 * np.sin(plank * 5.1)
        joint = np.abs((x / planks) % 1 - 0.5) > 0.485
        return mix(mix(first, second, tone), second * 0.45, joint * 0.75)

    return texture


def stripes(codes: list[str]) -> Texture:
    """Returns meridian stripes around z, one a color, with white caps."""
    palette = np.stack([hexed(code) for code in codes])

    def texture(s: Samples) -> np.ndarray:
        color = palette[(s.u * len(codes)).astype(int) % len(codes)].copy()
        color[np.abs(s.v - 0.5) > 0.44] = hexed("f7f4ee")
        return np.asarray(color)

    return texture
