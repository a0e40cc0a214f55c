"""Further points, each with the picture in which it was given."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from saga.raster import BlendOperator
from saga.regions.evidence import holds
from saga.regions.membership import cell_picture, pixel_cells

_OF_A_POINT = 0.05
"""Share of what a point shows, from which a cell is what it points at."""
_SAMPLES = 20_000
"""Samples of a picture, about."""


@dataclass(frozen=True, eq=False)
class Click:
    """A further point, and the picture in which it was given."""

    shown: np.ndarray  # [L]
    """What the point shows, as shares of cells, float32 [L]."""
    positive: bool
    """Whether it is on the object."""
    picture: np.ndarray  # [h, w]
    """Cell that each sample of the view shows most, int [h, w]; -1 for none."""
    place: tuple[int, int]
    """Row and column of the sample nearest to the point."""

    @property
    def pointed(self) -> np.ndarray:  # [L]
        """The cells that it points at, bool."""
        pointed: np.ndarray = self.shown > _OF_A_POINT * self.shown.sum()
        return pointed

    def wrong(
        self,
        members: np.ndarray,  # [R, L]
    ) -> np.ndarray:  # [R]
        """Which sets of cells have it on the wrong side, bool."""
        wrong: np.ndarray = holds(members, self.shown) != self.positive
        return wrong


def view_clicks(
    operator: BlendOperator,
    cells: Tensor,  # [N] int64
    count: int,
    points: np.ndarray,  # [P, 2]
    positive: np.ndarray,  # [P]
) -> list[Click]:
    """The clicks at pixels (x, y) of one view; those that show no cell are left out.

    Args:
        operator: the view's.
        cells: cell of each Gaussian, -1 for none.
        count: number of cells L.
        points: int [P, 2].
        positive: which are on the object, bool [P].
    """
    if len(points) == 0:
        return []
    camera = operator.camera
    step = max(1, round((camera.width * camera.height / _SAMPLES) ** 0.5))
    picture = cell_picture(operator, cells, step)
    shown = pixel_cells(operator, cells, count, torch.from_numpy(np.ascontiguousarray(points))).cpu().numpy()
    height, width = picture.shape
    return [
        Click(each, bool(side), picture, (min(int(y) // step, height - 1), min(int(x) // step, width - 1)))
        for each, side, (x, y) in zip(shown, positive, points, strict=True)
        if each.any()
    ]
