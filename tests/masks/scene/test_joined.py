"""Objects of the scene's geometry join masks that miss them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import binary_dilation

from saga.masks import ArrayMasks
from saga.masks.joined import JoinedMasks, accounted
from saga.masks.open import joined
from saga.scene import Camera, Scene

from .conftest import FIRST, SECOND, TABLE, make_scene


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return make_scene([TABLE, FIRST, SECOND], views=6, folder=tmp_path_factory.mktemp("boxes") / "images")


def boxes(camera: Camera) -> np.ndarray:  # [2, H, W]
    """The masks of the red and of the blue box, by their colors."""
    assert camera.image_path is not None
    red, _, blue = np.moveaxis(np.asarray(Image.open(camera.image_path)).astype(int), -1, 0)
    return np.stack([red > blue + 60, blue > red + 30])


def given(scene: Scene, kept: list[list[int]]) -> ArrayMasks:
    """Masks of the boxes with these numbers, for every view."""
    return ArrayMasks({c.name: boxes(c)[own] for c, own in zip(scene.cameras, kept, strict=True)})


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / (one | other).sum())


def test_an_object_that_no_view_has_a_mask_of_joins_in_all_views(scene: Scene, tmp_path: Path) -> None:
    masks = given(scene, [[0]] * 6)
    found = joined(scene, masks, tmp_path, "cpu", progress=False)
    assert isinstance(found, JoinedMasks)
    assert found.description == "masks in memory; 1 object that they miss, from the scene's geometry"
    for camera in scene.cameras:
        own = found.masks(camera)
        assert len(own) == 2 and np.array_equal(own[0], boxes(camera)[0])
        assert iou(own[1], boxes(camera)[1]) > 0.9
        assert found.weights(camera) is None, "all count alike, as without it"


def test_masks_that_miss_nothing_are_left_as_they_are(scene: Scene, tmp_path: Path) -> None:
    missing_in_turns = given(scene, [[0, 1], [0], [0, 1], [0, 1], [1], [0, 1]])
    assert joined(scene, missing_in_turns, tmp_path, "cpu", progress=False) is missing_in_turns


def test_nothing_is_kept_from_masks_that_had_been_found_complete(scene: Scene, tmp_path: Path) -> None:
    joined(scene, given(scene, [[0, 1]] * 6), tmp_path, "cpu", progress=False)
    assert isinstance(joined(scene, given(scene, [[1]] * 6), tmp_path, "cpu", progress=False), JoinedMasks)


def test_a_view_without_masks_gets_none_and_counts_for_nothing(scene: Scene, tmp_path: Path) -> None:
    masks = given(scene, [[0], [0], [], [], [], []])
    found = joined(scene, masks, tmp_path, "cpu", progress=False)
    assert [len(found.masks(camera)) for camera in scene.cameras] == [2, 2, 0, 0, 0, 0]
    complete = given(scene, [[0, 1], [0, 1], [], [], [], []])
    assert joined(scene, complete, tmp_path, "cpu", progress=False) is complete


def test_where_nothing_supports_anything_masks_are_left_as_they_are(scene: Scene, tmp_path: Path) -> None:
    alone = make_scene(
        [dataclasses.replace(FIRST, center=(0, 0, 0), sides=(1, 1, 1))], views=4, folder=tmp_path / "one"
    )
    masks = ArrayMasks({camera.name: np.zeros((1, 120, 160), bool) for camera in alone.cameras})
    assert joined(alone, masks, tmp_path, "cpu", progress=False) is masks


def test_a_new_object_counts_as_much_as_the_heaviest_mask(scene: Scene, tmp_path: Path) -> None:
    class Heavy(ArrayMasks):
        def weights(self, camera: Camera) -> np.ndarray:
            return np.array([3.0], np.float32)

    heavy = Heavy({camera.name: boxes(camera)[:1] for camera in scene.cameras})
    found = joined(scene, heavy, tmp_path, "cpu", progress=False)
    assert isinstance(found, JoinedMasks)
    assert found.weights(scene.cameras[0]).tolist() == [3, 3]  # type: ignore[union-attr]


def test_what_accounts_for_an_object() -> None:
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1, -1, -1])

    def held(*masks: str) -> list[int]:
        return accounted(labels, np.array([[c == "x" for c in mask] for mask in masks]), 2)[1].tolist()

    assert accounted(labels, np.zeros((0, 10), bool), 2)[0].tolist() == [4, 4]
    assert held("xxxx......") == [4, 0]
    assert held("xx........", ".xx.......") == [3, 0], "parts, together"
    assert held("xxxx....xx") == [4, 0], "a mask of more than the object knows what it is"
    assert held("xxxxxxxxxx", "...x......") == [1, 0], "one of everything knows nothing"


def test_what_lies_in_a_mask_of_its_surroundings_was_not_missed(scene: Scene, tmp_path: Path) -> None:
    around = {c.name: binary_dilation(boxes(c)[1], iterations=10) for c in scene.cameras}
    table = ArrayMasks({c.name: np.stack([boxes(c)[0], around[c.name]]) for c in scene.cameras})
    assert joined(scene, table, tmp_path, "cpu", progress=False) is table
