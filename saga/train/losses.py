"""The two losses of SAGA, section 3.3, as means over the sampled pixels and masks."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

_SCALE_RATIO = 4.0
"""Times that the smallest mask of two pixels may be larger than the smallest mask of one of them, before they belong
apart at the fine scale."""

_RANKS = 120
"""Powers of 4 that single precision holds; even."""


def mask_queries(
    features: Tensor,  # [P, C]
    weights: Tensor,  # [P, M]
) -> Tensor:  # [M, C]
    """Returns T_M: the average of the features under each mask (eq. 5); weights >= 0, a mask of weight 0 gives 0."""
    return (weights.T @ features) / weights.sum(0).clamp(min=1e-6)[:, None]


def sam_guidance_loss(
    rendered: Tensor,  # [P, C]
    queries: Tensor,  # [M, C]
    members: Tensor,  # [P, M]
    known: Tensor,  # [M]
    weights: Tensor | None = None,  # [M]
) -> Tensor:  # []
    """Binary cross entropy between sigmoid(T_M . F_r) and the masks (eq. 6, 7), averaged over pixels and known masks.

    `members` is 1 where pixel p lies in mask M, else 0 (float); `known` (bool) tells which masks have a query;
    `weights` says how much each mask counts in the average. Without masks the loss is 0.
    """
    each = F.binary_cross_entropy_with_logits(rendered @ queries.T, members, reduction="none")
    # Weighted and not selected: how many masks are known stays on the device.
    counted = known if weights is None else known * weights
    return (each * counted).sum() / (counted.sum() * len(members)).clamp(min=1)


def mask_correspondence(
    members: Tensor,  # [P, M]
    weights: Tensor | None = None,  # [M]
) -> Tensor:  # [P, P]
    """Returns K(p1, p2) of eq. 8: intersection over union of the sets of masks of two pixels, -1 where it is 0.

    `members` is 0 or 1 (float). Of two pixels that both lie in no mask nothing is known: their K is 0. With
    weights, all positive, a mask counts as that many.
    """
    weighted = members if weights is None else members * weights
    sizes = weighted.sum(1)
    shared = weighted @ members.T
    union = sizes[:, None] + sizes[None, :] - shared
    k = torch.where(shared > 0, shared / union.clamp(min=1e-6), -1.0)
    return torch.where(union > 0, k, 0.0)


def scaled_correspondence(
    members: Tensor,  # [P, M]
    sizes: Tensor,  # [M]
) -> Tensor:  # [P, P]
    """Returns K(p1, p2) by size: 1 where two pixels share the smallest mask of either, less the larger what they share.

    With s the smallest mask of one of the pixels and S the smallest that holds both, K = 1 + log(s / S) / log(4), at
    least -1, and -1 where no mask holds both. Unlike eq. 8 it is negative between a small thing and what a mask more
    than four times as large joins it with, so that nested masks do not make everything alike. Of two pixels that both
    lie in no mask nothing is known: their K is 0.

    `members` is 0 or 1 (float), `sizes` the pixels of each mask.
    """
    shared = _smallest_shared(members, sizes.clamp(min=1).log())
    smallest = shared.diagonal()
    k = (1 + (torch.minimum(smallest[:, None], smallest[None]) - shared) / math.log(_SCALE_RATIO)).clamp(min=-1)
    known = smallest.isfinite()
    k = torch.where(shared.isfinite(), k, -1.0)
    return torch.where(known[:, None] | known[None], k, 0.0)


def _smallest_shared(
    members: Tensor,  # [P, M]
    sizes: Tensor,  # [M]
) -> Tensor:  # [P, P]
    """Size of the smallest mask that holds both pixels, infinite where none does. `members` is 0 or 1 (float).

    The r-th smallest mask counts 4^-r: the exponent of what two pixels share tells the smallest, in one product of
    matrices, where a loop over masks would take a hundred passes over the pairs in every step.
    """
    ascending, order = sizes.sort()
    shared = torch.full((len(members), len(members)), math.inf, device=members.device)
    for first in reversed(range(0, members.shape[1], _RANKS)):
        own = members[:, order[first : first + _RANKS]]
        powers = torch.ldexp(torch.ones(own.shape[1]), _RANKS - 2 * torch.arange(own.shape[1])).to(own)
        total = (own * powers) @ own.T
        # frexp is 2^(e - 1) <= x < 2^e, so the smallest, of rank r, has _RANKS - 2 r = e - 1.
        rank = torch.div(_RANKS + 1 - torch.frexp(total).exponent, 2, rounding_mode="floor")
        rank = rank.clamp(0, own.shape[1] - 1).long()
        shared = torch.where(total > 0, ascending[first + rank], shared)
    return shared


def correspondence_loss(
    rendered: Tensor,  # [P, C]
    pattern: Tensor,  # [P]
    k: Tensor,  # [U, U]
    form: Literal["relu", "paper"] = "relu",
) -> Tensor:  # []
    """Minus the mean of K * S over all pairs of pixels (eq. 10), S their cosine similarity (eq. 9).

    Pixels with the same set of masks share a row of K: `pattern` names each pixel's row of `k`. For the
    paper's form that collapses the sum over pairs of pixels into one over pairs of patterns, exactly.
    """
    unit = F.normalize(rendered, dim=1)
    if form == "paper":
        sums = torch.zeros(len(k), rendered.shape[1], device=unit.device).index_add(0, pattern, unit)
        return -(sums * (k @ sums)).sum() / len(unit) ** 2
    similarity = unit @ unit.T
    # Columns first: there are few rows of them, and then whole rows are copied.
    pairs = k.index_select(1, pattern).index_select(0, pattern)
    return -(pairs * similarity.relu()).mean()


def norm_loss(
    rendered: Tensor,  # [P, C]
    lengths: Tensor,  # [P]
) -> Tensor:  # []
    """Returns the mean of 1 - |F_r| / sum of weight times |f|: 0 where all features along a ray point the same way.

    `lengths` is the rendered length of the features; no gradient flows through it.
    """
    result: Tensor = 1 - (rendered.norm(dim=1) / lengths.clamp(min=1e-12)).mean()
    return result
