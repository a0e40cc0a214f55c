"""Joining runs of tracks that are of one thing, by what they hold of the surface."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_matrix

_LEAST_EVIDENCE = 0.3
"""Share of a run's surface that the other run's views have to see for the two to be compared."""


def surface_overlaps(
    members: csr_matrix,  # [R, N]
    known: Sequence[np.ndarray],  # R times [ceil(N / 8)] uint8
    mass: np.ndarray,  # [N]
) -> tuple[np.ndarray, np.ndarray]:  # [R, R], [R, R]
    """Returns the IoU of what runs hold of the surface that both see, and what share of the runs that is.

    Args:
        members: Gaussians of each run, 1 or nothing.
        known: which Gaussians the views of each run see, packed bits.
        mass: how much each Gaussian counts: the pixels that show it.

    Returns:
        IoU and evidence of each pair, both from 0 to 1; evidence is the smaller of the two runs' shares that the
        other's views see, and 0 where that is too little.
    """
    runs, count = members.shape
    weighted = members.multiply(mass[None]).tocsr().astype(np.float32)
    both = np.asarray((weighted @ members.T).todense(), np.float32)
    sizes = np.maximum(np.diag(both), 1e-9)
    visible = np.empty((runs, runs), np.float32)  # of run a, to the views of run b
    for run, bits in enumerate(known):
        visible[:, run] = weighted @ np.unpackbits(bits, count=count).astype(np.float32)
    either = np.maximum(visible + visible.T - both, 1e-9)
    shares = visible / sizes[:, None]
    evidence = np.minimum(shares, shares.T)
    return both / either, np.where(evidence >= _LEAST_EVIDENCE, evidence, 0.0)


def joined(
    sums: np.ndarray,  # [R, R]
    weights: np.ndarray,  # [R, R]
    apart: np.ndarray,  # [R, R]
    same: float,
) -> np.ndarray:  # [R]
    """Returns which thing each run is of, int64, numbered from 0 in the order of their first runs.

    The two most alike things are joined again and again, as long as the mean overlap of their runs, weighted by
    evidence, is at least `same`: one run that fits badly keeps two things apart only as far as it counts, and no chain
    of runs that are a little alike joins a part with the whole.

    Args:
        sums: overlap of each pair of runs, times its evidence, summed over all that speaks of the pair.
        weights: the evidence; 0 where nothing speaks of a pair.
        apart: which pairs are never of one thing, bool.
        same: mean overlap from which things are joined.
    """
    count = len(sums)
    sums, weights, apart = sums.astype(np.float64), weights.astype(np.float64), apart.copy()
    np.fill_diagonal(weights, 0.0)
    group = np.arange(count)
    while count:
        means = np.where((weights > 0) & ~apart, sums / np.maximum(weights, 1e-12), -1.0)
        one, other = sorted(int(index) for index in np.unravel_index(means.argmax(), means.shape))
        if means[one, other] < same:
            break
        for table in (sums, weights, apart):
            table[one] += table[other]
            table[:, one] += table[:, other]
            table[other], table[:, other] = 0, 0
        weights[one, one], apart[one, one] = 0.0, False
        group[group == other] = one
    return np.unique(group, return_inverse=True)[1]
