"""The masks of an object in many views from prompts in few (SANeRF-HQ, section 3.2 and appendix A)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from saga.errors import SagaError
from saga.methods.base import ViewPrompt
from saga.methods.prompter import Prompter, prompt_points, reference_mask
from saga.methods.sanerf_hq.config import SanerfHqConfig
from saga.methods.sanerf_hq.evidence import Evidence
from saga.methods.sanerf_hq.points import WorldPoints, spread
from saga.methods.sanerf_hq.rays import RayCache
from saga.methods.view_order import choose_views
from saga.scene import Camera

_FEWEST_RAYS = 6
"""What is known of an object must show on this many rays of a view to prompt it."""
_STRAY = 0.1
"""Share of a mask that may be known as something else when most of it is unknown."""
_CONTRADICTED = "the masks of the other views contradict its own"


@dataclass
class ObjectMasks:
    """One object's masks, and what became of the views."""

    evidence: Evidence
    masks: dict[str, Tensor] = field(default_factory=dict)
    """View name -> bool [H, W]."""
    fixed: set[str] = field(default_factory=set)
    """Views whose masks a person gave or pointed at."""
    left_out: dict[str, str] = field(default_factory=dict)
    """View name -> why it has no mask."""

    def put(self, name: str, mask: Tensor) -> None:
        """Adds a mask bool [H, W]."""
        self.masks[name] = mask
        self.evidence.add(name, self.evidence.cache.rays(name).sampled(mask))

    def drop(self, name: str, why: str) -> None:
        """Takes a mask away."""
        self.evidence.add(name, self.evidence.cache.rays(name).sampled(self.masks.pop(name)), -1)
        self.left_out[name] = why


class MaskCollector:
    """Asks the prompter for the masks of one object after another."""

    def __init__(self, cache: RayCache, prompter: Prompter, config: SanerfHqConfig) -> None:
        """Shares the rays of a scene with what asks for masks."""
        self.cache, self.device_scene, self.prompter, self.config = cache, cache.device_scene, prompter, config

    def from_prompts(self, prompts: Sequence[ViewPrompt], tick: Callable[[], None]) -> ObjectMasks:
        """Returns the masks that prompts of one object lead to; `tick` is called for each view.

        Raises:
            SagaError: a prompt that finds no mask in its view.
        """
        found = ObjectMasks(Evidence(self.cache))
        parts = []
        for prompt in prompts:
            camera = prompt.camera
            pixels, labels, mask = self._read(prompt)
            parts.append(WorldPoints.of(self.device_scene, camera.name, pixels, labels))
            if mask is not None:
                shown = torch.from_numpy(mask).to(self.device_scene.device)
                if camera.name in found.fixed:
                    shown |= found.masks[camera.name]
                    found.drop(camera.name, "")
                found.put(camera.name, shown)
                found.fixed.add(camera.name)
        self._propagate(found, WorldPoints.joined(parts), prompts[0].camera, tick)
        return found

    def from_points(self, points: WorldPoints, tick: Callable[[], None]) -> ObjectMasks:
        """Returns the masks that points of the world lead to, beginning in the view that sees most of them.

        Raises:
            SagaError: no view sees enough of the points.
        """
        found = ObjectMasks(Evidence(self.cache))
        seen = {
            camera.name: int(points.seen(self.device_scene, camera.name, self.config.tolerance)[1].sum())
            for camera in self.device_scene.scene.cameras
        }
        first = max(seen, key=lambda name: seen[name], default="")
        if not first or seen[first] == 0:
            raise SagaError(
                "points: expected points on the object that a view sees, found none; give points on visible surfaces."
            )
        self._propagate(found, points, self.device_scene.scene.camera(first), tick)
        if not found.masks:
            raise SagaError(
                f"points: expected an object there, found none by {self.prompter.description}; give other points."
            )
        return found

    def _read(self, prompt: ViewPrompt) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:  # [K, 2], [K], [H, W]
        """Returns pixels and labels of a prompt, and the mask it asks for in its own view, if it asks for one."""
        checked, seed = prompt.parts, self.config.seed
        mask = reference_mask(self.prompter, prompt.camera, checked, seed) if checked.positive else None
        if mask is None or (checked.mask is None and checked.box is None):
            return *prompt_points(checked, seed), mask
        inside = spread(mask, self.config.spread_points)
        labels = np.repeat([1, 0], [len(inside), len(checked.negative)])
        return np.concatenate([inside, checked.negative]), labels, mask

    def _propagate(self, found: ObjectMasks, points: WorldPoints, first: Camera, tick: Callable[[], None]) -> None:
        """Asks for the masks of all other views, nearest first, then again for those that the others contradict."""
        others = choose_views(self.device_scene.scene.cameras, first, self.config.views)
        enough = self.config.min_visible or max(1, -(-int(points.labels.sum()) // 2))
        asked: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        for camera in [first, *others]:
            tick()
            if camera.name in found.masks:
                continue
            pixels, labels = points.seen(self.device_scene, camera.name, self.config.tolerance)
            if int(labels.sum()) < enough:
                pixels, labels = self._extended(found, camera, pixels[labels == 0])
            if not labels.any():
                found.left_out[camera.name] = "too few of the prompt's points are visible"
                continue
            asked[camera.name] = pixels, labels
            mask = self._ask(found, camera, pixels, labels)
            if mask is None:
                found.left_out[camera.name] = "no mask holds the points"
            elif self._overlap(found, camera.name, mask) < self.config.agreement:
                found.left_out[camera.name] = _CONTRADICTED
            else:
                found.put(camera.name, mask)
        self._agree(found, asked)

    def _extended(
        self,
        found: ObjectMasks,
        camera: Camera,
        negative: np.ndarray,  # [K, 2]
    ) -> tuple[np.ndarray, np.ndarray]:  # [K, 2], [K]
        """Returns points inside what is known of the object in a view, beside negative ones."""
        rough = self._rough(found, camera) if self.config.extend else None
        if rough is None:
            return negative, np.zeros(len(negative), np.int64)
        inside = spread(rough, self.config.spread_points)
        return np.concatenate([inside, negative]), np.repeat([1, 0], [len(inside), len(negative)])

    def _ask(
        self, found: ObjectMasks, camera: Camera, pixels: np.ndarray, labels: np.ndarray
    ) -> Tensor | None:  # [H, W] bool
        rough = self._rough(found, camera) if self.config.rough else None
        mask = self.prompter.mask(camera, pixels, labels, None, rough)
        return None if mask is None else torch.from_numpy(mask).to(self.device_scene.device)

    def _rough(self, found: ObjectMasks, camera: Camera) -> np.ndarray | None:  # [H, W] bool
        """Returns what is known of an object in a view, at the rays' resolution; None when it is next to nothing."""
        if not found.masks:
            return None
        shown, _ = found.evidence.rendered(camera.name)
        if int(shown.sum()) < _FEWEST_RAYS:
            return None
        size = (camera.height, camera.width)
        return self.cache.rays(camera.name).image(shown, self.cache.grid, size).cpu().numpy()

    def _agree(self, found: ObjectMasks, asked: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
        """Asks again for masks that those of all views together contradict, and drops those that still differ."""
        for name, (pixels, labels) in asked.items():
            own = found.masks.get(name)
            if own is not None:
                if self._overlap(found, name, own) >= self.config.agreement:
                    continue
                found.drop(name, _CONTRADICTED)
            camera = self.device_scene.scene.camera(name)
            pixels, labels = self._extended(found, camera, pixels[labels == 0])
            mask = self._ask(found, camera, pixels, labels) if labels.any() else None
            if mask is not None and self._overlap(found, name, mask) >= self.config.agreement:
                found.put(name, mask)
                found.left_out.pop(name, None)

    def _overlap(
        self,
        found: ObjectMasks,
        name: str,
        mask: Tensor,  # [H, W] bool
    ) -> float:
        """Returns the IoU of a mask with what the masks so far say together of its view, where that is known.

        It is 1 when less than half of the mask is known and next to none of it as something else, as in a view from
        behind.
        """
        if not found.masks:
            return 1.0
        shown, known = found.evidence.rendered(name)
        sampled = self.cache.rays(name).sampled(mask)
        both, inside = int((sampled & known).sum()), int((sampled & shown).sum())
        area = int(sampled.sum())
        if 2 * both < area and both - inside <= _STRAY * area:
            return 1.0
        return inside / max(1, int(shown.sum()) + both - inside)
