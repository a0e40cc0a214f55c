"""The Segmenter: load once, ask often."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from saga.errors import SagaError
from saga.masks import Sam
from saga.query import graph_cut
from saga.query import sam as sam_prompts
from saga.query.config import QueryConfig
from saga.query.discovery import cluster
from saga.query.matching import Matcher
from saga.query.prompts import CheckedPrompt, Prompt, check
from saga.query.queries import centered, positive_and_negative
from saga.query.refine import MaskEvidence, refine
from saga.query.report import Report
from saga.query.segmentation import Segmentation
from saga.query.thresholds import paper_threshold, valley_threshold
from saga.raster import BlendOperator, Geometry, SparseRows
from saga.scene import Scene
from saga.train import FeatureField
from saga.train.smoothing import neighbor_average

_REMEMBERED_VIEWS = 8
_REMEMBERED_GRANULARITIES = 4


@dataclass(frozen=True)
class _Match:
    """What one prompt says about every Gaussian."""

    scores: Tensor  # [N]
    threshold: float
    negative: Tensor  # [Q, C]
    """Queries of what the object is not."""
    evidence: MaskEvidence | None
    """Of the prompt's mask, if it has one."""


class Segmenter:
    """Turns prompts into objects of one scene."""

    def __init__(
        self,
        scene: Scene,
        field: FeatureField,
        config: QueryConfig | None = None,
        device: str = "cpu",
        sam: Sam | None = None,
    ) -> None:
        """Prepares a scene for queries.

        Args:
            scene: the scene the field was trained for.
            field: its features.
            config: thresholds and post-processing; None takes the defaults.
            device: "cpu" or "cuda".
            sam: turns points and boxes into SAM's masks first; needs a field trained with SAM's features.

        Raises:
            SagaError: a field of another scene, or SAM or a granularity with a field trained without it.
        """
        if len(field.features) != len(scene.gaussians) or field.scene_digest != scene.gaussians.digest():
            raise SagaError(f"{scene.path}: the field was trained for another scene; train one with saga-train.")
        if sam is not None and field.phi is None:
            raise SagaError(
                "SAM prompts need a field trained with SAM's features: run saga-train with --sam CHECKPOINT, and "
                "neither --iterations 0 nor --sam-guidance 0."
            )
        self.scene, self.config, self.sam = scene, config or QueryConfig(), sam
        self.field = field.to(device)
        self.geometry = Geometry.from_gaussians(scene.gaussians, device=device)
        self._valid = torch.from_numpy(scene.gaussians.valid).to(device)
        self._operator = lru_cache(_REMEMBERED_VIEWS)(self._build_operator)
        self._features_at = lru_cache(1)(self._gated_features)
        self._matcher_at = lru_cache(_REMEMBERED_GRANULARITIES)(lambda rank: Matcher.build(self._features_at(rank)))
        self._matcher_at(self.config.granularity)

    @property
    def features(self) -> Tensor:  # [N, C]
        """The field's features, gated if the settings ask for a granularity."""
        return self._features_at(self.config.granularity)

    @property
    def matcher(self) -> Matcher:
        """Scores of `features`."""
        return self._matcher_at(self.config.granularity)

    def segment(self, view: str, **prompt: Any) -> Segmentation:
        """One object from one prompt in one view.

        Args:
            view: name of the view, e.g. "0003.jpg".
            prompt: one of `points`, `scribble`, `mask` or `box`, and optionally `negative`: see Prompt.

        Raises:
            SagaError: no such view, or a prompt that does not fit it.
        """
        return self.segment_prompt(Prompt(view, **prompt))

    def extract(self, prompts: Iterable[Prompt]) -> list[Segmentation]:
        """One object for each prompt; views are projected once however many prompts they carry."""
        return [self.segment_prompt(prompt) for prompt in prompts]

    def segment_prompt(self, prompt: Prompt) -> Segmentation:
        """As `segment`, from a Prompt."""
        return self.segment_prompts([prompt])

    def segment_prompts(self, prompts: Sequence[Prompt]) -> Segmentation:
        """One object from prompts in several views (or several in one).

        A Gaussian is selected when any prompt's scores select it. Negative points only ever remove: the
        result is a part of what the same prompts select without them. All prompts but the first may have
        negative points only.

        Raises:
            SagaError: no prompt, no such view, or a prompt that does not fit its view.
        """
        if not prompts:
            raise SagaError("segment_prompts: expected at least one prompt, found none.")
        report = Report()
        matches = [self._match_prompt(prompt, report, index > 0) for index, prompt in enumerate(prompts)]
        scores = torch.stack([match.scores for match in matches]).amax(0)
        with report.timed("selection"):
            selected = torch.stack([self._select(match) for match in matches]).any(0) & self._valid
        report.thresholds["score"] = min(match.threshold for match in matches)
        evidence = MaskEvidence.joined([match.evidence for match in matches if match.evidence is not None])
        selected = refine(selected, self.geometry.means, evidence, self.config, report) & self._valid
        negative = torch.cat([match.negative for match in matches])
        if len(negative) > 0:
            with report.timed("negative"):
                selected &= scores > self.matcher.cosine(negative)
            report.count("after_negative", selected)
        if not bool(selected.any()):
            report.warnings.append(
                "nothing was selected: lower the score threshold, or click where the object is in full view"
            )
        views = [self.scene.camera(prompt.view).name for prompt in prompts]
        facts = {"view": views[0], "prompt": prompts[0].describe(), **report.as_json()}
        if len(prompts) > 1:
            others = zip(views[1:], prompts[1:], strict=True)
            facts["further_prompts"] = [{"view": view, "prompt": prompt.describe()} for view, prompt in others]
        return Segmentation(selected, scores, facts)

    def discover(self, similarity: float = 0.6, smallest: int = 50, seed: int = 0) -> list[Segmentation]:
        """Every object of the scene, without a prompt, largest first.

        Gaussians are clustered by the direction of their features; each belongs to at most one object.

        Args:
            similarity: least cosine similarity of a member to its object's mean feature.
            smallest: objects of fewer Gaussians are left out.
            seed: seed of the clustering.
        """
        report = Report()
        with report.timed("cluster"):
            candidates = self._valid & (self.matcher.lengths > 0)
            objects = cluster(self.features, candidates, similarity, smallest, seed)
        found = []
        for center, members in objects:
            own = Report(dict(report.timings_ms))
            own.count("selected", members)
            scores = self.matcher.cosine(center[None])
            found.append(Segmentation(members, scores, {"view": None, "prompt": {}, **own.as_json()}))
        return found

    def _build_operator(self, name: str) -> BlendOperator:
        return BlendOperator(self.geometry, self.scene.camera(name))

    def _gated_features(self, granularity: float | None) -> Tensor:  # [N, C]
        features = self.field.features
        return features if granularity is None else features * self.field.factors(granularity)

    def _match_prompt(self, prompt: Prompt, report: Report, further: bool) -> _Match:
        camera = self.scene.camera(prompt.view)
        checked = check(prompt, camera, only_negative=further)
        with report.timed("view"):
            operator = self._operator(camera.name)
        if self.sam is not None and checked.for_sam:
            return self._match_sam(operator, checked, report)
        with report.timed("queries"):
            positive, negative = positive_and_negative(
                operator, self.features, checked, self.config.clusters, self.config.seed
            )
        with report.timed("matching"):
            positive, negative = self._with_centers(positive), self._with_centers(negative)
            scores = self.matcher.cosine(positive)
            threshold = self._threshold(scores) if len(positive) > 0 else math.inf
        return _Match(scores, threshold, negative, self._evidence(operator, checked.mask, report))

    def _match_sam(self, operator: BlendOperator, prompt: CheckedPrompt, report: Report) -> _Match:
        """SAM has the negative points already: its mask leaves them out."""
        assert self.sam is not None
        with report.timed("sam"):
            mask, features = sam_prompts.reference_mask(self.sam, self.scene.image(operator.camera), prompt)
        with report.timed("queries"):
            queries = sam_prompts.queries(operator, self.field, features, mask, self.config)
        with report.timed("matching"):
            scores = self.matcher.product(queries)
            threshold = sam_prompts.threshold(scores, self.config)
        return _Match(scores, threshold, queries[:0], self._evidence(operator, mask, report))

    def _with_centers(
        self,
        queries: Tensor,  # [Q, C]
    ) -> Tensor:  # [2 Q, C]
        """The queries as they are and moved to the middle of what they point at."""
        return torch.cat([queries, centered(self.matcher, self.features, queries, self.config.query_shifts)])

    def _select(self, match: _Match) -> Tensor:  # [N]
        if self.config.graph_smoothness <= 0 or math.isinf(match.threshold):
            return match.scores > match.threshold
        neighbors, smoothness = self._neighbors, self.config.graph_smoothness
        return graph_cut.cut(match.scores, match.threshold, self.features, neighbors, smoothness)

    @cached_property
    def _neighbors(self) -> SparseRows:
        return neighbor_average(self.geometry, self.field.config.smooth_neighbors)

    def _evidence(self, operator: BlendOperator, mask: np.ndarray | None, report: Report) -> MaskEvidence | None:
        if mask is None:
            return None
        with report.timed("mask_evidence"):
            return MaskEvidence.of(operator, torch.from_numpy(mask).to(self._valid.device))

    def _threshold(self, scores: Tensor) -> float:
        chosen = self.config.score_threshold
        if chosen == "paper":
            return paper_threshold(scores[self._valid])
        if chosen == "adaptive":
            return valley_threshold(scores[self._valid])
        return float(chosen)
