"""Prompts as points of the world (SANeRF-HQ, section 3.2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from saga.methods.points import seen_points, world_points
from saga.raster.device_scene import DeviceScene

_INSIDE = 0.35
"""Spread points keep this share of the greatest distance to a mask's border."""


@dataclass(frozen=True)
class WorldPoints:
    """Points of the world and whether they are on the object."""

    points: Tensor  # [K, 3] float64
    labels: np.ndarray  # [K] int64, 1 on the object, 0 not

    @staticmethod
    def of(device_scene: DeviceScene, name: str, pixels: np.ndarray, labels: np.ndarray) -> WorldPoints:  # [K, 2], [K]
        """Returns what pixels (x, y) of a view show (eq. 6), without those that show nothing."""
        found = world_points(device_scene, name, torch.from_numpy(pixels).to(device_scene.device))
        shown = found.isfinite().all(1)
        return WorldPoints(found[shown], labels[shown.cpu().numpy()])

    @staticmethod
    def joined(parts: list[WorldPoints]) -> WorldPoints:
        """Returns all points of all parts; at least one part is given."""
        return WorldPoints(torch.cat([part.points for part in parts]), np.concatenate([p.labels for p in parts]))

    def seen(
        self, device_scene: DeviceScene, name: str, tolerance: float
    ) -> tuple[np.ndarray, np.ndarray]:  # [V, 2], [V]
        """Returns pixels (x, y) and labels of the points that a view sees."""
        pixels, visible = seen_points(device_scene, name, self.points, tolerance)
        kept = visible.cpu().numpy()
        return pixels.cpu().numpy()[kept], self.labels[kept]


def spread(
    mask: np.ndarray,  # [H, W] bool
    count: int,
) -> np.ndarray:  # [K, 2]
    """Returns at most `count` pixels (x, y) well inside a mask; none for an empty mask.

    The first is the one farthest from the border, the next is always the one farthest from those chosen.
    """
    inner = distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    ys, xs = np.nonzero(inner >= max(_INSIDE * inner.max(), 1.0))
    if len(xs) == 0:
        return np.zeros((0, 2), np.int64)
    pixels = np.stack([xs, ys], axis=1)
    chosen = [int(inner[ys, xs].argmax())]
    apart = np.full(len(pixels), np.inf)
    while len(chosen) < min(count, len(pixels)):
        apart = np.minimum(apart, np.square(pixels - pixels[chosen[-1]]).sum(1))
        if apart.max() == 0:
            break
        chosen.append(int(apart.argmax()))
    return pixels[chosen].astype(np.int64)
