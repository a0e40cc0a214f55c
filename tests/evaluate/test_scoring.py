"""Scores, against the same worked out from whole renderings."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from saga.evaluate import Task
from saga.evaluate.metrics import accuracy, boundary_iou, iou, weighted_iou
from saga.evaluate.scoring import score_decomposition, score_selection
from saga.evaluate.truth import LabelMaps
from saga.query import Segmentation
from saga.raster import BlendOperator, Geometry
from saga.raster.device_scene import DeviceScene
from saga.scene import Scene


@pytest.fixture(scope="module")
def on_device(tiny_scene: Scene) -> DeviceScene:
    return DeviceScene(tiny_scene, "cpu")


@pytest.fixture
def task(tiny_demo, instances) -> Task:
    """The lamp, in three views."""
    label = tiny_demo.names["lamp"]
    truth = {f"{stem}.png": instances[stem] == label for stem in ("000", "002", "003")}
    return Task("tiny", "lamp", [], truth, tiny_demo.labels == label)


def test_every_figure_is_the_mean_over_the_views(on_device: DeviceScene, tiny_demo, task: Task) -> None:
    """Of a selection that is not quite right: the lamp without its lower third, and the ball."""
    heights = tiny_demo.gaussians.means[:, 2]
    lamp = tiny_demo.labels == tiny_demo.names["lamp"]
    member = lamp & (heights > np.quantile(heights[lamp], 1 / 3)) | (tiny_demo.labels == tiny_demo.names["ball"])
    found = score_selection(on_device, task, torch.from_numpy(member))
    figures = []
    for view, truth in task.truth.items():
        operator = on_device.operator(view)
        shares = operator.render(torch.from_numpy(np.stack([member, ~member], 1)).float()).numpy()
        predicted = (shares[..., 0] > shares[..., 1]) & (shares.sum(-1) > 0.5)
        own = Geometry.from_gaussians(tiny_demo.gaussians)
        own = Geometry(own.means, own.scales, own.quaternions, own.opacities * torch.from_numpy(member))
        alone = BlendOperator(own, operator.camera).alpha().numpy() > 0.5
        pairs = ((iou, predicted), (accuracy, predicted), (boundary_iou, predicted), (iou, alone))
        figures.append([figure(mask, truth) for figure, mask in pairs])
    overlaps = [each[0] for each in figures]
    assert np.ptp(overlaps) > 0.02, "the views differ, so that their mean is none of them"
    scores = [found.iou, found.accuracy, found.boundary_iou, found.object_iou]
    assert scores == pytest.approx(np.mean(figures, axis=0).tolist(), abs=1e-6)
    assert found.views == pytest.approx(dict(zip(task.truth, overlaps, strict=True)), abs=1e-5)
    assert found.solid_iou == weighted_iou(member, lamp, tiny_demo.gaussians.opacities)
    worst = list(task.truth)[int(np.argmin(overlaps))]
    assert iou(found.worst, task.truth[worst]) == pytest.approx(min(overlaps))


def test_what_hides_the_object_is_not_there_when_it_is_looked_at_alone(wall: Callable[..., Scene]) -> None:
    scene = wall(extra=((0.0, 0.0, 6.0),))
    behind = torch.zeros(len(scene.gaussians), dtype=torch.bool)
    behind[-1] = True
    silhouette = BlendOperator(Geometry.from_gaussians(Scene(scene.gaussians, []).gaussians), scene.cameras[0])
    assert silhouette.alpha().min() > 0.5, "the wall hides it"
    truth = np.zeros((48, 64), bool)
    truth[23:26, 31:34] = True
    task = Task("wall", "dot", [], {"a": truth})
    found = score_selection(DeviceScene(scene, "cpu"), task, behind)
    assert found.iou == 0
    assert found.object_iou is not None
    assert found.object_iou > 0
    assert score_selection(DeviceScene(scene, "cpu"), task, behind, alone=False).object_iou is None


def test_a_decomposition_is_scored_in_the_annotated_pixels(wall: Callable[..., Scene]) -> None:
    """The wall is cut into left and right; the truth says so of its upper half, and nothing of the lower one."""
    scene = wall()
    left = torch.from_numpy(scene.gaussians.means[:, 0] < 0)
    truth = np.zeros((48, 64), np.int32)
    truth[:24, :32], truth[:24, 32:] = 1, 2
    objects = [Segmentation(side, side.float()) for side in (left, ~left)]
    (record,) = score_decomposition("wall", 0, DeviceScene(scene, "cpu"), LabelMaps({"a": truth}), objects)
    assert (record.objects, record.found, record.view) == (2, 2, "a")
    assert min(record.area_weighted_iou, record.best_dice, record.symmetric_best_dice) > 0.95
    (merged,) = score_decomposition(
        "wall", 0, DeviceScene(scene, "cpu"), LabelMaps({"a": truth}), [Segmentation(left | ~left, left.float())]
    )
    assert merged.area_weighted_iou == pytest.approx(0.5, abs=0.02)
