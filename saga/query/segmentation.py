"""Segmentation: what a query returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class Segmentation:
    """One object of a scene."""

    mask: Tensor  # [N]
    """Whether each Gaussian belongs to the object, bool [N], in the PLY's order."""
    scores: Tensor  # [N]
    """Similarity of each Gaussian to the prompt, float32 [N]; cosine in [-1, 1] except for SAM queries."""
    report: dict[str, Any] = field(default_factory=dict)
    """JSON-ready: "view", "prompt", "timings_ms", "counts", "thresholds", "warnings"."""

    def __len__(self) -> int:
        """Number of Gaussians selected."""
        return int(self.mask.sum())
