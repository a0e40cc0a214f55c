"""The mask cache."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from saga.errors import SagaError
from saga.masks import MaskCache
from saga.scene.camera import LensModel
from saga.scene.scene import Scene

Make = Callable[..., Any]


def cache_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_what_was_made_is_read_back(scene: Scene, counting: Make, tmp_path: Path) -> None:
    generator = counting()
    store = MaskCache(tmp_path / "cache", generator)
    store.prepare(scene, progress=False)
    for camera in scene.cameras[:4]:
        masks, features = generator.generate(scene.image(camera))
        read = store.masks(camera)
        assert read.dtype == bool
        np.testing.assert_array_equal(read, masks)
        stored = store.features(camera)
        assert stored is not None and stored.dtype == np.float16
        np.testing.assert_array_equal(stored, features)
    assert {len(store.masks(camera)) for camera in scene.cameras[:4]} == {0, 1, 2, 3}


def test_a_view_without_photograph_has_no_masks(scene: Scene, counting: Make, tmp_path: Path) -> None:
    store = MaskCache(tmp_path, counting())
    store.prepare(scene, progress=False)
    assert store.masks(scene.cameras[4]).shape == (0, 14, 20)
    assert store.features(scene.cameras[4]) is None


def test_whether_there_are_features_is_known_without_reading_them(
    scene: Scene, counting: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    MaskCache(tmp_path, counting()).prepare(scene, progress=False)
    MaskCache(tmp_path, counting(features=False, setting=1)).prepare(scene, progress=False)
    stores = [MaskCache(tmp_path, counting()), MaskCache(tmp_path, counting(features=False, setting=1))]
    monkeypatch.setattr(np.lib.format, "read_array", lambda *_, **__: pytest.fail("an array was read"))
    assert [store.has_features(scene.cameras[1]) for store in stores] == [True, False]
    assert not stores[0].has_features(scene.cameras[4]), "a view without a photograph has none"


def test_photographs_are_hashed_once_however_often_views_are_read(
    scene: Scene, counting: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    MaskCache(tmp_path / "cache", counting()).prepare(scene, progress=False)
    read: list[Path] = []
    whole = Path.read_bytes

    def recorded(path: Path) -> bytes:
        read.append(path)
        return whole(path)

    monkeypatch.setattr(Path, "read_bytes", recorded)
    store = MaskCache(tmp_path / "cache", counting())
    store.prepare(scene, progress=False)
    for _ in range(5):
        for camera in scene.cameras:
            store.masks(camera), store.features(camera), store.has_features(camera)
    assert sorted(read) == [camera.image_path for camera in scene.cameras[:4]]


def test_what_was_just_made_is_not_hashed_again(
    scene: Scene, counting: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MaskCache(tmp_path / "cache", counting())
    store.prepare(scene, progress=False)
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail(f"{path} was read"))
    assert len(store.masks(scene.cameras[2])) == 2 and store.has_features(scene.cameras[2])
    with pytest.raises(BaseException, match="002.png was read"):
        store.masks(scene.cameras[2].resized(10, 7))  # another size is another view


def test_no_encoder_no_features(scene: Scene, counting: Make, tmp_path: Path) -> None:
    store = MaskCache(tmp_path, counting(features=False))
    store.prepare(scene, progress=False)
    assert store.features(scene.cameras[1]) is None
    assert len(store.masks(scene.cameras[1])) == 1


def test_a_second_run_makes_nothing(scene: Scene, counting: Make, tmp_path: Path) -> None:
    MaskCache(tmp_path, counting()).prepare(scene, progress=False)
    again = counting()
    MaskCache(tmp_path, again).prepare(scene, progress=False)
    assert again.seen == []


def test_only_a_changed_photograph_is_made_again(scene: Scene, counting: Make, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    MaskCache(folder, counting()).prepare(scene, progress=False)
    pixels = scene.image(scene.cameras[2]).copy()
    pixels[0, 0, 0] = 99
    path = scene.cameras[2].image_path
    assert path is not None
    Image.fromarray(pixels).save(path)
    store = MaskCache(folder, counting())
    with pytest.raises(SagaError, match="002.png, found none, a damaged file, or masks of another version"):
        store.masks(scene.cameras[2])
    store.prepare(scene, progress=False)
    assert store.generator.seen == [99]  # type: ignore[attr-defined]
    assert len(store.masks(scene.cameras[2])) == 4
    assert len(cache_files(folder)) == 4


def test_other_settings_have_their_own_masks(scene: Scene, counting: Make, tmp_path: Path) -> None:
    MaskCache(tmp_path, counting(setting=1)).prepare(scene, progress=False)
    other = counting(setting=2)
    MaskCache(tmp_path, other).prepare(scene, progress=False)
    back = counting(setting=1)
    MaskCache(tmp_path, back).prepare(scene, progress=False)
    assert len(other.seen) == 4
    assert back.seen == []


def test_another_size_or_lens_of_the_view_counts_as_changed(scene: Scene, counting: Make, tmp_path: Path) -> None:
    store = MaskCache(tmp_path / "cache", counting())
    store.prepare(scene, progress=False)
    assert store.missing([scene.cameras[0].resized(10, 7)])
    lens = LensModel("SIMPLE_RADIAL", 20, 14, (20.0, 10.0, 7.0, 0.1))
    assert store.missing([replace(scene.cameras[0], lens=lens)])
    assert not store.missing(scene.cameras)


def test_an_interrupted_run_goes_on(scene: Scene, counting: Make, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    with pytest.raises(KeyboardInterrupt):
        MaskCache(folder, counting(fail_at=2)).prepare(scene, progress=False)
    assert len(cache_files(folder)) == 2
    rest = counting()
    MaskCache(folder, rest).prepare(scene, progress=False)
    assert len(rest.seen) == 2
    assert len(cache_files(folder)) == 4


@pytest.mark.parametrize("keep", [0, 10, 200])
def test_a_damaged_file_is_made_again(scene: Scene, counting: Make, tmp_path: Path, keep: int) -> None:
    folder = tmp_path / "cache"
    MaskCache(folder, counting()).prepare(scene, progress=False)
    damaged = cache_files(folder)[1]
    damaged.write_bytes(damaged.read_bytes()[:keep])
    store = MaskCache(folder, counting())
    with pytest.raises(SagaError, match="001"):
        store.masks(scene.cameras[1])
    with pytest.warns(UserWarning, match="expected the masks of 001.png, found .*; they are made again"):
        store.prepare(scene, progress=False)
    assert store.generator.seen == [11]  # type: ignore[attr-defined]
    assert len(store.masks(scene.cameras[1])) == 1


def test_reading_before_making_says_what_to_do(scene: Scene, counting: Make, tmp_path: Path) -> None:
    with pytest.raises(SagaError, match="run the mask extraction"):
        MaskCache(tmp_path / "cache", counting()).masks(scene.cameras[0])


def test_names_with_folders_do_not_collide(scene: Scene, counting: Make, tmp_path: Path) -> None:
    cameras = [
        replace(camera, name=f"{side}/same.png") for camera, side in zip(scene.cameras, ("left", "right"), strict=False)
    ]
    store = MaskCache(tmp_path / "cache", counting())
    store.prepare(Scene(scene.gaussians, cameras), progress=False)
    assert [len(store.masks(camera)) for camera in cameras] == [0, 1]


def test_memory_does_not_grow_with_the_views(scene: Scene, counting: Make, tmp_path: Path) -> None:
    def peak(views: int) -> int:
        cameras = [replace(scene.cameras[3], name=f"{index}.png") for index in range(views)]
        store = MaskCache(tmp_path / str(views), counting())
        tracemalloc.start()
        store.prepare(Scene(scene.gaussians, cameras), progress=False)
        for camera in cameras:
            store.features(camera)
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    peak(1)  # imports
    assert peak(12) < 1.3 * peak(2)
