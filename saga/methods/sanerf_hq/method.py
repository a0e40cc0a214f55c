"""SANeRF-HQ on Gaussian scenes: prompts to masks of many views, and these to an object field."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from saga.errors import SagaError
from saga.masks import MaskModel, MaskSource
from saga.methods.base import ViewPrompt
from saga.methods.prompted import PromptedMethod
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
from saga.regions.scene_regions import SceneRegions
from saga.runtime.progress import ticking
from saga.scene import Scene
from saga.train import FeatureField
from saga.train.smoothing import neighbor_average


class SanerfHq(PromptedMethod[SanerfHqConfig]):
    """Fits an object field to the masks that prompts lead to in many views (SANeRF-HQ).

    Rays and colors of the views serve all prompts. Scores are probabilities. The report's "losses" are the last ones of
    the field, its "views_left_out" says why views have no mask.
    """

    Config = SanerfHqConfig
    advice = "give more points, or the object's mask with --mask"

    def __init__(
        self,
        scene: Scene | DeviceScene,
        config: SanerfHqConfig | None = None,
        *,
        masks: MaskSource | None = None,
        sam: MaskModel | None = None,
        field: FeatureField | None = None,
        device: str = "auto",
        progress: bool = True,
        regions: SceneRegions | Literal[False] | None = None,
        prompter: Prompter | None = None,
    ) -> None:
        """As PromptedMethod; nothing is computed yet.

        Raises:
            SagaError: as PromptedMethod, distilled features without SAM, or a scene without cameras.
        """
        super().__init__(
            scene, config, masks=masks, sam=sam, field=field, device=device, progress=progress, regions=regions,
            prompter=prompter,
        )  # fmt: skip
        if not self.scene.cameras:
            raise SagaError(f"{self.scene.path}: expected cameras for SANeRF-HQ, found none; give --cameras.")
        if self.config.features == "distilled":
            if not isinstance(self.prompter, SamPrompter):
                raise SagaError(
                    "features distilled: expected Segment Anything, found none; give its checkpoint, or take cache."
                )
            self.prompter = DistilledPrompter(self.prompter, self.config, progress)
        self.rays = RayCache(self.device_scene, self.config.grid, self.config.cached_rays)
        self._collector = MaskCollector(self.rays, self.prompter, self.config)

    def segment_objects(self, prompts: Sequence[Sequence[Prompt]]) -> list[Segmentation]:
        """Segments several objects at once, each from its own prompts.

        One field has L = objects + 1 labels (eq. 7), so that every Gaussian belongs to one object at most.

        Raises:
            SagaError: as `segment_prompts`.
        """
        checked, report = [self._checked(own) for own in prompts], Report()
        found = self._fit(self._masks_of(checked, report), report)
        return [
            self._answer(mask, scores, own, asked) for (mask, scores, own), asked in zip(found, checked, strict=True)
        ]

    def segment_points(
        self,
        points: Tensor,  # [K, 3]
        negative: Tensor | None = None,  # [L, 3]
    ) -> Segmentation:
        """Segments one object from points of the world on it, and others that are not.

        Raises:
            SagaError: no points, or none that a view sees on a mask.
        """
        negative = points[:0] if negative is None else negative
        labels = np.repeat([1, 0], [len(points), len(negative)])
        world = WorldPoints(torch.cat([points, negative]).to(self.device_scene.device, torch.float64), labels)
        report = Report()
        with ticking(self.progress, "masks", self._view_count(), transient=True) as tick, report.timed("masks"):
            found = self._collector.from_points(world, tick)
        mask, scores, own = self._fit([found], report)[0]
        described = {"points": points.tolist(), "negative": negative.tolist()}
        return self._answer(mask, scores, own, described={"view": None, "prompt": described})

    def _segment(self, prompts: Sequence[ViewPrompt], report: Report) -> tuple[Tensor, Tensor]:  # [N] bool, [N]
        mask, scores, own = self._fit(self._masks_of([prompts], report), report)[0]
        vars(report).update(vars(own))
        return mask, scores

    def _masks_of(self, prompts: Sequence[Sequence[ViewPrompt]], report: Report) -> list[ObjectMasks]:
        """Asks for the masks of objects in all views."""
        total = len(prompts) * self._view_count()
        with ticking(self.progress, "masks", total, transient=True) as tick, report.timed("masks"):
            return [self._collector.from_prompts(own, tick) for own in prompts]

    def _fit(
        self, found: Sequence[ObjectMasks], report: Report
    ) -> list[tuple[Tensor, Tensor, Report]]:  # each [N] bool, [N]
        """Fits one field to the masks of some objects.

        Returns what is selected, the probabilities and the facts of each.
        """
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
        report.losses |= {name: round(loss, 6) for name, loss in field.losses.items()}
        objects = []
        for number, masks in enumerate(found, 1):
            selected, own = (winner == number) & self.device_scene.valid, report.copy()
            own.count("selected", selected)
            own.counts |= {"views_used": len(masks.masks), "views_left_out": len(masks.left_out)}
            own.extra["views_left_out"] = dict(Counter(masks.left_out.values()))
            objects.append((selected, probabilities[:, number], own))
        return objects

    @cached_property
    def _average(self) -> SparseRows | None:
        neighbors = self.config.neighbors
        return neighbor_average(self.device_scene.geometry, neighbors) if neighbors > 0 else None

    def _view_count(self) -> int:
        count = len(self.scene.cameras)
        return min(count, self.config.views + 1) if self.config.views > 0 else count
