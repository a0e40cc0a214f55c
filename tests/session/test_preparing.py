"""What prompts need of a scene: opened where it is, made where it is not, and cancelled by a person."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from saga.errors import SagaError
from saga.raster import DeviceScene
from saga.runtime.progress import Cancelled, watched
from saga.scene import load_scene
from saga.session.preparing import open_beside, open_named, prepare, what_is_missing
from saga.train import TrainConfig


@pytest.fixture
def placed(tiny_folder: Path, tmp_path: Path) -> DeviceScene:
    """A copy of the tiny demo, beside which nothing has been made."""
    folder = tmp_path / "scene"
    shutil.copytree(tiny_folder, folder, ignore=shutil.ignore_patterns("*.masks", "*.regions", "*.saga", "*.session"))
    return DeviceScene(load_scene(folder / "scene.ply"), "cpu")


def test_nothing_is_there_and_then_it_is_made_once(placed: DeviceScene, tiny_masks):
    from saga.masks import ArrayMasks

    assert open_beside(placed) is None and what_is_missing(None) == ("features", "regions")
    with pytest.raises(SagaError, match="make them first"):
        open_named("saga", None, placed)
    told: list[str] = []
    config = TrainConfig(iterations=20, pixels=100, cached_pixels=6000)
    with watched(lambda text, done, total: told.append(text)):
        made = prepare(placed, ArrayMasks(tiny_masks), config)
    assert what_is_missing(made) == () and {"training", "sampling views"} <= set(told)
    again = open_named("saga", None, placed)
    assert again.field is not None and again.regions is not None
    told.clear()
    with watched(lambda text, done, total: told.append(text)):
        assert prepare(placed).field is not None
    assert told == []


def test_cancelling_leaves_nothing_half_made(placed: DeviceScene, tiny_masks):
    from saga.masks import ArrayMasks

    def cancel(text: str, done: int, total: int) -> None:
        if text == "training" and done >= 10:
            raise Cancelled

    config = TrainConfig(iterations=40, pixels=100, cached_pixels=6000)
    with watched(cancel), pytest.raises(KeyboardInterrupt):
        prepare(placed, ArrayMasks(tiny_masks), config)
    assert open_beside(placed) is None
    assert (placed.scene.path.parent / "scene.saga.checkpoint").is_file()


def test_what_is_there_is_made_anew_when_that_is_asked_for(placed: DeviceScene, known_field, tiny_masks):
    from saga.masks import ArrayMasks

    known_field.save(placed.scene.path.with_suffix(".saga"))
    config = TrainConfig(iterations=0, pixels=100, cached_pixels=6000)
    assert prepare(placed, ArrayMasks(tiny_masks), config).field.config.iterations != 0
    made = prepare(placed, ArrayMasks(tiny_masks), config, anew=True)
    assert made.field is not None and made.field.config.iterations == 0
    assert made.regions is not None and made.regions.given is not None  # masks that were given say what is a thing


def test_another_method_is_opened_with_what_the_first_has(known_segmenter, tiny_masks):
    from saga.masks import ArrayMasks
    from saga.methods import Sa3d

    known_segmenter.masks, before = ArrayMasks(tiny_masks), known_segmenter.masks
    try:
        opened = open_named("sa3d", known_segmenter, known_segmenter.device_scene)
    finally:
        known_segmenter.masks = before
    assert isinstance(opened, Sa3d) and opened.device_scene is known_segmenter.device_scene
    assert what_is_missing(opened) == ()
    with pytest.raises(SagaError, match="expected one of"):
        open_named("none", known_segmenter, known_segmenter.device_scene)


def test_regions_of_no_use_are_made_again(placed: DeviceScene, known_field, known_regions, monkeypatch):
    monkeypatch.setattr("saga.regions.build_regions", lambda *_, **__: known_regions)
    known_field.save(placed.scene.path.with_suffix(".saga"))
    placed.scene.path.with_suffix(".regions").write_bytes(b"damaged")
    with pytest.warns(UserWarning, match="they are made again now"):
        opened = open_beside(placed)
    assert what_is_missing(opened) == () == what_is_missing(open_beside(placed))


def test_without_regions_there_is_a_line_where_they_cannot_be_made(placed: DeviceScene, known_field):
    known_field.save(placed.scene.path.with_suffix(".saga"))
    placed.scene.path.with_suffix(".regions").write_bytes(b"damaged")
    blind = DeviceScene(replace(placed.scene, cameras=[]), "cpu")
    with pytest.warns(UserWarning, match="no regions, so a prompt has one answer"):
        opened = open_beside(blind)
    assert opened is not None and opened.regions is None
