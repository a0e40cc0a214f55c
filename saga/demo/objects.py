"""The demo's table and everything on it."""

from __future__ import annotations

import numpy as np

from saga.demo.dishes import bottle, bowl, mug, plate
from saga.demo.food import apple, donut, orange
from saga.demo.model import DemoObject, Patch
from saga.demo.surfaces import lathe
from saga.demo.textures import wood
from saga.demo.things import ball, book, die, duck, lamp, plant

_TABLE_RADIUS = 0.80


def all_objects() -> list[DemoObject]:
    """Returns the table first, then everything on it: the place in the list is the label."""
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


def table() -> DemoObject:
    """Returns a round table top of planks."""
    edge = 0.02
    profile = [(_TABLE_RADIUS - edge + edge * np.cos(t), -0.025 + 0.025 * np.sin(t)) for t in np.linspace(-1.5, 1.5, 9)]
    profile += [(_TABLE_RADIUS - edge, 0.0), (0.0, 0.0)]
    grain = wood("c99c6b", "8a5a33", 0.135)
    return DemoObject("table", [Patch(lathe(profile, smooth=False), grain, 0.05)], detail=0.62)
