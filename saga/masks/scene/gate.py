"""Whether a scene has a support at all, decided on a few views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from saga.masks.scene.config import SceneMaskConfig
from saga.masks.scene.grid import view_grid
from saga.masks.scene.patches import Support
from saga.masks.scene.supports import find_supports
from saga.masks.scene.surface import fuse
from saga.raster import DeviceScene
from saga.scene.camera import Camera

_VIEWS = 8
_SIDE_SHARE = 0.5
"""Samples along a view's side, of those of the whole surface."""
_LENIENCE = 0.5
"""Shares that the whole surface must reach are this much lower for the gate."""


def may_have_support(scene: DeviceScene, cameras: Sequence[Camera], config: SceneMaskConfig) -> bool:
    """Whether there are supports on a coarse surface."""
    return bool(likely_supports(scene, cameras, config))


def likely_supports(scene: DeviceScene, cameras: Sequence[Camera], config: SceneMaskConfig) -> list[Support]:
    """Looks for supports on a coarse surface from a few of the cameras, with shares half as high."""
    few = [cameras[i] for i in np.unique(np.linspace(0, len(cameras) - 1, _VIEWS).round().astype(int))]
    side = round(_SIDE_SHARE * config.grid_side)
    surface = fuse([view_grid(scene.operator(c.name), scene.picture(c.name), side) for c in few], config)
    if surface is None:
        return []
    lenient = replace(
        config,
        support_share=_LENIENCE * config.support_share,
        least_load=_LENIENCE * config.least_load,
        most_load=config.most_load / _LENIENCE,
    )
    return find_supports(surface, lenient, np.random.default_rng(config.seed))
