"""What each voxel of the surface belongs to."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

import numpy as np


class Kind(Enum):
    """What a label stands for."""

    SUPPORT = "support"
    """Something that things stand on."""
    OBJECT = "object"
    """A thing that stands on a support."""
    OTHER = "other"
    """Anything else: what no support carries."""


@dataclass
class Labels:
    """A label for each of V voxels; grows while objects are found."""

    of_voxel: np.ndarray  # [V]
    """Label of each voxel, int64 [V]; -1 where nothing is known."""
    kinds: list[Kind] = field(default_factory=list)
    """Kind of each label."""
    supports: list[int] = field(default_factory=list)
    """The support that each label is, or stands on, in the order of the supports; -1 for others."""
    boards: list[int] = field(default_factory=list)
    """Labels of the supports that make a niche, as a shelf: things stand there side by side and touch."""

    def __len__(self) -> int:
        """Returns the number of labels."""
        return len(self.kinds)

    def add(self, kind: Kind, support: int = -1) -> int:
        """Makes a new label that no voxel has yet."""
        self.kinds.append(kind)
        self.supports.append(support)
        return len(self.kinds) - 1

    def are(self, kind: Kind) -> np.ndarray:  # [L]
        """Which labels are of a kind, bool [L]."""
        return np.array([own is kind for own in self.kinds], dtype=bool)

    def of(self, kind: Kind) -> list[int]:
        """Labels of a kind that at least one voxel has."""
        present = np.bincount(self.of_voxel[self.of_voxel >= 0], minlength=len(self))
        return [label for label, own in enumerate(self.kinds) if own is kind and present[label] > 0]

    def label_of_support(self, support: int) -> int:
        """The label of a support."""
        return next(
            label
            for label, (kind, own) in enumerate(zip(self.kinds, self.supports, strict=True))
            if kind is Kind.SUPPORT and own == support
        )
