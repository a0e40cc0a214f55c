"""Objects that no photograph confirms are bumps of the reconstruction."""

from __future__ import annotations

from saga.masks.scene.config import SceneMaskConfig
from saga.masks.scene.labels import Kind, Labels
from saga.masks.scene.outlines import outlines
from saga.masks.scene.surface import Surface

_HIDING = 0.5
"""Share of its outline along which a thing hides what is behind it, from which edges half as strong confirm it: they
are weak around a dark thing on dark ground, and no bump stands out like that."""


def drop_unconfirmed(surface: Surface, labels: Labels, config: SceneMaskConfig) -> None:
    """Gives back to its support every object whose outline no image edge follows."""
    found = outlines(surface, labels)
    for label in labels.of(Kind.OBJECT):
        least = config.outline / 2 if found.silhouettes[label] >= _HIDING else config.outline
        if found.strengths[label] < least:
            labels.of_voxel[labels.of_voxel == label] = labels.label_of_support(labels.supports[label])
