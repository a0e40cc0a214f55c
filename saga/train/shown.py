"""Which Gaussians of a scene training is about: of a city, those of the streets that were photographed."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from saga.raster import Geometry
from saga.raster.window import Bounds
from saga.scene import Camera

_MOST = 0.8
"""Share of a scene that is as good as all of it."""


def shown_rows(geometry: Geometry, cameras: Sequence[Camera]) -> Tensor | None:  # [n] int64
    """Returns the Gaussians that reach the picture of any view, hidden by others or not; None for (almost) all.

    What no picture shows has no masks to learn from: it takes no memory, and its features are 0.
    """
    bounds = Bounds(geometry)
    reached = torch.zeros(len(geometry), dtype=torch.bool, device=geometry.device)
    for camera in cameras:
        reached[bounds.reaching(camera)] = True
    rows = reached.nonzero()[:, 0]
    return None if len(rows) > _MOST * len(geometry) or len(rows) == 0 else rows
