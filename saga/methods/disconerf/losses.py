"""Affinity, matching and losses between the slots that one view shows and the masks it has (DiscoNeRF, section 3.1).

A view is known by sampled pixels. Each carries a weight, so that weighted sums over the sample stand for sums over
the image, whatever the sampling preferred.
"""

from __future__ import annotations

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

_LEAST_UNION = 1e-12


def affinity(
    rendered: Tensor,  # [P, S]
    members: Tensor,  # [P, M]
    weights: Tensor,  # [P]
) -> Tensor:  # [M, S]
    """Returns the soft intersection over union of each mask with each slot's image (eq. 4), without gradient.

    Args:
        rendered: object probabilities O in [0, 1].
        members: 1 where a pixel lies in a mask, else 0, float.
        weights: share of the image that each pixel stands for.
    """
    with torch.no_grad():
        weighted = members * weights[:, None]
        # A mask is 0 or 1, so min(O, M) = O M and max(O, M) = O + M - O M.
        both = weighted.T @ rendered
        either = weighted.sum(0)[:, None] + weights @ rendered - both
        return both / either.clamp(min=_LEAST_UNION)


def assign(
    affinities: Tensor,  # [M, S]
    matching: bool = True,
) -> Tensor:  # [M]
    """Returns the slot gamma(m) of each mask, int64.

    With `matching` the assignment of distinct slots whose affinities have the largest sum (Kuhn, 1955); without, each
    mask takes the slot of its largest affinity, whether or not another one takes it too (section 4.2).
    """
    if not matching:
        return affinities.argmax(1)
    _, slots = linear_sum_assignment(affinities.cpu().numpy(), maximize=True)
    return torch.from_numpy(slots).to(affinities.device)


def matching_loss(
    rendered: Tensor,  # [P, S]
    members: Tensor,  # [P, M]
    weights: Tensor,  # [P]
    slots: Tensor,  # [M] int64
) -> Tensor:
    """Returns L_gamma (eq. 5): the squared difference between mask and slot, a mean over masks and pixels."""
    difference = (members - rendered[:, slots]) ** 2
    return (weights @ difference).sum() / (weights.sum() * members.shape[1])


def false_positive_loss(
    rendered: Tensor,  # [P, S]
    members: Tensor,  # [P, M]
    weights: Tensor,  # [P]
    slots: Tensor,  # [M] int64
) -> Tensor:
    """Returns L_FP (eq. 6): what the other slots show inside a mask, squared, a mean over masks and pixels."""
    squares = rendered**2
    weighted = members * weights[:, None]
    everything = weighted.sum(1) @ squares.sum(1)
    return (everything - (weighted * squares[:, slots]).sum()) / (weights.sum() * members.shape[1])
