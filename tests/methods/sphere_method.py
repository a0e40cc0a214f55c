"""A whole method in one file: everything within a radius of the points that a person clicks on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from saga.config import Config, PositiveFloat
from saga.methods import Method, ViewPrompt, register
from saga.methods.points import world_points
from saga.query.report import Report


@dataclass(frozen=True)
class SphereConfig(Config):
    """How large an object is taken to be."""

    radius: PositiveFloat = 0.3
    """Distance up to which a Gaussian belongs to the object, world units."""


@register("sphere", SphereConfig)
class Sphere(Method[SphereConfig]):
    """Selects what lies close to the clicked points. Scores are the negative distance to the nearest one."""

    def _segment(self, prompts: Sequence[ViewPrompt], report: Report) -> tuple[Tensor, Tensor]:  # [N] bool, [N]
        found = []
        for prompt in prompts:
            pixels = torch.from_numpy(prompt.parts.points).to(self.device_scene.device)
            found.append(world_points(self.device_scene, prompt.camera.name, pixels))
        with report.timed("distances"):
            means = self.device_scene.geometry.means
            distances = torch.cdist(means, torch.cat(found).to(means)).amin(1)
        report.thresholds["radius"] = self.config.radius
        return distances <= self.config.radius, -distances
