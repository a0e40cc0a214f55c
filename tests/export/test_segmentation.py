"""The files of a segmentation, and of a batch of them."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from saga.demo import DemoScene
from saga.errors import EmptySelectionError, SagaError
from saga.evaluate.metrics import iou
from saga.export import ExportConfig, ObjectsConfig, render_views, write_objects, write_segmentation
from saga.query.segmentation import Segmentation
from saga.scene import Gaussians, LensModel, Scene, load_scene

FILES = ["masks", "object.ply", "preview.png", "report.json", "rest.ply", "segmentation.npz"]


def segment(demo: DemoScene, name: str, **report: object) -> Segmentation:
    """The exact segmentation of an object of the demo."""
    mask = torch.from_numpy(demo.labels == demo.names[name])
    return Segmentation(mask, mask.float() * 0.8, {"timings_ms": {"query": 2.5}, **report})


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def picture(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def test_every_file_is_there_and_says_the_same(tiny_demo: DemoScene, tiny_scene: Scene, tmp_path: Path) -> None:
    prompt = {"points": [[80, 60]], "negative": [[5, 5], [9, 5]], "box": [20, 20, 90, 100]}
    mug = segment(tiny_demo, "mug", view="002.png", prompt=prompt, warnings=["Ärger"])
    write_segmentation(mug, tiny_scene, tmp_path / "mug")
    assert names(tmp_path / "mug") == FILES

    with np.load(tmp_path / "mug" / "segmentation.npz") as arrays:
        assert (arrays["mask"].dtype, arrays["scores"].dtype) == (bool, np.float32)
        assert np.array_equal(arrays["mask"], mug.mask)
        assert np.array_equal(arrays["scores"], mug.scores)
    mine, rest = (Gaussians.read(tmp_path / "mug" / f) for f in ("object.ply", "rest.ply"))
    rows = mug.mask
    assert np.array_equal(mine.vertices, tiny_scene.gaussians.vertices[rows])
    assert np.array_equal(rest.vertices, tiny_scene.gaussians.vertices[~rows])
    report = json.loads((tmp_path / "mug" / "report.json").read_text(encoding="utf-8"))
    assert report["prompt"] == prompt
    assert report["warnings"] == ["Ärger"]
    assert report["timings_ms"]["query"] == 2.5
    assert {"write_plys", "write_masks", "write_preview"} <= report["timings_ms"].keys()
    assert mug.report["timings_ms"] == {"query": 2.5}


def test_masks_match_the_truth_in_every_view(
    tiny_demo: DemoScene, tiny_folder: Path, tiny_scene: Scene, tmp_path: Path
) -> None:
    write_segmentation(segment(tiny_demo, "ball", view="000"), tiny_scene, tmp_path / "out")
    assert names(tmp_path / "out" / "masks") == [camera.name for camera in tiny_scene.cameras]
    for camera in tiny_scene.cameras:
        mask = picture(tmp_path / "out" / "masks" / f"{camera.stem}.png")
        assert mask.shape == (120, 160)
        assert set(np.unique(mask)) == {0, 255}
        truth = picture(tiny_folder / "instances" / f"{camera.stem}.png") == tiny_demo.names["ball"]
        assert iou(mask > 127, truth) > 0.9


def test_views_of_like_names_have_files_of_their_own(
    tiny_demo: DemoScene, tiny_folder: Path, tiny_scene: Scene, tmp_path: Path
) -> None:
    views = ["a.jpg", "a.png", "left/1.jpg", "left_1.jpg", "1305031102.175304", "1305031102.175337"]
    cameras = [replace(camera, name=name) for camera, name in zip(tiny_scene.cameras, views, strict=True)]
    scene = Scene(tiny_scene.gaussians, cameras, tiny_scene.path)
    ball = segment(tiny_demo, "ball", view="a.png")
    write_segmentation(ball, scene, tmp_path / "out")
    write_objects({"ball": ball}, scene, tmp_path / "all")
    stems = ["a.jpg", "a.png", "left%2F1.jpg", "left_1.jpg", "1305031102.175304", "1305031102.175337"]
    for folder in (tmp_path / "out" / "masks", tmp_path / "all" / "label_maps"):
        assert names(folder) == sorted(f"{stem}.png" for stem in stems)
        for stem, original in zip(stems, tiny_scene.cameras, strict=True):
            truth = picture(tiny_folder / "instances" / original.name) == tiny_demo.names["ball"]
            assert iou(picture(folder / f"{stem}.png") > 0, truth) > 0.85


def test_masks_and_the_preview_lie_on_distorted_photographs(
    tiny_demo: DemoScene, tiny_scene: Scene, tmp_path: Path
) -> None:
    ideal = tiny_scene.cameras[0]
    lens = LensModel("SIMPLE_RADIAL", 160, 120, (ideal.fx, 80.0, 60.0, -0.45))
    scene = Scene(tiny_scene.gaussians, [replace(ideal, lens=lens)], tiny_scene.path)
    write_segmentation(segment(tiny_demo, "table", view=ideal.name), scene, tmp_path / "bent")
    straight = Scene(tiny_scene.gaussians, [ideal], tiny_scene.path)
    write_segmentation(segment(tiny_demo, "table", view=ideal.name), straight, tmp_path / "straight")
    bent, plain = (picture(tmp_path / name / "masks" / "000.png") > 0 for name in ("bent", "straight"))
    assert 0.5 < iou(bent, plain) < 0.97, "the lens bends the mask, and does not lose it"
    # A lens that pulls inwards shows more of the table, nowhere farther from the middle than without it.
    rows, columns = np.nonzero(bent)
    other_rows, other_columns = np.nonzero(plain)
    assert np.hypot(rows - 60, columns - 80).max() <= np.hypot(other_rows - 60, other_columns - 80).max() + 1


def test_a_preview_without_the_photograph_shows_the_scene(
    tiny_demo: DemoScene, tiny_scene: Scene, tmp_path: Path
) -> None:
    scene = Scene(tiny_scene.gaussians, [replace(tiny_scene.cameras[0], image_path=None)], tiny_scene.path)
    write_segmentation(
        segment(tiny_demo, "mug", view="000.png", prompt={"points": [[80, 60]]}), scene, tmp_path / "out"
    )
    assert picture(tmp_path / "out" / "preview.png").std() > 20


def test_a_box_beyond_the_picture_is_drawn_along_its_rim(
    tiny_demo: DemoScene, tiny_scene: Scene, tmp_path: Path
) -> None:
    """And in no time: a side of 9e18 pixels would take forever to draw."""
    for name, bottom in (("beyond", 2.0**63), ("rim", 120)):
        mug = segment(tiny_demo, "mug", view="000.png", prompt={"box": [10, 0, 80, bottom]})
        write_segmentation(mug, tiny_scene, tmp_path / name)
    assert np.array_equal(*(picture(tmp_path / name / "preview.png") for name in ("beyond", "rim")))


def test_the_preview_shows_three_panels_that_differ(tiny_demo: DemoScene, tiny_scene: Scene, tmp_path: Path) -> None:
    prompt = {"points": [[80, 60]]}
    write_segmentation(
        segment(tiny_demo, "plant", view="001", prompt=prompt), tiny_scene, tmp_path / "out", ExportConfig(masks=False)
    )
    preview = picture(tmp_path / "out" / "preview.png")
    assert preview.shape[2] == 3
    assert preview.shape[1] > 2.5 * preview.shape[0]
    third = preview.shape[1] // 3
    panels = [preview[:, k * third : (k + 1) * third].astype(int) for k in range(3)]
    for first, second in ((0, 1), (1, 2), (0, 2)):
        assert np.abs(panels[first] - panels[second]).mean() > 2


def test_without_masks_those_of_an_earlier_run_go_too(tiny_demo: DemoScene, tiny_scene: Scene, tmp_path: Path) -> None:
    write_segmentation(segment(tiny_demo, "mug", view="000"), tiny_scene, tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    write_segmentation(segment(tiny_demo, "ball", view="000"), tiny_scene, tmp_path, ExportConfig(masks=False))
    assert names(tmp_path) == sorted([*FILES[1:], "notes.txt"])
    assert len(Gaussians.read(tmp_path / "object.ply")) == np.sum(tiny_demo.labels == tiny_demo.names["ball"])


def test_a_failure_half_way_leaves_the_earlier_result(
    tiny_demo: DemoScene, tiny_scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_segmentation(segment(tiny_demo, "mug", view="000"), tiny_scene, tmp_path, ExportConfig(masks=False))
    before = (tmp_path / "object.ply").read_bytes()
    with pytest.raises(SagaError, match="no such view"):
        write_segmentation(segment(tiny_demo, "ball", view="nowhere"), tiny_scene, tmp_path)
    assert (tmp_path / "object.ply").read_bytes() == before
    assert names(tmp_path) == FILES[1:]


def test_a_folder_with_other_files_is_refused(tiny_demo: DemoScene, tiny_scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "000.png").write_text("a person's mask")
    with pytest.raises(SagaError, match="found masks; choose another folder"):
        write_segmentation(segment(tiny_demo, "mug"), tiny_scene, tmp_path)
    assert (tmp_path / "masks" / "000.png").read_text() == "a person's mask"


def test_a_selection_of_nothing_writes_nothing(tiny_demo: DemoScene, tiny_scene: Scene, tmp_path: Path) -> None:
    nothing = torch.zeros(len(tiny_scene.gaussians), dtype=torch.bool)
    empty = Segmentation(nothing, nothing.float(), {"view": "000"})
    with pytest.raises(EmptySelectionError, match="out: .*nothing is selected"):
        write_segmentation(empty, tiny_scene, tmp_path / "out")
    with pytest.raises(EmptySelectionError, match="at least one object"):
        write_objects({"a": empty, "b": empty}, tiny_scene, tmp_path / "out")
    assert names(tmp_path) == []
    with pytest.warns(UserWarning, match="nothing is selected of a"):
        write_objects({"a": empty, "mug": segment(tiny_demo, "mug")}, tiny_scene, tmp_path / "out")
    assert names(tmp_path / "out" / "objects") == ["mug.ply"]


def test_an_object_that_cleaning_leaves_nothing_of_is_not_written(
    tiny_scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "saga.export.segmentation.hidden_members", lambda own, _: torch.ones(len(own), dtype=torch.bool)
    )
    monkeypatch.setattr(
        "saga.export.segmentation.floating_members", lambda own: torch.zeros(len(own), dtype=torch.bool)
    )
    mask = np.arange(len(tiny_scene.gaussians)) < 5
    with pytest.raises(EmptySelectionError, match="cleaned"):
        write_segmentation(
            Segmentation(mask, mask.astype(np.float32)), tiny_scene, tmp_path / "out", ExportConfig(prune=True)
        )
    assert names(tmp_path) == []


@pytest.mark.parametrize("format", ["compressed.ply", "spz", "splat", "ksplat", "sog"])
def test_objects_are_written_in_the_format_that_is_asked_for(
    tiny_demo: DemoScene, tiny_scene: Scene, tmp_path: Path, format: str
) -> None:
    pytest.importorskip("gaussforge")
    mug = segment(tiny_demo, "mug", view="000")
    write_segmentation(mug, tiny_scene, tmp_path / "out", ExportConfig(masks=False))
    write_segmentation(mug, tiny_scene, tmp_path / "out", ExportConfig(masks=False, format=format))
    assert names(tmp_path / "out") == sorted([f"object.{format}", f"rest.{format}", *FILES[2:4], "segmentation.npz"])
    mine, rest = (Gaussians.read(tmp_path / "out" / f"{name}.{format}") for name in ("object", "rest"))
    assert (len(mine), len(mine) + len(rest)) == (len(mug), len(mug.mask))
    means = tiny_scene.gaussians.means[mug.mask]
    assert np.abs(np.sort(means, 0) - np.sort(mine.means, 0)).max() < 1e-2
    write_objects({"mug": mug}, tiny_scene, tmp_path / "all", ObjectsConfig(format=format))
    assert names(tmp_path / "all" / "objects") == [f"mug.{format}"]


def test_objects_come_in_the_format_of_their_scene(tiny_demo: DemoScene, tiny_scene: Scene, tmp_path: Path) -> None:
    pytest.importorskip("gaussforge")
    tiny_scene.gaussians.write(tmp_path / "scene.sog")
    (tmp_path / "scene.sog").rename(tmp_path / "renamed.sog")
    scene = Scene(Gaussians.read(tmp_path / "renamed.sog"), tiny_scene.cameras)
    mask = np.arange(len(scene.gaussians)) < 100
    write_segmentation(Segmentation(mask, mask.astype(np.float32)), scene, tmp_path / "out", ExportConfig(masks=False))
    assert {"object.sog", "rest.sog"} <= set(names(tmp_path / "out"))
    write_segmentation(
        Segmentation(mask, mask.astype(np.float32)), scene, tmp_path / "out", ExportConfig(masks=False, format="ply")
    )
    assert {"object.ply", "rest.ply"} <= set(names(tmp_path / "out"))
    assert not list((tmp_path / "out").glob("*.sog"))


def test_a_format_that_is_none_is_refused_before_anything_is_written(
    tiny_demo: DemoScene, tiny_scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mug, out = segment(tiny_demo, "mug"), tmp_path / "out"
    for write in (
        lambda format: write_segmentation(mug, tiny_scene, out, ExportConfig(format=format)),
        lambda format: write_objects({"mug": mug}, tiny_scene, out, ObjectsConfig(format=format)),
    ):
        with pytest.raises(SagaError, match="format: expected one of ply, .*'obj'"):
            write("obj")
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, "gaussforge", None)
            with pytest.raises(SagaError, match=r'pip install "saga-splat\[formats\]"'):
                write("spz")
    assert names(tmp_path) == []


def test_a_name_never_changes_the_format(tiny_demo: DemoScene, tiny_scene: Scene, tmp_path: Path) -> None:
    with pytest.raises(SagaError, match="mug.compressed.*name it otherwise"):
        write_objects({"mug.compressed": segment(tiny_demo, "mug")}, tiny_scene, tmp_path / "out")
    assert names(tmp_path) == []


def test_a_selection_of_everything_has_no_rest(tiny_scene: Scene, tmp_path: Path) -> None:
    mask = torch.ones(len(tiny_scene.gaussians), dtype=torch.bool)
    with pytest.warns(UserWarning, match="there is no rest"):
        write_segmentation(Segmentation(mask, mask.float(), {"view": "000"}), tiny_scene, tmp_path)
    assert names(tmp_path) == [name for name in FILES if name != "rest.ply"]
    assert len(Gaussians.read(tmp_path / "object.ply")) == len(mask)


def test_a_scene_without_photographs_is_previewed_from_its_rendering(
    tiny_demo: DemoScene, tiny_scene: Scene, tmp_path: Path
) -> None:
    bare = Scene(tiny_scene.gaussians, [replace(camera, image_path=None) for camera in tiny_scene.cameras])
    write_segmentation(segment(tiny_demo, "lamp"), bare, tmp_path, ExportConfig(masks=False))
    assert picture(tmp_path / "preview.png").std() > 10


def test_a_batch_labels_every_gaussian_by_its_best_object(
    tiny_demo: DemoScene, tiny_scene: Scene, tmp_path: Path
) -> None:
    mug, ball = segment(tiny_demo, "mug"), segment(tiny_demo, "ball")
    both = Segmentation(mug.mask | ball.mask, np.where(ball.mask, 0.9, 0.1).astype(np.float32), {})
    found = {"mug": mug, "both": both, "ball": ball}
    write_objects(found, tiny_scene, tmp_path / "out", ObjectsConfig(label_maps=False))
    assert names(tmp_path / "out") == ["labels.npy", "objects", "objects.json", "overview.png"]
    assert names(tmp_path / "out" / "objects") == ["ball.ply", "both.ply", "mug.ply"]
    labels = np.load(tmp_path / "out" / "labels.npy")
    assert labels.dtype == np.int32
    assert np.all(labels[mug.mask] == 1)
    assert np.all(labels[ball.mask] == 2)
    assert np.all(labels[~both.mask] == 0)
    facts = json.loads((tmp_path / "out" / "objects.json").read_text())
    assert {name: each["id"] for name, each in facts.items()} == {"mug": 1, "both": 2, "ball": 3}
    assert len(Gaussians.read(tmp_path / "out" / "objects" / "both.ply")) == len(both)
    assert picture(tmp_path / "out" / "overview.png").std() > 10

    write_objects({"ball": ball}, tiny_scene, tmp_path / "out")
    assert names(tmp_path / "out" / "objects") == ["ball.ply"]


@pytest.mark.parametrize("name", ["", "..", "a/b", "c:d"])
def test_a_name_that_is_no_file_name_is_refused(
    tiny_demo: DemoScene, tiny_scene: Scene, tmp_path: Path, name: str
) -> None:
    with pytest.raises(SagaError, match="name a file"):
        write_objects({name: segment(tiny_demo, "mug")}, tiny_scene, tmp_path / "out")
    with pytest.raises(SagaError, match="at least one object"):
        write_objects({}, tiny_scene, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_rendered_views_load_as_photographs(tiny_scene: Scene, tiny_folder: Path, tmp_path: Path) -> None:
    cameras = [replace(camera, name=camera.stem + ".JPG", image_path=None) for camera in tiny_scene.cameras]
    render_views(Scene(tiny_scene.gaussians, cameras), tmp_path / "views", background=(0.88, 0.89, 0.90))
    scene = load_scene(tiny_folder / "scene.ply", cameras=tmp_path / "views")
    for camera, original in zip(scene.cameras, tiny_scene.cameras, strict=True):
        assert np.allclose(camera.world_to_camera, original.world_to_camera)
        assert camera.image_path is not None
        assert camera.image_path.parent.parent.name == "views"
        difference = np.abs(scene.image(camera).astype(int) - tiny_scene.image(original))
        assert difference.max() <= 1  # the pose went through a file


def test_rendered_views_never_replace_photographs(tiny_scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "000.png").write_text("a photograph")
    with pytest.raises(SagaError, match="found images"):
        render_views(tiny_scene, tmp_path)
    assert (tmp_path / "images" / "000.png").read_text() == "a photograph"


def test_the_rest_is_filled_when_that_is_asked_for(tiny_demo: DemoScene, tiny_scene: Scene, tmp_path: Path) -> None:
    atlas = segment(tiny_demo, "atlas", view="002.png", prompt={"points": [[80, 60]]})
    for name, fill in (("empty", False), ("filled", True)):
        write_segmentation(atlas, tiny_scene, tmp_path / name, ExportConfig(masks=False, fill=fill))
    bare, rest = (Gaussians.read(tmp_path / name / "rest.ply").vertices for name in ("empty", "filled"))
    facts = json.loads((tmp_path / "filled" / "report.json").read_text())["export"]["fill"]
    new = rest["filled"] == 1
    assert new.sum() == facts["gaussians"] > 10
    assert len(rest) == len(bare) - facts["dropped"] + facts["gaussians"]
    assert np.isin(rest["x"][~new], bare["x"]).all()
    assert "filled" not in bare.dtype.names
    mine = [(tmp_path / name / "object.ply").read_bytes() for name in ("empty", "filled")]
    assert mine[0] == mine[1]
    shapes = [picture(tmp_path / name / "preview.png").shape for name in ("empty", "filled")]
    assert shapes[1][1] > 1.3 * shapes[0][1]


def test_formats_without_the_property_say_so(tiny_demo: DemoScene, tiny_scene: Scene, tmp_path: Path) -> None:
    pytest.importorskip("gaussforge")
    with pytest.warns(UserWarning, match="filled"):
        write_segmentation(
            segment(tiny_demo, "atlas"), tiny_scene, tmp_path, ExportConfig(masks=False, fill=True, format="spz")
        )
    assert (tmp_path / "rest.spz").is_file()
