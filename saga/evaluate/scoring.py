"""Judging answers against the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from saga.evaluate.metrics import (
    accuracy,
    area_weighted_iou,
    best_dice,
    boundary_iou,
    iou,
    symmetric_best_dice,
    weighted_iou,
)
from saga.evaluate.record import DecompositionRecord
from saga.evaluate.task import Task
from saga.evaluate.truth import LabelMaps
from saga.export import render_masks
from saga.export.rendering import MIN_ALPHA, render_alpha, render_labels
from saga.query import Segmentation
from saga.raster import Geometry
from saga.scene import Scene


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


def judge(scene: Scene, geometry: Geometry, task: Task, member: torch.Tensor, alone: bool = True) -> Scores:
    """Renders a selection (bool [N]) into every judged view and compares; `alone` also renders it by itself."""
    cameras = [scene.camera(view) for view in task.truth]
    each: list[tuple[float, float, float, float]] = []
    worst: tuple[float, np.ndarray] | None = None
    for camera, mask in zip(cameras, render_masks(geometry, cameras, member), strict=True):
        truth = task.truth[camera.name]
        overlap = iou(mask, truth)
        silhouette = render_alpha(geometry, camera, member) > MIN_ALPHA if alone else mask
        each.append((overlap, accuracy(mask, truth), boundary_iou(mask, truth), iou(silhouette, truth)))
        if worst is None or overlap < worst[0]:
            worst = overlap, mask
    assert worst is not None
    mean = np.mean(each, axis=0).tolist()
    solid = None
    if task.members is not None:
        solid = weighted_iou(member.cpu().numpy(), task.members, scene.gaussians.opacities)
    views = {camera.name: round(scores[0], 5) for camera, scores in zip(cameras, each, strict=True)}
    return Scores(mean[0], mean[1], mean[2], mean[3] if alone else None, solid, views, worst[1])


def judge_decomposition(
    name: str, seed: int, scene: Scene, geometry: Geometry, truth: LabelMaps, objects: list[Segmentation]
) -> list[DecompositionRecord]:
    """Each annotated view of a scene that was cut into disjoint objects (DiscoNeRF, section 4)."""
    labels = np.zeros(len(scene.gaussians), np.int32)
    for number, found in enumerate(objects, 1):
        labels[found.mask.cpu().numpy()] = number
    records = []
    for view, numbers in truth.items():
        rendered = render_labels(geometry, scene.camera(view), labels)
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
