"""Thresholds on scores."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

_WINDOW = (0.45, 0.8)
"""Cosine similarities between which the border of an object is looked for."""
_BINS = 100
_SMOOTHING = 2.0
"""Standard deviation of the Gaussian that counts are smoothed with, in bins."""


def paper_threshold(
    scores: Tensor,  # [N]
) -> float:
    """Returns tau of the point prompt: the mean of the scores (SAGA, section 3.4)."""
    return float(scores.mean())


def paper_sam_threshold(
    scores: Tensor,  # [N]
) -> float:
    """Returns tau of the SAM-based prompt: mean plus one standard deviation of all scores (SAGA, section 3.4)."""
    return float(scores.mean() + scores.std(correction=0))


def valley_threshold(
    scores: Tensor,  # [N]
    window: tuple[float, float] = _WINDOW,
) -> float:
    """Returns where the fewest Gaussians have their score: the valley between an object and everything else.

    Only the window in which objects end is searched; in a flat valley the middle is taken.
    """
    low, high = window
    # On the scores' device; scores below 0 and from 1 on are counted apart.
    bins = (scores * _BINS).floor_().clamp_(-1, _BINS).add_(1).to(torch.uint8)
    counts = torch.bincount(bins, minlength=_BINS + 2)[1 : _BINS + 1].cpu().numpy()
    smooth = _smoothed(counts.astype(np.float64))
    centers = (np.arange(_BINS) + 0.5) / _BINS
    within = (centers >= low) & (centers <= high)
    lowest = smooth[within] <= smooth[within].min() * 1.05
    return float(np.median(centers[within][lowest]))


def _smoothed(
    counts: np.ndarray,  # [B] float64
) -> np.ndarray:  # [B]
    """Returns what SciPy's `gaussian_filter1d` does, bit for bit; loading that takes a tenth of a click."""
    radius = int(4 * _SMOOTHING + 0.5)
    kernel = np.exp(-0.5 / (_SMOOTHING * _SMOOTHING) * np.arange(-radius, radius + 1) ** 2)
    kernel /= kernel.sum()
    padded, size = np.pad(counts, radius, mode="symmetric"), len(counts)
    smooth: np.ndarray = counts * kernel[radius]
    for step in range(radius, 0, -1):  # in SciPy's order: sums of floating-point numbers depend on it
        beside = padded[radius - step :][:size] + padded[radius + step :][:size]
        smooth += beside * kernel[radius - step]
    return smooth
