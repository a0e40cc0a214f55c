"""saga-batch: what it plans, what it refuses, and a batch of real scenes with faults among them."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from saga.batch import Task, read_manifest
from saga.cli import batch as batch_command
from saga.cli.batch_plan import described, plan

from .conftest import Command, _run

TRAIN = {"iterations": 5, "regions": False, "join": False}
"""Of a field that comes quickly."""


@pytest.fixture
def saga_batch(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """saga-batch with arguments."""
    return lambda *arguments: _run(batch_command.main, "saga-batch", arguments, monkeypatch, capsys)


@pytest.fixture
def planned(tmp_path: Path) -> Callable[..., dict[str, Task]]:
    """planned(scene keys, workers): the tasks of a manifest with one scene "hall", by their names without its."""

    def tasks(workers: int = 3, **keys: object) -> dict[str, Task]:
        path = tmp_path / "batch.yaml"
        path.write_text(yaml.safe_dump({"scenes": [{"name": "hall", "scene": "hall.ply", **keys}]}))
        made = plan(read_manifest(path), str(tmp_path / "out"), workers)
        return {task.name.removeprefix("hall/"): task for task in made}

    return tasks


CHAIR = {"name": "chair", "view": "1.jpg", "points": [[3, 4.5]], "negative": [[1, 2]], "also": {"2.jpg": [[5, 6]]}}


def test_a_scene_with_objects_is_trained_once_and_asked_for_each(planned, tmp_path: Path) -> None:
    tasks = planned(
        images="photos", masks="masks", objects=[CHAIR, {"name": "mug", "text": "red mug"}, "everything"],
        segment={"granularity": "part", "ball_query": False}, train={"iterations": 7}, export={"labels_in_ply": True},
    )  # fmt: skip
    here, out = tmp_path, tmp_path / "out" / "hall"
    assert list(tasks) == ["train", "objects/chair", "objects/mug", "everything", "all"]
    assert described(tasks["train"]) == (
        f"saga-train {here}/hall.ply {here}/photos --out {out}/scene.saga --cache {out}/masks --masks {here}/masks "
        "--iterations 7"
    )
    assert described(tasks["objects/chair"]) == (
        f"saga-segment {here}/hall.ply --field {out}/scene.saga --view 1.jpg --points 3,4.5 --negative 1,2 "
        f"--also 2.jpg:5,6 --out {out}/objects/chair --no-ball-query --granularity part"
    )
    assert "--text 'red mug'" in described(tasks["objects/mug"])
    assert described(tasks["everything"]).startswith(f"saga-discover {here}/hall.ply {here}/photos --cache")
    assert tasks["objects/chair"].inputs["field"] == tasks["train"].outputs["field"]
    assert set(tasks["all"].inputs) == {"scene", "images", "object:chair", "object:mug"}


def test_options_of_export_are_those_of_the_commands(planned, tmp_path: Path) -> None:
    engines = {"asset": {"up": "-y", "scale": 3.5, "convex_parts": False}}
    tasks = planned(
        objects=[{**CHAIR, "segment": engines}, {**CHAIR, "name": "lamp"}, "everything"],
        segment={"fill": True, "prune": True, "refit_boundary": True}, discover={"asset": True},
        train={"region": "-1,-1,-1,1,1,1"}, export={"asset": engines["asset"], "label_maps": False},
    )  # fmt: skip
    chair, lamp = (described(tasks[f"objects/{name}"]) for name in ("chair", "lamp"))
    assert chair.endswith("--fill --prune --refit-boundary --asset --no-convex-parts --scale 3.5 --up=-y")
    assert lamp.endswith("--fill --prune --refit-boundary")
    assert described(tasks["everything"]).endswith("--asset")
    assert described(tasks["train"]).endswith("--region=-1,-1,-1,1,1,1")
    assert tasks["all"].settings["export"] == {"asset": engines["asset"], "label_maps": False}


def test_what_is_cleaned_first_is_what_all_else_works_on(planned, tmp_path: Path) -> None:
    (tmp_path / "transforms.json").write_text("{}")
    here, out = tmp_path, tmp_path / "out" / "hall"
    tasks = planned(images="photos", objects=[CHAIR], clean={"apply": True, "haze": 0.2}, export=True, blocks=1)
    assert list(tasks) == ["clean", "masks", "train", "objects/chair", "all"]
    assert described(tasks["clean"]) == f"saga-clean {here}/hall.ply {here}/photos --out {out}/clean --apply --haze 0.2"
    assert tasks["clean"].outputs["clean"] == f"{out}/clean/clean.ply"
    for name in ("masks", "train", "objects/chair", "all"):
        assert tasks[name].inputs["scene"] == f"{out}/clean/clean.ply"
    assert f"--cameras {here}/transforms.json" in described(tasks["train"])
    proposed = planned(clean=True)
    assert "clean" not in proposed["clean"].outputs and proposed["train"].inputs["scene"] == f"{here}/hall.ply"


def test_a_place_of_something_else_is_refused_before_anything_is_done(saga_batch: Command, tmp_path: Path) -> None:
    path = tmp_path / "batch.yaml"
    path.write_text(yaml.safe_dump({"scenes": [{"scene": "hall.ply", "objects": [CHAIR]}]}))
    for name, inside in (("objects/chair", {"objects": [CHAIR]}), ("clean", {"clean": True})):
        path.write_text(yaml.safe_dump({"scenes": [{"scene": "hall.ply", **inside}]}))
        mine = tmp_path / "out" / "hall" / name
        mine.mkdir(parents=True)
        (mine / "thesis.txt").write_text("mine")
        done = saga_batch(path, "--out", tmp_path / "out", "--engine", "here", "--device", "cpu")
        done.assert_mistake(str(mine), "thesis.txt")
    assert not (tmp_path / "out" / "batch").exists()


def test_masks_by_a_model_are_divided_among_the_workers(planned) -> None:
    tasks = planned(sam="mobile", images="photos")
    masks = [f"masks-{number}-of-3" for number in (1, 2, 3)]
    assert list(tasks) == [*masks, "train"]
    assert [tasks[name].settings["share"] for name in masks] == [[0, 3], [1, 3], [2, 3]]
    assert tasks["train"].after == tuple(f"hall/{name}" for name in masks)
    assert "--sam mobile" in described(tasks["train"])
    assert list(planned(sam="sam2-tiny", propagate=True, blocks=9)) == ["masks", "train"]


def test_the_scenes_own_masks_are_divided_behind_its_structure(planned) -> None:
    tasks = planned(blocks=2)
    assert list(tasks) == ["structure", "masks-1-of-2", "masks-2-of-2", "train"]
    assert tasks["masks-2-of-2"].after == ("hall/structure",)
    assert list(planned(objects=["everything", CHAIR])) == ["masks", "train", "objects/chair", "everything"]


def test_methods_without_features_are_not_trained_for(planned) -> None:
    assert list(planned(objects=[CHAIR], segment={"method": "sa3d"})) == ["objects/chair"]
    assert list(planned(objects="everything", masks="m")) == ["everything"]
    assert list(planned(objects="everything", discover={"method": "saga"})) == ["train", "everything"]


def test_cameras_near_the_scene_are_noticed(planned, tmp_path: Path) -> None:
    (tmp_path / "transforms.json").write_text("{}")
    assert planned()["train"].inputs["near"] == str(tmp_path / "transforms.json")
    assert "near" not in planned(cameras="sparse")["train"].inputs


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"train": {"iteratons": 3}}, "scenes[0].train: --iteratons: expected an option of saga-train"),
        ({"train": {"iterations": "many"}}, "scenes[0].train: --iterations: expected a whole number"),
        ({"train": {"out": "x"}}, "scenes[0].train.out: expected options that a manifest has no other key for"),
        ({"objects": [CHAIR], "segment": {"method": "sa4d"}}, "scenes[0].segment: --method: expected saga, sa3d"),
        ({"objects": [{**CHAIR, "segment": {"grain": 1}}]}, "scenes[0].segment: --grain"),
        ({"objects": "everything", "discover": {"names": 3, "x": 1}}, "scenes[0].discover: --x"),
        ({"objects": [CHAIR], "export": {"format": "obj"}}, "scenes[0].export.format: expected ply"),
        ({"export": True}, "scenes[0].export: expected objects of one level, found none"),
        ({"scene": "s3://a/b.ply"}, "scenes[0]: expected images and cameras with a scene that lies in storage"),
        (
            {"objects": [CHAIR], "export": {"assets": True}},
            "scenes[0].export: expected format, label_maps, labels_in_ply",
        ),
        ({"objects": [CHAIR], "export": {"asset": {"scale": "x"}}}, "scenes[0].export.asset.scale: expected a number"),
        ({"objects": [CHAIR], "export": {"asset": {"scale": 0}}}, "scenes[0].export.asset: scale: expected units"),
        ({"objects": [CHAIR], "segment": {"asset": {"scal": 1}}}, "scenes[0].segment: --scal: expected an option"),
        ({"objects": [CHAIR], "segment": {"region": "0,0,0,1,1,1"}}, "scenes[0].segment.region: expected options that"),
        ({"train": {"region": "0,0,0"}}, "scenes[0].train: region: expected"),
        ({"clean": {"strength": 2}}, "scenes[0].clean: --strength: expected a number from 0 to 1"),
        ({"clean": {"out": "x"}}, "scenes[0].clean.out: expected options that a manifest has no other key for"),
        ({"colour": 1}, "scenes[0]: expected a key of a manifest, found 'colour'"),
    ],
)
def test_mistakes_name_their_place_before_anything_is_done(
    saga_batch: Command, tmp_path: Path, keys: dict[str, object], expected: str
) -> None:
    path = tmp_path / "batch.yaml"
    path.write_text(yaml.safe_dump({"scenes": [{"scene": "hall.ply", **keys}]}))
    saga_batch(path, "--engine", "here", "--device", "cpu").assert_mistake(f"{path}: {expected}")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["batch.yaml"]


def test_a_dry_run_shows_commands_and_what_is_missing(saga_batch: Command, tmp_path: Path) -> None:
    path = tmp_path / "batch.csv"
    path.write_text('scene,images,object,view,points\nhall.ply,photos,chair,1.jpg,"3,4"\n')
    (tmp_path / "hall.ply").write_text("")
    done = saga_batch(path, "--dry-run")
    assert done.code == 0
    assert f"saga-train {tmp_path}/hall.ply {tmp_path}/photos" in done.out
    assert "hall/objects/chair  after hall/train" in done.out
    assert f"missing: {tmp_path}/photos" in done.out and "hall.ply\nmissing" not in done.out
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["batch.csv", "hall.ply"]
    saga_batch(path, "--dry-run", "--only", "attic").assert_mistake("--only", "found 'attic'")


@pytest.fixture
def faulty(tiny_folder: Path, tmp_path: Path, middle_of) -> Path:
    """A manifest of three scenes: one is well, one has a truncated PLY, one no photographs and a prompt elsewhere."""
    for name in ("good", "truncated", "bare"):
        (tmp_path / name).mkdir()
        for part in ("scene.ply", "transforms.json", "images", "instances"):
            (tmp_path / name / part).symlink_to(tiny_folder / part)
    whole = (tiny_folder / "scene.ply").read_bytes()
    (tmp_path / "truncated" / "scene.ply").unlink()
    (tmp_path / "truncated" / "scene.ply").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "bare" / "images").unlink()
    mug = {"name": "mug", "view": "000.png", "points": [list(middle_of("mug"))]}
    outside = {"name": "outside", "view": "000.png", "points": [[5000, 5000]]}
    scenes = [
        {"name": name, "scene": f"{name}/scene.ply", "images": f"{name}/images", "masks": f"{name}/instances",
         "objects": [mug, outside] if name == "good" else [mug]}
        for name in ("good", "truncated", "bare")
    ]  # fmt: skip
    scenes[0]["export"] = {"labels_in_ply": True, "label_maps": False}
    path = tmp_path / "batch.yaml"
    path.write_text(yaml.safe_dump({"defaults": {"device": "cpu", "train": TRAIN}, "scenes": scenes}))
    return path


def test_faults_are_listed_and_what_is_well_is_made(saga_batch: Command, faulty: Path, tiny_folder: Path) -> None:
    done = saga_batch(faulty, "--engine", "here", "--retries", 0)
    out = faulty.parent / "batch"

    done.assert_mistake("expected that all is well, found otherwise in good, truncated, bare", "summary.html")
    rows = {row["task"]: row for row in csv.DictReader((out / "batch" / "summary.csv").open())}
    assert {name: row["state"] for name, row in rows.items()} == {
        "good/train": "done", "good/objects/mug": "done", "good/objects/outside": "failed", "good/all": "not run",
        "truncated/train": "failed", "truncated/objects/mug": "not run",
        "bare/train": "failed", "bare/objects/mug": "not run",
    }  # fmt: skip
    assert "scene.ply: expected" in rows["truncated/train"]["message"]
    assert "bare/images: expected the images of bare/train, found nothing" in rows["bare/train"]["message"]
    assert "5000" in rows["good/objects/outside"]["message"]
    assert f"good/objects/outside: failed: {rows['good/objects/outside']['message']}" in done.out
    page = (out / "batch" / "summary.html").read_text()
    assert page.count("data:image/jpeg") == 1 and "truncated" in page
    assert not (out / "truncated").exists() or not any((out / "truncated").rglob("*.saga"))

    # The same command goes on once all is mended; the third scene is given up.
    contents = yaml.safe_load(faulty.read_text())
    contents["scenes"][0]["objects"].pop()
    contents["scenes"].pop()
    (faulty.parent / "truncated" / "scene.ply").write_bytes((tiny_folder / "scene.ply").read_bytes())
    faulty.write_text(yaml.safe_dump(contents))
    done = saga_batch(faulty, "--engine", "here")
    assert done.code == 0, done.err
    assert "good/train: kept" in done.out and "good/all: done" in done.out and "truncated/objects/mug: done" in done.out
    masks = [np.load(out / name / "objects/mug/segmentation.npz")["mask"] for name in ("good", "truncated")]
    assert masks[0].any() and np.array_equal(*masks)
    labels = np.load(out / "good/all/labels.npy")
    assert np.array_equal(labels > 0, masks[0]) and (out / "good/all/labeled.ply").is_file()


@pytest.mark.slow
def test_a_signal_leaves_what_the_same_command_goes_on_with(faulty: Path) -> None:
    code = "from saga.cli.entry import batch\nif __name__ == '__main__':\n    batch()\n"
    (faulty.parent / "command.py").write_text(code)
    words = [sys.executable, "command.py", "batch.yaml", "--workers", "2", "--only", "good"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    began = faulty.parent / "batch" / "batch" / "events.jsonl"

    process = subprocess.Popen(
        words, cwd=faulty.parent, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    while not (began.exists() and "submitted" in began.read_text()):
        time.sleep(0.02)
    time.sleep(1.5)  # the worker loads its modules, or is at work
    process.terminate()
    said = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM, said
    assert said[1].decode().splitlines() == ["saga-batch: interrupted; earlier results are intact."]
    assert not [path for path in faulty.parent.rglob(".saga-partial-*")]
    assert '"interrupted"' in began.read_text()
    done = subprocess.run(words, cwd=faulty.parent, env=environment, capture_output=True, text=True)
    assert done.returncode == 2 and "good/objects/mug: done" in done.stdout + began.read_text(), done.stderr
