"""Whether masks of one track are of one thing: each is lifted, put into the other views, and compared there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from saga.masks.propagation.sights import Sights

_LEAST_PIXELS = 4
"""A mask of which fewer of these small pixels can be compared says nothing."""
_LEAST_KNOWN = 0.3
"""Share of a mask that the other view has to see for the two to be compared."""


class Agreement(NamedTuple):
    """How well n masks of each of T tracks agree, pair by pair."""

    overlaps: np.ndarray  # [T, n, n]
    """IoU of the two, from 0 to 1, float32."""
    weights: np.ndarray  # [T, n, n]
    """How much of the two could be compared, from 0 to 1, float32; 0 where that says nothing."""


def agreements(
    sights: Sights,
    views: Sequence[int],
    masks: Sequence[np.ndarray],  # each [T, h, w] bool
) -> Agreement:
    """Returns how well the masks of each track agree, pair by pair.

    A mask is lifted to the Gaussians and rendered in another view; the IoU with the mask there counts, over pixels that
    show what the first view sees, and as much as they are of the mask. Both ways are averaged. There is nothing to
    compare where a track was lost in one of the views, or where hardly anything of it is seen from both.

    Args:
        sights: the views' small pictures.
        views: n views, by their numbers.
        masks: the tracks' masks in each of these views, in small pixels.
    """
    count, tracks = len(views), len(masks[0])
    there = np.stack([at.any((1, 2)) for at in masks], axis=1)  # [T, n]
    sums, weights = np.zeros((2, tracks, count, count), np.float32)
    for one, view in enumerate(views):
        lifted = sights.lift(view, masks[one])
        for other, judge in enumerate(views):
            compared = np.flatnonzero(there[:, one] & there[:, other])
            if other != one and len(compared):
                shown, known = sights.render(judge, lifted[:, compared], sights.seen(view))
                seen = masks[other][compared] & known
                weight = _comparable(seen, masks[other][compared])
                sums[compared, one, other] = weight * overlap(shown & known, seen)
                weights[compared, one, other] = weight
    sums, weights = (each + each.transpose(0, 2, 1) for each in (sums, weights))
    return Agreement(sums / np.maximum(weights, 1e-9), weights / 2)


def overlap(
    shown: np.ndarray,  # [M, h, w] bool
    masks: np.ndarray,  # [M, h, w] bool
) -> np.ndarray:  # [M]
    """Returns the IoU of masks one by one, float32, 0 where both are empty."""
    both = (shown & masks).sum((1, 2))
    return np.asarray(both / np.maximum((shown | masks).sum((1, 2)), 1), np.float32)


def pairwise_overlaps(
    masks: np.ndarray,  # [T, h, w] bool
    others: np.ndarray,  # [K, h, w] bool
) -> np.ndarray:  # [T, K]
    """Returns the IoU of every pair of masks, float32, 0 where both are empty."""
    one, other = (each.reshape(len(each), -1).astype(np.float32) for each in (masks, others))
    both = one @ other.T
    return np.asarray(both / np.maximum(one.sum(1)[:, None] + other.sum(1) - both, 1), np.float32)


def _comparable(
    seen: np.ndarray,  # [M, h, w] bool
    masks: np.ndarray,  # [M, h, w] bool
) -> np.ndarray:  # [M]
    """Returns the share of masks that is seen, or 0 where that is too little to say anything."""
    pixels = seen.sum((1, 2))
    shares = pixels / np.maximum(masks.sum((1, 2)), 1)
    return np.where((pixels >= _LEAST_PIXELS) & (shares >= _LEAST_KNOWN), shares, 0.0)
