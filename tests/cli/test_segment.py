"""saga-segment: the files it writes and the mistakes it names."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from saga.demo import make_scene
from saga.scene import Gaussians, Scene
from saga.train import FeatureField


@pytest.fixture
def shared(tiny_folder: Path, field: Path) -> tuple[object, ...]:
    """Scene, field and device of every command."""
    return tiny_folder / "scene.ply", "--field", field, "--device", "cpu"


@pytest.fixture(scope="session")
def click(tiny_folder: Path) -> tuple[str, str]:
    """A view and a pixel on an object in it."""
    label = json.loads((tiny_folder / "objects.json").read_text())["ball"]
    sizes = {p: np.sum(np.asarray(Image.open(p)) == label) for p in sorted((tiny_folder / "instances").iterdir())}
    path = max(sizes, key=lambda p: sizes[p])
    rows, columns = np.nonzero(np.asarray(Image.open(path)) == label)
    return path.name, f"{int(np.median(columns))},{int(np.median(rows))}"


def test_every_file_of_a_segmentation(saga_segment, shared, click, tiny_scene: Scene, tmp_path: Path) -> None:
    out = tmp_path / "ball"
    done = saga_segment(*shared, "--view", click[0], "--points", click[1], "--out", out)
    assert done.code == 0, done.err
    stems = {camera.stem for camera in tiny_scene.cameras}
    assert {path.name for path in out.iterdir()} == {
        "object.ply", "rest.ply", "masks", "segmentation.npz", "preview.png", "report.json",
    }  # fmt: skip
    assert {path.name for path in (out / "masks").iterdir()} == {f"{stem}.png" for stem in stems}
    for camera in tiny_scene.cameras:
        mask = np.asarray(Image.open(out / "masks" / f"{camera.stem}.png"))
        assert mask.shape == (camera.height, camera.width)
        assert mask.dtype == np.uint8
        assert set(np.unique(mask)) <= {0, 255}
    count = len(tiny_scene.gaussians)
    saved = np.load(out / "segmentation.npz")
    assert saved["mask"].shape == saved["scores"].shape == (count,)
    assert saved["mask"].dtype == bool
    assert saved["scores"].dtype == np.float32
    member = saved["mask"]
    assert 0 < member.sum() < count
    vertices = tiny_scene.gaussians.vertices
    assert np.array_equal(Gaussians.read(out / "object.ply").vertices, vertices[member])
    assert np.array_equal(Gaussians.read(out / "rest.ply").vertices, vertices[~member])


def test_the_format_of_the_object_is_chosen(saga_segment, shared, click, tiny_scene: Scene, tmp_path: Path) -> None:
    pytest.importorskip("gaussforge")
    command = (*shared, "--view", click[0], "--points", click[1], "--out", tmp_path / "ball")
    done = saga_segment(*command, "--format", "spz")
    assert done.code == 0, done.err
    sizes = [len(Gaussians.read(tmp_path / "ball" / f"{name}.spz")) for name in ("object", "rest")]
    assert sum(sizes) == len(tiny_scene.gaussians) and not list((tmp_path / "ball").glob("*.ply"))
    saga_segment(*command, "--format", "obj").assert_mistake("--format: expected", "'obj'")


def test_without_a_folder_the_next_free_one_is_taken(
    saga_segment, shared, click, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for number in (1, 2):
        done = saga_segment(*shared, "--view", click[0], "--points", click[1])
        assert done.code == 0, done.err
        assert f"object-{number}: " in done.out
        assert (tmp_path / f"object-{number}" / "object.ply").is_file()


def test_clicks_in_further_views_are_counted(saga_segment, shared, click, tiny_scene: Scene, tmp_path: Path) -> None:
    other = next(c.name for c in tiny_scene.cameras if c.name != click[0])
    arguments = (*shared, "--view", click[0], "--points", click[1], "--out", tmp_path)
    done = saga_segment(*arguments, "--also", f"{other}:80,60", "--also-negative", f"{other}:75,50")
    assert done.code == 0, done.err
    report = json.loads((tmp_path / "report.json").read_text())
    prompt = {"points": [[80.0, 60.0]], "negative": [[75.0, 50.0]]}
    assert report["further_prompts"] == [{"view": other, "prompt": prompt}]
    wrong = saga_segment(*arguments, "--also", "80,60")
    assert wrong.code == 2 and "expected VIEW:x,y" in wrong.err


def test_the_report_tells_times_counts_and_the_prompt(
    saga_segment, shared, click, tiny_folder: Path, tmp_path: Path
) -> None:
    picture = np.asarray(Image.open(tiny_folder / "instances" / click[0]))
    x, y = (int(v) for v in click[1].split(","))
    row, column = np.argwhere((picture > 0) & (picture != picture[y, x]))[0].tolist()
    prompt = ("--points", click[1], "--negative", f"{column},{row}")
    done = saga_segment(*shared, "--view", click[0], *prompt, "--out", tmp_path)
    assert done.code == 0, done.err
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["view"] == click[0]
    assert report["prompt"]["points"] == [[x, y]]
    assert report["prompt"]["negative"] == [[column, row]]
    assert all(value >= 0 for value in report["timings_ms"].values())
    assert report["thresholds"]["score"] <= 1


def test_several_points_boxes_scribbles_and_masks(
    saga_segment, shared, click, tiny_folder: Path, tmp_path: Path
) -> None:
    picture = np.asarray(Image.open(tiny_folder / "instances" / click[0]))
    x, y = (int(v) for v in click[1].split(","))
    drawn = tmp_path / "drawn.png"
    Image.fromarray(((picture == picture[y, x]) * 255).astype(np.uint8)).save(drawn)
    prompts = [
        ("--points", click[1], f"{x + 1},{y}"),
        ("--box", f"{x - 8},{y - 8},{x + 8},{y + 8}"),
        ("--scribble", drawn),
        ("--mask", drawn),
    ]
    for prompt in prompts:
        out = tmp_path / prompt[0].strip("-")
        done = saga_segment(*shared, "--view", click[0], *prompt, "--out", out)
        assert done.code == 0, done.err
        assert (out / "object.ply").is_file()


def test_the_field_beside_the_scene_is_found(saga_segment, click, folder: Path, field: Path) -> None:
    shutil.copy(field, folder / "scene.saga")
    out = folder / "ball"
    command = (folder / "scene.ply", "--view", click[0], "--points", click[1], "--out", out, "--device", "cpu")
    assert saga_segment(*command).code == 0
    assert saga_segment(*command, "--images", folder / "images").code == 0


def test_the_field_is_read_once(saga_segment, shared, click, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads, load = [], FeatureField.load
    monkeypatch.setattr(FeatureField, "load", lambda *given: reads.append(given) or load(*given))
    assert saga_segment(*shared, "--view", click[0], "--points", click[1], "--out", tmp_path / "ball").code == 0
    assert len(reads) == 1


def test_a_higher_threshold_is_tighter(saga_segment, shared, click, tmp_path: Path) -> None:
    sizes = []
    for threshold in ("0.3", "0.9"):
        out = tmp_path / threshold
        prompt = ("--view", click[0], "--points", click[1], "--out", out, "--no-filter", "--no-ball-query")
        assert saga_segment(*shared, *prompt, "--threshold", threshold).code == 0
        sizes.append(int(np.load(out / "segmentation.npz")["mask"].sum()))
    assert sizes[1] < sizes[0]


@pytest.mark.parametrize("point", ["160,10", "10,120", "-1,5", "9999,9999"])
def test_a_point_outside_the_image(saga_segment, shared, tmp_path: Path, point: str) -> None:
    done = saga_segment(*shared, "--view", "000.png", f"--points={point}", "--out", tmp_path / "out")
    _refused(done, tmp_path, point, "160 x 120")


@pytest.mark.parametrize("option", ["points", "negative"])
@pytest.mark.parametrize("text", ["512", "a,b", "1,2,3", "1;2", "nan,3", "3,inf", ""])
def test_malformed_points(saga_segment, shared, tmp_path: Path, option: str, text: str) -> None:
    done = saga_segment(*shared, "--view", "000.png", f"--{option}", text, "--out", tmp_path / "out")
    _refused(done, tmp_path, f"--{option}", "x,y", repr(text))


@pytest.mark.parametrize("box", ["1,2,3", "1,2,3,nan", "10,10,5,5", "500,500,600,600"])
def test_malformed_boxes(saga_segment, shared, tmp_path: Path, box: str) -> None:
    done = saga_segment(*shared, "--view", "000.png", "--box", box, "--out", tmp_path / "out")
    _refused(done, tmp_path, "box", "x0")


def test_nothing_or_too_much_asked(saga_segment, shared, tmp_path: Path) -> None:
    command = (*shared, "--view", "000.png", "--out", tmp_path / "out")
    _refused(saga_segment(*command), tmp_path, "points, scribble, mask or box", "none")
    _refused(saga_segment(*command, "--points", "5,5", "--box", "1,1,9,9"), tmp_path, "points and box")


def test_pictures_that_do_not_fit(saga_segment, shared, tmp_path: Path) -> None:
    command = (*shared, "--view", "000.png", "--out", tmp_path / "out")
    _refused(
        saga_segment(*command, "--mask", tmp_path / "none.png"),
        tmp_path,
        "none.png",
        "expected a mask, found no such file",
    )
    Image.new("L", (10, 10), 255).save(tmp_path / "small.png")
    _refused(saga_segment(*command, "--mask", tmp_path / "small.png"), tmp_path, "160 x 120", "10 x 10")
    Image.new("L", (160, 120)).save(tmp_path / "empty.png")
    _refused(saga_segment(*command, "--scribble", tmp_path / "empty.png"), tmp_path, "empty.png", "empty one")
    (tmp_path / "text.png").write_text("no picture")
    _refused(saga_segment(*command, "--scribble", tmp_path / "text.png"), tmp_path, "text.png", "expected a picture")


def test_an_unknown_view_offers_the_nearest(saga_segment, shared, tmp_path: Path) -> None:
    done = saga_segment(*shared, "--view", "0003.jpg", "--points", "5,5", "--out", tmp_path / "out")
    _refused(done, tmp_path, "0003.jpg", "nearest", "003.png")


def test_a_missing_scene(saga_segment, field: Path, tmp_path: Path) -> None:
    prompt = ("--view", "000.png", "--points", "5,5", "--out", tmp_path / "out")
    _refused(saga_segment(tmp_path / "none.ply", "--field", field, *prompt), tmp_path, "none.ply", "no such file")
    _refused(saga_segment(tmp_path / "none.ply", *prompt), tmp_path, "none.ply", "no such file")


def test_a_missing_field_tells_how_to_get_one(saga_segment, folder: Path, tmp_path: Path) -> None:
    command = (folder / "scene.ply", "--view", "000.png", "--points", "5,5", "--out", tmp_path / "out")
    _refused(saga_segment(*command, "--field", folder / "none.saga"), tmp_path, "none.saga", "saga-train")


def test_a_field_of_another_scene(saga_segment, folder: Path, field: Path, tmp_path: Path) -> None:
    make_scene(gaussians=2000, seed=1, views=1).gaussians.write(folder / "scene.ply")
    command = ("--field", field, "--view", "000.png", "--points", "5,5", "--out", tmp_path / "out")
    _refused(saga_segment(folder / "scene.ply", *command), tmp_path, "another scene")


def test_a_file_that_is_no_field(saga_segment, folder: Path, tmp_path: Path) -> None:
    (folder / "scene.saga").write_bytes(b"something else")
    command = ("--view", "000.png", "--points", "5,5", "--out", tmp_path / "out")
    _refused(saga_segment(folder / "scene.ply", *command), tmp_path, "scene.saga", "expected a feature field")


def test_a_threshold_that_is_none(saga_segment, shared, tmp_path: Path) -> None:
    command = (*shared, "--view", "000.png", "--points", "5,5", "--out", tmp_path / "out")
    _refused(saga_segment(*command, "--threshold", "high"), tmp_path, "--threshold", "'high'")
    _refused(saga_segment(*command, "--threshold", "nan"), tmp_path, "--threshold", "'nan'")


def test_a_selection_of_nothing_has_a_code_of_its_own(
    saga_segment, shared, click, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from saga.methods.saga import Segmenter

    def nothing(self: Segmenter, *_: object) -> tuple[torch.Tensor, torch.Tensor]:
        none = torch.zeros(len(self.scene.gaussians))
        return none > 0, none

    monkeypatch.setattr(Segmenter, "_segment", nothing)
    done = saga_segment(*shared, "--view", click[0], "--points", click[1], "--out", tmp_path / "out")
    assert done.code == 3
    assert len(done.errors) == 1 and "nothing is selected" in done.errors[0] and "Traceback" not in done.err
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written(saga_segment, shared, click, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", tmp_path / "file" / "out"):
        done = saga_segment(*shared, "--view", click[0], "--points", click[1], "--out", out)
        done.assert_mistake(str(out))
    assert (tmp_path / "file").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_persons_own_files_are_not_overwritten(saga_segment, shared, click, tmp_path: Path) -> None:
    (tmp_path / "preview.png").write_text("mine")
    done = saga_segment(*shared, "--view", click[0], "--points", click[1], "--out", tmp_path)
    done.assert_mistake(str(tmp_path), "preview.png")
    assert (tmp_path / "preview.png").read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_missing_sam_checkpoint(saga_segment, shared, tmp_path: Path) -> None:
    command = (*shared, "--view", "000.png", "--points", "5,5", "--out", tmp_path / "out")
    done = saga_segment(*command, "--sam", tmp_path / "sam.pth")
    _refused(done, tmp_path, "sam.pth", "sam_vit_b_01ec64.pth", "https://")


def test_an_interruption_leaves_the_earlier_segmentation(
    saga_segment, shared, click, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = (*shared, "--view", click[0], "--points", click[1], "--out", tmp_path)
    assert saga_segment(*command).code == 0
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("saga.export.segmentation.draw_preview", interrupted)
    done = saga_segment(*command, "--threshold", "0.9")
    assert done.code == 130
    assert "Traceback" not in done.err
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def _refused(done, place: Path, *parts: str) -> None:
    done.assert_mistake(*parts)
    assert not (place / "out").exists()
    assert not [path for path in place.iterdir() if path.name.startswith(".")]


def test_a_granularity_that_is_none(saga_segment, shared, click, tmp_path: Path) -> None:
    command = (*shared, "--view", click[0], "--points", click[1], "--out", tmp_path / "out")
    for granularity in ("huge", "0.5"):
        _refused(saga_segment(*command, "--granularity", granularity), tmp_path, "--granularity", granularity)


def test_all_levels_are_folders_named_by_them(saga_segment, click, trained: Path, tmp_path: Path) -> None:
    prompt = (trained / "scene.ply", "--view", click[0], "--points", click[1], "--device", "cpu")
    done = saga_segment(*prompt, "--all-levels", "--out", tmp_path / "out")
    assert done.code == 0, done.err
    levels = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert levels
    assert set(levels) <= {"part", "object", "group"}
    reports = [json.loads((tmp_path / "out" / level / "report.json").read_text()) for level in levels]
    assert [report["name"] for report in reports] == levels
    assert sum(report["default"] for report in reports) == 1
    default = next(level for level, report in zip(levels, reports, strict=True) if report["default"])
    assert saga_segment(*prompt, "--out", tmp_path / "one").code == 0
    one, same = (np.load(tmp_path / name / "segmentation.npz")["mask"] for name in ("one", f"out/{default}"))
    assert np.array_equal(one, same)
    assert saga_segment(*prompt, "--granularity", levels[0], "--out", tmp_path / "asked").code == 0
    asked, level = (np.load(tmp_path / name / "segmentation.npz")["mask"] for name in ("asked", f"out/{levels[0]}"))
    assert np.array_equal(asked, level)


@pytest.mark.slow
def test_a_bare_scene_shows_its_views_and_answers_a_click(saga_segment, folder: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(folder / "scene.ply", alone)
    saga_segment(alone / "scene.ply", "--device", "cpu").assert_mistake("--view", "view_000.png", "scene_grid")
    assert (alone / "scene_grid" / "view_000.png").is_file()
    command = (alone / "scene.ply", "--view", "view_000.png", "--points", "400,300", "--device", "cpu")
    done = saga_segment(*command, "--out", tmp_path / "first")
    assert done.code == 0, done.err
    assert "regions of the scene answer" in done.out and " regions of " in done.out and "trained in" not in done.out
    assert (tmp_path / "first" / "object.ply").is_file()
    assert (alone / "scene.regions").is_file() and not (alone / "scene.saga").exists()
    again = saga_segment(*command, "--out", tmp_path / "second")
    assert again.code == 0 and "cells in" not in again.out
    one, same = (np.load(tmp_path / name / "segmentation.npz")["mask"] for name in ("first", "second"))
    assert one.any() and np.array_equal(one, same)


@pytest.mark.slow
def test_a_scene_with_photographs_is_trained_by_the_first_click(saga_segment, folder: Path, tmp_path: Path) -> None:
    (folder / "scene.saga").unlink(missing_ok=True)
    command = (folder / "scene.ply", "--view", "000.png", "--points", "80,60", "--images", folder / "images")
    done = saga_segment(*command, "--device", "cpu", "--out", tmp_path / "first")
    assert done.code == 0, done.err
    assert "not there yet" in done.out and "trained in" in done.out
    assert (folder / "scene.saga").is_file()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--inpainter", "lama"], "--fill"),
        (["--fill", "--inpainter", "lama"], "expected one of patches"),
        (["--keep-shadow"], "--fill"),
    ],
)
def test_what_a_fill_cannot_do_is_refused_first(
    saga_segment, shared, click, tmp_path: Path, options: list[str], words: str
) -> None:
    done = saga_segment(*shared, "--view", click[0], "--points", click[1], "--out", tmp_path / "out", *options)
    assert done.code == 2
    assert words in done.err
    assert not (tmp_path / "out").exists()
