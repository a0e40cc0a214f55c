"""From Gaussians to a ranking: with a model that knows colors, on a scene whose things are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from saga.errors import SagaError
from saga.query import Segmentation
from saga.raster import DeviceScene
from saga.scene import Gaussians, Scene
from saga.words import ObjectFinder


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("words")


@pytest.fixture
def finder(placed, things, toy: ModuleType, folder: Path) -> ObjectFinder:
    return ObjectFinder(placed, list(things.values()), toy.ColorModel(), folder, progress=False)


@pytest.mark.parametrize(("text", "thing"), [("yellow toy", "duck"), ("red cube", "die"), ("green shrub", "plant")])
def test_the_right_object_is_first(finder, things, text: str, thing: str) -> None:
    answer = finder.rank(text)
    assert answer.matches[0].segmentation is things[thing]
    assert answer.found and answer.matches[0].score > 0.5
    scores = [match.score for match in answer.matches]
    assert scores == sorted(scores, reverse=True) and len(scores) == len(things)


def test_nothing_like_it(finder) -> None:
    answer = finder.rank("giraffe")
    assert answer.found == [] and answer.equals == []
    assert answer.verdict().startswith('nothing like "giraffe": the best of')


def test_two_equal_ones_are_said(tiny_demo, tiny_scene: Scene, toy: ModuleType) -> None:
    """The duck, and the same duck elsewhere, and something else."""
    known, labels = tiny_scene.gaussians, tiny_demo.labels
    duck, bottle = (np.flatnonzero(labels == tiny_demo.names[name]) for name in ("duck", "bottle"))
    rows = np.concatenate([duck, duck, bottle])
    means = known.means[rows].copy()
    means[len(duck) : 2 * len(duck)] += [0.0, 0.9, 0.0]
    scene = Scene(
        Gaussians.from_arrays(
            means, known.scales[rows], known.quaternions[rows], known.opacities[rows], known.sh[rows]
        ),
        [replace(camera, image_path=None) for camera in tiny_scene.cameras],
    )
    placed = DeviceScene(scene, "cpu")
    owner = np.repeat([0, 1, 2], [len(duck), len(duck), len(bottle)])
    objects = [Segmentation(owner == each, np.ones(len(owner)), {"kind": "object"}, placed) for each in range(3)]
    answer = ObjectFinder(placed, objects, toy.ColorModel(), progress=False).rank("yellow toy")
    assert {id(each.segmentation) for each in answer.equals} == {id(objects[0]), id(objects[1])}
    assert "1 other is as good" in answer.verdict()
    assert [each["equal_to_best"] for each in answer.describe()["ranking"]] == [True, True, False]


def test_every_object_is_named_or_not(finder, things) -> None:
    names = {each.index: each.name for each in finder.name(["yellow duck", "green plant"])}
    called = {thing: names[index] for index, thing in enumerate(things)}
    assert called["duck"] == "yellow duck" and called["plant"] == "green plant"
    assert called["die"] is None and called["mug"] is None


def test_a_query_after_the_first_neither_renders_nor_embeds(
    placed, things, toy: ModuleType, folder: Path, finder
) -> None:
    finder.rank("yellow toy")
    again = toy.ColorModel()
    second = ObjectFinder(placed, list(things.values()), again, folder, progress=False)
    assert second.rank("yellow toy").matches[0].segmentation is things["duck"]
    assert again.seen == [] and again.read == []
    second.rank("red hat")
    assert again.seen == [] and again.read and all("hat" in text for text in again.read)


def test_other_objects_pictures_or_models_are_looked_at_again(
    placed, things, toy: ModuleType, tmp_path: Path, tiny_scene: Scene
) -> None:
    some = [things["duck"], things["die"]]

    def looks(objects: list[Segmentation], scene: DeviceScene = placed, identity: str = "colors-1") -> int:
        model = toy.ColorModel()
        model.identity = identity
        ObjectFinder(scene, objects, model, tmp_path, progress=False).rank("red")
        return len(model.seen)

    assert looks(some) == 2 and looks(some) == 0
    assert looks(some[::-1]) == 2
    assert looks(some, identity="colors-2") == 2
    fewer = Scene(tiny_scene.gaussians, tiny_scene.cameras[:4], tiny_scene.path)
    assert looks(some, DeviceScene(fewer, "cpu")) == 2
    assert looks(some) == 0


def test_a_damaged_file_is_made_again_with_a_warning(placed, things, toy: ModuleType, tmp_path: Path) -> None:
    some = [things["duck"], things["die"]]
    ObjectFinder(placed, some, toy.ColorModel(), tmp_path, progress=False).rank("red")
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:-40])
    model = toy.ColorModel()
    with pytest.warns(UserWarning, match="it is made again"):
        answer = ObjectFinder(placed, some, model, tmp_path, progress=False).rank("red")
    assert len(model.seen) == 2 and answer.matches[0].segmentation is things["die"]


@pytest.mark.parametrize("text", ["", "  ", "?!", "x" * 301])
def test_what_is_no_text_is_one_line(finder, text: str) -> None:
    with pytest.raises(SagaError, match="text: expected a name or a short description"):
        finder.rank(text)


def test_a_scene_without_cameras_is_one_line(tiny_scene: Scene, things, toy: ModuleType) -> None:
    with pytest.raises(SagaError, match="expected a scene with cameras"):
        ObjectFinder(DeviceScene(Scene(tiny_scene.gaussians, []), "cpu"), list(things.values()), toy.ColorModel())


def test_the_sheet_shows_as_much_as_fits(finder) -> None:
    picture = finder.rank("yellow toy").sheet()
    assert picture.dtype == np.uint8 and picture.shape[2] == 3
    green = (np.abs(picture.astype(int) - [22, 163, 74]).sum(2) == 0).sum()
    none = finder.rank("giraffe").sheet()
    assert green > 500 and (np.abs(none.astype(int) - [22, 163, 74]).sum(2) == 0).sum() == 0
