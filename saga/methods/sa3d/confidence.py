"""Mask inverse rendering: the 3D mask as per-Gaussian confidence, in closed form (SA3D, section 3.3)."""

from __future__ import annotations

import torch
from torch import Tensor

_DOUBT = 1.0
"""Pixels of blended weight that count as undecided evidence."""


class Confidence:
    """What the masks of some views say about each Gaussian.

    The loss of eq. 5 is linear in the 3D mask V, so a gradient step is exact: a view with mask M adds
    eta (A^T M - lambda A^T (1 - M)). Only two sums over the views are kept, A^T M and A^T (1 - M).
    """

    def __init__(self, count: int, negative_weight: float, device: torch.device) -> None:
        """Starts without evidence about `count` Gaussians; `negative_weight` is lambda."""
        self.negative_weight = negative_weight
        self.inside = torch.zeros(count, device=device)  # [N]
        """Blended weight inside the masks, summed over pixels and views."""
        self.outside = torch.zeros(count, device=device)  # [N]
        """The same outside."""

    def add(
        self,
        inside: Tensor,  # [N]
        total: Tensor,  # [N]
    ) -> None:
        """Takes a gradient step on one view: its mask lifts to `inside` (A^T M), its whole image to `total` (A^T 1)."""
        self.inside += inside
        self.outside += (total - inside).clamp(min=0)

    @property
    def gradient(self) -> Tensor:  # [N]
        """Minus the gradient of eq. 5 over all views so far: V of the paper for eta = 1."""
        return self.inside - self.negative_weight * self.outside

    @property
    def value(self) -> Tensor:  # [N]
        """V in [-lambda, 1], per pixel that shows the Gaussian; 0 for those never seen.

        Selecting needs nothing but the sign, which is that of `gradient`. Rendering (eq. 3) needs more: a lift sums
        over pixels, so large and near Gaussians would outshine the others, and a pixel would be in or out, or
        the best point to prompt with, for the size of what it shows and not for the views that agree on it. Divided by
        the weight that was seen, V is the share inside, less lambda times the share outside. One pixel of doubt
        keeps Gaussians that are hardly seen from being the surest.
        """
        return self.gradient / (self.inside + self.outside + _DOUBT)
