"""Cutting a track where its masks stop being of one thing."""

from __future__ import annotations

import numpy as np


def consistent_runs(
    overlaps: np.ndarray,  # [n, n]
    weights: np.ndarray,  # [n, n]
    threshold: float,
) -> list[list[int]]:
    """Returns the runs of a track's masks, in order, within which they agree; each mask is in one of them.

    The track is cut so that the sum over all pairs within runs of their weight times what they agree more than the
    threshold is as large as can be, which dynamic programming finds. A mask that the rest of its run then speaks
    against is a run of its own: a tracker that slipped once and came back does not part what lies on both sides.

    Args:
        overlaps: how well each pair of masks agrees, in the track's order.
        weights: how much each pair counts, 0 where it says nothing.
        threshold: agreement from which two masks are of one thing.
    """
    count = len(overlaps)
    gains = (weights * (overlaps - threshold)).astype(np.float64)
    np.fill_diagonal(gains, 0.0)
    best, starts = np.zeros(count + 1), np.zeros(count + 1, int)
    for end in range(1, count + 1):
        # Every pair within [start, end), for all starts at once: pairs with a first member at start or later.
        inside = np.triu(gains[:end, :end]).sum(1)[::-1].cumsum()[::-1]
        totals = best[:end] + inside
        starts[end] = int(np.flatnonzero(totals >= totals.max() - 1e-9)[0])  # the longest of equals
        best[end] = totals[starts[end]]
    runs, end = [], count
    while end > 0:
        runs.append(list(range(starts[end], end)))
        end = starts[end]
    return sorted((part for run in runs for part in _without_strangers(run, gains)), key=min)


def _without_strangers(
    run: list[int],
    gains: np.ndarray,  # [n, n]
) -> list[list[int]]:
    """Returns a run without the masks that the rest of it speaks against, worst first, and each of these alone."""
    kept, alone = list(run), []
    while len(kept) > 2:
        support = gains[np.ix_(kept, kept)].sum(1)
        worst = int(support.argmin())
        if support[worst] >= 0:
            break
        alone.append([kept.pop(worst)])
    return [kept, *alone]
