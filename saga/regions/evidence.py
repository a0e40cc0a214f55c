"""What prompts say about the cells of a scene, and how well sets of cells fit that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_INSIDE = 0.5
"""Share of what a point or a scribble shows that lies in a region, above which it is in it."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """What prompts say about L cells. Arrays are float32."""

    inside: Sequence[np.ndarray] = ()  # [L] each
    """What each positive point shows, as shares of cells."""
    outside: Sequence[np.ndarray] = ()  # [L] each
    """What each negative point shows."""
    drawn: Sequence[tuple[np.ndarray, np.ndarray]] = ()  # [L], [L] each
    """Pixels of a view that show each cell inside and outside a mask."""
    stroked: Sequence[np.ndarray] = ()  # [L] each
    """What a scribble shows, as shares of cells."""

    def agrees(
        self,
        members: np.ndarray,  # [R, L]
    ) -> np.ndarray:  # [R, P]
        """Which points are on the right side of sets of cells, bool: the positive ones first, then the negative."""
        columns = [holds(members, shown) for shown in self.inside] + [~holds(members, shown) for shown in self.outside]
        return np.stack(columns, axis=1) if columns else np.ones((len(members), 0), bool)

    def drawings(
        self,
        members: np.ndarray,  # [R, L]
    ) -> np.ndarray:  # [R]
        """How well sets of cells fit masks and scribbles, from 0 to 1."""
        sets = members.astype(np.float32)
        fit = np.ones(len(sets))
        for inside, outside in self.drawn:
            shared, beside = sets @ inside, sets @ outside
            fit *= shared / np.maximum(inside.sum() + beside, 1e-9)
        for shown in self.stroked:
            share = (sets @ shown) / max(shown.sum(), 1e-9)
            fit *= np.where(share > _INSIDE, share, 0.0)
        return fit


def holds(
    members: np.ndarray,  # [R, L]
    shown: np.ndarray,  # [L]
) -> np.ndarray:  # [R]
    """Which sets of cells hold most of what a point shows, bool."""
    held: np.ndarray = members.astype(np.float32) @ shown > _INSIDE * shown.sum()
    return held
