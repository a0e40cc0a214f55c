"""saga-segment --text and saga-discover --text and --names: what they write, and the mistakes they name."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saga.train import FeatureField
from saga.words import Detections, ask, open

MODEL = Path(__file__).parents[1] / "words" / "toy.py"


@pytest.fixture(scope="session")
def scene(tiny_folder: Path, field: Path, known_regions, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scene of its own with what saga-train makes beside it."""
    folder = tmp_path_factory.mktemp("words") / "scene"
    shutil.copytree(tiny_folder, folder)
    shutil.copy(field, folder / "scene.saga")
    return folder / "scene.ply"


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch):
    """The model that knows colors, whatever model is asked for."""
    spec = importlib.util.spec_from_file_location("words_toy_of_commands", MODEL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made = module.ColorModel()
    monkeypatch.setattr(ask, "open_model", lambda *_: made)
    return made


def test_a_text_becomes_an_object(saga_segment, scene: Path, model, tiny_demo, iou_with, tmp_path: Path) -> None:
    out = tmp_path / "duck"
    done = saga_segment(scene, "--text", "yellow duck", "--device", "cpu", "--out", out)
    assert done.code == 0, done.err
    assert '"yellow duck": ' in done.out and "sure" in done.out
    assert iou_with(np.load(out / "segmentation.npz")["mask"], "duck") > 0.5
    assert {path.name for path in out.iterdir()} == {
        "object.ply", "rest.ply", "masks", "segmentation.npz", "preview.png", "ranking.png", "report.json",
    }  # fmt: skip
    report = json.loads((out / "report.json").read_text())
    words = report["words"]
    assert report["prompt"] == {"text": "yellow duck"} and words["model"] == "colors" and words["rank"] == 1
    assert words["score"] > 0.5 and len(words["ranking"]) > 5
    assert [each["rank"] for each in words["ranking"]] == list(range(1, len(words["ranking"]) + 1))
    assert Image.open(out / "ranking.png").size[0] > 500
    read, seen = len(model.read), list(model.seen)
    again = saga_segment(scene, "--text", "yellow duck", "--device", "cpu", "--out", out)
    assert again.code == 0 and model.seen == seen and len(model.read) == read


def test_an_earlier_ranking_does_not_stay(saga_segment, scene: Path, model, middle_of, tmp_path: Path) -> None:
    assert saga_segment(scene, "--text", "yellow duck", "--device", "cpu", "--out", tmp_path / "o").code == 0
    x, y = middle_of("ball")
    clicked = ("--view", "000.png", "--points", f"{x},{y}", "--device", "cpu", "--out", tmp_path / "o")
    assert saga_segment(scene, *clicked).code == 0
    assert not (tmp_path / "o" / "ranking.png").exists()


def test_nothing_like_it_has_a_code_of_its_own(saga_segment, scene: Path, model, tmp_path: Path) -> None:
    done = saga_segment(scene, "--text", "giraffe", "--device", "cpu", "--out", tmp_path / "out")
    assert done.code == 3 and len(done.errors) == 1 and 'nothing like "giraffe"' in done.errors[0]
    assert not (tmp_path / "out").exists()


def test_objects_are_made_again_when_the_features_are_others(saga_segment, scene: Path, model, tmp_path: Path) -> None:
    shutil.copytree(scene.parent, tmp_path / "scene")
    own = tmp_path / "scene" / "scene.ply"
    asked = (own, "--text", "yellow duck", "--device", "cpu")
    assert saga_segment(*asked, "--out", tmp_path / "a").code == 0
    kept = {path.name for path in (tmp_path / "scene" / "scene.words").glob("objects-*")}
    assert len(kept) == 1
    assert saga_segment(*asked, "--out", tmp_path / "b").code == 0
    assert {path.name for path in (tmp_path / "scene" / "scene.words").glob("objects-*")} == kept
    field = own.with_suffix(".saga")
    field.write_bytes(field.read_bytes())  # the same features, written again
    assert saga_segment(*asked, "--out", tmp_path / "c").code == 0
    assert {path.name for path in (tmp_path / "scene" / "scene.words").glob("objects-*")} == kept
    other = FeatureField.load(field)
    other.features[0] += 0.1
    other.save(field)
    assert saga_segment(*asked, "--out", tmp_path / "d").code == 0
    assert len(list((tmp_path / "scene" / "scene.words").glob("objects-*"))) == 2


def test_objects_are_called_by_names(saga_discover, scene: Path, model, tiny_demo, tmp_path: Path) -> None:
    names, out = tmp_path / "names.txt", tmp_path / "objects"
    names.write_text("yellow duck\n\n# a remark\ngreen plant\nyellow duck\n")
    given = (scene, "--method", "saga", "--device", "cpu", "--out", out)
    done = saga_discover(*given, "--names", names)
    assert done.code == 0, done.err
    facts = json.loads((out / "objects.json").read_text())
    assert "yellow_duck_001" in facts and "green_plant_001" in facts and "object_001" in facts
    duck = np.load(out / "labels.npy") == facts["yellow_duck_001"]["id"]
    truth = tiny_demo.labels == tiny_demo.names["duck"]
    assert (duck & truth).sum() / (duck | truth).sum() > 0.5
    said = json.loads((out / "report.json").read_text())["words"]["names"]
    assert said["yellow_duck_001"]["name"] == "yellow duck" and said["object_001"]["name"] is None
    assert (out / "ranking.png").is_file() and (out / "objects" / "yellow_duck_001.ply").is_file()
    fewer = saga_discover(*given, "--text", "yellow duck, green plant")
    assert fewer.code == 0, fewer.err
    kept = set(json.loads((out / "objects.json").read_text()))
    assert kept == {key for key in facts if key.startswith(("yellow_duck", "green_plant"))}
    none = saga_discover(*given, "--text", "giraffe,zebra")
    assert none.code == 3 and "nothing like" in none.errors[0]
    assert set(json.loads((out / "objects.json").read_text())) == kept


def test_a_detector_looks_at_the_views(
    saga_segment, saga_discover, scene: Path, tiny_demo, iou_with, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that knows the exact masks of the photographs."""
    folder = scene.parent
    known = {np.asarray(Image.open(path)).tobytes(): path.name for path in (folder / "images").iterdir()}

    class Knowing:
        name = identity = "knowing"

        def detect(self, picture: np.ndarray, text: str) -> Detections:
            labels = np.asarray(Image.open(folder / "instances" / known[picture.tobytes()]))
            mask = labels == tiny_demo.names[text]
            return Detections(np.zeros((1, 4)), np.array([0.9], np.float32), mask[None])

    monkeypatch.setattr(ask, "open_model", lambda *_: Knowing())
    out = tmp_path / "duck"
    done = saga_segment(scene, "--text", "duck", "--device", "cpu", "--out", out)
    assert done.code == 0, done.err
    assert iou_with(np.load(out / "segmentation.npz")["mask"], "duck") > 0.6
    words = json.loads((out / "report.json").read_text())["words"]
    assert words["model"] == "knowing" and words["views"] > 3 and len(words["found_in"]) == words["views"]
    assert (out / "ranking.png").is_file()
    naming = saga_discover(scene, "--method", "saga", "--text", "duck", "--device", "cpu", "--out", tmp_path / "all")
    naming.assert_mistake("knowing: expected a text-image model", "give e.g. siglip2")


def test_mistakes_are_one_line(saga_segment, saga_discover, scene: Path, tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_bytes(b"\n# nothing\n")
    saga_segment(scene, "--text", "mug", "--points", "3,4").assert_mistake("--points: expected no prompt beside --text")
    saga_segment(scene, "--text", "mug", "--view", "000.png").assert_mistake("--view", "leave one of them out")
    saga_segment(scene, "--text", "mug", "--all-levels").assert_mistake("--all-levels", "--text")
    saga_segment(scene, "--text", " ").assert_mistake("text: expected a name")
    saga_segment(scene, "--text-model", "siglip2").assert_mistake("--text-model", "--text too")
    saga_segment(scene, "--text", "mug", "--method", "sa3d").assert_mistake("--method: expected", "'sa3d'")
    saga_segment(scene, "--text", "mug", "--text-model", tmp_path / "no").assert_mistake(
        str(tmp_path / "no"), "a model of words"
    )
    saga_segment(scene, "--text", "mug", "--propagate").assert_mistake("--propagate: expected it where masks of all")
    own = (scene, "--method", "saga")
    saga_discover(*own, "--names", names).assert_mistake(str(names), "expected 1 to 1,000 names, found 0")
    saga_discover(*own, "--names", tmp_path / "no").assert_mistake("no", "a text file with a name in each line")
    saga_discover(*own, "--names", names, "--text", "mug").assert_mistake("--text and --names")
    saga_discover(*own, "--text-model", "x").assert_mistake("--text-model")
    names.write_bytes(b"\xff\xfe\x00mug")
    saga_discover(*own, "--names", names).assert_mistake(str(names))


def test_the_recommended_model_is_named_where_it_is_missing(saga_segment, scene: Path) -> None:
    saga_segment(scene, "--text", "mug", "--device", "cpu").assert_mistake(open.RECOMMENDED)
