"""Gaussians that repeat others."""

from __future__ import annotations

import torch
from torch import Tensor

from saga.postprocess import nearest_neighbors
from saga.raster import DeviceScene

_NEIGHBORS = 4
_TOLERANCE = 0.02
"""Difference from which nothing is a copy: of positions in standard deviations, of logarithms of these, of opacities,
of colors, and of the cosine of half the angle between rotations."""
_PIECE = 1 << 18


def copies_of(placed: DeviceScene) -> Tensor:  # [N]
    """Tells how exactly each Gaussian repeats one that comes before it in the file: 1 to the bit, 0 from a fiftieth on.

    Two in the same place, as pasting a scene twice leaves them; what training splits differs by more.
    """
    geometry, count = placed.geometry, len(placed.geometry)
    alike = torch.zeros(count, device=geometry.device)
    rows = placed.valid.nonzero()[:, 0]
    if len(rows) < 2:
        return alike
    found = nearest_neighbors(geometry.means[rows], min(_NEIGHBORS, len(rows)))
    colors = torch.from_numpy(placed.scene.gaussians.base_colors()).to(geometry.device)
    turns = torch.nn.functional.normalize(geometry.quaternions, dim=1)
    logs = geometry.scales.clamp_min(1e-30).log()
    for first in range(0, len(rows), _PIECE):
        own = rows[first : first + _PIECE]
        for column in found[first : first + _PIECE].T:
            other = rows[column.long()]
            apart = (geometry.means[own] - geometry.means[other]).norm(dim=1) / geometry.scales[own].amax(1)
            differences = torch.stack([
                apart,
                (logs[own] - logs[other]).abs().amax(1),
                (geometry.opacities[own] - geometry.opacities[other]).abs(),
                (colors[own] - colors[other]).abs().amax(1),
                1 - (turns[own] * turns[other]).sum(1).abs(),
            ])  # fmt: skip
            match = (1 - differences.amax(0) / _TOLERANCE).clamp(0, 1)
            alike[own] = torch.maximum(alike[own], torch.where(other < own, match, 0.0))
    return alike
