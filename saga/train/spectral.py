"""The instant field: features in closed form from the masks alone, before or instead of training.

Gaussians that masks keep putting together should have alike features. With A the cached rows of the blending
operator and B the membership of pixels in masks, H = B^T A says how much of each mask each Gaussian fills, over
all views; the leading eigenvectors of the normalized H^T H are the scene's most separable groups of Gaussians
(spectral clustering: Ng, Jordan and Weiss, 2001). Powers of the eigenvalues keep the groups that hold together
over many masks and fade what only a few masks tell apart (diffusion maps: Coifman and Lafon, 2006).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from saga.raster import SparseRows
from saga.train.sampler import CachedView

_ITERATIONS = 6
"""Subspace iterations; the leading eigenvalues lie apart enough for few."""
_SPARE = 8
"""Directions iterated beside the wanted ones, which makes these converge faster."""
_DIFFUSION = 4
"""Power of the eigenvalues in the features."""


def spectral_start(
    views: Sequence[CachedView],
    rows: SparseRows,
    dimensions: int,
    generator: torch.Generator,
) -> Tensor:  # [T, C]
    """Features of unit length of the columns of `rows`, float32 [T, C], 0 for Gaussians that no mask shows."""
    operator = _MaskOperator(views, rows)
    masks = operator.masks
    wanted = min(dimensions, masks)
    probes = torch.randn(masks, min(wanted + _SPARE, masks), generator=generator).to(operator.device)
    for _ in range(_ITERATIONS):
        probes = torch.linalg.qr(operator.masks_of(operator.gaussians_of(probes))).Q
    spread = operator.gaussians_of(probes)  # [T, wanted + spare]
    values, vectors = torch.linalg.eigh(probes.T @ operator.masks_of(spread))
    values, vectors = values.flip(0)[:wanted].clamp(min=1e-9), vectors.flip(1)[:, :wanted]
    features = spread @ vectors
    del spread  # of a large scene each of these is hundreds of megabytes
    features.mul_(values ** (_DIFFUSION - 0.5)).mul_(operator.balance[:, None])
    features = F.normalize(features, dim=1)
    return features if wanted == dimensions else F.pad(features, (0, dimensions - wanted))


class _MaskOperator:
    """The normalized H and its transpose, applied view by view; never formed."""

    def __init__(self, views: Sequence[CachedView], rows: SparseRows) -> None:
        self.rows, self.views = rows, views
        self.device = views[0].pattern.device
        self.masks = sum(view.members.shape[1] for view in views)
        # A mask of weight w counts as w masks do: the square root of w on either side of H^T H.
        self._size = torch.cat([_members(view).sum(0).clamp(min=1).rsqrt() * _root(view) for view in views])  # [M]
        self.balance = torch.ones(self.rows.columns, device=self.device)  # [T]
        ones = torch.ones(self.rows.columns, 1, device=self.device)
        degree = self.gaussians_of(self.masks_of(ones))[:, 0]
        self.balance = torch.where(degree > 1e-6, degree.clamp(min=1e-6).rsqrt(), 0.0)

    def masks_of(
        self,
        x: Tensor,  # [T, K]
    ) -> Tensor:  # [M, K]
        rendered = self.rows.render(self.balance[:, None] * x)
        parts = []
        for view in self.views:
            own = rendered[view.first : view.first + len(view.pattern)]
            sums = own.new_zeros(len(view.members), own.shape[1]).index_add(0, view.pattern, own)
            parts.append(view.members.to(own).T @ sums)
        return torch.cat(parts) * self._size[:, None]

    def gaussians_of(
        self,
        y: Tensor,  # [M, K]
    ) -> Tensor:  # [T, K]
        parts = []
        for view, own in zip(
            self.views, (self._size[:, None] * y).split([v.members.shape[1] for v in self.views]), strict=True
        ):
            parts.append((view.members.to(own) @ own)[view.pattern])
        return self.rows.lift(torch.cat(parts)).mul_(self.balance[:, None])


def _members(view: CachedView) -> Tensor:  # [P, M]
    return view.members[view.pattern].float()


def _root(view: CachedView) -> Tensor | float:  # [M]
    return 1.0 if view.weights is None else view.weights.sqrt()
