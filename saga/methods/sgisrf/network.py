"""The 3D U-Net and the transformer that re-predicts what it is unsure of (SGISRF, section 3.4)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from saga.methods.sgisrf.grid import Box, Grid, flat

INPUTS = 6
"""Channels of the coarse input: A, P+, P-, where P+ and P- are known, and the previous mask."""
FINE_INPUTS = 5
"""Channels of the fine input: A, G+, G- and where G+ and G- are known."""
_GROUP = 32
"""Uncertain voxels that attend to each other, with their 8 children each."""
_OCCUPIED = 0.01
"""Opacity from which a voxel has something to segment."""
_UNIT = Box((0.5, 0.5, 0.5), 0.5)


@dataclass(frozen=True)
class NetworkSize:
    """What decides the shapes of the weights."""

    width: int = 16
    """Channels of the finest level of the U-Net; doubled at each of the next two."""
    tokens: int = 48
    """Channels of the transformer."""
    layers: int = 2
    """Layers of the transformer."""


class SegmentationNetwork(nn.Module):
    """F_3D-Unet (eq. 8) and its refinement."""

    def __init__(self, size: NetworkSize) -> None:
        """Makes a network of some size, with random weights."""
        super().__init__()
        self.size, width = size, size.width
        self.encode = nn.ModuleList(
            [
                _stage(INPUTS, width, 1),
                _stage(width, 2 * width, 2),
                _stage(2 * width, 4 * width, 2),
                _stage(4 * width, 4 * width, 2),
            ]
        )
        self.raise_ = nn.ModuleList(
            [
                nn.ConvTranspose3d(4 * width, 4 * width, 2, 2),
                nn.ConvTranspose3d(4 * width, 2 * width, 2, 2),
                nn.ConvTranspose3d(2 * width, width, 2, 2),
            ]
        )
        self.decode = nn.ModuleList([_block(4 * width), _block(2 * width), _block(width)])
        self.head = nn.Conv3d(width, 1, 1)
        self.refiner = Refiner(size, 7 * width)

    def forward(
        self,
        inputs: Tensor,  # [INPUTS, S, S, S], S a multiple of 8
    ) -> tuple[Tensor, list[Tensor]]:
        """Logits s [S, S, S] and the features of three levels, finest first, [C, S', S', S'] each."""
        levels = [inputs[None]]
        for stage in self.encode:
            levels.append(stage(levels[-1]))
        value, features = levels[-1], []
        for up, block, skip in zip(self.raise_, self.decode, levels[-2:0:-1], strict=True):
            value = block(skip + up(value))
            features.append(value[0])
        return self.head(value)[0, 0], features[::-1]


class Refiner(nn.Module):
    """Transformer over uncertain voxels and their children: corrections of their logits."""

    def __init__(self, size: NetworkSize, features: int) -> None:
        """Makes a transformer that reads so many features of the U-Net for each voxel."""
        super().__init__()
        # Tokens know their level, their place in the cube, what the U-Net made of them, and what is seen there.
        self.embed = nn.Sequential(
            nn.Linear(features + FINE_INPUTS + 1 + 3 + 1, size.tokens), nn.GELU(), nn.Linear(size.tokens, size.tokens)
        )
        layer = nn.TransformerEncoderLayer(
            size.tokens, 4, 2 * size.tokens, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, size.layers, enable_nested_tensor=False)
        self.head = nn.Linear(size.tokens, 1)
        # The correction starts at nothing: training begins with the U-Net's own answer.
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(
        self,
        tokens: Tensor,  # [B, T, D]
        padding: Tensor,  # [B, T] bool, True where there is no token
    ) -> Tensor:  # [B, T]
        """Corrections to add to the logits."""
        result: Tensor = self.head(self.layers(self.embed(tokens), src_key_padding_mask=padding))[..., 0]
        return result


@dataclass(frozen=True)
class Refined:
    """Corrected logits of uncertain voxels."""

    coarse: Tensor  # [S^3] to add to the voxels' logits
    fine: Tensor  # [8 S^3] to add to the logits interpolated at the children
    uncertain: Tensor  # [u] int64, flat coarse voxels that were refined


def uncertain_voxels(
    logits: Tensor,  # [S, S, S]
    opacity: Tensor,  # [S, S, S]
    band: float,
    most: int,
) -> Tensor:  # [u] int64
    """Returns at most `most` occupied voxels with a probability within `band` of 0.5, the least certain; in Z-order."""
    doubt = (torch.sigmoid(logits.detach()) - 0.5).abs().flatten()
    doubtful = torch.nonzero((doubt < band) & (opacity.flatten() > _OCCUPIED))[:, 0]
    if len(doubtful) > most:
        doubtful = doubtful[doubt[doubtful].topk(most, largest=False).indices]
    return doubtful[torch.argsort(_z_order(doubtful, logits.shape[0]), stable=True)]


def refine(
    network: SegmentationNetwork,
    grid: Grid,
    logits: Tensor,  # [S, S, S]
    features: list[Tensor],  # per level [C, S', S', S']
    coarse: Tensor,  # [INPUTS, S, S, S]
    fine: Tensor,  # [FINE_INPUTS, 2 S, 2 S, 2 S]
    uncertain: Tensor,  # [u] int64
) -> Refined:
    """Predicts uncertain voxels and their children again (octree of two levels) from features of all levels.

    Voxels are taken in groups that are close to each other; a group's voxels and children attend to one another, so
    that both resolutions are corrected together ("Hierarchical Interaction").
    """
    size, device = grid.size, logits.device
    corrections = Refined(torch.zeros(size**3, device=device), torch.zeros(8 * size**3, device=device), uncertain)
    if len(uncertain) == 0:
        return corrections
    parents, children = _octree(uncertain, size)  # [u, 3], [u, 8, 3]
    # The coarse level's own A, P+, P- and support stand where the fine level has A, G+, G- and support.
    stacked = torch.cat([logits[None], coarse[:FINE_INPUTS]])
    first = _tokens(grid, features, stacked[1:], stacked[:1], parents, size)
    second = _tokens(grid, features, fine, stacked[:1], children.reshape(-1, 3), 2 * size).reshape(len(parents), 8, -1)
    tokens = torch.cat([first[:, None], second], dim=1)  # [u, 9, D]
    missing = -len(tokens) % _GROUP
    tokens = torch.cat([tokens, tokens.new_zeros(missing, *tokens.shape[1:])])
    padding = torch.arange(len(tokens), device=device) >= len(uncertain)
    grouped = tokens.reshape(-1, _GROUP * 9, tokens.shape[-1])
    delta = network.refiner(grouped, padding.repeat_interleave(9).reshape(-1, _GROUP * 9))
    delta = delta.reshape(-1, 9)[: len(uncertain)]
    return Refined(
        corrections.coarse.index_copy(0, uncertain, delta[:, 0]),
        corrections.fine.index_copy(0, flat(children.reshape(-1, 3), 2 * size), delta[:, 1:].reshape(-1)),
        uncertain,
    )


def _tokens(
    grid: Grid,
    features: list[Tensor],
    seen: Tensor,  # [FINE_INPUTS, s, s, s]
    logits: Tensor,  # [1, S, S, S]
    voxels: Tensor,  # [t, 3] int64 on the grid of `seen`
    size: int,
) -> Tensor:  # [t, D]
    """Returns what is known at the centers of voxels of a grid of `size`^3 over the same cube."""
    centers = (voxels.to(logits.dtype) + 0.5) / size
    unit = Grid(_UNIT, grid.size)
    parts = [unit.sample(level, centers) for level in (*features, logits)]
    parts.append(seen.flatten(1)[:, flat(voxels, size)].T)
    parts.append(2 * centers - 1)
    parts.append(torch.full_like(centers[:, :1], float(size > grid.size)))
    return torch.cat(parts, dim=1)


def _octree(
    uncertain: Tensor,  # [u] int64
    size: int,
) -> tuple[Tensor, Tensor]:  # [u, 3], [u, 8, 3]
    parents = torch.stack([uncertain // size**2, uncertain // size % size, uncertain % size], dim=1)
    halves = torch.tensor([0, 1], device=uncertain.device)
    return parents, 2 * parents[:, None] + torch.cartesian_prod(halves, halves, halves)


def _z_order(
    voxels: Tensor,  # [u] int64
    size: int,
) -> Tensor:  # [u]
    """Returns the interleaved bits of the coordinates: neighbors in it are close in space."""
    parts = (voxels // size**2, voxels // size % size, voxels % size)
    order = torch.zeros_like(voxels)
    for bit in range(10):
        for axis, part in enumerate(parts):
            order |= (part >> bit & 1) << 3 * bit + axis
    return order


def _stage(inputs: int, outputs: int, stride: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv3d(inputs, outputs, 3 if stride == 1 else 2, stride, padding=int(stride == 1)),
        nn.GroupNorm(4, outputs),
        nn.ReLU(),
        _block(outputs),
    )


def _block(channels: int) -> nn.Module:
    return nn.Sequential(nn.Conv3d(channels, channels, 3, padding=1), nn.GroupNorm(4, channels), nn.ReLU())
