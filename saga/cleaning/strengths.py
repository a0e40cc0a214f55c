"""How much goes: one strength for all kinds, or one for each."""

from __future__ import annotations

from dataclasses import dataclass

from saga.config import Config, Fraction

NAMES = ("duplicates", "haze", "spikes", "floaters", "unseen")
"""The kinds, in the order in which they claim: a Gaussian goes for the first reason that holds."""


@dataclass(frozen=True)
class Strengths(Config):
    """Strengths from 0, which removes nothing, to 1, which removes whatever shows a sign; those of a kind go first."""

    strength: Fraction = 0.5
    """Strength of all kinds that have none of their own: 0 removes nothing, 1 the most."""
    duplicates: Fraction | None = None
    """Strength for Gaussians that repeat another at the same place."""
    haze: Fraction | None = None
    """Strength for faint Gaussians near a camera, in front of what it sees."""
    spikes: Fraction | None = None
    """Strength for long Gaussians that stick out of surfaces into the air."""
    floaters: Fraction | None = None
    """Strength for Gaussians in the air, in front of surfaces that the views agree on."""
    unseen: Fraction | None = None
    """Strength for Gaussians that no view shows; surfaces that none shows go from 0.6 on."""

    def of(self, kind: str) -> float:
        """Returns the strength of a kind."""
        own: float | None = getattr(self, kind)
        return self.strength if own is None else own
