"""SA3D on a scene of Gaussians: prompts in, an object out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from torch import Tensor

from saga.methods.base import ViewPrompt
from saga.methods.prompted import PromptedMethod
from saga.methods.prompter import reference_mask
from saga.methods.sa3d.config import Sa3dConfig
from saga.methods.sa3d.propagation import Asked, Outcome, Propagation
from saga.methods.view_order import choose_views
from saga.postprocess import ball_query, statistical_filter
from saga.query.report import Report

_CERTAIN = 0.8
"""Share inside the masks from which a Gaussian belongs to the object however far away."""
_OUTCOMES: tuple[Outcome, ...] = ("used", "rejected", "without_mask", "not_showing")


class Sa3d(PromptedMethod[Sa3dConfig]):
    """Lifts the 2D masks of one object to 3D, view by view (SA3D: Cen et al. 2023, "Segment Anything in 3D").

    Every view with a positive prompt starts with its own mask, the masks of one view together; the views between are
    gone through in their order from the first prompt's. Negative points of further prompts join the points that their
    view is prompted with.

    Scores are confidences in [-lambda, 1], 0 for what no mask says anything about. The report's counts have the number
    of views that were used, rejected, without a mask, and not showing the object, its "views" their names.
    """

    Config = Sa3dConfig

    def _segment(self, prompts: Sequence[ViewPrompt], report: Report) -> tuple[Tensor, Tensor]:  # [N] bool, [N]
        """Selects the Gaussians whose confidence is above 0, filtered and completed."""
        asked = self._asked(prompts, report)
        propagation = Propagation(self.device_scene, self.prompter, self.config, asked, report, self.progress)
        around = choose_views(self.scene.cameras, prompts[0].camera, self.config.views, self.config.order)
        cameras = [camera for camera in around if camera.name not in asked.masks] if self.config.propagate else []
        scores = propagation.run(cameras).value
        selected = self._select(scores, report)
        self._note(propagation.outcomes, report)
        return selected, scores

    def _asked(self, prompts: Sequence[ViewPrompt], report: Report) -> Asked:
        """Reads the masks of all views with positive prompts, and the negative points of those without."""
        masks: dict[str, np.ndarray] = {}
        negative: dict[str, np.ndarray] = {}
        for prompt in prompts:
            if not prompt.parts.positive:
                points, name = prompt.parts.negative, prompt.camera.name
                negative[name] = np.concatenate([negative.get(name, points[:0]), points])
        for prompt in (prompt for prompt in prompts if prompt.parts.positive):
            name = prompt.camera.name
            points = np.concatenate([prompt.parts.negative, negative.get(name, prompt.parts.negative[:0])])
            with report.timed("reference_mask"):
                joined = replace(prompt.parts, negative=points)
                mask = reference_mask(self.prompter, prompt.camera, joined, self.config.seed)
            if joined.mask is not None and len(points) > 0:
                report.warnings.append(f"{name}: a mask was given there, which its negative points do not change")
            masks[name] = masks.get(name, False) | mask
        return Asked(masks, {name: points for name, points in negative.items() if name not in masks})

    def _select(
        self,
        scores: Tensor,  # [N]
        report: Report,
    ) -> Tensor:  # [N] bool
        """Selects Gaussians of positive confidence, less doubtful ones far away, and hidden ones close by."""
        selected, means = (scores > 0) & self.device_scene.valid, self.device_scene.geometry.means
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
                selected = selected | (close & (scores == 0) & self.device_scene.valid)
            report.thresholds["ball_radius"] = radius
            report.count("after_ball_query", selected)
        return selected

    def _note(self, outcomes: dict[str, Outcome], report: Report) -> None:
        """Records what became of the views."""
        counted = Counter(outcomes.values())
        report.counts |= {f"views_{outcome}": counted[outcome] for outcome in _OUTCOMES}
        named = {outcome: [name for name, each in outcomes.items() if each == outcome] for outcome in _OUTCOMES}
        report.extra["views"] = named
        if self.config.propagate and outcomes and counted["used"] == 0:
            report.warnings.append(
                f"no other view was used ({counted['rejected']} rejected, {counted['without_mask']} without a mask, "
                f"{counted['not_showing']} not showing the object): the result is that of the prompt alone"
            )
