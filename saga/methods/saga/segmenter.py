"""The Segmenter: SAGA's queries (section 3.4); loaded once, asked often."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from saga.errors import SagaError
from saga.masks import MaskSource, Sam
from saga.methods.base import DiscoveringMethod, ViewPrompt
from saga.methods.saga.levels import MOST_OF_PICTURES, Level, Levels
from saga.query import graph_cut
from saga.query import sam as sam_prompts
from saga.query.config import QueryConfig
from saga.query.discovery import cluster
from saga.query.matching import Matcher
from saga.query.prompts import CheckedPrompt, Prompt
from saga.query.queries import centered, positive_and_negative, require_shown
from saga.query.refine import MaskEvidence, refine
from saga.query.report import Report
from saga.query.segmentation import Segmentation
from saga.query.thresholds import paper_threshold, valley_threshold
from saga.raster import BlendOperator, DeviceScene, SparseRows
from saga.regions.scene_regions import SceneRegions
from saga.scene import Camera, Scene
from saga.train import FeatureField
from saga.train.smoothing import neighbor_average


@dataclass(frozen=True)
class _Match:
    """What one prompt says about every Gaussian."""

    scores: Tensor  # [N]
    threshold: float
    negative: Tensor  # [Q, C]
    """Queries of what the object is not."""
    evidence: MaskEvidence | None
    """Of the prompt's mask, if it has one."""


class Segmenter(DiscoveringMethod[QueryConfig]):
    """Turns prompts into objects of one scene: features say what is alike, regions say where things end."""

    Config = QueryConfig
    needs_field = True
    joins_scene = True
    advice = "lower the score threshold, or click where the object is in full view"
    field: FeatureField | None
    """Features of the Gaussians, on the device of the scene; without them the regions answer alone."""

    def __init__(
        self,
        scene: Scene | DeviceScene,
        field: FeatureField | None = None,
        config: QueryConfig | None = None,
        device: str = "auto",
        sam: Sam | None = None,
        *,
        masks: MaskSource | None = None,
        progress: bool = True,
        regions: SceneRegions | Literal[False] | None = None,
    ) -> None:
        """Prepares a scene for queries.

        Args:
            scene: the scene the field was trained for, or the scene on a device.
            field: features of its Gaussians, which training makes; None leaves all answers to the regions.
            config: thresholds and post-processing; None takes the defaults.
            device: "auto", "cpu" or "cuda"; without effect when the scene is on a device already.
            sam: turns points and boxes into SAM's masks first; needs a field trained with SAM's features.
            masks: not needed, what they say is in the field.
            progress: not needed, a query takes milliseconds.
            regions: the scene's regions; None takes those in the file beside the scene (saga-train writes it), if it
                is there. Without regions a prompt has one answer.

        Raises:
            SagaError: neither a field nor regions, those of another scene, or SAM with a field trained without it.
        """
        super().__init__(
            scene, config, masks=masks, sam=sam, field=field, device=device, progress=progress, regions=regions
        )
        if field is None and self.regions is None:
            raise SagaError(
                "method saga: expected features or regions of the scene, found neither; train them with saga-train."
            )
        if sam is not None and (field is None or field.phi is None):
            raise SagaError(
                "SAM prompts: expected a field trained with SAM's features, found one without; run saga-train with "
                "--sam CHECKPOINT, and neither --iterations 0 nor --sam-guidance 0."
            )
        if field is not None:
            field.check(self.scene)
            self.field = field.to(self.device_scene.device)
        self.levels = None if self.regions is None else Levels(self.device_scene, self.regions)

    @property
    def reads_pixels_alone(self) -> bool:
        """As in Method: Segment Anything looks at whole pictures, features and regions do not."""
        return self.sam is None

    @property
    def features(self) -> Tensor:  # [N, C]
        """The field's features. Raises SagaError where there is no field."""
        return self._trained.features

    @cached_property
    def matcher(self) -> Matcher:
        """What compares queries with the features. Raises SagaError where there is no field."""
        return Matcher.build(self.features)

    @property
    def _trained(self) -> FeatureField:
        if self.field is None:
            raise SagaError(f"{self.scene.path}: expected features of the scene, found none; train them: saga-train.")
        return self.field

    def candidates(
        self, view: str | Camera, points: Sequence[tuple[float, float]] = (), **prompt: Any
    ) -> list[Segmentation]:
        """Segments the nested answers to one prompt: up to three, smallest first.

        Each report has the answer's "name" (part, object or group, relative to the others), its "score" in [0, 1] and
        whether it is the "default", which `segment` gives. Where there are no regions, or none fits, there is one.

        Args:
            view: name of the view, or any camera.
            points: pixels on the object.
            prompt: further parts of the prompt: see Prompt.

        Raises:
            SagaError: as `segment`.
        """
        return self.candidates_of([Prompt(view, points, **prompt)])

    def candidates_of(self, prompts: Sequence[Prompt]) -> list[Segmentation]:
        """As `candidates`, from prompts of one or several views. Raises SagaError as `segment_prompts` does."""
        checked, report = self._checked(prompts), Report()
        selected, scores = self._by_features(checked, report)
        found = self._nested(checked, selected, report)
        if not found:
            report.extra |= {"name": "object", "score": None, "default": True}
            return [self._answer(selected, scores, report, checked)]
        answers = []
        for level in found:
            own = report.copy()
            own.extra |= {"name": level.answer.name, "score": round(level.answer.score, 3), "default": level.best}
            answers.append(self._answer(level.mask, self._scores(level, scores), own, checked))
        return answers

    def _segment(self, prompts: Sequence[ViewPrompt], report: Report) -> tuple[Tensor, Tensor]:  # [N] bool, [N]
        """Selects the best of the nested answers, or the one of the granularity asked for."""
        selected, scores = self._by_features(prompts, report)
        wanted = self.config.granularity
        found = self._nested(prompts, selected, report)
        if not found:
            if wanted is not None:
                report.warnings.append(f"granularity {wanted}: there is one answer only, for want of regions that fit")
            return selected, scores
        chosen = next(level for level in found if level.best)
        if wanted is not None:
            chosen = next((level for level in found if level.answer.name == wanted), chosen)
            if chosen.answer.name != wanted:
                report.warnings.append(f"granularity {wanted}: there is no such answer here; the best one is given")
        report.extra["answer"] = chosen.answer.name
        report.count("after_regions", chosen.mask)
        return chosen.mask, self._scores(chosen, scores)

    def _scores(
        self,
        level: Level,
        scores: Tensor,  # [N]
    ) -> Tensor:  # [N]
        """How well Gaussians fit: by their features, or, without features, the score of the region they lie in."""
        return scores if self.field is not None else level.mask.float() * level.answer.score

    def _nested(
        self,
        prompts: Sequence[ViewPrompt],
        selected: Tensor,  # [N] bool
        report: Report,
    ) -> list[Level]:
        """The nested answers; a selection of most of the pictures is never given without a word."""
        if self.levels is None:
            return []
        trusted = self.field is not None and (self.sam is not None or self._masks_are_given())
        with report.timed("regions"):
            found = self.levels.answer(prompts, selected, trusted, report)
            share = float(self.levels.regions.shares @ self.levels.cells_of(selected))
        if not found and share > MOST_OF_PICTURES:
            report.warnings.append(
                f"the selection is {share:.0%} of all that the views show: give a negative point, or a higher threshold"
            )
        return found

    def _by_features(self, prompts: Sequence[ViewPrompt], report: Report) -> tuple[Tensor, Tensor]:  # [N] bool, [N]
        """Selects what the scores of any prompt select.

        Negative points only ever remove: the result is a part of what the same prompts select without them. Without
        features nothing is selected.
        """
        if self.field is None:
            for prompt in prompts:
                require_shown(self.device_scene.operator(prompt.camera.name), prompt.parts.points)
            nothing = torch.zeros_like(self.device_scene.valid)
            return nothing, nothing.float()
        matches = [self._match_prompt(prompt, report) for prompt in prompts]
        scores = torch.stack([match.scores for match in matches]).amax(0)
        with report.timed("selection"):
            selected = torch.stack([self._select(match) for match in matches]).any(0) & self.device_scene.valid
        report.thresholds["score"] = min(match.threshold for match in matches)
        evidence = MaskEvidence.joined([match.evidence for match in matches if match.evidence is not None])
        means = self.device_scene.geometry.means
        reachable = None if self.levels is None else self.levels.reachable
        selected = refine(selected, means, evidence, self.config, report, reachable) & self.device_scene.valid
        negative = torch.cat([match.negative for match in matches])
        if len(negative) > 0:
            with report.timed("negative"):
                selected &= scores > self.matcher.cosine(negative)
            report.count("after_negative", selected)
        return selected, scores

    def discover(self, similarity: float = 0.6, smallest: int = 50, seed: int = 0) -> list[Segmentation]:
        """Finds every object of the scene without a prompt, largest first.

        Gaussians are clustered by the direction of their features, which is joined with what the scene says of itself
        (`DiscoveringMethod.discover`); each belongs to at most one object. Without features the scene says it alone.

        Args:
            similarity: least cosine similarity of a member to its object's mean feature.
            smallest: objects of fewer Gaussians are left out.
            seed: seed of the clustering.

        Raises:
            SagaError: a photograph or the cache of the scene's own masks cannot be read.
        """
        report = Report()
        found = list(self._clusters(report, similarity, smallest, seed))
        return [each for each in self._whole_scene(found, report) if len(each) >= smallest]

    def _discover(self, report: Report) -> Iterator[tuple[Tensor, Tensor]]:  # each [N] bool, [N]
        return self._clusters(report)

    def _masks_are_given(self) -> bool:
        return self.field is not None and bool((self.field.report or {}).get("given_masks", True))

    def _clusters(
        self, report: Report, similarity: float = 0.6, smallest: int = 50, seed: int = 0
    ) -> Iterator[tuple[Tensor, Tensor]]:  # each [N] bool, [N]
        if self.field is None:
            return
        with report.timed("cluster"):
            candidates = self.device_scene.valid & (self.matcher.lengths > 0)
            objects = cluster(self.features, candidates, similarity, smallest, seed)
        for center, members in objects:
            yield members, self.matcher.cosine(center[None])

    def _match_prompt(self, prompt: ViewPrompt, report: Report) -> _Match:
        checked = prompt.parts
        with report.timed("view"):
            operator = self.device_scene.operator(prompt.camera.name)
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
        """Matches SAM's mask; the negative points need nothing more, since the mask leaves them out."""
        assert self.sam is not None
        with report.timed("sam"):
            picture = self.device_scene.picture(operator.camera)
            mask, features = sam_prompts.reference_mask(self.sam, picture, prompt)
        with report.timed("queries"):
            queries = sam_prompts.queries(operator, self._trained, features, mask, self.config)
        with report.timed("matching"):
            scores = self.matcher.product(queries)
            threshold = sam_prompts.threshold(scores, self.config)
        return _Match(scores, threshold, queries[:0], self._evidence(operator, mask, report))

    def _with_centers(
        self,
        queries: Tensor,  # [Q, C]
    ) -> Tensor:  # [2 Q, C]
        """Returns the queries as they are and moved to the middle of what they point at."""
        return torch.cat([queries, centered(self.matcher, self.features, queries, self.config.query_shifts)])

    def _select(self, match: _Match) -> Tensor:  # [N]
        if self.config.graph_smoothness <= 0 or math.isinf(match.threshold):
            return match.scores > match.threshold
        neighbors, smoothness = self._neighbors, self.config.graph_smoothness
        return graph_cut.cut(match.scores, match.threshold, self.features, neighbors, smoothness)

    @cached_property
    def _neighbors(self) -> SparseRows:
        return neighbor_average(self.device_scene.geometry, self._trained.config.smooth_neighbors)

    def _evidence(self, operator: BlendOperator, mask: np.ndarray | None, report: Report) -> MaskEvidence | None:
        if mask is None:
            return None
        with report.timed("mask_evidence"):
            return MaskEvidence.of(operator, torch.from_numpy(mask).to(self.device_scene.device))

    def _threshold(self, scores: Tensor) -> float:
        chosen = self.config.score_threshold
        if chosen == "paper":
            return paper_threshold(scores[self.device_scene.valid])
        if chosen == "adaptive":
            return valley_threshold(scores[self.device_scene.valid])
        return float(chosen)
