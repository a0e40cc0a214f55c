"""Which of the masks under a click the views agree on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from saga.masks.packed import PackedMasks
from saga.methods.fusion import lifted, pairwise_iou, probability
from saga.methods.points import seen_points, world_points
from saga.methods.view_order import choose_views
from saga.raster import BlendOperator
from saga.raster.device_scene import DeviceScene
from saga.scene import Camera

_OTHER_VIEWS = 8
"""Views beside the prompt's own whose masks take part."""
_PIXELS = 60_000
"""Masks are compared in images of about this size."""
_LEAST_PIXELS = 4
"""A mask that shows fewer of these pixels than this in another view says nothing there."""
_REMEMBERED = 32


@dataclass(frozen=True)
class _Sight:
    """What the masks of one view say of the points, in a small image."""

    camera: Camera
    indices: np.ndarray  # [K]
    """The masks that hold the points, smallest first."""
    masks: Tensor  # [K, h, w] bool
    operator: BlendOperator

    def lifted(self) -> Tensor:  # [N, K + 1]
        """Returns the share of each Gaussian's weight inside each mask, and whether the view shows it at all."""
        inside, total = lifted(self.operator, self.masks)
        return torch.cat([inside / total.clamp(min=1e-6)[:, None], (total > 1e-6)[:, None].float()], dim=1)


class Consensus:
    """The mask that a prompt means, when each view has masks of its own that nobody chose among.

    The masks of an object differ from view to view: here the whole, there a part of it, there it and its neighbor.
    Those that hold the prompt's points, in its own view and in others that see the same points of the world, are lifted
    and rendered in all these views; the one that is most like a mask there that also holds the points, on average,
    is what the views agree on.
    """

    def __init__(self, device_scene: DeviceScene, masks: Callable[[str], PackedMasks]) -> None:
        """Takes what hands out the masks of a view, by the camera's name."""
        self.device_scene, self._packed = device_scene, masks
        self._operator = lru_cache(_REMEMBERED)(self._small)

    def mask(
        self,
        camera: Camera,
        points: np.ndarray,  # [K, 2]
        labels: np.ndarray,  # [K]
    ) -> Tensor | None:  # [H, W]
        """Returns what is agreed on as the view shows it, bool [H, W]; None when no view has a mask there.

        A mask of the view itself is exact; one that other views put there ends where they do not see.
        """
        sights = self._sights(camera, points, labels)
        if not sights:
            return None
        lifts = [sight.lifted() for sight in sights]
        scores = self._agreement(sights, torch.cat(lifts, dim=1))
        owners = [(index, k) for index, score in enumerate(scores) for k in range(len(score))]
        index, k = owners[int(torch.cat(scores).argmax())]
        if sights[index].camera.name == camera.name:
            return self._packed(camera.name).masks(sights[index].indices[[k]])[0]
        pair = lifts[index][:, [k, -1]]
        return _shown(probability(self.device_scene.operator(camera.name), pair))[0][0].cpu()

    def _sights(
        self,
        camera: Camera,
        points: np.ndarray,  # [K, 2]
        labels: np.ndarray,  # [K]
    ) -> list[_Sight]:
        """Returns the views that have masks that hold the points; the prompt's own comes first if it is among them."""
        world = world_points(
            self.device_scene, camera.name, torch.from_numpy(np.ascontiguousarray(points)).to(self.device_scene.device)
        )
        sights = [self._sight(camera, points, labels)]
        for other in choose_views(self.device_scene.scene.cameras, camera)[:_OTHER_VIEWS]:
            pixels, seen = (each.cpu().numpy() for each in seen_points(self.device_scene, other.name, world))
            sights.append(self._sight(other, pixels[seen], labels[seen]))
        return [sight for sight in sights if sight is not None]

    def _sight(
        self,
        camera: Camera,
        points: np.ndarray,  # [K, 2]
        labels: np.ndarray,  # [K]
    ) -> _Sight | None:
        packed = self._packed(camera.name)
        indices = packed.holding(points, labels)
        if len(indices) == 0:
            return None
        operator = self._operator(camera.name)
        small = operator.camera
        ys = ((torch.arange(small.height) + 0.5) * camera.height / small.height).long()
        xs = ((torch.arange(small.width) + 0.5) * camera.width / small.width).long()
        masks = packed.masks(indices)[:, ys][:, :, xs]
        order = masks.flatten(1).sum(1).argsort(stable=True)
        return _Sight(camera, indices[order.numpy()], masks[order], operator)

    def _agreement(
        self,
        sights: list[_Sight],
        values: Tensor,  # [N, sum of K + 1]
    ) -> list[Tensor]:  # each [K]
        """Returns how like other views' masks each mask is, 0 to 1: its best IoU in a view, averaged over views."""
        sums = [torch.zeros(len(sight.indices)) for sight in sights]
        counts = [torch.zeros(len(sight.indices)) for sight in sights]
        widths = [len(sight.indices) + 1 for sight in sights]
        for index, judge in enumerate(sights):
            parts = probability(judge.operator, values).split(widths, dim=-1)
            for other, part in enumerate(parts):
                if other == index:
                    continue
                shown, known = _shown(part.cpu())
                counted = (shown.flatten(1).sum(1) >= _LEAST_PIXELS).float()
                sums[other] += counted * pairwise_iou(shown, judge.masks & known).amax(1)
                counts[other] += counted
        return [total / count.clamp(min=1) for total, count in zip(sums, counts, strict=True)]

    def _small(self, name: str) -> BlendOperator:
        camera = self.device_scene.scene.camera(name)
        scale = min(1.0, (_PIXELS / (camera.width * camera.height)) ** 0.5)
        width, height = max(1, round(camera.width * scale)), max(1, round(camera.height * scale))
        return BlendOperator(self.device_scene.geometry, camera.resized(width, height))


def _shown(
    rendered: Tensor,  # [H, W, K + 1]
) -> tuple[Tensor, Tensor]:  # [K, H, W], [H, W]
    """Returns pixels that show each mask, and those whose content the mask's view shows: the rest is unknown."""
    known = rendered[..., -1]
    return (rendered[..., :-1] > 0.5 * rendered[..., -1:]).permute(2, 0, 1) & (known > 0.5), known > 0.5
