"""Food of the demo: orange, apple and donut, in metres, each around its own foot point."""

from __future__ import annotations

import numpy as np

from saga.demo.model import DemoObject, Patch
from saga.demo.surfaces import Samples, Surface, lathe, leaf, torus, tube
from saga.demo.textures import hexed, mix, noise, plain


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


def _fruit(radius: float, flat: float, dimple: float) -> Surface:
    """A ball of height 2 * flat * radius, dimpled at the top."""
    turn = np.linspace(-np.pi / 2, np.pi / 2, 60)
    dip = dimple * np.exp(-(((turn - np.pi / 2) / 0.4) ** 2))
    return lathe([(radius * np.cos(t), radius * flat * (1 + np.sin(t)) - d) for t, d in zip(turn, dip, strict=True)])
