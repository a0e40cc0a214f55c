"""ObjectSlots: a scene cut into objects, to list, to render and to click on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from saga.errors import SagaError
from saga.methods.disconerf.components import find_objects
from saga.methods.disconerf.field import SlotField
from saga.methods.disconerf.selection import choose_objects
from saga.methods.fusion import probability
from saga.query.prompts import Prompt, check
from saga.query.report import Report
from saga.query.segmentation import Segmentation
from saga.raster import BlendOperator
from saga.raster.device_scene import DeviceScene
from saga.scene import Camera, Scene
from saga.train.smoothing import neighbor_average

_REMEMBERED_VIEWS = 8
_BATCH = 32
"""Objects rendered at a time."""
_LEAST_ALPHA = 0.5
"""A pixel shows an object only where Gaussians cover at least half of it."""


class ObjectSlots:
    """The objects of one scene. Every Gaussian belongs to at most one; objects are numbered 1, 2, ... largest first."""

    def __init__(self, scene: Scene, field: SlotField, device: str = "cpu") -> None:
        """Assigns every Gaussian of a scene to the object of its most probable slot.

        Args:
            scene: the scene the field was trained for.
            field: its slots.
            device: "cpu" or "cuda".

        Raises:
            SagaError: a field of another scene.
        """
        if len(field.features) != len(scene.gaussians) or field.scene_digest != scene.gaussians.digest():
            raise SagaError(f"{scene.path}: the slot field was trained for another scene; train one for this one.")
        self.scene, self.field = scene, field.to(device)
        self.views = DeviceScene(scene, device, remembered=_REMEMBERED_VIEWS)
        average = None
        if field.config.separate:
            average = neighbor_average(self.views.geometry, field.config.neighbors)
        self._objects = find_objects(self.field, self.views.valid, average)
        self._label_map = lru_cache(_REMEMBERED_VIEWS)(lambda name: self.label_map(scene.camera(name)))

    def __len__(self) -> int:
        """Number of objects."""
        return len(self._objects.slots)

    @property
    def labels(self) -> Tensor:  # [N] int32
        """Object of each Gaussian, in the PLY's order; 0 = none."""
        return self._objects.labels

    @property
    def confidence(self) -> Tensor:  # [N] float32
        """How probable each Gaussian's slot is (section 6.1): low where masks disagree or nothing was seen."""
        return self._objects.confidence

    def save(self, path: str | Path) -> None:
        """Writes the field, one safetensors file (SlotField.save)."""
        self.field.save(path)

    @staticmethod
    def load(path: str | Path, scene: Scene, device: str = "cpu") -> ObjectSlots:
        """Reads what `save` wrote. Raises SagaError as SlotField.load does."""
        return ObjectSlots(scene, SlotField.load(path, scene), device)

    def object_probabilities(
        self,
        numbers: Tensor,  # [K] int64
    ) -> Tensor:  # [N, K]
        """Each Gaussian's probability of belonging to some of the objects, float32; 0 for invalid Gaussians."""
        slots, main = self._objects.slots[numbers - 1], self._objects.main[numbers - 1]
        values = torch.cat([part[:, slots] for part in self.field.probabilities()])
        # Of a slot in several parts, each has the probability of its own Gaussians; the largest also that of others.
        owner = torch.where(self.labels > 0, self._objects.slots[self.labels.long() - 1], -1)
        own = self.labels[:, None] == numbers
        elsewhere = main & (owner[:, None] != slots)
        return torch.where((own | elsewhere) & self.views.valid[:, None], values, 0.0)

    def probabilities(self, camera: Camera) -> Tensor:  # [H, W, K]
        """Object probabilities O of a view (eq. 1 and 3), float32 [H, W, objects] in [0, 1]; channel k is object k + 1.

        Blended probabilities over blended opacity, so half transparent pixels count in full; 0 where nothing is shown.
        """
        operator = BlendOperator(self.views.geometry, camera)
        parts = [probability(operator, self.object_probabilities(some)) for some in self._numbers().split(_BATCH)]
        return torch.cat(parts, dim=-1)

    def label_map(self, camera: Camera) -> Tensor:  # [H, W]
        """The most probable object of every pixel of a view, int32 [H, W]; 0 where alpha <= 0.5."""
        operator = BlendOperator(self.views.geometry, camera)
        best = torch.zeros(camera.height, camera.width, device=self.views.device)
        winner = torch.zeros_like(best, dtype=torch.int64)
        for some in self._numbers().split(_BATCH):
            values, places = probability(operator, self.object_probabilities(some)).max(-1)
            winner = torch.where(values > best, some[places], winner)
            best = torch.maximum(best, values)
        return torch.where(operator.alpha() > _LEAST_ALPHA, winner, 0).to(torch.int32)

    def discover(self) -> list[Segmentation]:
        """Every object of the scene, largest first; scores are probabilities in [0, 1]."""
        found = []
        for some in self._numbers().split(_BATCH):
            values = self.object_probabilities(some)
            for place, number in enumerate(some.tolist()):
                report, mask = Report(), self.labels == number
                report.count("selected", mask)
                facts = {"view": None, "prompt": {}, **report.as_json()}
                found.append(Segmentation(mask, values[:, place].clone(), facts))
        return found

    def segment(self, view: str, **prompt: Any) -> Segmentation:
        """As `segment_prompt`: points, scribble, mask or box in a view, and optionally negative; see Prompt."""
        return self.segment_prompt(Prompt(view, **prompt))

    def segment_prompt(self, prompt: Prompt) -> Segmentation:
        """As `segment_prompts`, from one prompt."""
        return self.segment_prompts([prompt])

    def segment_prompts(self, prompts: Sequence[Prompt]) -> Segmentation:
        """The objects that prompts in several views (or several in one) point at, as one.

        Points take the most probable object of each pixel, scribbles those that they run over, masks those that
        together fit it best, boxes the one that fits best. Objects at negative points of any prompt are left out;
        all prompts but the first may have negative points only.

        Raises:
            SagaError: no prompt, no such view, or a prompt that does not fit it or points at nothing.
        """
        if not prompts:
            raise SagaError("segment_prompts: expected at least one prompt, found none.")
        report = Report()
        meant: set[int] = set()
        excluded: set[int] = set()
        for index, prompt in enumerate(prompts):
            camera = self.scene.camera(prompt.view)
            checked = check(prompt, camera, only_negative=index > 0)
            with report.timed("objects"):
                found, left_out = choose_objects(self._label_map(camera.name).cpu().numpy(), checked, camera.name)
            meant, excluded = meant | found, excluded | left_out
        numbers = sorted(meant - excluded)
        with report.timed("selection"):
            chosen = torch.tensor(numbers, dtype=torch.int64, device=self.views.device)
            mask = torch.isin(self.labels, chosen)
            scores = self.object_probabilities(chosen).sum(1) if numbers else torch.zeros(len(mask), device=mask.device)
        report.count("selected", mask)
        if not numbers:
            report.warnings.append("nothing was selected: a negative point lies on the same object as the prompt")
        views = [self.scene.camera(prompt.view).name for prompt in prompts]
        facts = {"view": views[0], "prompt": prompts[0].describe(), "objects": numbers, **report.as_json()}
        if len(prompts) > 1:
            others = zip(views[1:], prompts[1:], strict=True)
            facts["further_prompts"] = [{"view": view, "prompt": prompt.describe()} for view, prompt in others]
        return Segmentation(mask, scores, facts)

    def _numbers(self) -> Tensor:  # [K] int64
        return torch.arange(1, len(self) + 1, device=self.views.device)
