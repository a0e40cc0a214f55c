"""The Segmenter: load once, ask often."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from saga.errors import SagaError
from saga.masks import Sam
from saga.query import sam as sam_prompts
from saga.query.config import QueryConfig
from saga.query.discovery import cluster
from saga.query.matching import Matcher
from saga.query.prompts import CheckedPrompt, Prompt, check
from saga.query.queries import positive_and_negative
from saga.query.refine import MaskEvidence, refine
from saga.query.report import Report
from saga.query.segmentation import Segmentation
from saga.query.thresholds import paper_threshold, valley_threshold
from saga.raster import BlendOperator, Geometry
from saga.scene import Scene
from saga.train import FeatureField

_REMEMBERED_VIEWS = 8


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
            SagaError: a field of another scene, or SAM with a field trained without it.
        """
        if len(field.features) != len(scene.gaussians) or field.scene_digest != scene.gaussians.digest():
            raise SagaError(f"{scene.path}: the field was trained for another scene; train one with saga-train.")
        if sam is not None and field.phi is None:
            raise SagaError(
                "SAM prompts need a field trained with SAM's features: run saga-train with --sam CHECKPOINT."
            )
        self.scene, self.config, self.sam = scene, config or QueryConfig(), sam
        self.field = field.to(device)
        self.geometry = Geometry.from_gaussians(scene.gaussians, device=device)
        self.matcher = Matcher.build(self.field.features)
        self._valid = torch.from_numpy(scene.gaussians.valid).to(device)
        self._operator = lru_cache(_REMEMBERED_VIEWS)(self._build_operator)

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
        report = Report()
        camera = self.scene.camera(prompt.view)
        mask: np.ndarray | None
        checked = check(prompt, camera)
        with report.timed("view"):
            operator = self._operator(camera.name)
        if self.sam is not None and checked.scribble is None:
            scores, threshold, mask = self._match_sam(operator, checked, report)
            allowed = self._valid
        else:
            scores, threshold, nearer = self._match(operator, checked, report)
            mask, allowed = checked.mask, self._valid & nearer
        report.thresholds["score"] = threshold
        selected = allowed & (scores > threshold)
        evidence = None
        if mask is not None:
            with report.timed("mask_evidence"):
                evidence = MaskEvidence.of(operator, torch.from_numpy(mask).to(selected.device))
        selected = refine(selected, self.geometry.means, evidence, self.config, report) & allowed
        if not bool(selected.any()):
            report.warnings.append(
                "nothing was selected: lower the score threshold, or click where the object is in full view"
            )
        facts = {"view": camera.name, "prompt": prompt.describe(), **report.as_json()}
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
            objects = cluster(self.field.features, candidates, similarity, smallest, seed)
        found = []
        for centre, members in objects:
            own = Report(dict(report.timings_ms))
            own.count("selected", members)
            scores = self.matcher.cosine(centre[None])
            found.append(Segmentation(members, scores, {"view": None, "prompt": {}, **own.as_json()}))
        return found

    def _build_operator(self, name: str) -> BlendOperator:
        return BlendOperator(self.geometry, self.scene.camera(name))

    def _match(self, operator: BlendOperator, prompt: CheckedPrompt, report: Report) -> tuple[Tensor, float, Tensor]:
        """Cosine scores [N] and their threshold, and what is nearer to the prompt than to its negatives [N]."""
        with report.timed("queries"):
            positive, negative = positive_and_negative(
                operator, self.field.features, prompt, self.config.clusters, self.config.seed
            )
        with report.timed("matching"):
            scores = self.matcher.cosine(positive)
            nearer = scores > self.matcher.cosine(negative)
            threshold = self._threshold(scores)
        return scores, threshold, nearer

    def _match_sam(
        self, operator: BlendOperator, prompt: CheckedPrompt, report: Report
    ) -> tuple[Tensor, float, np.ndarray]:
        """Dot-product scores [N] and their threshold, and SAM's mask [H, W] of a prompt."""
        assert self.sam is not None
        with report.timed("sam"):
            mask, features = sam_prompts.reference_mask(self.sam, self.scene.image(operator.camera), prompt)
        with report.timed("queries"):
            queries = sam_prompts.queries(operator, self.field, features, mask, self.config)
        with report.timed("matching"):
            scores = self.matcher.product(queries)
            threshold = sam_prompts.threshold(scores, self.config)
        return scores, threshold, mask

    def _threshold(self, scores: Tensor) -> float:
        chosen = self.config.score_threshold
        if chosen == "paper":
            return paper_threshold(scores[self._valid])
        if chosen == "adaptive":
            return valley_threshold(scores[self._valid])
        return float(chosen)
