"""Granularity: one field that answers for parts, objects and groups, told apart by a scale.

A mask's scale is the extent in 3D of what it shows, so masks of parts, wholes and groups need not agree: each
speaks for its own scale. A gate of the features, channel by channel, says what counts at a scale (the scale of
masks follows GARField, Kim et al., 2024; the gate SAGA's second version, Cen et al., 2024).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from saga.train.losses import correspondence_loss
from saga.train.sampler import CachedView, PixelCache

_QUANTILES = 101
_DEVIATIONS = 2.0
_SLOPE = 8.0
"""Steepness of the gate at first: a channel opens over about half of all scales."""
_GATE_RATE = 1e-2
"""Adam's rate for the gate: its sigmoid has farther to go than the features."""


class ScaleGate(nn.Module):
    """Factors in (0, 1) of the features' channels at a scale; a scale is a rank in [0, 1] among the scene's masks."""

    def __init__(self, dimensions: int = 32) -> None:
        """Makes a gate for features of so many channels."""
        super().__init__()
        self.linear = nn.Linear(1, dimensions)
        # Every channel starts with a scale where it opens or closes, spread over all scales: scales differ at once.
        with torch.no_grad():
            slopes = _SLOPE * (1 - 2.0 * (torch.arange(dimensions) % 2))
            self.linear.weight.copy_(slopes[:, None])
            self.linear.bias.copy_(-slopes * torch.linspace(0, 1, dimensions))
        self.register_buffer("quantiles", torch.zeros(_QUANTILES))
        """Evenly spaced quantiles [101] of the scales of the scene's masks, in world units."""

    def forward(self, rank: float) -> Tensor:  # [C]
        """Returns factors of the features at the scale of this rank."""
        return torch.sigmoid(self.linear(self.linear.weight.new_full((1,), rank)))

    def ranks(
        self,
        scales: Tensor,  # [M]
    ) -> Tensor:  # [M]
        """Returns ranks in [0, 1] of scales in world units, linear between quantiles."""
        quantiles = self.get_buffer("quantiles")
        above = torch.searchsorted(quantiles, scales.contiguous()).clamp(1, _QUANTILES - 1)
        low, high = quantiles[above - 1], quantiles[above]
        between = ((scales - low) / (high - low).clamp(min=1e-12)).clamp(0, 1)
        return (above - 1 + between) / (_QUANTILES - 1)


class GranularityLoss:
    """Trains a gate along with the features; its scales are computed once from the cached pixels."""

    def __init__(
        self,
        means: Tensor,  # [N, 3]
        cache: PixelCache,
        dimensions: int,
    ) -> None:
        """Computes the scales of the masks and makes a gate."""
        self.gate = ScaleGate(dimensions).to(means.device)
        self.adam = torch.optim.Adam(self.gate.parameters(), _GATE_RATE)
        scales = mask_scales(means, cache)
        levels = torch.linspace(0, 1, _QUANTILES, device=means.device)
        self.gate.get_buffer("quantiles").copy_(torch.quantile(torch.cat(scales), levels))
        self._ranks = {
            view.first: self.gate.ranks(own) for view, own in zip(cache.views, scales, strict=True)
        }  # [M] each

    def __call__(
        self,
        rendered: Tensor,  # [P, C]
        view: CachedView,
        present: Tensor,  # [U]
        pattern: Tensor,  # [P]
        rank: float,
    ) -> Tensor:  # []
        """Returns the correspondence loss of the gated features at one scale.

        `present` are the view's patterns among the pixels, `pattern` each pixel's index into them.
        """
        k = scale_correspondence(view.members[present], self._ranks[view.first], rank)
        return correspondence_loss(rendered * self.gate(rank), pattern, k)


def mask_scales(
    means: Tensor,  # [N, 3]
    cache: PixelCache,
) -> list[Tensor]:  # [M] for each view
    """Extent of what each mask's cached pixels show, in world units: two standard deviations, all axes together.

    A pixel shows the blended mean of its Gaussians' centers.
    """
    weights = cache.rows.render(torch.ones(len(means), 1, device=means.device))
    # Centerd: variances far from the origin would drown in rounding.
    points = cache.rows.render(means - means.mean(0)) / weights.clamp(min=1e-6)  # [P, 3]
    moments = torch.cat([torch.ones_like(weights), points, points**2], dim=1).double()  # [P, 7]
    scales = []
    for view in cache.views:
        own = moments[view.first : view.first + len(view.pattern)]
        sums = own.new_zeros(len(view.members), 7).index_add(0, view.pattern, own)
        sums = view.members.T.to(sums) @ sums  # [M, 7]
        average = sums[:, 1:] / sums[:, :1].clamp(min=1)
        variance = (average[:, 3:] - average[:, :3] ** 2).clamp(min=0).sum(1)
        scales.append((_DEVIATIONS * variance.sqrt()).float())
    return scales


def scale_correspondence(
    members: Tensor,  # [U, M] bool
    ranks: Tensor,  # [M]
    rank: float,
) -> Tensor:  # [U, U]
    """Whether two patterns belong together at a scale: 1 if they do, -1 if not, 0 if neither lies in a mask.

    A pattern is represented by its masks up to that scale or, when it has none, by the smallest of its larger
    ones. Patterns that share a representing mask belong together.
    """
    represented = members & (ranks <= rank)
    smallest = torch.where(members, ranks, torch.inf).argmin(1)
    alone = ~represented.any(1)
    fallback = torch.zeros_like(members).scatter_(1, smallest[:, None], True) & members
    represented = torch.where(alone[:, None], fallback, represented).float()
    masked = members.any(1)
    known = masked[:, None] | masked[None, :]
    return torch.where(represented @ represented.T > 0, 1.0, -1.0) * known
