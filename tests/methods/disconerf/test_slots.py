"""The result: lists, pictures, clicks and the file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import distance_transform_edt

from saga.errors import SagaError
from saga.methods.disconerf import DiscoNerfConfig, ObjectSlots, SlotField
from saga.methods.disconerf.selection import choose_objects
from saga.query.prompts import CheckedPrompt, Prompt
from saga.scene import Gaussians, Scene

VIEW = "000.png"


def middle(shown: np.ndarray) -> tuple[int, int]:
    """The pixel (x, y) farthest from the border of a mask."""
    y, x = np.unravel_index(distance_transform_edt(shown).argmax(), shown.shape)
    return int(x), int(y)


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / (one | other).sum())


def prompt(**parts: object) -> CheckedPrompt:
    nothing = np.zeros((0, 2), np.int64)
    return CheckedPrompt(
        **{"points": nothing, "negative": nothing, "scribble": None, "mask": None, "box": None, **parts}
    )


@pytest.fixture
def largest(truth: dict[str, np.ndarray]) -> np.ndarray:  # [H, W] bool
    """The largest object but the table in the first view."""
    return truth[VIEW] == np.bincount(truth[VIEW].ravel())[2:].argmax() + 2


def test_objects_are_disjoint_and_largest_first(slots: ObjectSlots) -> None:
    found = slots.discover()
    sizes = [len(one) for one in found]
    assert len(found) == len(slots) and sizes == sorted(sizes, reverse=True) and min(sizes) > 0
    assert int(np.stack([one.mask for one in found]).sum(0).max()) == 1
    for number, one in enumerate(found, 1):
        assert torch.equal(one.tensor.mask, slots.labels == number)
        assert float(one.scores.min()) >= 0 and float(one.scores.max()) <= 1
        assert one.scores[one.mask].mean() > one.scores[~one.mask].mean()
    assert slots.labels.dtype == torch.int32


def test_label_map_shows_the_instances(slots: ObjectSlots, truth, largest: np.ndarray) -> None:
    shown = slots.label_map(slots.scene.camera(VIEW)).numpy()
    x, y = middle(largest)
    assert iou(shown == shown[y, x], largest) > 0.97


def test_probabilities_are_those_of_the_label_map(slots: ObjectSlots) -> None:
    camera = slots.scene.camera(VIEW)
    probabilities, shown = slots.probabilities(camera), slots.label_map(camera)
    assert probabilities.shape == (camera.height, camera.width, len(slots))
    assert float(probabilities.min()) >= 0 and float(probabilities.sum(-1).max()) < 1 + 1e-4
    assert torch.equal((probabilities.argmax(-1) + 1)[shown > 0], shown[shown > 0].long())


def test_a_click_selects_the_object_under_it(slots: ObjectSlots, largest: np.ndarray, tiny_demo) -> None:
    found = slots.segment(VIEW, points=[middle(largest)])
    assert iou(slots.label_map(slots.scene.camera(VIEW)).numpy() == found.report["objects"][0], largest) > 0.97
    assert found.report["counts"]["selected"] == len(found) > 0
    ys, xs = np.nonzero(largest)
    box = (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
    scribble = np.zeros_like(largest)
    scribble[distance_transform_edt(largest) > 2] = True
    for other in ({"mask": largest}, {"box": box}, {"scribble": scribble}):
        assert np.array_equal(slots.segment(VIEW, **other).mask, found.mask)


def test_prompts_in_several_views_are_one_object(slots: ObjectSlots, truth) -> None:
    """Points in two views take both objects; a further view may have negative points only."""
    views = list(truth)[:2]
    labels = [label for label in np.unique(truth[views[0]]) if label > 0 and (truth[views[1]] == label).any()]
    sizes = sorted(labels, key=lambda label: -np.sum(truth[views[0]] == label))
    one, other = (middle(truth[view] == label) for view, label in zip(views, sizes[:2], strict=True))
    both = slots.segment_prompts([Prompt(views[0], points=[one]), Prompt(views[1], points=[other])])
    alone = [slots.segment(view, points=[point]).mask for view, point in zip(views, (one, other), strict=True)]
    assert np.array_equal(both.mask, alone[0] | alone[1])
    assert both.report["further_prompts"][0]["view"] == views[1]
    less = slots.segment_prompts([Prompt(views[0], points=[one]), Prompt(views[1], negative=[other])])
    assert np.array_equal(less.mask, alone[0] & ~alone[1])
    with pytest.raises(SagaError, match="at least one prompt"):
        slots.segment_prompts([])


def test_negative_points_leave_objects_out(slots: ObjectSlots, truth) -> None:
    shown = slots.label_map(slots.scene.camera(VIEW)).numpy()
    first, second = (middle(shown == number) for number in np.unique(shown[shown > 0])[:2])
    both = slots.segment(VIEW, points=[first, second])
    only = slots.segment(VIEW, points=[first, second], negative=[second])
    assert len(both.report["objects"]) == 2
    assert np.array_equal(only.mask, slots.segment(VIEW, points=[first]).mask)
    nothing = slots.segment(VIEW, points=[first], negative=[first])
    assert len(nothing) == 0 and nothing.report["warnings"]


def test_prompts_that_point_at_nothing_are_refused(slots: ObjectSlots) -> None:
    shown = slots.label_map(slots.scene.camera(VIEW)).numpy()
    empty = shown == 0
    with pytest.raises(SagaError, match="no object reaches it"):
        slots.segment(VIEW, points=[middle(empty)])
    with pytest.raises(SagaError, match="shows none there"):
        slots.segment(VIEW, mask=empty)
    with pytest.raises(SagaError, match="expected a pixel"):
        slots.segment(VIEW, points=[(-1, 0)])


def test_a_mask_takes_all_objects_that_make_it_up() -> None:
    shown = np.repeat(np.array([[1, 1, 2, 3, 4, 4, 4, 4, 0, 0]]), 4, 0)
    region = (shown > 0) & (shown < 4)
    assert choose_objects(shown, prompt(mask=region), "a") == ({1, 2, 3}, set())
    assert choose_objects(shown, prompt(box=(0, 0, 2, 4)), "a") == ({1}, set())


def test_slots_can_be_separated_into_parts(slots: ObjectSlots, tiny_scene: Scene) -> None:
    # Two slots by the side of the scene a Gaussian is on, one of them with nothing in the middle.
    x = torch.from_numpy(tiny_scene.gaussians.means[:, 0])
    middle_third = (x > x.quantile(0.33)) & (x < x.quantile(0.67))
    features = torch.stack([middle_third.float(), 1 - middle_third.float()], 1)
    config = DiscoNerfConfig(separate=False)
    field = SlotField(features, 20 * torch.eye(2), torch.zeros(2), tiny_scene.gaussians.digest(), config)
    assert len(ObjectSlots(tiny_scene, slots=field)) == 2
    apart = ObjectSlots(tiny_scene, slots=replace(field, config=replace(config, separate=True)))
    left, right = apart.labels[x < x.quantile(0.33)], apart.labels[x > x.quantile(0.67)]
    assert left.mode().values != right.mode().values
    assert apart.labels.min() == 1
    total = apart.object_probabilities(torch.arange(1, len(apart) + 1)).sum(1)
    assert float(total.max()) < 1 + 1e-5 and float(total.min()) > 0.5


def test_small_slots_give_their_gaussians_to_others(tiny_scene: Scene) -> None:
    count = len(tiny_scene.gaussians)
    features = torch.zeros(count, 3)
    features[:, 0], features[: count // 2, 1], features[:5, 2] = 1, 2, 3
    field = SlotField(features, torch.eye(3), torch.zeros(3), tiny_scene.gaussians.digest(), DiscoNerfConfig())
    found = ObjectSlots(tiny_scene, slots=field)
    assert len(found) == 2
    assert (found.labels[:5] == found.labels[10]).all() and found.labels[10] != found.labels[-1]


def test_saved_slots_load_as_they_were(slots: ObjectSlots, tiny_scene: Scene, tmp_path: Path) -> None:
    path = tmp_path / "scene.slots"
    slots.save(path)
    loaded = ObjectSlots.load(path, tiny_scene)
    assert torch.equal(loaded.labels, slots.labels)
    assert loaded.slots.config == slots.slots.config and loaded.slots.report == slots.slots.report
    assert [p.name for p in tmp_path.iterdir()] == ["scene.slots"]


def test_files_that_do_not_fit_are_refused(slots: ObjectSlots, tiny_scene: Scene, tmp_path: Path) -> None:
    path = tmp_path / "scene.slots"
    slots.save(path)
    g = tiny_scene.gaussians
    other = Gaussians.from_arrays(g.means + 1, g.scales, g.quaternions, g.opacities, g.sh)
    with pytest.raises(SagaError, match="another scene"):
        ObjectSlots.load(path, Scene(other, tiny_scene.cameras, None))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(SagaError, match="expected a slot field"):
        ObjectSlots.load(path, tiny_scene)
    with pytest.raises(SagaError, match="expected a slot field, found none"):
        ObjectSlots.load(tmp_path / "none.slots", tiny_scene)
