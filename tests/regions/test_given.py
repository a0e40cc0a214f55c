"""What given masks confirm: two views of three cells in a row."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from saga.errors import SagaError
from saga.masks import ArrayMasks
from saga.raster.device_scene import DeviceScene
from saga.regions import SceneRegions, build_regions
from saga.regions.given import GivenMasks


@pytest.fixture
def given() -> GivenMasks:
    """View 0 has a mask of cell 0 and one of the cells 0 and 1; view 1 has the latter; view 2 sees cell 2 alone."""
    shown = csr_matrix(np.array([[10, 30, 40], [10, 30, 0], [0, 0, 40]], np.float32))
    inside = csr_matrix(np.array([[10, 0, 0], [10, 30, 0], [9, 27, 0]], np.float32))
    return GivenMasks(np.array([0, 0, 1], np.int32), inside, np.array([10, 40, 36], np.float32), shown)


def test_confirmed_is_the_mean_of_the_best_mask_of_each_view(given):
    members = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 1], [0, 0, 0]], bool)
    # Cell 0: 10 of 10, and 9 of 10 + 36 - 9. Cell 2 is in no mask; view 2 has none and says nothing of it.
    assert given.confirmed(members) == pytest.approx([(1 + 9 / 37) / 2, (1 + 36 / 40) / 2, 0, 0])


def test_a_view_that_shows_little_of_a_set_says_nothing(given):
    shown = given.shown.toarray()
    shown[1] = [2, 1, 0]  # of 40 samples in view 0
    members = np.array([[1, 1, 0]], bool)
    assert replace(given, shown=csr_matrix(shown)).confirmed(members) == pytest.approx([1.0])


def test_without_masks_nothing_is_confirmed():
    none = np.zeros(0, np.float32)
    empty = GivenMasks(none.astype(np.int32), csr_matrix((0, 3)), none, csr_matrix((2, 3)))
    assert empty.confirmed(np.ones((2, 3), bool)).tolist() == [0, 0]


@pytest.fixture(scope="module")
def with_masks(known) -> SceneRegions:
    """The regions of the boxes, made with exact masks of each box in all views."""
    on_device = DeviceScene(known.scene, "cpu")
    masks = {}
    things = torch.from_numpy(np.stack([known.things == thing for thing in (1, 2, 3)], -1).astype(np.float32))
    for camera in known.scene.cameras:
        shown = on_device.operator(camera.name).render(things)
        masks[camera.name] = np.ascontiguousarray((shown > 0.5).permute(2, 0, 1).numpy())
    return build_regions(on_device, progress=False, masks=ArrayMasks(masks))


def test_masks_confirm_the_boxes_they_were_made_of(known, with_masks):
    assert with_masks.given is not None
    confirmed = with_masks.given.confirmed(with_masks.members)
    ious = [max(known.iou(with_masks.gaussians(m), thing) for thing in (1, 2, 3)) for m in with_masks.members]
    best, worst = int(np.argmax(ious)), int(np.argmin(ious))
    assert confirmed[best] > 0.8 and confirmed[worst] < 0.5


def test_masks_are_kept_in_the_file(known, with_masks, tmp_path):
    with_masks.save(tmp_path / "scene.regions")
    loaded = SceneRegions.load(tmp_path / "scene.regions", known.scene)
    assert loaded.given is not None and with_masks.given is not None
    members = with_masks.members
    assert np.array_equal(loaded.given.confirmed(members), with_masks.given.confirmed(members))
    views = with_masks.given.views.copy()
    views[0] = 10_000
    replace(with_masks, given=replace(with_masks.given, views=views)).save(tmp_path / "bad.regions")
    with pytest.raises(SagaError, match="bad.regions"):
        SceneRegions.load(tmp_path / "bad.regions", known.scene)
