"""What a query did: time of each stage, counts and thresholds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor


@dataclass
class Report:
    """Collects the facts of one query."""

    timings_ms: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    thresholds: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Adds the time of a block to a stage; waits for the device, so that the time is the stage's own."""
        start = time.perf_counter()
        yield
        if torch.cuda.is_initialized():
            torch.cuda.synchronize()
        self.timings_ms[stage] = round(self.timings_ms.get(stage, 0.0) + (time.perf_counter() - start) * 1e3, 3)

    def count(
        self,
        stage: str,
        mask: Tensor,  # [N] bool
    ) -> None:
        """Records how many Gaussians a stage left."""
        self.counts[stage] = int(mask.sum())

    def as_json(self) -> dict[str, Any]:
        """The facts as JSON values."""
        return {
            "timings_ms": self.timings_ms,
            "counts": self.counts,
            "thresholds": self.thresholds,
            "warnings": self.warnings,
        }
