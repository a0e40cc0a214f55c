"""The Segmenter: SAGA's queries (section 3.4); loaded once, asked often."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from saga.errors import SagaError
from saga.masks import MaskModel, MaskSource
from saga.methods.base import DiscoveringMethod, ViewPrompt
from saga.methods.saga.corrections import is_corrected, parted
from saga.methods.saga.features import FeatureQueries, Selection
from saga.methods.saga.levels import MOST_OF_VIEWS, Level, Levels, Trust
from saga.query.config import QueryConfig
from saga.query.discovery import cluster
from saga.query.matching import Matcher
from saga.query.prompts import Prompt
from saga.query.queries import require_shown
from saga.query.report import Report
from saga.query.segmentation import Segmentation
from saga.raster import DeviceScene
from saga.regions.scene_regions import SceneRegions
from saga.scene import Camera, Scene
from saga.train import FeatureField


class Segmenter(DiscoveringMethod[QueryConfig]):
    """Turns prompts into objects of one scene: features say what is alike, regions say where things end."""

    Config = QueryConfig
    needs_field = True
    joins_scene = True
    advice = "lower the score threshold, or click where the object is in full view"
    field: FeatureField | None
    """Features of the Gaussians, on the device of the scene; without them the regions answer alone."""
    queries: FeatureQueries | None = None
    """What asks the features."""

    def __init__(
        self,
        scene: Scene | DeviceScene,
        field: FeatureField | None = None,
        config: QueryConfig | None = None,
        device: str = "auto",
        sam: MaskModel | None = None,
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
        if sam is not None and field is not None:
            _require_same_model(sam, field)
        if field is not None:
            field.check(self.scene)
            self.field = field.to(self.device_scene.device)
            self.queries = FeatureQueries(self.device_scene, self.field, self.config, sam)
        self.levels = None if self.regions is None else Levels(self.device_scene, self.regions)

    def reads_pixels_alone(self, prompts: Sequence[Prompt]) -> bool:
        """As in Method: Segment Anything, and corrections, look at whole pictures; features and regions do not."""
        points = sum(len(prompt.points) + len(prompt.negative) for prompt in prompts)
        return self.sam is None and points <= 1

    @property
    def features(self) -> Tensor:  # [N, C]
        """The field's features, float32. Raises SagaError where there is no field."""
        return self._asked.field.features

    @property
    def matcher(self) -> Matcher:
        """What compares queries with the features. Raises SagaError where there is no field."""
        return self._asked.matcher

    @property
    def _asked(self) -> FeatureQueries:
        if self.queries is None:
            raise SagaError(f"{self.scene.path}: expected features of the scene, found none; train them: saga-train.")
        return self.queries

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
        found = self._nested(checked, report)
        if isinstance(found, Selection):
            own = _joined(report, found)
            own.extra |= {"name": "object", "score": None, "default": True}
            return [self._answer(found.mask, found.scores, own, checked)]
        answers = []
        for level in found:
            own = _joined(report, level.selection)
            own.extra |= {"name": level.answer.name, "score": round(level.answer.score, 3), "default": level.best}
            answers.append(self._answer(level.mask, _scores(level), own, checked))
        return answers

    def _segment(self, prompts: Sequence[ViewPrompt], report: Report) -> tuple[Tensor, Tensor]:  # [N] bool, [N]
        """Selects the best of the nested answers, or the one of the granularity asked for."""
        wanted = self.config.granularity
        found = self._nested(prompts, report)
        if isinstance(found, Selection):
            if wanted is not None:
                report.warnings.append(f"granularity {wanted}: there is one answer only, for want of regions that fit")
            report.take(found.report)
            return found.mask, found.scores
        chosen = next(level for level in found if level.best)
        if wanted is not None:
            chosen = next((level for level in found if level.answer.name == wanted), chosen)
            if chosen.answer.name != wanted:
                report.warnings.append(f"granularity {wanted}: there is no such answer here; the best one is given")
        if chosen.selection is not None:
            report.take(chosen.selection.report)
        report.extra["answer"] = chosen.answer.name
        report.count("after_regions", chosen.mask)
        return chosen.mask, _scores(chosen)

    def _nested(self, prompts: Sequence[ViewPrompt], report: Report) -> list[Level] | Selection:
        """The nested answers, or where no region fits, what the features select for all prompts.

        Further points correct what the first one, or what was drawn, gives. They often lie where features tell little
        apart, at a border: features have a say for the first alone. Most of what views show is never given in silence.
        """
        start, further = list(prompts), list[ViewPrompt]()
        if self.levels is not None and self._trust() != "selection" and is_corrected(prompts):
            start, further = parted(prompts)
        selections = self._by_features(start, report)
        if self.levels is not None:
            for prompt in further:
                require_shown(self.device_scene.operator(prompt.camera.name), prompt.parts.points)
            with report.timed("regions"):
                found = self.levels.answer(start, selections, self._trust(), report, further)
            if found:
                return found
        alone = self._alone(self._by_features(prompts, report) if further else selections)
        share = 0.0 if self.levels is None else self.levels.share(self.levels.cells_of(alone.mask))
        if share > MOST_OF_VIEWS:
            report.warnings.append(
                f"the selection is {share:.0%} of all that the views show: give a negative point, or a higher threshold"
            )
        return alone

    def _trust(self) -> Trust:
        """What knows where things end: SAM's mask of the prompt, masks that were given, or else the regions."""
        if self.sam is not None:
            return "selection"
        if self.field is None or self.levels is None or not self._masks_are_given():
            return "regions"
        return "selection" if self.levels.regions.given is None else "masks"

    def _by_features(self, prompts: Sequence[ViewPrompt], report: Report) -> list[Selection]:
        """What the features select at each scale, the coarsest first; without features nothing is."""
        if self.queries is not None:
            reachable = None if self.levels is None else self.levels.reachable
            return self.queries.select(prompts, report, reachable, details=self._trust() == "masks")
        for prompt in prompts:
            require_shown(self.device_scene.operator(prompt.camera.name), prompt.parts.points)
        return []

    def _alone(self, found: Sequence[Selection]) -> Selection:
        """The answer of the features where no region fits: the coarsest that leaves most of the scene out."""
        if not found:
            nothing = torch.zeros_like(self.device_scene.valid)
            return Selection(nothing, nothing.float(), Report())
        most = MOST_OF_VIEWS * int(self.device_scene.valid.sum())
        return next((each for each in found if int(each.mask.sum()) <= most), found[-1])

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
            objects = cluster(self.field.stored, candidates, similarity, smallest, seed)
        for center, members in objects:
            yield members, self.matcher.cosine(center[None])


def _require_same_model(sam: MaskModel, field: FeatureField) -> None:
    """Raises SagaError where a field was trained with another model's features; those of before do not know."""
    trained = (field.report or {}).get("mask_model")
    if trained is not None and sam.digest is not None and trained != sam.digest:
        raise SagaError(
            "SAM prompts: expected the model whose features the field was trained with, found another; give the same "
            "--sam as to saga-train, or train again with this one."
        )


def _scores(level: Level) -> Tensor:  # [N]
    """How well Gaussians fit: by their features, or, without features, the score of the region they lie in."""
    return level.mask.float() * level.answer.score if level.selection is None else level.selection.scores


def _joined(report: Report, selection: Selection | None) -> Report:
    """A copy of a query's report with what one selection adds."""
    own = report.copy()
    if selection is not None:
        own.take(selection.report)
    return own
