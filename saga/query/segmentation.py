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
    from saga.assets.config import AssetConfig
    from saga.filling import Inpainter
    from saga.raster.device_scene import DeviceScene
    from saga.scene import Scene
    from saga.scene.format_names import ExportFormat


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
        *,
        masks: bool = True,
        split_boundary: bool = False,
        prune: bool = False,
        refit_boundary: bool = False,
        format: ExportFormat | None = None,
        ranking: np.ndarray | None = None,  # [h, w, 3] uint8
        fill: bool = False,
        inpainter: Inpainter | str = "patches",
        asset: AssetConfig | None = None,
    ) -> None:
        """Writes object.* and rest.*, segmentation.npz, masks, preview.png and report.json into a folder.

        Args:
            folder: a new folder, or one that holds an earlier segmentation, which is replaced.
            scene: the scene that the object belongs to; None takes the one it was found in.
            masks: whether the object's mask is written for every view.
            split_boundary: whether Gaussians that stick out of the object are split.
            prune: whether hidden and stray Gaussians are left out of the object.
            refit_boundary: whether colors and opacities at the border are fit anew, for less of a halo.
            format: what object and rest are written in; None takes the format that the scene came in.
            ranking: a contact sheet of what words found, which becomes ranking.png.
            fill: whether the surfaces that the object leaves open in the rest are closed (docs/fill.md).
            inpainter: what fills their pictures then: a function (`saga.filling.Inpainter`), or the name of one.
            asset: how the object stands for engines (`saga.assets.AssetConfig`), which it is then written for too.

        Raises:
            SagaError: no scene is known, or as `saga.export.write_segmentation`.
        """
        export = import_module("saga.export")  # a floor above, which queries do not import
        known = self._known(scene)
        export.write_segmentation(
            self, known, folder, masks, split_boundary, prune, refit_boundary, format, ranking, fill, inpainter, asset
        )

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
