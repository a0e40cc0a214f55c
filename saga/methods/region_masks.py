"""The nested answers of a scene's regions to points in one view, as masks of that view."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from saga.methods.fusion import probability
from saga.raster.device_scene import DeviceScene
from saga.regions.answers import nested_answers
from saga.regions.evidence import Evidence
from saga.regions.membership import pixel_cells
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
        shown = pixel_cells(operator, self._cells, self.regions.count, torch.from_numpy(np.ascontiguousarray(points)))
        known = [(each, label) for each, label in zip(shown.cpu().numpy(), labels, strict=True) if each.any()]
        evidence = Evidence([each for each, label in known if label], [each for each, label in known if not label])
        answers, best = nested_answers(self.regions, evidence) if evidence.inside else ([], -1)
        if not answers:
            return torch.zeros(0, camera.height, camera.width, dtype=torch.bool), -1
        members = np.stack([self.regions.gaussians(each.members) for each in answers], axis=1)
        values = torch.from_numpy(members).to(self.device_scene.device, torch.float32)
        return (probability(operator, values) > 0.5).permute(2, 0, 1).cpu(), best
