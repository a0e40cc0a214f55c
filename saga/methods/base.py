"""Method: what every method shares, so that each is left with what is its own.

A method implements `_segment`, which gets prompts that are known to fit their views and a report to fill. Everything
around it is here: checking, the ways to ask, invalid Gaussians, warnings, and the facts that go with an answer.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar

from torch import Tensor

from saga.errors import SagaError
from saga.query.prompts import CheckedPrompt, Prompt, check
from saga.query.queries import onto_the_scene
from saga.query.report import Report
from saga.query.segmentation import Segmentation
from saga.raster.device_scene import DeviceScene
from saga.regions.beside import regions_beside
from saga.regions.scene_regions import SceneRegions
from saga.runtime.sets import size_of
from saga.scene import Camera, Scene
from saga.train import FeatureField

if TYPE_CHECKING:
    from saga.masks import MaskModel, MaskSource

ConfigT = TypeVar("ConfigT")


@dataclass(frozen=True)
class ViewPrompt:
    """A prompt that fits its view."""

    camera: Camera
    """The view it is given in."""
    given: Prompt
    """The prompt as a person gave it."""
    parts: CheckedPrompt
    """Its parts in the camera's pixels, of which all are known to lie in the image."""

    def describe(self) -> dict[str, Any]:
        """Returns the view's name, the prompt, and the camera where it is no view of the scene, as JSON values."""
        named = {"view": self.camera.name, "prompt": self.given.describe()}
        return named | ({"camera": self.camera.describe()} if isinstance(self.given.view, Camera) else {})


class Method(ABC, Generic[ConfigT]):
    """A method of segmentation, opened on one scene: prompts in, objects out.

    Attributes:
        device_scene: the scene on a device; methods, export and evaluation share what it remembers of its views.
        scene: the scene.
        config: the method's config.
        masks: masks of the views, if there are any.
        sam: Segment Anything, if it answers prompts.
        field: features of the scene, if there are any.
        regions: regions of the scene, if there are any.
        progress: whether long work shows a bar on standard error.
    """

    Config: ClassVar[type[Any]]
    """The class of the method's config."""
    advice: ClassVar[str] = "prompt where the object is in full view"
    """What to do when nothing was selected."""
    needs_field: ClassVar[bool] = False
    """Whether the method answers from features that are trained on the scene."""

    def __init__(
        self,
        scene: Scene | DeviceScene,
        config: ConfigT | None = None,
        *,
        masks: MaskSource | None = None,
        sam: MaskModel | None = None,
        field: FeatureField | None = None,
        device: str = "auto",
        progress: bool = True,
        regions: SceneRegions | Literal[False] | None = None,
    ) -> None:
        """Opens the method on a scene.

        All methods are opened with the same words; each takes what it needs of masks, SAM and features.

        Args:
            scene: the scene, or the scene on a device, which several methods then share.
            config: the method's config; None takes the defaults.
            masks: masks of the views; a method that needs some makes those that the scene gives itself by default.
            sam: makes the masks of prompts.
            field: features of the scene's Gaussians.
            device: "auto", "cpu" or "cuda"; without effect when the scene is on a device already.
            progress: whether long work shows a bar on standard error.
            regions: the scene's regions; None takes those in the file beside the scene (saga-train writes it), if it
                is there (made again where it is of no use), and False takes none.

        Raises:
            SagaError: something is missing that the method needs.
        """
        self.device_scene = DeviceScene.of(scene, device)
        self.scene = self.device_scene.scene
        self.config: ConfigT = self.Config() if config is None else config
        self.masks, self.sam, self.field, self.progress = masks, sam, field, progress
        taken = regions_beside(self.device_scene, progress=progress) if regions is None else regions
        self.regions: SceneRegions | None = taken or None

    @abstractmethod
    def _segment(self, prompts: Sequence[ViewPrompt], report: Report) -> tuple[Tensor, Tensor]:  # [N] bool, [N]
        """Finds the object that prompts of one or several views mean together.

        Args:
            prompts: at least one; all but the first may have negative points only.
            report: gets times, counts, thresholds, losses and warnings.

        Returns:
            mask: which Gaussians belong to the object, bool [N].
            scores: how well each fits, float32 [N].
        """

    def segment(self, view: str | Camera, **prompt: Any) -> Segmentation:
        """Segments one object from one prompt in one view.

        Args:
            view: name of the view, e.g. "0003.jpg", or any camera.
            prompt: one of `points`, `scribble`, `mask` or `box`, and optionally `negative`: see Prompt.

        Raises:
            SagaError: there is no such view, or the prompt does not fit it.
        """
        return self.segment_prompt(Prompt(view, **prompt))

    def extract(self, prompts: Iterable[Prompt]) -> list[Segmentation]:
        """Segments one object per prompt; views are projected once however many prompts they carry.

        Raises:
            SagaError: as `segment_prompts`.
        """
        return [self.segment_prompt(prompt) for prompt in prompts]

    def segment_prompt(self, prompt: Prompt) -> Segmentation:
        """Segments one object from a Prompt. Raises SagaError as `segment_prompts` does."""
        return self.segment_prompts([prompt])

    def segment_prompts(self, prompts: Sequence[Prompt]) -> Segmentation:
        """Segments one object from prompts in several views (or several in one).

        All prompts but the first may have negative points only.

        Raises:
            SagaError: no prompt, no such view, a prompt that does not fit its view, or one that shows nothing.
        """
        checked, report = self._checked(prompts), Report()
        mask, scores = self._segment(checked, report)
        return self._answer(mask, scores, report, checked)

    def reads_pixels_alone(self, prompts: Sequence[Prompt]) -> bool:
        """Whether prompts are answered from what their pixels show: then a window around them does for the view."""
        return False

    def masks_or_own(self) -> MaskSource:
        """Returns the masks that were given, or those that the scene gives itself, made where they are missing.

        Raises SagaError as `open_masks`, and for a scene that was not read from a file, beside which they are kept.
        """
        if self.masks is None:
            from saga.masks import open_masks  # loaded when needed, like all that makes masks: a click takes none of it

            self.masks = open_masks(self.device_scene, device=str(self.device_scene.device), progress=self.progress)
        return self.masks

    def _checked(self, prompts: Sequence[Prompt]) -> list[ViewPrompt]:
        """Looks up the views of prompts and reads what they point at there, once."""
        if not prompts:
            raise SagaError("prompts: expected at least one prompt, found none; give points, say.")
        checked = []
        for index, prompt in enumerate(prompts):
            camera = self.scene.camera(prompt.view)
            parts = check(prompt, camera, only_negative=index > 0)
            if len(parts.points) > 0:
                parts = replace(parts, points=onto_the_scene(self.device_scene.operator(camera.name), parts.points))
            checked.append(ViewPrompt(camera, prompt, parts))
        return checked

    def _answer(
        self,
        mask: Tensor,  # [N] bool
        scores: Tensor,  # [N]
        report: Report,
        prompts: Sequence[ViewPrompt] = (),
        described: dict[str, Any] | None = None,
    ) -> Segmentation:
        """Returns a selection with its facts; Gaussians that are no numbers are never part of it.

        `described` stands for "view" and "prompt" where no view was prompted.
        """
        mask = mask & self.device_scene.valid
        size = size_of(mask)
        report.counts.setdefault("selected", size)
        if size == 0:
            report.warnings.append(f"nothing was selected: {self.advice}")
        first = prompts[0].describe() if prompts else described or {"view": None, "prompt": {}}
        facts = {**first, "further_prompts": [prompt.describe() for prompt in prompts[1:]], **report.as_json()}
        return Segmentation(mask, scores.float(), facts, self.device_scene)


class DiscoveringMethod(Method[ConfigT]):
    """A method that also finds the objects of a scene without a prompt."""

    joins_scene: ClassVar[bool] = False
    """Whether what the method finds, from masks that nobody gave, is joined with what the scene says of itself."""

    @abstractmethod
    def _discover(self, report: Report) -> Iterable[tuple[Tensor, Tensor]]:  # each [N] bool, [N]
        """Finds the masks and scores of all objects, largest first; `report` gets what is common to all."""

    def discover(self) -> list[Segmentation]:
        """Finds every object of the scene without a prompt, largest first; none shares a Gaussian with another.

        Where the method says so and nobody gave masks, what it finds is joined with the scene's own supports and
        objects, and with its regions, where there are any: see `whole_scene.objects_of_scene`. Each report has the
        "kind", object or support.
        """
        report = Report()
        return self._whole_scene(list(self._discover(report)), report)

    def find(self, text: str, top: int = 5, *, model: Any = None) -> list[Segmentation]:
        """Finds the objects that a text describes, best first; returns none when nothing is like it (docs/words.md).

        Each report has, under "words", the score (a probability), the rank, and whether it is as good as the best.
        Objects are discovered and looked at once; every further text is answered at once.

        Args:
            text: a name or a description, e.g. "red mug".
            top: at most so many objects.
            model: a text-image model: a short name, a folder or an id of the hub, or one that is open already; the
                recommended one by default.

        Raises:
            SagaError: there is no such model, or it cannot be loaded; or the scene has no cameras.
        """
        words = import_module("saga.words.ask")  # a floor above, which methods do not import
        found: list[Segmentation] = words.find(self, text, top, model)
        return found

    def _masks_are_given(self) -> bool:
        """Whether what the method finds comes from masks of a person or a model, which know better than the scene."""
        if self.masks is None:
            return False
        from saga.masks.own import are_given

        return are_given(self.masks)

    def _whole_scene(self, found: Sequence[tuple[Tensor, Tensor]], report: Report) -> list[Segmentation]:
        """Returns the objects of the scene, with what is common to all, and what is their own, in a report each."""
        from saga.masks.own import scene_structure
        from saga.methods.whole_scene import objects_of_scene

        structure, regions = None, None
        with report.timed("scene"):
            if self.joins_scene and not self._masks_are_given():
                structure = scene_structure(self.device_scene, self.masks, self.progress)
                regions = self.regions
            objects = objects_of_scene(found, self.device_scene, structure, regions)
        answers = []
        for each in objects:
            own = report.copy()
            own.extra["kind"] = each.kind.value
            answers.append(self._answer(each.members, each.scores, own))
        return answers
