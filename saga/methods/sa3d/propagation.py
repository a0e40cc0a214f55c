"""The alternation: render the 3D mask in a view, prompt the view with it, and add the view's mask to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from saga.methods.fusion import mask_iou
from saga.methods.prompter import Prompter
from saga.methods.sa3d.confidence import Confidence
from saga.methods.sa3d.config import Sa3dConfig
from saga.methods.sa3d.self_prompting import self_prompt
from saga.query.report import Report
from saga.raster.device_scene import DeviceScene
from saga.runtime.progress import tracked
from saga.scene import Camera

_RIM = 0.01
"""Share of the image's diagonal beyond a mask that is its rim."""

Outcome = Literal["used", "rejected", "without_mask", "not_showing"]
"""What became of a view: its mask was added, differed too much from the rendered one, there was none, or the object
is not to be seen."""


@dataclass(frozen=True)
class Asked:
    """What a person gave, by the views' names."""

    masks: Mapping[str, np.ndarray]  # each [H, W] bool
    """Masks of the prompts' views."""
    negative: Mapping[str, np.ndarray] = field(default_factory=dict)  # each [K, 2]
    """Pixels that are not the object, in views without a mask of their own."""


class Propagation:
    """One object's 3D mask in the making."""

    def __init__(
        self,
        device_scene: DeviceScene,
        prompter: Prompter,
        config: Sa3dConfig,
        asked: Asked,
        report: Report,
        progress: bool,
    ) -> None:
        """Takes what one object needs; `report` gets the stages' times, `progress` shows a bar on standard error."""
        self.device_scene, self.prompter, self.config = device_scene, prompter, config
        self.asked, self.report, self.progress = asked, report, progress
        self.outcomes: dict[str, Outcome] = {}
        """What became of each view in the last pass."""

    def run(self, cameras: Sequence[Camera]) -> Confidence:
        """Goes through views in turn, once or twice (appendix B)."""
        target = self._projected(self.asked.masks)
        self._pass(cameras, [target], "pass 1")
        if self.config.passes == 1:
            return target
        wrong = self._misclassified(target)
        if not any(mask.any() for mask in wrong.values()):
            return target
        target, rest = self._projected(self.asked.masks), self._projected(wrong)
        self._pass(cameras, [target, rest], "pass 2")
        return target

    def _projected(self, masks: Mapping[str, np.ndarray]) -> Confidence:
        confidence = Confidence(
            len(self.device_scene.geometry.means), self.config.negative_weight, self.device_scene.device
        )
        for name, mask in masks.items():
            self._add(confidence, name, torch.from_numpy(mask).to(self.device_scene.device))
        return confidence

    def _misclassified(self, target: Confidence) -> dict[str, np.ndarray]:
        """Returns what the 3D mask shows in the prompts' views beyond the masks there.

        Not its rim: border Gaussians always reach a little beyond, and as negative points they would speak against
        the object itself.
        """
        wrong = {}
        for name, mask in self.asked.masks.items():
            shown = self._rendered(name, [target])[..., 0].cpu().numpy() > 0
            wrong[name] = shown & (distance_transform_edt(~mask) > _RIM * np.hypot(*mask.shape))
        return wrong

    def _pass(self, cameras: Sequence[Camera], targets: list[Confidence], title: str) -> None:
        for camera in tracked(cameras, self.progress, title, "views"):
            self._visit(camera, targets)

    def _visit(self, camera: Camera, targets: list[Confidence]) -> None:
        """Prompts a view with every target; what the other targets show is what a target is not."""
        rendered = self._rendered(camera.name, targets)
        if not bool((rendered > 0).any()):
            self.outcomes[camera.name] = "not_showing"
            return
        with self.report.timed("self_prompting"):
            depth, config = self.device_scene.depth(camera.name), self.config
            # What several targets show belongs to the surest of them.
            maps = torch.where(rendered == rendered.amax(-1, keepdim=True), rendered, 0.0).unbind(-1)
            points = [self_prompt(each, depth, camera, config.points, config.decay) for each in maps]
        given = self.asked.negative.get(camera.name, np.zeros((0, 2), np.int64))
        for index, target in enumerate(targets):
            others = [found for other, found in enumerate(points) if other != index]
            negative = np.concatenate([*others, given] if index == 0 else others)
            outcome = self._ask(camera, target, rendered[..., index] > 0, points[index], negative)
            if index == 0:
                self.outcomes[camera.name] = outcome

    def _ask(
        self,
        camera: Camera,
        target: Confidence,
        rough: Tensor,  # [H, W] bool
        positive: np.ndarray,  # [K, 2]
        negative: np.ndarray,  # [L, 2]
    ) -> Outcome:
        """Adds the mask of a view to a target, unless it is rejected."""
        if len(positive) == 0:
            return "not_showing"
        with self.report.timed("masks"):
            labels = np.repeat([1, 0], [len(positive), len(negative)])
            points = np.concatenate([positive, negative])
            found = self.prompter.mask(camera, points, labels, rough=rough.cpu().numpy())
        if found is None:
            return "without_mask"
        mask = torch.from_numpy(found).to(rough.device)
        if float(mask_iou(rough, mask)) < self.config.rejection:
            return "rejected"
        self._add(target, camera.name, mask)
        return "used"

    def _add(self, target: Confidence, name: str, mask: Tensor) -> None:
        with self.report.timed("projection"):
            operator = self.device_scene.operator(name)
        with self.report.timed("inverse_rendering"):
            target.add(operator.lift(mask.to(torch.float32)[..., None])[:, 0], self.device_scene.weight(name))

    def _rendered(self, name: str, targets: Sequence[Confidence]) -> Tensor:  # [H, W, T]
        with self.report.timed("projection"):
            operator = self.device_scene.operator(name)
        with self.report.timed("rendering"):
            return operator.render(torch.stack([target.value for target in targets], dim=1))
