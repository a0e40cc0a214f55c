"""Box: a part of space, to train and to segment of a scene that is too large for all of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from saga.errors import SagaError

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Box:
    """A box along the axes of the world, in world units; its sides belong to it."""

    low: tuple[float, float, float]
    """Least x, y and z."""
    high: tuple[float, float, float]
    """Greatest x, y and z."""

    @staticmethod
    def read(text: str, option: str = "region") -> Box:
        """Returns the box that "x0,y0,z0,x1,y1,z1" means, whichever of two corners comes first.

        Raises:
            SagaError: the text is no six finite numbers, or the box has no volume; `option` is named then.
        """
        try:
            values = [float(value) for value in text.split(",")]
        except ValueError:
            values = []
        if len(values) != 6 or not all(math.isfinite(value) for value in values):
            raise SagaError(
                f"{option}: expected x0,y0,z0,x1,y1,z1 in the scene's units, found {text!r}; give two corners of a "
                "box, e.g. -1,-1,0,1,1,2."
            )
        (x0, x1), (y0, y1), (z0, z1) = (sorted(values[axis::3]) for axis in range(3))
        if x0 == x1 or y0 == y1 or z0 == z1:
            raise SagaError(
                f"{option}: expected a box with a volume, found {text!r}; give corners apart on every axis."
            )
        return Box((x0, y0, z0), (x1, y1, z1))

    def contains(
        self,
        points: np.ndarray,  # [n, 3]
    ) -> np.ndarray:  # [n] bool
        """Tells which points, in world coordinates, lie in the box."""
        inside: np.ndarray = points[:, 0] == points[:, 0]
        for axis in range(3):  # one at a time: of a large scene all at once are gigabytes
            inside &= (points[:, axis] >= self.low[axis]) & (points[:, axis] <= self.high[axis])
        return inside

    def __str__(self) -> str:
        """Returns the box as `read` takes it."""
        return ",".join(f"{value!r}".removesuffix(".0") for value in (*self.low, *self.high))
