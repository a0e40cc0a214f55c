"""What the features of a scene select for prompts (SAGA, sections 3.4 and 3.5), at every scale that they know."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np
import torch
from torch import Tensor

from saga.masks import MaskModel
from saga.methods.base import ViewPrompt
from saga.query import graph_cut
from saga.query import sam as sam_prompts
from saga.query.config import QueryConfig
from saga.query.matching import Matcher
from saga.query.prompts import CheckedPrompt
from saga.query.queries import centered, positive_and_negative, require_within
from saga.query.refine import MaskEvidence, refine
from saga.query.report import Report
from saga.query.thresholds import paper_threshold, valley_threshold
from saga.raster import BlendOperator, DeviceScene, SparseRows
from saga.runtime.sets import picked, size_of
from saga.train import FeatureField
from saga.train.smoothing import neighbor_average

_DETAIL_WINDOW = (0.85, 0.97)
"""Cosine similarities between which the border of a detail is looked for."""


@dataclass(frozen=True, eq=False)
class Selection:
    """What the features of one scale select."""

    mask: Tensor  # [N] bool
    scores: Tensor  # [N]
    report: Report
    """Times, counts and thresholds of the selection."""


@dataclass(frozen=True)
class _Match:
    """What one prompt says about every Gaussian."""

    scores: Tensor  # [N]
    threshold: float
    negative: Tensor  # [Q, C]
    """Queries of what the object is not."""
    evidence: MaskEvidence | None
    """Of the prompt's mask, if it has one."""


class _Scale:
    """The features of one scale, ready to be compared with."""

    def __init__(
        self,
        field: FeatureField,
        features: Tensor,  # [N, C]
    ) -> None:
        self._field, self.features = field, features

    @cached_property
    def matcher(self) -> Matcher:
        return Matcher.build(self.features, self._field.let_go)


class FeatureQueries:
    """Matches prompts with the features of a scene."""

    def __init__(self, scene: DeviceScene, field: FeatureField, config: QueryConfig, sam: MaskModel | None) -> None:
        """Keeps the features on the scene's device; `sam` turns points and boxes into masks first."""
        self._scene, self.field, self.config, self.sam = scene, field, config, sam
        self._scales = [_Scale(field, features) for features in field.scales]
        self._whole = _Scale(field, field.stored) if len(self._scales) > 1 else self._scales[0]

    @property
    def matcher(self) -> Matcher:
        """What compares queries with all features, of whatever scale."""
        return self._whole.matcher

    def select(
        self,
        prompts: Sequence[ViewPrompt],
        report: Report,
        reachable: Callable[[Tensor], Tensor] | None,
        details: bool = False,
    ) -> list[Selection]:
        """Selects what the scores of any prompt select, at each scale, the coarsest first.

        Negative points only ever remove: the result is a part of what the same prompts select without them. SAM's
        masks have one scale.

        Args:
            prompts: as `Method._segment` has them.
            report: what every selection's report starts from.
            reachable: for a selection bool [N], which Gaussians may join it, bool [N]; None allows all.
            details: whether the detail under the prompts comes last: what is nearly as their pixels are, at the finest
                scale.

        Raises:
            SagaError: a prompt shows no Gaussian, or a point one outside of the region that has features.
        """
        if self.field.config.box is not None:
            for prompt in prompts:
                operator = self._scene.operator(prompt.camera.name)
                require_within(operator, prompt.parts.points, self._inside, self.field.config.box)
        by_sam = self.sam is not None and any(prompt.parts.for_sam for prompt in prompts)
        scales = [self._whole] if by_sam else self._scales
        found = [self._select(scale, prompts, report.copy(), reachable) for scale in scales]
        if details and len(self._scales) > 1 and not by_sam and self.config.score_threshold == "adaptive":
            found.append(self._select(self._scales[-1], prompts, report.copy(), reachable, detail=True))
        self.field.let_go()
        return found

    def _select(
        self,
        scale: _Scale,
        prompts: Sequence[ViewPrompt],
        report: Report,
        reachable: Callable[[Tensor], Tensor] | None,
        detail: bool = False,
    ) -> Selection:
        matches = [self._match_prompt(scale, prompt, report, detail) for prompt in prompts]
        scores = reduce(torch.maximum, [match.scores for match in matches])
        with report.timed("selection"):
            chosen = [self._above(scale, match) for match in matches]
            selected = reduce(torch.logical_or, chosen) & self._scene.valid
        report.thresholds["score"] = min(match.threshold for match in matches)
        evidence = MaskEvidence.joined([match.evidence for match in matches if match.evidence is not None])
        means = self._scene.geometry.means
        selected = refine(selected, means, evidence, self.config, report, reachable) & self._scene.valid
        negative = torch.cat([match.negative for match in matches])
        if len(negative) > 0:
            with report.timed("negative"):
                selected &= scores > scale.matcher.cosine(negative)
            report.count("after_negative", selected)
        return Selection(selected, scores, report)

    def _match_prompt(self, scale: _Scale, prompt: ViewPrompt, report: Report, detail: bool) -> _Match:
        checked = prompt.parts
        with report.timed("view"):
            operator = self._scene.operator(prompt.camera.name)
        if self.sam is not None and checked.for_sam:
            return self._match_sam(operator, checked, report)
        with report.timed("queries"):
            positive, negative = positive_and_negative(
                operator, scale.features, checked, self.config.clusters, self.config.seed
            )
        with report.timed("matching"):
            # A detail is what the pixels themselves show; the middle of what is alike is the middle of the whole.
            positive = positive if detail else self._with_centers(scale, positive)
            negative = self._with_centers(scale, negative)
            scores = scale.matcher.cosine(positive)
            threshold = self._threshold(scores, detail) if len(positive) > 0 else math.inf
        return _Match(scores, threshold, negative, self._evidence(operator, checked.mask, report, checked.undecided))

    def _match_sam(self, operator: BlendOperator, prompt: CheckedPrompt, report: Report) -> _Match:
        """Matches SAM's mask; the negative points need nothing more, since the mask leaves them out."""
        assert self.sam is not None
        with report.timed("sam"):
            image = self._scene.picture(operator.camera)
            mask, features = sam_prompts.reference_mask(self.sam, image, prompt)
        with report.timed("queries"):
            queries = sam_prompts.queries(operator, self.field, features, mask, self.config)
        with report.timed("matching"):
            scores = self.matcher.product(queries)
            threshold = sam_prompts.threshold(scores, self.config)
        return _Match(scores, threshold, queries[:0], self._evidence(operator, mask, report))

    def _with_centers(
        self,
        scale: _Scale,
        queries: Tensor,  # [Q, C]
    ) -> Tensor:  # [2 Q, C]
        """Returns the queries as they are and moved to the middle of what they point at."""
        return torch.cat([queries, centered(scale.matcher, scale.features, queries, self.config.query_shifts)])

    def _above(self, scale: _Scale, match: _Match) -> Tensor:  # [N]
        if self.config.graph_smoothness <= 0 or math.isinf(match.threshold):
            return match.scores > match.threshold
        neighbors, smoothness = self._neighbors, self.config.graph_smoothness
        return graph_cut.cut(match.scores, match.threshold, scale.features, neighbors, smoothness)

    @cached_property
    def _inside(self) -> Tensor:  # [N] bool
        """Gaussians of the region that has features, where that is not the whole scene."""
        box = self.field.config.box
        assert box is not None
        return torch.from_numpy(box.contains(self._scene.scene.gaussians.means)).to(self._scene.device)

    @cached_property
    def _neighbors(self) -> SparseRows:
        return neighbor_average(self._scene.geometry, self.field.config.smooth_neighbors)

    def _evidence(
        self,
        operator: BlendOperator,
        mask: np.ndarray | None,  # [H, W] bool
        report: Report,
        undecided: np.ndarray | None = None,  # [H, W] bool
    ) -> MaskEvidence | None:
        if mask is None:
            return None
        with report.timed("mask_evidence"):
            drawn, left_open = (
                None if each is None else torch.from_numpy(each).to(self._scene.device) for each in (mask, undecided)
            )
            assert drawn is not None
            return MaskEvidence.of(operator, drawn, left_open)

    def _threshold(self, scores: Tensor, detail: bool) -> float:
        chosen = self.config.score_threshold
        if chosen == "paper":
            return paper_threshold(self._of_valid(scores))
        if chosen == "adaptive" and detail:
            return valley_threshold(self._of_valid(scores), _DETAIL_WINDOW)
        if chosen == "adaptive":
            return valley_threshold(self._of_valid(scores))
        return float(chosen)

    def _of_valid(self, scores: Tensor) -> Tensor:  # [N] -> [n]
        """Scores of the Gaussians that are numbers: mostly all of them, which then are not copied."""
        return scores if size_of(self._scene.valid) == len(scores) else picked(scores, self._scene.valid)
