"""Objects that no photograph confirms are bumps of the reconstruction."""

from __future__ import annotations

from saga.masks.scene.config import SceneMaskConfig
from saga.masks.scene.labels import Kind, Labels
from saga.masks.scene.outlines import outline_strengths
from saga.masks.scene.surface import Surface


def drop_unconfirmed(surface: Surface, labels: Labels, config: SceneMaskConfig) -> None:
    """Gives back to its support every object whose outline no image edge follows."""
    strengths = outline_strengths(surface, labels)
    for label in labels.of(Kind.OBJECT):
        if strengths[label] < config.outline:
            labels.of_voxel[labels.of_voxel == label] = labels.label_of_support(labels.supports[label])
