"""How an object for engines stands; imports no torch, so that commands show it at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from saga.errors import SagaError

MESH, HULL, PARTS, MANIFEST = "collision.glb", "hull.glb", "parts.glb", "asset.json"
"""Names of files."""
Origin = Literal["base", "center", "scene"]
_AXES: dict[str, tuple[float, ...]] = {"x": (1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0)}
_SHORTEST = 1e-9
"""Of a vector that has a direction."""


@dataclass(frozen=True)
class AssetConfig:
    """Where an object's own frame lies: y is up, x runs along the longer side of its foot."""

    up: str = "auto"
    """Which way is up in the scene: x, -y and so on, or three numbers x,y,z; auto takes the support that the object
    stands on, else what the cameras agree on, else what the scene lets guess."""
    origin: Origin = "base"
    """What lies at 0: the middle of the foot, the middle of the bounding box, or the scene's own origin."""
    scale: float = 1.0
    """Units of the scene in a meter."""
    convex_parts: bool = False
    """Whether the mesh is also written as convex parts that make it up, which takes the package coacd."""

    def __post_init__(self) -> None:
        """Raises SagaError for values that mean nothing."""
        if self.up != "auto":
            self.direction()
        if not (math.isfinite(self.scale) and self.scale > 0):
            raise SagaError(f"scale: expected units per meter, more than 0, found {self.scale}; measure something.")

    def direction(self) -> tuple[float, float, float]:
        """Returns the up direction that was given, of length 1. Raises SagaError when it is none."""
        sign = -1.0 if self.up[:1] == "-" and self.up[1:] in _AXES else 1.0
        axis = self.up[1:] if self.up[:1] in ("-", "+") and self.up[1:] in _AXES else self.up
        try:
            values = _AXES.get(axis) or tuple(float(value) for value in self.up.split(","))
        except ValueError:
            values = ()
        length = math.hypot(*values)
        if len(values) != 3 or not math.isfinite(length) or length < _SHORTEST:
            raise SagaError(f"up: expected auto, an axis such as -y, or x,y,z, found {self.up!r}; give one of them.")
        x, y, z = (sign * value / length for value in values)
        return x, y, z
