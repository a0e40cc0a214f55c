"""Losses of the object field (SANeRF-HQ, eq. 7 to 12)."""

from __future__ import annotations

import torch
from torch import Tensor

_LEAST_PROBABILITY = 1e-8


def cross_entropy(
    probabilities: Tensor,  # [R, L]
    allowed: Tensor,  # [R, L] bool
) -> Tensor:  # []
    """Returns -1 / (|R| L) times the sum over rays of the log of the probability of what a ray may show (eq. 8).

    With one label allowed it is eq. 8 itself. A ray in no mask of a view where some objects were not looked for may
    show any of those, or the background; a ray in the masks of two objects either of them.
    """
    right = (probabilities * allowed).sum(1)
    return -right.clamp(min=_LEAST_PROBABILITY).log().sum() / probabilities.numel()


def distance(
    ones: Tensor,  # [..., L]
    others: Tensor,  # [..., L]
    weight: float,
    offset: float,
) -> Tensor:  # [...]
    """Returns f of eq. 11: exp(-w a.b / max(|a|^2, |b|^2) - epsilon) of probability vectors; 1 apart, exp(-w) alike."""
    larger = torch.maximum(ones.square().sum(-1), others.square().sum(-1))
    return torch.exp(-weight * (ones * others).sum(-1) / larger - offset)


def error(
    probabilities: Tensor,  # [R, L]
    allowed: Tensor,  # [R, L] bool
    weight: float,
    offset: float,
) -> Tensor:  # [R]
    """Returns E of eq. 12: the `distance` between what the masks say and what is rendered.

    Where masks allow several labels, they say these in the proportion in which they are rendered.
    """
    part = probabilities * allowed + _LEAST_PROBABILITY * allowed
    return distance(part / part.sum(1, keepdim=True).clamp(min=_LEAST_PROBABILITY), probabilities, weight, offset)


def ray_pair_loss(
    probabilities: Tensor,  # [T, R, L]
    colors: Tensor,  # [T, R, 3]
    valid: Tensor,  # [T, R] bool
    references: Tensor,  # [T, K] int64
    most_apart: float,
    weight: float,
    offset: float,
) -> Tensor:  # []
    """Returns the Ray-Pair RGB loss of T sets of rays, averaged over the sets (eq. 9, and the second term of eq. 14).

    Args:
        probabilities: what is rendered along the rays; gradients flow through the rays compared, not the references.
        colors: rendered colors, RGB in 0 to 1.
        valid: which of the R places of a set hold a ray.
        references: the places of a set's reference rays; those that are not valid do not count.
        most_apart: greatest distance of colors that count as similar (eq. 10).
        weight: w of eq. 11.
        offset: epsilon of eq. 11.
    """
    rays = torch.arange(probabilities.shape[1], device=probabilities.device)
    reference = _taken(probabilities.detach(), references)[:, :, None]  # [T, K, 1, L]
    apart = torch.cdist(_taken(colors, references), colors, compute_mode="donot_use_mm_for_euclid_dist")
    counted = torch.gather(valid, 1, references)  # [T, K]
    similar = (apart <= most_apart) & valid[:, None] & (rays != references[..., None]) & counted[..., None]
    values = distance(reference, probabilities[:, None], weight, offset) * similar
    means = values.sum(2) / similar.sum(2).clamp(min=1)  # [T, K]
    return (means.sum(1) / counted.sum(1).clamp(min=1)).mean()


def _taken(values: Tensor, places: Tensor) -> Tensor:  # [T, K, C]
    return torch.gather(values, 1, places[..., None].expand(-1, -1, values.shape[-1]))
