"""Between one view's pixels and the Gaussians: probabilities rendered, masks lifted, overlaps measured."""

from __future__ import annotations

import torch
from torch import Tensor

from saga.raster import BlendOperator

_LEAST_ALPHA = 1e-4


def probability(
    operator: BlendOperator,
    values: Tensor,  # [N, C]
) -> Tensor:  # [H, W, C]
    """Returns what a view shows of per-Gaussian values: A x over A 1; 0 where there is nothing.

    Pixels that are half transparent count in full.
    """
    both = operator.render(torch.cat([values, torch.ones_like(values[:, :1])], dim=1))
    alpha = both[..., -1:]
    return torch.where(alpha > _LEAST_ALPHA, both[..., :-1] / alpha.clamp(min=_LEAST_ALPHA), 0.0)


def lifted(
    operator: BlendOperator,
    masks: Tensor,  # [M, H, W] bool
) -> tuple[Tensor, Tensor]:  # [N, M], [N]
    """Returns how much of each Gaussian's blended weight falls inside each mask, and in all: A^T M and A^T 1."""
    layers = torch.cat([masks, torch.ones_like(masks[:1] if len(masks) else _full(operator))]).permute(1, 2, 0)
    weights = operator.lift(layers.to(operator.geometry.means.device, torch.float32))
    return weights[:, :-1], weights[:, -1]


def mask_iou(
    ones: Tensor,  # [..., H, W] bool
    other: Tensor,  # [..., H, W] bool
) -> Tensor:  # [...]
    """Returns the intersection over union of masks, float32; 0 when both are empty."""
    both = (ones & other).flatten(-2).sum(-1)
    either = (ones | other).flatten(-2).sum(-1)
    return both / either.clamp(min=1)


def pairwise_iou(
    ones: Tensor,  # [K, H, W] bool
    others: Tensor,  # [M, H, W] bool
) -> Tensor:  # [K, M]
    """Returns the IoU of every pair of masks, 0 where both are empty."""
    a, b = ones.flatten(1).float(), others.flatten(1).float()
    both = a @ b.T
    return both / (a.sum(1)[:, None] + b.sum(1) - both).clamp(min=1)


def _full(operator: BlendOperator) -> Tensor:  # [1, H, W] bool
    return torch.ones(1, operator.camera.height, operator.camera.width, dtype=torch.bool)
