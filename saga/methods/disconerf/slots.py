"""ObjectSlots: a scene cut into objects, to list, to render and to click on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from saga.errors import SagaError
from saga.masks import MaskModel, MaskSource
from saga.methods.base import DiscoveringMethod, ViewPrompt
from saga.methods.disconerf.components import find_objects
from saga.methods.disconerf.config import DiscoNerfConfig
from saga.methods.disconerf.field import SlotField
from saga.methods.disconerf.selection import choose_objects
from saga.methods.disconerf.trainer import fit_slots
from saga.methods.fusion import probability
from saga.query.report import Report
from saga.raster import BlendOperator
from saga.raster.device_scene import DeviceScene
from saga.regions.scene_regions import SceneRegions
from saga.scene import Camera, Scene
from saga.train import FeatureField
from saga.train.smoothing import neighbor_average

_REMEMBERED_VIEWS = 8
_BATCH = 32
"""Objects rendered at a time."""
_LEAST_ALPHA = 0.5
"""A pixel shows an object only where Gaussians cover at least half of it."""


class ObjectSlots(DiscoveringMethod[DiscoNerfConfig]):
    """The objects of one scene. Every Gaussian belongs to at most one; objects are numbered 1, 2, ... largest first.

    Prompts choose among them: points take the most probable object of each pixel, scribbles those that they run over,
    masks those that together fit it best, boxes the one that fits best. Objects at negative points of any prompt are
    left out. Scores are probabilities in [0, 1]; the report's "objects" are the numbers of those chosen.
    """

    Config = DiscoNerfConfig
    joins_scene = True
    advice = "a negative point lies on the same object as the prompt"

    def __init__(
        self,
        scene: Scene | DeviceScene,
        config: DiscoNerfConfig | None = None,
        *,
        masks: MaskSource | None = None,
        sam: MaskModel | None = None,
        field: FeatureField | None = None,
        device: str = "auto",
        progress: bool = True,
        regions: SceneRegions | Literal[False] | None = None,
        slots: SlotField | None = None,
    ) -> None:
        """Fits slots to masks, and assigns every Gaussian to the object of its most probable one.

        Args:
            scene: as for Method.
            config: as for Method; that of `slots` if these are given.
            masks: masks of the views, which need not agree between views; those that the scene gives itself by default.
            sam: not needed.
            field: not needed.
            device: as for Method.
            progress: as for Method.
            regions: as for Method; they confirm what is found without a prompt.
            slots: slots that were fitted to the scene before, instead of `masks`.

        Raises:
            SagaError: as `masks_or_own`, slots of another scene, no cameras, or no masks on the scene.
            KeyboardInterrupt: interrupted; nothing has been written.
        """
        config = config if slots is None else slots.config
        super().__init__(
            scene, config, masks=masks, sam=sam, field=field, device=device, progress=progress, regions=regions
        )
        if slots is None:
            slots = fit_slots(self.device_scene, self.masks_or_own(), self.config, progress)
        if len(slots.features) != len(self.scene.gaussians) or slots.scene_digest != self.scene.gaussians.digest():
            raise SagaError(
                f"{self.scene.path}: expected slots of this scene, found those of another; fit some to this one."
            )
        self.slots = slots.to(self.device_scene.device)
        average = None
        if self.config.separate:
            average = neighbor_average(self.device_scene.geometry, self.config.neighbors)
        self._objects = find_objects(self.slots, self.device_scene.valid, average)
        self._label_map = lru_cache(_REMEMBERED_VIEWS)(lambda name: self.label_map(self.scene.camera(name)))

    def __len__(self) -> int:
        """Returns the number of objects."""
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
        self.slots.save(path)

    @staticmethod
    def load(path: str | Path, scene: Scene | DeviceScene, device: str = "auto") -> ObjectSlots:
        """Reads what `save` wrote. Raises SagaError as SlotField.load does."""
        device_scene = DeviceScene.of(scene, device)
        return ObjectSlots(device_scene, slots=SlotField.load(path, device_scene.scene))

    def object_probabilities(
        self,
        numbers: Tensor,  # [K] int64
    ) -> Tensor:  # [N, K]
        """Returns each Gaussian's probability of belonging to some of the objects, float32; 0 for invalid Gaussians."""
        slots, main = self._objects.slots[numbers - 1], self._objects.main[numbers - 1]
        values = torch.cat([part[:, slots] for part in self.slots.probabilities()])
        # Of a slot in several parts, each has the probability of its own Gaussians; the largest also that of others.
        owner = torch.where(self.labels > 0, self._objects.slots[self.labels.long() - 1], -1)
        own = self.labels[:, None] == numbers
        elsewhere = main & (owner[:, None] != slots)
        return torch.where((own | elsewhere) & self.device_scene.valid[:, None], values, 0.0)

    def probabilities(self, camera: Camera) -> Tensor:  # [H, W, K]
        """Returns the object probabilities O of a view (eq. 1 and 3), float32 [H, W, K] in [0, 1].

        Channel k is object k + 1. They are blended over blended opacity, so that half transparent pixels count in full,
        and 0 where nothing is shown.
        """
        operator = BlendOperator(self.device_scene.geometry, camera)
        parts = [probability(operator, self.object_probabilities(some)) for some in self._numbers().split(_BATCH)]
        return torch.cat(parts, dim=-1)

    def label_map(self, camera: Camera) -> Tensor:  # [H, W]
        """Returns the most probable object of every pixel of a view, int32 [H, W]; 0 where alpha <= 0.5."""
        operator = BlendOperator(self.device_scene.geometry, camera)
        best = torch.zeros(camera.height, camera.width, device=self.device_scene.device)
        winner = torch.zeros_like(best, dtype=torch.int64)
        for some in self._numbers().split(_BATCH):
            values, places = probability(operator, self.object_probabilities(some)).max(-1)
            winner = torch.where(values > best, some[places], winner)
            best = torch.maximum(best, values)
        return torch.where(operator.alpha() > _LEAST_ALPHA, winner, 0).to(torch.int32)

    def _discover(self, report: Report) -> Iterator[tuple[Tensor, Tensor]]:  # each [N] bool, [N]
        for some in self._numbers().split(_BATCH):
            values = self.object_probabilities(some)
            for place, number in enumerate(some.tolist()):
                yield self.labels == number, values[:, place].clone()

    def _segment(self, prompts: Sequence[ViewPrompt], report: Report) -> tuple[Tensor, Tensor]:  # [N] bool, [N]
        """Selects the objects that prompts point at, as one. Raises SagaError for one that points at nothing."""
        meant: set[int] = set()
        excluded: set[int] = set()
        for prompt in prompts:
            name = prompt.camera.name
            with report.timed("objects"):
                found, left_out = choose_objects(self._label_map(name).cpu().numpy(), prompt.parts, name)
            meant, excluded = meant | found, excluded | left_out
        numbers = sorted(meant - excluded)
        with report.timed("selection"):
            chosen = torch.tensor(numbers, dtype=torch.int64, device=self.device_scene.device)
            mask = torch.isin(self.labels, chosen)
            scores = self.object_probabilities(chosen).sum(1) if numbers else torch.zeros(len(mask), device=mask.device)
        report.count("selected", mask)
        report.extra["objects"] = numbers
        return mask, scores

    def _numbers(self) -> Tensor:  # [K] int64
        return torch.arange(1, len(self) + 1, device=self.device_scene.device)
