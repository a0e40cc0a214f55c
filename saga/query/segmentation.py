"""Segmentation: what a query returns."""

from __future__ import annotations

from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from saga.errors import SagaError
from saga.runtime.sets import size_of

if TYPE_CHECKING:
    from saga.export.config import ExportConfig
    from saga.raster.device_scene import DeviceScene
    from saga.scene import Scene


class SelectionTensors(NamedTuple):
    """A selection on the device that computed it."""

    mask: Tensor  # [N] bool
    """Whether each Gaussian belongs to the object, in the PLY's order."""
    scores: Tensor  # [N] float32
    """How well each Gaussian fits the prompt; what the numbers mean is the method's."""


class Segmentation:
    """One object of a scene: which of its N Gaussians belong to it, and how a method came to say so."""

    def __init__(
        self,
        mask: Tensor | np.ndarray,  # [N] bool
        scores: Tensor | np.ndarray,  # [N] float32
        report: dict[str, Any] | None = None,
        scene: Scene | DeviceScene | None = None,
    ) -> None:
        """Holds a selection; nothing is copied.

        Args:
            mask: whether each Gaussian belongs to the object, in the PLY's order.
            scores: how well each Gaussian fits; cosine similarities in [-1, 1] for saga, but for SAM queries.
            report: what the query did, JSON-ready: "view", "prompt", "further_prompts", "timings_ms", "counts",
                "thresholds", "losses", "warnings", and what a method adds.
            scene: the scene that `save` writes the object of.
        """
        self.tensor = SelectionTensors(torch.as_tensor(mask), torch.as_tensor(scores))
        """The selection as tensors, on the device that computed it."""
        self.report = {} if report is None else report
        self.scene = scene

    @cached_property
    def mask(self) -> np.ndarray:  # [N] bool
        """Whether each Gaussian belongs to the object, bool [N], in the PLY's order."""
        return np.asarray(self.tensor.mask.cpu())

    @cached_property
    def scores(self) -> np.ndarray:  # [N] float32
        """How well each Gaussian fits the prompt, float32 [N]; cosine in [-1, 1] for saga, but for SAM queries."""
        return np.asarray(self.tensor.scores.float().cpu())

    def save(
        self,
        folder: str | Path,
        scene: Scene | DeviceScene | None = None,
        config: ExportConfig | None = None,
        ranking: np.ndarray | None = None,  # [h, w, 3] uint8
    ) -> None:
        """Writes object.* and rest.*, segmentation.npz, masks, preview.png and report.json into a folder.

        Args:
            folder: a new folder, or one that holds an earlier segmentation, which is replaced.
            scene: the scene that the object belongs to; None takes the one it was found in.
            config: the format, what is done to object and rest, and what else is written; None takes the defaults.
            ranking: a contact sheet of what words found, which becomes ranking.png.

        Raises:
            SagaError: no scene is known, or as `saga.export.write_segmentation`.
        """
        export = import_module("saga.export")  # a floor above, which queries do not import
        export.write_segmentation(self, self._known(scene), folder, config or export.ExportConfig(), ranking)

    def to_open3d(self, scene: Scene | DeviceScene | None = None) -> Any:
        """Returns the object as an open3d.geometry.PointCloud, with colors and normals.

        Args:
            scene: the scene that the object belongs to; None takes the one it was found in.

        Raises:
            SagaError: no scene is known, or Open3D is missing; see `saga.Gaussians.to_open3d`.
        """
        known = self._known(scene)
        gaussians = (known.scene if hasattr(known, "scene") else known).gaussians
        return gaussians.to_open3d(self.mask)

    def _known(self, scene: Scene | DeviceScene | None) -> Scene | DeviceScene:
        """Returns the scene given, or that of the object. Raises SagaError without one."""
        scene = self.scene if scene is None else scene
        if scene is None:
            raise SagaError("segmentation: expected the scene it belongs to, found none; give it with scene=.")
        return scene

    def __len__(self) -> int:
        """Returns the number of Gaussians selected."""
        return size_of(self.tensor.mask)

    def __repr__(self) -> str:
        """Returns one line: how much was selected, and from which view."""
        view = self.report.get("view")
        return f"Segmentation({len(self):,} of {len(self.tensor.mask):,} Gaussians{f', from {view}' if view else ''})"
