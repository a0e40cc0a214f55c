"""What a query did: the time of each stage, counts, thresholds, losses and warnings."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from saga.runtime.sets import size_of


@dataclass
class Report:
    """Collects the facts of one query."""

    timings_ms: dict[str, float] = field(default_factory=dict)
    """Milliseconds of each stage."""
    counts: dict[str, int] = field(default_factory=dict)
    """How many Gaussians, views or voxels a stage left."""
    thresholds: dict[str, float] = field(default_factory=dict)
    """Thresholds and radii that were decided on the way."""
    losses: dict[str, float] = field(default_factory=dict)
    """Last losses of what a prompt had to be fitted for."""
    warnings: list[str] = field(default_factory=list)
    """What a person should know, one line each."""
    extra: dict[str, Any] = field(default_factory=dict)
    """What a method says beside these, JSON values by name."""

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
        self.counts[stage] = size_of(mask)

    def copy(self) -> Report:
        """Returns a report that starts from what this one has; neither changes the other afterwards."""
        return copy.deepcopy(self)

    def take(self, other: Report) -> None:
        """Takes over what another report of the same query says; what both say is as the other says."""
        self.timings_ms |= other.timings_ms
        self.counts |= other.counts
        self.thresholds |= other.thresholds
        self.losses |= other.losses
        self.warnings += [warning for warning in other.warnings if warning not in self.warnings]
        self.extra |= other.extra

    def as_json(self) -> dict[str, Any]:
        """Returns the facts as JSON values."""
        return {
            **self.extra,
            "timings_ms": self.timings_ms,
            "counts": self.counts,
            "thresholds": self.thresholds,
            "losses": self.losses,
            "warnings": self.warnings,
        }
