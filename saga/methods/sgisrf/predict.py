"""One prediction: guidance on a grid, network, logits of the Gaussians in it (SGISRF, eq. 1, 5 to 8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from saga.methods.sgisrf.grid import Box, Grid, opacity_grid, within
from saga.methods.sgisrf.guidance import Lifted, fuse, propagate
from saga.methods.sgisrf.network import SegmentationNetwork, refine, uncertain_voxels
from saga.raster import Geometry

OUTSIDE = -6.0
"""Logit of Gaussians outside of the grid."""


@dataclass(frozen=True)
class Volume:
    """The opacity of a part of a scene."""

    grid: Grid
    members: Tensor  # [n] int64, Gaussians whose center lies in it
    points: Tensor  # [n, 3] their centers
    opacity: Tensor  # [S, S, S] A

    @staticmethod
    def build(geometry: Geometry, box: Box, size: int) -> Volume:
        """Samples the Gaussians in a box."""
        grid = Grid(box, size)
        members = within(geometry, box)
        return Volume(grid, members, geometry.means[members], opacity_grid(geometry, members, grid))

    def inputs(
        self,
        geometry: Geometry,
        positive: Sequence[Sequence[Lifted]],
        negative: Sequence[Sequence[Lifted]],
        previous: Tensor | None,  # [N] probabilities
        propagation: bool = True,
    ) -> Tensor:  # [INPUTS, S, S, S]
        """Channels of the U-Net.

        `positive` and `negative` hold, for each click, what it says in the views that repeat it.
        """
        fused = [fuse(self.grid, geometry.means, clicks) for clicks in (positive, negative)]
        guidance, known = (torch.stack(part) for part in zip(*fused, strict=True))
        if propagation:
            guidance = propagate(guidance, known, self.opacity)
        last = torch.zeros_like(self.opacity) if previous is None else self._averaged(geometry, previous)
        return torch.cat([self.opacity[None], guidance, known, last[None]])

    def fine_inputs(
        self,
        geometry: Geometry,
        positive: Sequence[Sequence[Lifted]],
        negative: Sequence[Sequence[Lifted]],
    ) -> Tensor:  # [FINE_INPUTS, 2 S, 2 S, 2 S]
        """Channels of the refinement, at twice the resolution; arguments as of `inputs`."""
        finer = self.grid.finer()
        (ours, known), (theirs, others) = (fuse(finer, geometry.means, clicks) for clicks in (positive, negative))
        return torch.stack([opacity_grid(geometry, self.members, finer), ours, theirs, known, others])

    def _averaged(
        self,
        geometry: Geometry,
        values: Tensor,  # [N]
    ) -> Tensor:  # [S, S, S]
        """Returns the mean of per-Gaussian values in each voxel, weighted by opacity; 0 in empty ones."""
        cell, _ = self.grid.cells(self.points)
        weight = geometry.opacities[self.members]
        empty = torch.zeros(self.grid.size**3, device=weight.device)
        total = empty.scatter_add(0, cell, weight)
        mean = empty.scatter_add(0, cell, weight * values[self.members]) / total.clamp(min=1e-6)
        return mean.reshape(self.opacity.shape)


@dataclass(frozen=True)
class Coarse:
    """What the U-Net made of a volume."""

    logits: Tensor  # [S, S, S]
    features: list[Tensor]  # per level [C, S', S', S']

    def sampled(self, volume: Volume) -> Tensor:  # [n]
        """Logits at the centers of the volume's Gaussians."""
        return volume.grid.sample(self.logits[None], volume.points)[:, 0]


def predict_coarse(
    network: SegmentationNetwork,
    coarse: Tensor,  # [INPUTS, S, S, S]
    half: bool = False,
) -> Coarse:
    """Returns the U-Net's prediction, computed in bfloat16 if `half`."""
    with torch.autocast(coarse.device.type, torch.bfloat16, enabled=half):
        logits, features = network(coarse)
    return Coarse(logits.float(), [level.float() for level in features])


def predict_refined(
    network: SegmentationNetwork,
    volume: Volume,
    first: Coarse,
    coarse: Tensor,  # [INPUTS, S, S, S]
    fine: Tensor,  # [FINE_INPUTS, 2 S, 2 S, 2 S]
    band: float = 0.4,
    most: int = 2048,
) -> tuple[Tensor, int]:  # [n]
    """Logits of the volume's Gaussians, corrected in uncertain voxels, and how many voxels those were.

    A Gaussian in an uncertain voxel takes the correction of the child voxel that it lies in, on top of the corrected
    coarse logits interpolated at its center. `band` and `most` choose the voxels, see `uncertain_voxels`.
    """
    uncertain = uncertain_voxels(first.logits, volume.opacity, band, most)
    if len(uncertain) == 0:
        return first.sampled(volume), 0
    refined = refine(network, volume.grid, first.logits, first.features, coarse, fine, uncertain)
    corrected = Coarse(first.logits + refined.coarse.reshape(first.logits.shape), first.features)
    own, _ = volume.grid.finer().cells(volume.points)
    return corrected.sampled(volume) + refined.fine[own], len(uncertain)
