"""Which way is up for an object: away from what it stands on, else as the cameras were held, else a guess."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from saga.assets.config import AssetConfig
from saga.masks.scene.config import SceneMaskConfig
from saga.masks.scene.gate import likely_supports
from saga.masks.scene.patches import Support
from saga.raster import DeviceScene
from saga.scene.orbit import camera_up, guess_up

Source = Literal["given", "support", "cameras", "guess"]
_FEWEST_VIEWS = 2
_FOOT = 0.05
"""Quantile of the heights of an object's Gaussians that counts as its foot."""
_CLOSE = 0.25
"""Distance of the foot from a support, in heights of the object, up to which it stands there."""
_LEVEL = 0.5
"""Cosine between a support's normal and the cameras' up direction from which on things stand there, and do not hang."""


@dataclass(frozen=True)
class Up:
    """An up direction, and how it was found."""

    direction: np.ndarray  # [3]
    """Unit vector in the scene's frame, float64."""
    source: Source


class Uprights:
    """Finds the up direction of the objects of one scene; its supports are looked for once."""

    def __init__(self, scene: DeviceScene, config: AssetConfig) -> None:
        """Looks at nothing yet."""
        self._scene, self._config = scene, config

    def of(
        self,
        means: np.ndarray,  # [n, 3]
    ) -> Up:
        """Returns the up direction of an object, by the centers of its Gaussians."""
        if self._config.up != "auto":
            return Up(np.array(self._config.direction()), "given")
        general = self._general
        found = [(height, each) for each in self._supports if (height := _stands_on(each, means)) is not None]
        for _, support in sorted(found, key=lambda pair: pair[0]):
            normal = np.asarray(support.plane.normal, np.float64)
            if general.source == "guess" or normal @ general.direction > _LEVEL:
                return Up(normal / np.linalg.norm(normal), "support")
        return general

    @cached_property
    def _general(self) -> Up:
        held = camera_up(self._scene.scene.cameras)
        if held is not None:
            return Up(held, "cameras")
        return Up(guess_up(self._scene.scene.gaussians), "guess")

    @cached_property
    def _supports(self) -> list[Support]:
        cameras = self._scene.scene.cameras
        return likely_supports(self._scene, cameras, SceneMaskConfig()) if len(cameras) >= _FEWEST_VIEWS else []


def _stands_on(
    support: Support,
    means: np.ndarray,  # [n, 3]
) -> float | None:
    """Returns how far an object's foot is from a support in heights of the object; None when it stands elsewhere."""
    heights = support.plane.heights(means)
    foot, top = np.quantile(heights, (_FOOT, 1 - _FOOT))
    off = abs(foot) / max(top - foot, 1e-9)
    return float(off) if top > 0 and off < _CLOSE else None
