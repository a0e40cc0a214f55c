"""Objects that no photograph confirms are bumps of the reconstruction."""

from __future__ import annotations

import numpy as np

from saga.masks.scene.config import SceneMaskConfig
from saga.masks.scene.labels import Kind, Labels
from saga.masks.scene.outlines import outlines
from saga.masks.scene.surface import Surface

_HIDES = (0.25, 0.5)
"""Shares of its outline along which a thing hides what is behind it. Up to the first, edges must be as strong as the
config says; from the second, edges half as strong confirm it: they are weak around a dark thing on dark ground or
where the reconstruction is rough, and no bump stands out like that."""


def drop_unconfirmed(surface: Surface, labels: Labels, config: SceneMaskConfig) -> None:
    """Gives back to its support every object whose outline no image edge follows."""
    found = outlines(surface, labels)
    for label in labels.of(Kind.OBJECT):
        hides = np.interp(found.silhouettes[label], _HIDES, (0.0, 1.0))
        if found.strengths[label] < config.outline * (1 - hides / 2):
            labels.of_voxel[labels.of_voxel == label] = labels.label_of_support(labels.supports[label])
