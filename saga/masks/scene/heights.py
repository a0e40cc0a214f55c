"""How high the surface rises over a support, and how much the support's own surface varies."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import ndimage

from saga.masks.scene.config import SceneMaskConfig
from saga.masks.scene.patches import Support
from saga.masks.scene.surface import Surface

_SMOOTHED_CELLS = 2.0
"""Standard deviation of the smoothing of a support's warp, in cells of twice the footprint's."""
_SAMPLES_COUNTED = 100


@dataclass(frozen=True, eq=False)
class Ground:
    """A support with its warp and its noise: what lies on it and what rises over it."""

    support: Support
    heights: np.ndarray  # [V]
    """Height of every voxel over the warped support, world units."""
    threshold: np.ndarray  # [V]
    """Height over which a voxel counts as above the support, world units."""

    @cached_property
    def above(self) -> np.ndarray:  # [V]
        """Voxels of what stands on the support."""
        high = (self.heights > self.threshold) & (self.heights < self.support.tallest)
        return self.support.around & high

    @cached_property
    def lying(self) -> np.ndarray:  # [V]
        """Voxels of the support itself."""
        low = (self.heights <= self.threshold) & (self.heights > -self.support.under)
        return np.asarray(self.support.around & low)


def ground(surface: Surface, support: Support, config: SceneMaskConfig) -> Ground:
    """Measures heights over a support, less a smooth warp of it; the threshold follows the noise around a place."""
    cells = support.cells // 2
    own = support.on_plane & support.inside
    weight = np.minimum(surface.samples, _SAMPLES_COUNTED).astype(np.float64)

    def smoothed(values: np.ndarray) -> np.ndarray:
        total = np.zeros(cells.max(0) + 1)
        np.add.at(total, tuple(cells[own].T), values[own])
        return np.asarray(ndimage.gaussian_filter(total, _SMOOTHED_CELLS, mode="constant"))

    places = tuple(cells.T)
    mass = smoothed(weight)
    warp = np.where(mass > 1e-6, smoothed(weight * support.heights) / np.maximum(mass, 1e-6), 0.0)
    heights = support.heights - warp[places]
    noise = smoothed(weight * np.abs(heights)) / np.maximum(mass, 1e-6)
    limits = (config.least_height * support.distance, config.most_height * support.distance)
    return Ground(support, heights, np.clip(config.noises * noise[places], *limits))
