"""One prediction: guidance on a grid, network, logits of the Gaussians in it (SGISRF, eq. 1, 5 to 8)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from saga.lifting.sgisrf.grid import Box, Grid, opacity_grid, within
from saga.lifting.sgisrf.guidance import Lifted, propagate, splat
from saga.lifting.sgisrf.network import SegmentationNetwork, refine, uncertain_voxels
from saga.raster import Geometry

OUTSIDE = -6.0
"""Logit of Gaussians outside of the grid."""


@dataclass(frozen=True)
class Volume:
    """The opacity of a part of a scene at two resolutions."""

    grid: Grid
    members: Tensor  # [n] int64, Gaussians whose centre lies in it
    points: Tensor  # [n, 3] their centres
    opacity: Tensor  # [S, S, S] A
    fine_opacity: Tensor  # [2 S, 2 S, 2 S]

    @staticmethod
    def build(geometry: Geometry, box: Box, size: int) -> Volume:
        """Samples the Gaussians in a box."""
        grid = Grid(box, size)
        members = within(geometry, box)
        coarse, fine = opacity_grid(geometry, members, grid), opacity_grid(geometry, members, grid.finer())
        return Volume(grid, members, geometry.means[members], coarse, fine)

    def inputs(
        self,
        geometry: Geometry,
        positive: Lifted,
        negative: Lifted,
        previous: Tensor | None,  # [N] probabilities
        propagation: bool = True,
    ) -> tuple[Tensor, Tensor]:
        """Coarse [INPUTS, S, S, S] and fine [FINE_INPUTS, 2 S, 2 S, 2 S] channels of the network."""
        lifted = [(geometry.means[each.gaussians], each.confidence) for each in (positive, negative)]
        guidance, known = (torch.stack(part) for part in zip(*(splat(self.grid, *e) for e in lifted), strict=True))
        fine = [splat(self.grid.finer(), *each) for each in lifted]
        if propagation:
            guidance = propagate(guidance, known, self.opacity)
        last = torch.zeros_like(self.opacity) if previous is None else self._averaged(geometry, previous)
        coarse = torch.cat([self.opacity[None], guidance, known, last[None]])
        return coarse, torch.stack([self.fine_opacity, fine[0][0], fine[1][0], fine[0][1], fine[1][1]])

    def _averaged(
        self,
        geometry: Geometry,
        values: Tensor,  # [N]
    ) -> Tensor:  # [S, S, S]
        """Mean of per-Gaussian values in each voxel, weighted by opacity; 0 in empty ones."""
        cell, _ = self.grid.cells(self.points)
        weight = geometry.opacities[self.members]
        empty = torch.zeros(self.grid.size**3, device=weight.device)
        total = empty.scatter_add(0, cell, weight)
        mean = empty.scatter_add(0, cell, weight * values[self.members]) / total.clamp(min=1e-6)
        return mean.reshape(self.opacity.shape)


@dataclass(frozen=True)
class Prediction:
    """Logits of the Gaussians of a volume."""

    logits: Tensor  # [n]
    uncertain: int
    """Voxels that were refined."""


def predict(
    network: SegmentationNetwork,
    volume: Volume,
    coarse: Tensor,  # [INPUTS, S, S, S]
    fine: Tensor,  # [FINE_INPUTS, 2 S, 2 S, 2 S]
    refinement: bool = True,
    band: float = 0.4,
    most: int = 8192,
    half: bool = False,
) -> Prediction:
    """Per-Gaussian logits: the U-Net's, interpolated at the centres, corrected where it was unsure.

    `band` and `most` choose the voxels that are refined, see `uncertain_voxels`; `half` computes the U-Net in bfloat16.
    """
    with torch.autocast(coarse.device.type, torch.bfloat16, enabled=half):
        logits, features = network(coarse)
    logits, features = logits.float(), [level.float() for level in features]
    uncertain = uncertain_voxels(logits, volume.opacity, band, most if refinement else 0)
    if len(uncertain) == 0:
        return Prediction(volume.grid.sample(logits[None], volume.points)[:, 0], 0)
    refined = refine(network, volume.grid, logits, features, coarse, fine, uncertain)
    corrected = logits + refined.coarse.reshape(logits.shape)
    own, _ = volume.grid.finer().cells(volume.points)
    return Prediction(
        volume.grid.sample(corrected[None], volume.points)[:, 0] + refined.fine[own], len(refined.uncertain)
    )
