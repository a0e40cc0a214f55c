"""saga-train: what it writes, what it refuses, and what an interruption leaves."""

from __future__ import annotations

import json
import weakref
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from plyfile import PlyData, PlyElement

from saga.raster import DeviceScene
from saga.regions import SceneRegions
from saga.scene import load_scene
from saga.train import FeatureField
from saga.train.trainer import Trainer

QUICK = ("--no-regions", "--device", "cpu")
"""Regions take 6 s and are no part of the field: where they are not looked at, they are left out."""
PLANT = 13
"""What instances of the embedded scene call it."""


def test_the_field_and_the_regions_of_the_scene_are_written_and_nothing_else(trained: Path, tiny_folder: Path) -> None:
    kept = {"scene.masks", *(str(path.relative_to(trained)) for path in trained.glob("scene.masks/scene-*.structure"))}
    assert len(kept) == 2, "which objects there are is found once"
    assert (_files(trained) - _files(tiny_folder)) | kept == {"scene.saga", "scene.regions"} | kept
    scene = load_scene(trained / "scene.ply")
    field = FeatureField.load(trained / "scene.saga", scene)
    assert field.features.shape == (len(scene.gaussians), 32)
    assert len(SceneRegions.load(trained / "scene.regions", scene).members) > 0


def test_without_regions_the_field_alone_is_written(saga_train, folder: Path) -> None:
    before = _files(folder)
    own = ("--masks", folder / "instances", "--no-join")
    done = saga_train(folder / "scene.ply", *own, "--iterations", 5, *QUICK)
    assert done.code == 0, done.err
    assert _files(folder) - before == {"scene.saga"}
    assert "scene.saga: trained in" in done.out


@pytest.mark.parametrize("masks", [(), ("--masks", "instances")])
def test_nobody_holds_the_scene_while_steps_are_made(
    saga_train, folder: Path, monkeypatch: pytest.MonkeyPatch, masks: tuple[str, ...]
) -> None:
    held: list[weakref.ref[np.ndarray]] = []
    let_go, step, seen = DeviceScene.let_go, Trainer.step, set()

    def watched(self: DeviceScene) -> None:
        held.extend(weakref.ref(getattr(self.scene.gaussians, name)) for name in ("means", "scales", "quaternions"))
        let_go(self)

    monkeypatch.setattr(DeviceScene, "let_go", watched)
    monkeypatch.setattr(Trainer, "step", lambda self: (seen.update(each() is None for each in held), step(self)))
    given = [folder / word if word == "instances" else word for word in masks]
    done = saga_train(folder / "scene.ply", *given, "--iterations", 2, *QUICK)
    assert done.code == 0, done.err
    assert len(held) == 3 and seen == {True}


def test_a_region_has_a_field_of_its_own_which_answers_clicks_in_it(saga_train, saga_segment, folder: Path) -> None:
    before, labels = _files(folder), np.load(folder / "labels.npy")
    means = load_scene(folder / "scene.ply").gaussians.means
    low, high = means[labels == PLANT].min(0) - 0.01, means[labels == PLANT].max(0) + 0.01
    low[0] = -0.2  # the text begins as an option does
    box = ",".join(f"{value:.3f}" for value in (*low, *high))
    own = ("--masks", folder / "instances", "--no-join", "--iterations", 20)
    done = saga_train(folder / "scene.ply", "--region", box, *own, *QUICK)
    assert done.code == 0, done.err
    (written,) = _files(folder) - before
    assert written.startswith("scene.-") and written.endswith(".saga")
    instances = np.array(Image.open(folder / "instances" / "000.png"))
    (y, x), (far_y, far_x) = (np.argwhere(chosen)[chosen.sum() // 2] for chosen in (instances == PLANT, instances == 0))
    click = ("--region", box, "--view", "000", "--out", folder / "plant", "--device", "cpu")
    done = saga_segment(folder / "scene.ply", *click, "--points", f"{x},{y}")
    assert done.code == 0, done.err
    mask = np.load(folder / "plant" / "segmentation.npz")["mask"]
    assert len(mask) == len(labels) and (labels[mask] == PLANT).mean() > 0.5
    saga_segment(folder / "scene.ply", *click, "--points", f"{far_x},{far_y}").assert_mistake(
        f"point {far_x},{far_y}: expected", "the region", "click inside"
    )


def test_views_that_do_not_show_a_region_are_left_out_without_a_warning(saga_train, folder: Path) -> None:
    cameras = json.loads((folder / "transforms.json").read_text())
    away = np.array(cameras["frames"][0]["transform_matrix"]) @ np.diag([1.0, -1, -1, 1])
    cameras["frames"][0]["transform_matrix"] = away.tolist()
    (folder / "transforms.json").write_text(json.dumps(cameras))
    done = saga_train(
        folder / "scene.ply", "--region", "-0.2,-0.2,-0.1,0.6,0.6,0.5", "--masks", folder / "instances", "--no-join",
        "--iterations", 0, "--align", "none", *QUICK,
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "6 views" in done.out and "5 of the views show it" in done.out and "warning" not in done.err


@pytest.mark.parametrize("box", ["1,2,3", "0,0,0,0,1,1", "900,900,900,901,901,901"])
def test_a_region_that_is_none_is_refused(saga_train, folder: Path, box: str) -> None:
    before = _files(folder)
    saga_train(folder / "scene.ply", "--region", box, "--masks", folder / "instances", *QUICK).assert_mistake("region")
    assert _files(folder) == before


def test_photographs_alone_are_enough(saga_train, folder: Path) -> None:
    target = folder / "fields" / "a.saga"
    done = saga_train(folder / "scene.ply", folder / "images", "--iterations", 2, "--out", target, *QUICK)
    assert done.code == 0, done.err
    assert target.is_file()


def test_masks_that_are_made_are_kept_where_cache_says(saga_train, folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "elsewhere"
    options = ("--iterations", 0, *QUICK, "--cache", place)
    done = saga_train(folder / "scene.ply", folder / "images", *options)
    assert done.code == 0, done.err
    assert any(place.iterdir())
    assert not (folder / "scene.masks").exists()


def test_an_object_that_masks_miss_joins_them_unless_they_are_to_stand_alone(
    saga_train, folder: Path, tmp_path: Path
) -> None:
    lacking = tmp_path / "lacking"
    lacking.mkdir()
    for path in (folder / "instances").glob("*.png"):
        labels = np.asarray(Image.open(path))
        Image.fromarray(np.where(labels == PLANT, 0, labels).astype(np.uint8)).save(lacking / path.name)
    for options, joined in (((), True), (("--no-join",), False)):
        done = saga_train(folder / "scene.ply", "--masks", lacking, "--iterations", 0, *QUICK, *options)
        assert done.code == 0, done.err
        assert ("that they miss, from the scene's geometry" in done.out) == joined


def test_agreement_of_masks_is_an_option_whose_time_is_told(saga_train, folder: Path) -> None:
    shared = ("--masks", folder / "instances", "--no-join", "--iterations", 0, *QUICK)
    assert "(agreement " not in saga_train(folder / "scene.ply", *shared).out
    done = saga_train(folder / "scene.ply", *shared, "--agreement", 2)
    assert done.code == 0, done.err
    assert "(agreement " in done.out
    assert saga_train(folder / "scene.ply", *shared, "--agreement", -1).code == 2


def test_the_seed_decides_the_field(saga_train, folder: Path) -> None:
    fields = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        target = folder / f"{name}.saga"
        shared = ("--masks", folder / "instances", "--iterations", 3, *QUICK)
        assert saga_train(folder / "scene.ply", *shared, "--seed", seed, "--out", target).code == 0
        fields.append(FeatureField.load(target).features.numpy())
    assert np.array_equal(fields[0], fields[1])
    assert not np.array_equal(fields[0], fields[2])


def test_a_missing_scene(saga_train, tmp_path: Path) -> None:
    saga_train(tmp_path / "none.ply").assert_mistake("none.ply", "no such file")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("share", [0.001, 0.5, 0.999])
def test_a_truncated_scene(saga_train, folder: Path, share: float) -> None:
    ply = folder / "scene.ply"
    content = ply.read_bytes()
    ply.write_bytes(content[: int(share * len(content))])
    _refused(saga_train(ply, "--masks", folder / "instances"), folder, "scene.ply", "truncated")


def test_a_ply_that_is_no_gaussian_scene(saga_train, folder: Path) -> None:
    points = np.zeros(3, [("x", "f4"), ("y", "f4"), ("z", "f4")])
    PlyData([PlyElement.describe(points, "vertex")]).write(str(folder / "scene.ply"))
    _refused(saga_train(folder / "scene.ply"), folder, "scene.ply", "not a Gaussian scene", "opacity")


def test_a_file_that_is_no_ply(saga_train, folder: Path) -> None:
    (folder / "scene.ply").write_text("solid thing")
    _refused(saga_train(folder / "scene.ply"), folder, "scene.ply", "found a mesh")


def test_no_cameras_tells_where_it_looked(saga_train, folder: Path) -> None:
    (folder / "transforms.json").unlink()
    done = saga_train(folder / "scene.ply", folder / "images")
    _refused(done, folder, "no cameras found", str(folder / "images"), "transforms.json", "cameras.json")


def test_images_and_cameras_that_do_not_match(saga_train, folder: Path) -> None:
    others = folder / "others"
    others.mkdir()
    Image.new("RGB", (160, 120)).save(others / "holiday.png")
    _refused(saga_train(folder / "scene.ply", others), folder, "holiday.png", "000.png", "matches")


def test_images_of_another_shape(saga_train, folder: Path) -> None:
    Image.new("RGB", (90, 160)).save(folder / "images" / "002.png")
    _refused(saga_train(folder / "scene.ply", folder / "images"), folder, "002.png", "90x160", "160x120")


def test_a_missing_folder_of_images(saga_train, folder: Path) -> None:
    _refused(saga_train(folder / "scene.ply", folder / "photos"), folder, "photos")


def test_a_missing_folder_of_masks(saga_train, folder: Path) -> None:
    _refused(saga_train(folder / "scene.ply", "--masks", folder / "none"), folder, "none: no such folder")


def test_a_missing_sam_checkpoint_tells_where_to_get_one(saga_train, folder: Path) -> None:
    done = saga_train(folder / "scene.ply", "--sam", folder / "sam.pth")
    _refused(done, folder, "sam.pth", "sam_vit_b_01ec64.pth", "375,042,383", "https://")


def test_a_sam_checkpoint_by_name_is_not_fetched_unasked(
    saga_train, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAGA_CACHE", str(folder / "cache"))
    monkeypatch.setattr("sys.stdin", open("/dev/null"))  # noqa: SIM115
    done = saga_train(folder / "scene.ply", "--sam", "vit_b")
    _refused(done, folder, "sam_vit_b_01ec64.pth", "375,042,383", "https://")


def test_a_truncated_official_sam_checkpoint(saga_train, folder: Path) -> None:
    (folder / "sam_vit_b_01ec64.pth").write_bytes(b"0" * 1000)
    done = saga_train(folder / "scene.ply", "--sam", folder / "sam_vit_b_01ec64.pth")
    _refused(done, folder, "1,000 bytes", "375,042,383", "https://")


def test_a_file_that_is_no_sam_checkpoint(saga_train, folder: Path) -> None:
    pytest.importorskip("segment_anything")
    (folder / "mine.pth").write_bytes(b"not a checkpoint")
    done = saga_train(folder / "scene.ply", "--sam", folder / "mine.pth")
    _refused(done, folder, "mine.pth", "SAM checkpoint", "sam_vit_b_01ec64.pth")


def test_rows_that_are_not_finite_are_left_out_with_a_warning(saga_train, folder: Path) -> None:
    _spoil(folder / "scene.ply")
    done = saga_train(folder / "scene.ply", "--masks", folder / "instances", "--iterations", 2, *QUICK)
    assert done.code == 0, done.err
    warnings = [line for line in done.err.splitlines() if line.startswith("warning:")]
    assert len(warnings) == 1
    assert "dropped 3 of" in warnings[0]
    assert np.isfinite(FeatureField.load(folder / "scene.saga").features.numpy()).all()


def test_rows_that_are_not_finite_fail_when_strict(saga_train, folder: Path) -> None:
    _spoil(folder / "scene.ply")
    done = saga_train(folder / "scene.ply", "--masks", folder / "instances", "--strict")
    _refused(done, folder, "scene.ply", "3 of", "NaN or infinite")


def test_a_place_that_cannot_be_written_is_known_before_training(
    saga_train, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Trainer, "step", lambda self: pytest.fail("trained in vain"))
    (folder / "file").write_text("mine")
    shared = (folder / "scene.ply", "--masks", folder / "instances", "--out")
    _refused(saga_train(*shared, folder / "file" / "a.saga"), folder, "a.saga", "expected a file that can be written")
    _refused(saga_train(*shared, folder), folder, "found a folder")


@pytest.mark.parametrize(("option", "value"), [("--iterations", -1), ("--pixels-per-view", 0), ("--cached-pixels", 0)])
def test_numbers_that_make_no_sense(saga_train, folder: Path, option: str, value: int) -> None:
    _refused(saga_train(folder / "scene.ply", option, value), folder, option, f"found '{value}'")


def test_the_instant_field_needs_no_iterations(saga_train, folder: Path) -> None:
    done = saga_train(folder / "scene.ply", "--masks", folder / "instances", "--iterations", 0, *QUICK)
    assert done.code == 0, done.err
    assert float(FeatureField.load(folder / "scene.saga").features.norm(dim=1).max()) > 0


def test_an_unknown_option_is_a_mistake(saga_train, folder: Path) -> None:
    done = saga_train(folder / "scene.ply", "--epochs", 3)
    assert done.code == 2
    assert "Traceback" not in done.err


def test_out_of_memory_tells_what_to_lower(saga_train, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhaust(self: Trainer) -> None:
        raise RuntimeError("CUDA out of memory. Tried to allocate 20 GiB")

    monkeypatch.setattr(Trainer, "step", exhaust)
    done = saga_train(folder / "scene.ply", "--masks", folder / "instances", "--device", "cpu")
    _refused(done, folder, "out of memory", "--cached-pixels")


def test_our_own_bug_shows_its_traceback(saga_train, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Trainer, "step", lambda self: {}["surprise"])
    done = saga_train(folder / "scene.ply", "--masks", folder / "instances", "--device", "cpu")
    assert done.code == 1
    assert "Traceback" in done.err
    assert "bug in saga" in done.err


def test_an_interruption_keeps_what_was_there_and_can_be_resumed(
    saga_train, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = (folder / "scene.ply", "--masks", folder / "instances", "--iterations", 6, *QUICK)
    whole = folder / "whole.saga"
    assert saga_train(*shared, "--out", whole).code == 0
    assert saga_train(*shared[:3], "--iterations", 0, *QUICK).code == 0
    earlier = (folder / "scene.saga").read_bytes()
    step = Trainer.step

    def interrupted(self: Trainer) -> None:
        if self.iteration == 3:
            raise KeyboardInterrupt
        step(self)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", interrupted)
        done = saga_train(*shared)
    assert done.code == 130
    assert "Traceback" not in done.err
    assert (folder / "scene.saga").read_bytes() == earlier
    assert (folder / "scene.saga.checkpoint").is_file()

    done = saga_train(*shared)
    assert done.code == 0, done.err
    assert "resumed at step 3" in " ".join(done.err.split())
    assert not (folder / "scene.saga.checkpoint").exists()
    resumed, straight = (FeatureField.load(path).features.numpy() for path in (folder / "scene.saga", whole))
    assert np.allclose(resumed, straight, atol=1e-6)


def test_another_run_is_not_resumed(saga_train, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(self: Trainer) -> None:
        raise KeyboardInterrupt

    shared = (folder / "scene.ply", "--masks", folder / "instances", "--device", "cpu", "--seed")
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", interrupted)
        assert saga_train(*shared, 1).code == 130
    done = saga_train(*shared, 2, "--iterations", 3, *QUICK)
    assert done.code == 0, done.err
    assert "checkpoint: expected the state of this run, found that of one with other settings; the run" in done.err
    assert "resumed" not in done.err and not (folder / "scene.saga.checkpoint").exists()


def test_views_are_rendered_for_a_scene_without_photographs(saga_train, tiny_folder: Path, tmp_path: Path) -> None:
    ply = tmp_path / "scene.ply"
    ply.write_bytes((tiny_folder / "scene.ply").read_bytes())
    done = saga_train(ply, "--render-views", 2, "--iterations", 2, *QUICK)
    assert done.code == 0, done.err
    frames = json.loads((tmp_path / "scene_views" / "transforms.json").read_text())["frames"]
    assert len(frames) == 2
    assert (tmp_path / "scene.saga").is_file()


def _spoil(ply: Path) -> None:
    data = PlyData.read(str(ply), mmap=False)
    data["vertex"]["x"][1] = np.nan
    data["vertex"]["scale_0"][2] = np.inf
    data["vertex"]["f_dc_0"][3] = np.nan
    data.write(str(ply))


def _refused(done, folder: Path, *parts: str) -> None:
    done.assert_mistake(*parts)
    left = [path for path in folder.rglob("*") if path.suffix == ".saga" or path.name.startswith(".")]
    assert not left


def _files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}
