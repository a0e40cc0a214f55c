"""Which masks a scene gets."""

from __future__ import annotations

import os
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saga.errors import SagaError
from saga.masks import FolderMasks, make_masks, open_masks
from saga.masks.open import can_hold_files, user_cache
from saga.masks.source import ViewMasks
from saga.scene import Camera
from saga.scene.scene import Scene


def test_without_anything_the_classical_ones_say_what_they_lack(scene: Scene, tmp_path: Path) -> None:
    source = open_masks(scene, None, None, tmp_path / "cache", progress=False)
    assert source.masks(scene.cameras[0]).shape[1:] == (14, 20)
    assert source.features(scene.cameras[0]) is None
    for fact in ("classical", "Segment Anything", "--sam mobile (41 MB)", "--sam vit_b (375 MB)"):
        assert fact in source.description
    assert "\n" not in source.description
    assert len(list((tmp_path / "cache").rglob("*.npz"))) == 4


def test_a_persons_own_masks(scene: Scene, tmp_path: Path) -> None:
    folder = tmp_path / "masks"
    folder.mkdir()
    Image.fromarray(np.full((14, 20), 3, np.uint8)).save(folder / "001.png")
    source = open_masks(scene, folder, None, tmp_path / "cache", progress=False)
    assert isinstance(source, FolderMasks)
    assert source.masks(scene.cameras[1]).all()
    assert str(folder) in source.description
    assert not (tmp_path / "cache").exists()


def test_a_missing_checkpoint(scene: Scene, tmp_path: Path) -> None:
    with pytest.raises(SagaError, match="nothing.pth: expected a mask model"):
        open_masks(scene, None, "nothing.pth", tmp_path / "cache", progress=False)


def test_both_are_one_too_many(scene: Scene, tmp_path: Path) -> None:
    with pytest.raises(SagaError, match="one of them"):
        open_masks(scene, tmp_path, "vit_b", tmp_path / "cache", progress=False)


@pytest.fixture
def on_disk(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """The scene as if it had been read from a folder, and a cache of the user's own elsewhere."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    (tmp_path / "data").mkdir()
    return replace(scene, path=tmp_path / "data" / "room.v2.ply")


def test_masks_are_kept_beside_the_scene(on_disk: Scene, tmp_path: Path) -> None:
    open_masks(on_disk, progress=False)
    assert len(list((tmp_path / "data" / "room.v2.masks").rglob("*.npz"))) == 4
    assert not (tmp_path / "home").exists()


def test_where_the_folder_cannot_be_written_they_are_kept_elsewhere_and_it_says_so(
    on_disk: Scene, tmp_path: Path
) -> None:
    (tmp_path / "data" / "room.v2.masks").write_text("a file in the way, which even root cannot write through")
    with pytest.warns(UserWarning, match="room.v2.masks: cannot be written, so the masks are kept in .*home.*--cache"):
        made = open_masks(on_disk, progress=False)
    assert on_disk.path is not None
    kept = list(user_cache(on_disk.path).rglob("*.npz"))
    assert len(kept) == 4 and all(path.is_relative_to(tmp_path / "home") for path in kept)
    written = [path.stat().st_mtime_ns for path in kept]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = open_masks(on_disk, progress=False)
    assert [path.stat().st_mtime_ns for path in kept] == written, "the second run makes nothing"
    for camera in on_disk.cameras:
        np.testing.assert_array_equal(again.masks(camera), made.masks(camera))


def test_whole_masks_beside_the_scene_are_used_although_nothing_can_be_written(
    on_disk: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_masks(on_disk, progress=False)
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        source = open_masks(on_disk, progress=False)
    assert source.masks(on_disk.cameras[0]).shape[1:] == (14, 20)
    assert not (tmp_path / "home").exists()


def test_a_place_that_was_asked_for_is_never_replaced(on_disk: Scene, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SagaError, match="cannot be written"):
        open_masks(on_disk, cache=tmp_path / "file", progress=False)
    assert not (tmp_path / "home").exists()


def test_scenes_of_one_name_have_caches_of_their_own(tmp_path: Path) -> None:
    assert user_cache(tmp_path / "a" / "scene.ply") != user_cache(tmp_path / "b" / "scene.ply")
    assert can_hold_files(tmp_path / "deep" / "down")


def test_a_scene_in_memory_needs_a_place(scene: Scene) -> None:
    with pytest.raises(SagaError, match="give masks or cache"):
        open_masks(replace(scene, path=None), progress=False)


def test_shares_of_the_views_are_together_what_one_process_makes(
    tiny_scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Names:
        name, description = "names", "masks that say which view they are of"

        def __init__(self) -> None:
            self.made: list[str] = []
            self.identity: dict[str, object] = {}

        def generate_view(self, scene: Scene, camera: Camera) -> ViewMasks:
            self.made.append(camera.name)
            mask = np.zeros((1, camera.height, camera.width), bool)
            mask[0, : int(camera.stem) + 1] = True
            return ViewMasks(mask)

    generator = Names()
    monkeypatch.setattr("saga.masks.open._generator", lambda *given: generator)
    counts = [make_masks(tiny_scene, (number, 4), cache=tmp_path) for number in range(4)]

    assert counts == [2, 2, 1, 1]
    assert sorted(generator.made) == [camera.name for camera in tiny_scene.cameras]
    whole = open_masks(tiny_scene, cache=tmp_path)
    assert [whole.masks(camera).any((0, 2)).sum() for camera in tiny_scene.cameras] == [1, 2, 3, 4, 5, 6]
    assert len(generator.made) == 6
