"""The appearance of a sheet, rectified from the views that see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import map_coordinates

from saga.filling.holes import rays_of, seen_from
from saga.filling.sheets import Sheet
from saga.filling.sights import Sight


@dataclass(frozen=True, eq=False)
class Texture:
    """Colors of the cells of a sheet."""

    color: np.ndarray  # [rows, columns, 3]
    """RGB, float64; 0 where nothing is known."""
    known: np.ndarray  # [rows, columns]
    """Cells that a view shows, bool."""


def rectified(sheet: Sheet, sights: Sequence[Sight]) -> Texture:
    """Returns the mean of what the views show of each cell, those that look at it from above and near before others."""
    total, weights = np.zeros((*sheet.heights.shape, 3)), np.zeros(sheet.heights.shape)
    for sight in sights:
        rays = rays_of(sheet, sight)
        seen = seen_from(sheet, sight, rays)[0]
        if not seen.any():
            continue
        pixels = rays.pixels[seen]
        places = [pixels[:, 1] - 0.5, pixels[:, 0] - 0.5]
        color = np.stack(
            [map_coordinates(channel, places, order=1, mode="nearest") for channel in np.moveaxis(sight.color, -1, 0)],
            -1,
        )
        # Pixels on the sheet for a unit of its area: how finely the view shows it.
        fine = rays.cosines[seen] * (sight.camera.fx / rays.depths[seen]) ** 2
        weight = fine**2
        total[seen] += weight[:, None] * color
        weights[seen] += weight
    known = weights > 0
    return Texture(total / np.where(known, weights, 1)[..., None], known)
