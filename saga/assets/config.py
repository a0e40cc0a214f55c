"""How an object for engines stands; imports no torch, so that commands show it at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from saga.errors import SagaError

MESH, HULL, MANIFEST = "collision.glb", "hull.glb", "asset.json"
"""Names of files."""
Origin = Literal["base", "center", "scene"]
_AXES = {"x": (1, 0, 0), "y": (0, 1, 0), "z": (0, 0, 1)}


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

    def __post_init__(self) -> None:
        """Raises SagaError for values that mean nothing."""
        if self.up != "auto":
            self.direction()
        if not (np.isfinite(self.scale) and self.scale > 0):
            raise SagaError(f"scale: expected units per meter, more than 0, found {self.scale}; measure something.")

    def direction(self) -> np.ndarray:  # [3]
        """Returns the up direction that was given, unit float64 [3]. Raises SagaError when it is none."""
        sign, axis = (-1, self.up[1:]) if self.up[:1] in ("-", "+") and self.up[1:] in _AXES else (1, self.up)
        sign = 1 if self.up[:1] == "+" else sign
        try:
            values = sign * np.array(_AXES[axis] if axis in _AXES else [float(v) for v in self.up.split(",")], float)
        except ValueError:
            values = np.zeros(0)
        length = np.linalg.norm(values)
        if values.shape != (3,) or not np.isfinite(length) or length < 1e-9:
            raise SagaError(f"up: expected auto, an axis such as -y, or x,y,z, found {self.up!r}; give one of them.")
        return np.asarray(values / length)
