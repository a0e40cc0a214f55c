"""SA3D on a scene of Gaussians: prompts in, an object out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor

from saga.errors import SagaError
from saga.methods.prompter import Prompter, reference_mask
from saga.methods.sa3d.config import Sa3dConfig
from saga.methods.sa3d.propagation import Asked, Outcome, Propagation
from saga.methods.view_order import choose_views
from saga.postprocess import ball_query, statistical_filter
from saga.query import Prompt, Segmentation
from saga.query.prompts import check
from saga.query.report import Report
from saga.raster.device_scene import DeviceScene

_CERTAIN = 0.8
"""Share inside the masks from which a Gaussian belongs to the object however far away."""
_OUTCOMES: tuple[Outcome, ...] = ("used", "rejected", "without_mask", "not_showing")


class Sa3d:
    """Lifts the 2D masks of one object to 3D, view by view (SA3D: Cen et al. 2023, "Segment Anything in 3D")."""

    def __init__(
        self, views: DeviceScene, prompter: Prompter, config: Sa3dConfig | None = None, progress: bool = False
    ) -> None:
        """Nothing is prepared: there is no training.

        Args:
            views: of the scene; what it remembers is shared by all objects.
            prompter: makes or picks the mask of a prompt in a view.
            config: settings; None takes the defaults.
            progress: whether each object shows a bar on standard error.
        """
        self.views, self.prompter, self.config, self.progress = views, prompter, config or Sa3dConfig(), progress

    def segment(self, view: str, **prompt: Any) -> Segmentation:
        """One object from one prompt in one view: `points`, `scribble`, `mask` or `box`, and `negative`; see Prompt.

        Raises:
            SagaError: as `segment_prompts`.
        """
        return self.segment_prompt(Prompt(view, **prompt))

    def extract(self, prompts: Iterable[Prompt]) -> list[Segmentation]:
        """One object for each prompt. Raises SagaError as `segment_prompts`."""
        return [self.segment_prompt(prompt) for prompt in prompts]

    def segment_prompt(self, prompt: Prompt) -> Segmentation:
        """One object from a prompt. Raises SagaError as `segment_prompts`."""
        return self.segment_prompts([prompt])

    def segment_prompts(self, prompts: Sequence[Prompt]) -> Segmentation:
        """One object from prompts in several views (or several in one).

        Every view with a positive prompt starts with its own mask, the masks of one view together; the views
        between are gone through in their order from the first prompt's. All prompts but the first may have negative
        points only: they join the points that their view is prompted with.

        Returns:
            mask: Gaussians whose confidence is above 0, filtered and completed. scores: confidence in [-lambda, 1],
            0 for what no mask says anything about. report: as of the Segmenter; its counts have the number of views
            that were used, rejected, without a mask, and not showing the object, "views" their names.

        Raises:
            SagaError: no prompt, no such view, a prompt that does not fit its view, or one that finds no mask there.
        """
        if not prompts:
            raise SagaError("segment_prompts: expected at least one prompt, found none.")
        report = Report()
        asked = self._asked(prompts, report)
        propagation = Propagation(self.views, self.prompter, self.config, asked, report, self.progress)
        scene = self.views.scene
        around = choose_views(scene.cameras, scene.camera(prompts[0].view), self.config.views, self.config.order)
        cameras = [camera for camera in around if camera.name not in asked.masks] if self.config.propagate else []
        scores = propagation.run(cameras).value
        selected = self._select(scores, report)
        self._note(propagation.outcomes, bool(selected.any()), report)
        return Segmentation(selected, scores, self._facts(prompts, propagation.outcomes, report))

    def _asked(self, prompts: Sequence[Prompt], report: Report) -> Asked:
        """The masks of all views with positive prompts, and the negative points of those without."""
        masks: dict[str, np.ndarray] = {}
        negative = self._negative_only(prompts)
        for prompt in prompts:
            name = self.views.scene.camera(prompt.view).name
            if _is_negative_only(prompt) and prompt is not prompts[0]:
                continue
            with report.timed("reference_mask"):
                joined = replace(prompt, negative=[*prompt.negative, *map(tuple, negative.get(name, []))])
                checked, mask = reference_mask(self.views, self.prompter, joined, self.config.seed)
            if checked.mask is not None and len(checked.negative) > 0:
                report.warnings.append(f"{name}: a mask was given there, which its negative points do not change")
            masks[name] = masks.get(name, False) | mask
        return Asked(masks, {name: points for name, points in negative.items() if name not in masks})

    def _negative_only(self, prompts: Sequence[Prompt]) -> dict[str, np.ndarray]:  # each [K, 2]
        found: dict[str, np.ndarray] = {}
        for prompt in prompts[1:]:
            if _is_negative_only(prompt):
                camera = self.views.scene.camera(prompt.view)
                points = check(prompt, camera, only_negative=True).negative
                found[camera.name] = np.concatenate([found.get(camera.name, points[:0]), points])
        return found

    def _select(
        self,
        scores: Tensor,  # [N]
        report: Report,
    ) -> Tensor:  # [N] bool
        """Gaussians of positive confidence, less doubtful ones far away, and hidden ones close by."""
        selected, means = (scores > 0) & self.views.valid, self.views.geometry.means
        report.thresholds["score"] = 0.0
        report.count("selected", selected)
        if self.config.statistical_filter:
            with report.timed("statistical_filter"):
                near = statistical_filter(means[selected], std_ratio=self.config.filter_deviations)
                # The masks' word counts for more: thin parts are far from the others too, but lie inside the masks.
                weight = self.config.negative_weight
                certain = scores[selected] > _CERTAIN * (1 + weight) - weight
                selected = selected.index_put((selected,), near | certain)
            report.count("after_statistical_filter", selected)
        if self.config.ball_query and bool(selected.any()):
            with report.timed("ball_query"):
                close, radius = ball_query(means, selected, quantile=self.config.ball_quantile)
                # What some view shows has a confidence of its own.
                selected = selected | (close & (scores == 0) & self.views.valid)
            report.thresholds["ball_radius"] = radius
            report.count("after_ball_query", selected)
        return selected

    def _note(self, outcomes: dict[str, Outcome], found: bool, report: Report) -> None:
        """Counts of views, and warnings."""
        counted = Counter(outcomes.values())
        report.counts |= {f"views_{outcome}": counted[outcome] for outcome in _OUTCOMES}
        if not found:
            report.warnings.append("nothing was selected: prompt where the object is in full view")
        if self.config.propagate and outcomes and counted["used"] == 0:
            report.warnings.append(
                f"no other view was used ({counted['rejected']} rejected, {counted['without_mask']} without a mask, "
                f"{counted['not_showing']} not showing the object): the result is that of the prompt alone"
            )

    def _facts(self, prompts: Sequence[Prompt], outcomes: dict[str, Outcome], report: Report) -> dict[str, Any]:
        views = [self.views.scene.camera(prompt.view).name for prompt in prompts]
        named = {outcome: [name for name, each in outcomes.items() if each == outcome] for outcome in _OUTCOMES}
        facts = {"view": views[0], "prompt": prompts[0].describe(), **report.as_json(), "views": named}
        if len(prompts) > 1:
            others = zip(views[1:], prompts[1:], strict=True)
            facts["further_prompts"] = [{"view": view, "prompt": prompt.describe()} for view, prompt in others]
        return facts


def _is_negative_only(prompt: Prompt) -> bool:
    positive = len(prompt.points) > 0 or any(part is not None for part in (prompt.scribble, prompt.mask, prompt.box))
    return not positive and len(prompt.negative) > 0
