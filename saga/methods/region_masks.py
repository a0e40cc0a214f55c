"""The nested answers of a scene's regions to points in one view, as masks of that view."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from saga.methods.fusion import probability
from saga.raster.device_scene import DeviceScene
from saga.regions.answers import corrected_answers, nested_answers
from saga.regions.clicks import view_clicks
from saga.regions.evidence import Evidence
from saga.regions.judgment import Judgment
from saga.regions.scene_regions import SceneRegions
from saga.scene import Camera


class RegionMasks:
    """The regions of a scene, asked with points for what a view shows of them."""

    def __init__(self, device_scene: DeviceScene, regions: SceneRegions) -> None:
        """Keeps the regions with what they need on the scene's device."""
        self.device_scene, self.regions = device_scene, regions
        self._cells = torch.from_numpy(regions.cells).to(device_scene.device, torch.int64)

    def masks(
        self,
        camera: Camera,
        points: np.ndarray,  # [K, 2]
        labels: np.ndarray,  # [K]
    ) -> tuple[Tensor, int]:  # [A, H, W]
        """Up to three nested answers to points, smallest first, and the best of them.

        Args:
            camera: the view.
            points: pixels (x, y).
            labels: 1 for a point on the object, 0 for one that is not.

        Returns:
            Masks bool [A, H, W] on the CPU, and the index of the best; none and -1 where no region fits.
        """
        operator = self.device_scene.operator(camera.name)
        first = int(np.argmax(labels > 0)) if (labels > 0).any() else -1
        if first < 0:
            return self._none(camera)
        count, rest = self.regions.count, np.arange(len(points)) != first
        pointed = view_clicks(operator, self._cells, count, points[[first]], labels[[first]] > 0)
        judgment = Judgment(self.regions, Evidence([each.shown for each in pointed]), clicks=pointed)
        answers, best = nested_answers(judgment) if judgment.evidence.inside else ([], -1)
        if not answers:
            return self._none(camera)
        clicks = view_clicks(operator, self._cells, count, points[rest], labels[rest] > 0)
        if clicks:
            answers, best = corrected_answers(judgment, answers, answers[best], clicks)
        members = np.stack([self.regions.gaussians(each.members) for each in answers], axis=1)
        values = torch.from_numpy(members).to(self.device_scene.device, torch.float32)
        return (probability(operator, values) > 0.5).permute(2, 0, 1).cpu(), best

    def _none(self, camera: Camera) -> tuple[Tensor, int]:  # [0, H, W]
        return torch.zeros(0, camera.height, camera.width, dtype=torch.bool), -1
