"""Prompts to masks: choosing among masks that are given, and asking SAM."""

from __future__ import annotations

import numpy as np
import pytest

from saga.errors import SagaError
from saga.masks import ArrayMasks
from saga.methods.prompter import MaskPrompter, SamPrompter, prompt_points, reference_mask
from saga.query import Prompt
from saga.query.prompts import check
from saga.raster.device_scene import DeviceScene
from saga.regions import RegionConfig, SceneRegions
from saga.scene import Scene

VIEW = "000.png"
ON, OFF = np.ones(1, int), np.zeros(1, int)


@pytest.fixture
def nested() -> np.ndarray:
    """A left half, a stripe in it, and a right half, at the size of the tiny views."""
    masks = np.zeros((3, 120, 160), bool)
    masks[0, :, :80], masks[1, 40:60, :80], masks[2, :, 80:] = True, True, True
    return masks


def test_points_choose_the_masks_that_hold_them(tiny_views: DeviceScene, nested: np.ndarray) -> None:
    prompter = MaskPrompter(tiny_views, ArrayMasks({VIEW: nested}))
    camera = tiny_views.scene.camera(VIEW)
    assert np.array_equal(prompter.mask(camera, np.array([[10, 10]]), ON), nested[0])
    both = np.array([[10, 50], [10, 10]])
    assert np.array_equal(prompter.mask(camera, both, np.array([1, 0])), nested[1])
    assert prompter.mask(camera, np.array([[10, 10]]), OFF) is None
    assert prompter.mask(tiny_views.scene.cameras[1], np.array([[10, 10]]), ON) is None


def test_what_is_known_decides_between_nested_masks(tiny_views: DeviceScene, nested: np.ndarray) -> None:
    prompter, camera = MaskPrompter(tiny_views, ArrayMasks({VIEW: nested})), tiny_views.scene.camera(VIEW)
    for rough in nested[:2]:
        assert np.array_equal(prompter.mask(camera, np.array([[10, 50]]), ON, rough=rough), rough)


def test_boxes_choose_the_mask_that_fills_them(tiny_views: DeviceScene, nested: np.ndarray) -> None:
    prompter, camera = MaskPrompter(tiny_views, ArrayMasks({VIEW: nested})), tiny_views.scene.camera(VIEW)
    nothing = np.zeros((0, 2), int)
    assert np.array_equal(prompter.mask(camera, nothing, nothing[:, 0], box=(0, 38, 82, 61)), nested[1])
    assert np.array_equal(prompter.mask(camera, nothing, nothing[:, 0], box=(100, 0, 150, 120)), nested[2])


def test_other_views_tell_an_object_from_it_and_its_neighbor(
    tiny_views: DeviceScene, tiny_masks, tiny_instances, tiny_demo
) -> None:
    """Merged with its neighbor in one view, the mask that other views agree with is the object's own."""
    mug, merged = tiny_instances[VIEW] == tiny_demo.names["mug"], np.isin(tiny_instances[VIEW], [1, 0])

    assert tiny_demo.names["mug"] == 1
    prompter = MaskPrompter(
        tiny_views, ArrayMasks(tiny_masks | {VIEW: np.concatenate([merged[None], tiny_masks[VIEW]])})
    )
    ys, xs = np.nonzero(mug)
    middle = np.array([[xs[len(xs) // 2], ys[len(ys) // 2]]])
    assert np.array_equal(prompter.mask(tiny_views.scene.camera(VIEW), middle, ON), mug)


def test_regions_stand_for_what_views_agree_on_or_have_no_mask_of(
    tiny_views: DeviceScene, tiny_masks, tiny_instances, tiny_demo
) -> None:
    """Three answers, one in the other: the mug's upper half, the mug, and all there is."""
    labels, heights, mug = tiny_demo.labels, tiny_demo.gaussians.means[:, 2], tiny_demo.names["mug"]
    cells = np.where(labels == mug, (heights > np.median(heights[labels == mug])).astype(int), 2).astype(np.int32)
    members, shares = np.array([[0, 1, 0], [1, 1, 0], [1, 1, 1]], bool), np.array([0.02, 0.02, 0.4], np.float32)
    borders, lengths = np.array([[0, 0, 1], [1, 2, 2]], np.int32), np.array([9, 1, 1], np.float32)
    # The half has the strongest border.
    closed = np.array([0.9, 0.1, 0.1], np.float32)
    own = np.zeros(3, bool)
    regions = SceneRegions(
        "",
        RegionConfig(),
        cells,
        shares,
        members,
        own,
        borders,
        lengths,
        closed,
        np.tile(np.float32([[[0, 0, 0], [1, 1, 1]]]), (3, 1, 1)),
    )
    camera, truth = tiny_views.scene.camera(VIEW), tiny_instances[VIEW] == mug
    columns = np.nonzero(truth)[1]
    x = int(np.median(columns))
    on_top = np.array([[x, np.flatnonzero(truth[:, x])[2]]])

    def overlap(masks: dict[str, np.ndarray]) -> float:
        mask = MaskPrompter(tiny_views, ArrayMasks(masks), regions).mask(camera, on_top, ON)
        return float((mask & truth).sum() / (mask | truth).sum())

    assert overlap({name: masks[:0] for name, masks in tiny_masks.items()}) < 0.7, "the best answer is the half"
    assert overlap(tiny_masks) == 1.0, "the view's own mask stands for the answer like it"
    ragged = {name: masks & (np.arange(truth.shape[1]) % 4 > 0) for name, masks in tiny_masks.items()}
    elsewhere = ragged | {VIEW: ragged[VIEW][:0]}
    assert overlap(elsewhere) > 0.95, "where others see ragged masks, the answer like them"


def test_a_given_mask_stands_for_itself(tiny_views: DeviceScene, nested: np.ndarray) -> None:
    asked = nested[2] & (np.arange(160) > 100)
    prompter, camera = MaskPrompter(tiny_views, ArrayMasks({VIEW: nested})), tiny_views.scene.camera(VIEW)
    mask = reference_mask(prompter, camera, check(Prompt(VIEW, mask=asked), camera))
    assert np.array_equal(mask, asked)


def test_a_prompt_on_nothing_is_one_line(tiny_views: DeviceScene, nested: np.ndarray) -> None:
    prompter, camera = MaskPrompter(tiny_views, ArrayMasks({VIEW: nested[1:2]})), tiny_views.scene.camera(VIEW)
    with pytest.raises(SagaError, match="masks in memory show nothing there in 000.png; click elsewhere"):
        reference_mask(prompter, camera, check(Prompt(VIEW, points=[(100, 100)]), camera))


def test_scribbles_become_points_on_them(tiny_scene: Scene) -> None:
    line = [(20, 60), (140, 60)]
    points, labels = prompt_points(check(Prompt(VIEW, scribble=line, negative=[(3, 4)]), tiny_scene.camera(VIEW)))
    assert labels.tolist() == [1] * (len(points) - 1) + [0]
    assert len(points) >= 3 and (np.abs(points[:-1, 1] - 60) <= 2).all()
    assert points[-1].tolist() == [3, 4]


def test_sam_answers_and_is_asked_to_encode_a_view_once(tiny_views: DeviceScene) -> None:
    class Sam:
        model_type = "vit_t"
        decodes_features = True
        encoded = 0

        def features(self, image: np.ndarray) -> np.ndarray:
            self.encoded += 1
            return np.zeros((256, 64, 64), np.float16)

        def predict(self, features, points, labels, box, size) -> np.ndarray:
            mask = np.zeros(size, bool)
            for x, y in points if points is not None else []:
                mask[y, x] = True
            return mask

    sam, camera = Sam(), tiny_views.scene.camera(VIEW)
    prompter = SamPrompter(tiny_views, sam)  # type: ignore[arg-type]
    assert prompter.mask(camera, np.array([[7, 9]]), ON)[9, 7]
    assert prompter.mask(camera, np.array([[8, 9]]), ON).sum() == 1
    nothing = np.zeros((0, 2), int)
    assert prompter.mask(camera, nothing, nothing[:, 0], box=(0, 0, 5, 5)) is None
    assert sam.encoded == 1
