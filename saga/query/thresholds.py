"""Thresholds on scores."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

_WINDOW = (0.45, 0.8)
"""Cosine similarities between which the border of an object is looked for."""
_BINS = 100


def paper_threshold(
    scores: Tensor,  # [N]
) -> float:
    """tau of the point prompt: the mean of the scores (SAGA, section 3.4)."""
    return float(scores.mean())


def paper_sam_threshold(
    scores: Tensor,  # [N]
) -> float:
    """tau of the SAM-based prompt: mean plus one standard deviation of all scores (SAGA, section 3.4)."""
    return float(scores.mean() + scores.std(correction=0))


def valley_threshold(
    scores: Tensor,  # [N]
) -> float:
    """Where the fewest Gaussians have their score: the valley between an object and everything else.

    Only the window in which objects end is searched; in a flat valley the middle is taken.
    """
    low, high = _WINDOW
    counts, edges = np.histogram(scores.cpu().numpy(), bins=_BINS, range=(0.0, 1.0))
    smooth = gaussian_filter1d(counts.astype(np.float64), 2.0)
    centres = (edges[:-1] + edges[1:]) / 2
    within = (centres >= low) & (centres <= high)
    lowest = smooth[within] <= smooth[within].min() * 1.05
    return float(np.median(centres[within][lowest]))
