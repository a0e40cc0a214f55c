"""SANeRF-HQ on Gaussian scenes: prompts to masks of many views, and these to an object field."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from saga.errors import SagaError
from saga.methods.prompter import Prompter, SamPrompter
from saga.methods.sanerf_hq.config import SanerfHqConfig
from saga.methods.sanerf_hq.features import DistilledPrompter
from saga.methods.sanerf_hq.field import ObjectField
from saga.methods.sanerf_hq.masks import MaskCollector, ObjectMasks
from saga.methods.sanerf_hq.points import WorldPoints
from saga.methods.sanerf_hq.rays import RayCache
from saga.query import Prompt, Segmentation
from saga.query.report import Report
from saga.raster import SparseRows
from saga.raster.device_scene import DeviceScene
from saga.runtime.progress import ticking
from saga.train.smoothing import neighbor_average


class SanerfHq:
    """Turns prompts into objects of one scene (SANeRF-HQ). Rays and colors of the views serve all prompts."""

    def __init__(
        self, views: DeviceScene, prompter: Prompter, config: SanerfHqConfig | None = None, progress: bool = True
    ) -> None:
        """Prepares a scene; nothing is computed yet.

        Args:
            views: the scene on a device.
            prompter: makes the masks of views.
            config: settings; None takes the defaults.
            progress: whether to show progress bars on standard error.

        Raises:
            SagaError: distilled features with a prompter that is not Segment Anything, or a scene without cameras.
        """
        if not views.scene.cameras:
            raise SagaError(f"{views.scene.path}: SANeRF-HQ needs cameras; give --cameras.")
        config = config or SanerfHqConfig()
        self.views, self.config, self.progress = views, config, progress
        self.prompter = prompter
        if config.features == "distilled":
            if not isinstance(prompter, SamPrompter):
                raise SagaError("features distilled: needs Segment Anything; give its checkpoint, or take cache.")
            self.prompter = DistilledPrompter(prompter, config, progress)
        self.rays = RayCache(views, config.grid, config.cached_rays)
        self._collector = MaskCollector(self.rays, self.prompter, config)

    def segment_prompt(self, prompt: Prompt) -> Segmentation:
        """One object from one prompt.

        Raises:
            SagaError: a prompt that does not fit its view, or that finds no mask there.
        """
        return self.segment_prompts([prompt])

    def segment_prompts(self, prompts: Sequence[Prompt]) -> Segmentation:
        """One object from prompts in several views (or several in one). Errors as in `segment_prompt`."""
        return self.segment_objects([prompts])[0]

    def segment_objects(self, prompts: Sequence[Sequence[Prompt]]) -> list[Segmentation]:
        """Several objects at once, each from its prompts: one field of L = objects + 1 labels (eq. 7), so that every
        Gaussian belongs to one object at most. Errors as in `segment_prompt`."""
        report = Report()
        with (
            ticking(self.progress, "masks", len(prompts) * self._view_count(), transient=True) as tick,
            report.timed("masks"),
        ):
            found = [self._collector.from_prompts(own, tick) for own in prompts]
        facts = [_described(self.views, own) for own in prompts]
        return self._segment(found, facts, report)

    def segment_points(
        self,
        points: Tensor,  # [K, 3]
        negative: Tensor | None = None,  # [L, 3]
    ) -> Segmentation:
        """One object from points of the world on it, and others that are not.

        Raises:
            SagaError: no points, or none that a view sees on a mask.
        """
        negative = points[:0] if negative is None else negative
        labels = np.repeat([1, 0], [len(points), len(negative)])
        world = WorldPoints(torch.cat([points, negative]).to(self.views.device, torch.float64), labels)
        report = Report()
        with ticking(self.progress, "masks", self._view_count(), transient=True) as tick, report.timed("masks"):
            found = self._collector.from_points(world, tick)
        described = {"points": points.tolist(), "negative": negative.tolist()}
        return self._segment([found], [{"view": None, "prompt": described}], report)[0]

    def _segment(self, found: list[ObjectMasks], facts: Sequence[dict[str, Any]], report: Report) -> list[Segmentation]:
        if not found:
            return []
        with report.timed("rays"):
            field = ObjectField(self.rays, found, self.config, self._average)
        with (
            ticking(self.progress, "object field", self.config.iterations, transient=True) as tick,
            report.timed("object_field"),
        ):
            field.train(tick)
        with report.timed("selection"):
            probabilities = field.probabilities()
            winner = probabilities.argmax(1)
        for name, loss in field.losses.items():
            report.thresholds[name] = round(loss, 6)
        objects = []
        for number, (masks, own) in enumerate(zip(found, facts, strict=True), 1):
            selected = (winner == number) & self.views.valid
            objects.append(Segmentation(selected, probabilities[:, number], own | _facts(masks, selected, report)))
        return objects

    @cached_property
    def _average(self) -> SparseRows | None:
        neighbors = self.config.neighbors
        return neighbor_average(self.views.geometry, neighbors) if neighbors > 0 else None

    def _view_count(self) -> int:
        count = len(self.views.scene.cameras)
        return min(count, self.config.views + 1) if self.config.views > 0 else count


def _described(views: DeviceScene, prompts: Sequence[Prompt]) -> dict[str, Any]:
    named = [{"view": views.scene.camera(prompt.view).name, "prompt": prompt.describe()} for prompt in prompts]
    return named[0] | ({"further_prompts": named[1:]} if len(named) > 1 else {})


def _facts(masks: ObjectMasks, selected: Tensor, shared: Report) -> dict[str, Any]:
    """What is reported of one object."""
    own = Report(dict(shared.timings_ms), dict(shared.counts), dict(shared.thresholds), list(shared.warnings))
    own.count("selected", selected)
    own.counts["views_used"], own.counts["views_left_out"] = len(masks.masks), len(masks.left_out)
    if not bool(selected.any()):
        own.warnings.append("nothing was selected: give more points, or the object's mask with --mask")
    return own.as_json() | {"views_left_out": dict(Counter(masks.left_out.values()))}
