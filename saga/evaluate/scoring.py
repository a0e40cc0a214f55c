"""Scores of answers against the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from saga.evaluate.cases import Task
from saga.evaluate.metrics import (
    accuracy,
    area_weighted_iou,
    best_dice,
    boundary_iou,
    iou,
    symmetric_best_dice,
    weighted_iou,
)
from saga.evaluate.records import DecompositionRecord
from saga.evaluate.truth import LabelMaps
from saga.export import render_masks
from saga.export.rendering import render_alpha, render_labels
from saga.query import Segmentation
from saga.raster.device_scene import DeviceScene
from saga.raster.majority import MIN_ALPHA


@dataclass(frozen=True)
class Scores:
    """How one selection agrees with the truth; see Record."""

    iou: float
    accuracy: float
    boundary_iou: float
    object_iou: float | None
    solid_iou: float | None
    views: dict[str, float]
    worst: np.ndarray  # [H, W] bool
    """The predicted mask of the view with the least IoU."""


def score_selection(
    scene: DeviceScene,
    task: Task,
    member: torch.Tensor,  # [N] bool
    alone: bool = True,
) -> Scores:
    """Renders a selection into every scored view and compares it with the truth.

    Args:
        scene: the scene on a device.
        task: the object, with its true masks.
        member: the selected Gaussians, in the PLY's order.
        alone: also compare the silhouette of the selection rendered by itself.

    Returns:
        The scores; means over the views.
    """
    cameras = [scene.scene.camera(view) for view in task.truth]
    each: list[tuple[float, float, float, float]] = []
    worst: tuple[float, np.ndarray] | None = None
    for camera, mask in zip(cameras, render_masks(scene, cameras, member), strict=True):
        truth = task.truth[camera.name]
        overlap = iou(mask, truth)
        silhouette = render_alpha(scene, camera, member) > MIN_ALPHA if alone else mask
        each.append((overlap, accuracy(mask, truth), boundary_iou(mask, truth), iou(silhouette, truth)))
        if worst is None or overlap < worst[0]:
            worst = overlap, mask
    assert worst is not None
    mean = np.mean(each, axis=0).tolist()
    solid = None
    if task.members is not None:
        solid = weighted_iou(member.cpu().numpy(), task.members, scene.scene.gaussians.opacities)
    views = {camera.name: round(scores[0], 5) for camera, scores in zip(cameras, each, strict=True)}
    return Scores(mean[0], mean[1], mean[2], mean[3] if alone else None, solid, views, worst[1])


def score_decomposition(
    name: str, seed: int, scene: DeviceScene, truth: LabelMaps, objects: Sequence[Segmentation]
) -> list[DecompositionRecord]:
    """Scores a scene that was cut into disjoint objects, in each annotated view (DiscoNeRF, section 4).

    Args:
        name: the scene's name in the records.
        seed: the method's seed in the records.
        scene: the scene on a device.
        truth: label maps of some views; pixels of label 0 are not scored.
        objects: the objects found.

    Returns:
        One record per view of `truth`.
    """
    labels = np.zeros(len(scene.geometry), np.int32)
    for number, found in enumerate(objects, 1):
        labels[found.mask] = number
    records = []
    for view, numbers in truth.items():
        rendered = render_labels(scene, scene.scene.camera(view), labels)
        predicted, true = _masks(np.where(numbers > 0, rendered, 0)), _masks(numbers)
        records.append(
            DecompositionRecord(
                name,
                seed,
                view,
                len(true),
                len(predicted),
                area_weighted_iou(predicted, true),
                best_dice(predicted, true),
                symmetric_best_dice(predicted, true),
            )
        )
    return records


def _masks(
    labels: np.ndarray,  # [H, W] integer
) -> np.ndarray:  # [M, H, W] bool
    present = np.unique(labels)
    return np.asarray(labels[None] == present[present > 0][:, None, None])
