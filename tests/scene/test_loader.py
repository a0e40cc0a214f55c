from __future__ import annotations

import json
import shutil
import warnings

import numpy as np
import pytest
from PIL import Image

from saga.errors import SagaError
from saga.scene import Gaussians, load_scene
from saga.scene.camera_files import find_cameras

NAMES = ["a.jpg", "b.jpg", "c.jpg"]


@pytest.fixture(autouse=True)
def strict_warnings():
    """No test of loading may warn unless it says so."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def inria_entry(name, **changes):
    # Ten units from the origin, looking at it.
    base = {"id": 0, "img_name": name, "width": 8, "height": 6, "position": [0, 0, -10], "fx": 8, "fy": 8}
    return {**base, "rotation": np.eye(3).tolist(), **changes}


def write_inria(root, names=("a", "b", "c")):
    root.mkdir(parents=True, exist_ok=True)
    (root / "cameras.json").write_text(json.dumps([inria_entry(name) for name in names]))


def names(scene):
    return [camera.name for camera in scene.cameras]


def test_colmap_beside_the_ply(make_ply, make_colmap, make_images):
    path = make_ply()
    make_colmap(NAMES)
    images = make_images(*NAMES)
    for scene in (load_scene(path), load_scene(str(path), images=str(images))):
        assert names(scene) == NAMES and scene.path == path
        assert [camera.image_path for camera in scene.cameras] == [images / name for name in NAMES]
        assert scene.image(scene.camera("b")).shape == (6, 8, 3)
        assert len(scene.gaussians) == 20


@pytest.mark.parametrize("folder", ["sparse/0", "sparse", "colmap/sparse/0"])
def test_colmap_beside_the_images(make_ply, make_colmap, make_images, folder):
    path = make_ply(name="results/scene.ply")
    make_colmap(NAMES, folder=f"data/{folder}")
    images = make_images(*NAMES, folder="data/images")
    assert names(load_scene(path, images=images)) == NAMES


def test_inria_output(tmp_path, make_ply, make_images):
    path = make_ply(name="output/run/point_cloud/iteration_30000/point_cloud.ply")
    write_inria(tmp_path / "output/run")
    scene = load_scene(path)
    assert names(scene) == ["a", "b", "c"]
    assert all(camera.image_path is None for camera in scene.cameras)
    images = make_images(*NAMES, folder="photographs")
    assert names(load_scene(path, images=images)) == NAMES
    (tmp_path / "output/run/cfg_args").write_text(f"Namespace(images='photographs', source_path={str(tmp_path)!r})")
    assert names(load_scene(path)) == NAMES


def test_nerfstudio(make_ply, make_transforms, make_images):
    path = make_ply(name="exports/splat/splat.ply")
    make_transforms({f"images/{name}": {} for name in NAMES})
    assert all(camera.image_path is None for camera in load_scene(path).cameras)
    images = make_images(*NAMES)
    assert [c.image_path for c in load_scene(path).cameras] == [images / name for name in NAMES]
    assert names(load_scene(path, images=images)) == NAMES


def test_splatfacto_export_moves_the_cameras(tmp_path, make_ply, make_transforms, make_images, make_table):
    source = make_transforms({f"images/{name}": {} for name in NAMES}, name="data/transforms.json")
    images = make_images(*NAMES, folder="data/images")
    transform = np.eye(4)[:3]
    transform[:, 3] = (100, 0, 0)
    table = make_table(20, 0)
    for name in "xyz":
        table[name] *= 0.1
    table["x"] += 50
    path = make_ply(table, name="outputs/data/exports/splat.ply")
    (tmp_path / "outputs/data/dataparser_transforms.json").write_text(
        json.dumps({"transform": transform.tolist(), "scale": 0.5})
    )
    scene = load_scene(path, images=images, cameras=source)
    np.testing.assert_allclose(scene.cameras[0].position, [50, 0, 5])
    pixels, _ = scene.cameras[0].project(np.array([[50.0, 0, 0]]))
    np.testing.assert_allclose(pixels, [[4, 3]])


def test_cameras_that_look_elsewhere_are_reported(make_ply, make_transforms, make_table):
    table = make_table(20, 0)
    table["x"] += 1000
    path = make_ply(table)
    make_transforms({"a.jpg": {}})
    with pytest.warns(UserWarning, match="none of the 1 cameras looks at the scene"):
        load_scene(path)


def test_cameras_may_be_named(tmp_path, make_ply, make_colmap, make_transforms):
    path = make_ply()
    make_transforms({"near.jpg": {}})
    model = make_colmap(["far.jpg"], folder="elsewhere/sparse/0")
    write_inria(tmp_path / "run", ["other"])
    assert names(load_scene(path)) == ["near.jpg"]
    for given in (model, model / "images.txt", tmp_path / "elsewhere"):
        assert names(load_scene(path, cameras=given)) == ["far.jpg"]
    for given in (tmp_path / "run", tmp_path / "run" / "cameras.json"):
        assert names(load_scene(path, cameras=given)) == ["other"]
    shutil.copy(tmp_path / "run" / "cameras.json", tmp_path / "poses.json")
    assert names(load_scene(path, cameras=tmp_path / "poses.json")) == ["other"]


def test_a_relative_path_finds_the_folders_above(tmp_path, make_ply, make_colmap, monkeypatch):
    make_ply(name="run/iteration_7/scene.ply")
    make_colmap(NAMES)
    monkeypatch.chdir(tmp_path / "run" / "iteration_7")
    assert names(load_scene("scene.ply")) == NAMES


def test_wrong_cameras(tmp_path, make_ply):
    path = make_ply()
    with pytest.raises(SagaError, match="none.json: no such file or folder"):
        load_scene(path, cameras=tmp_path / "none.json")
    (tmp_path / "other.json").write_text('{"a": 1}')
    (tmp_path / "notes.md").write_text("")
    for name in ("other.json", "notes.md"):
        with pytest.raises(SagaError, match="not a file of cameras; give a COLMAP"):
            load_scene(path, cameras=tmp_path / name)


def test_no_cameras_lists_the_places(tmp_path, make_ply, make_images):
    path = make_ply(name="deep/down/scene.ply")
    images = make_images("a.jpg", folder="data/images")
    with pytest.raises(SagaError, match="no cameras found; looked for sparse/0") as caught:
        load_scene(path, images=images)
    text = str(caught.value)
    assert "\n" not in text
    for place in (images, images.parent, path.parent, path.parent.parent, tmp_path):
        assert str(place) in text
    with pytest.raises(SagaError, match=f"in {tmp_path}/data/images; "):
        load_scene(path, cameras=images)


def test_bad_image_folders(tmp_path, make_ply, make_colmap):
    path = make_ply()
    make_colmap(NAMES)
    with pytest.raises(SagaError, match="images: does not exist"):
        load_scene(path, images=tmp_path / "images")
    (tmp_path / "images").mkdir()
    with pytest.raises(SagaError, match="images: holds no photographs"):
        load_scene(path, images=tmp_path / "images")
    assert load_scene(path).cameras[0].image_path is None  # nobody asked for the empty folder


def test_no_photograph_matches(make_ply, make_colmap, make_images):
    path = make_ply()
    make_colmap(NAMES)
    images = make_images("w.png", "x.png", "y.png", "z.png")
    with pytest.raises(SagaError, match="no photograph matches") as caught:
        load_scene(path, images=images)
    assert "w.png, x.png, y.png, ..., cameras a.jpg, b.jpg, c.jpg;" in str(caught.value)


@pytest.mark.parametrize(
    ("photographs", "message"),
    [
        (
            ["a.jpg", "b.jpg"],
            r"the 2 photographs .* 1 cameras without a photograph \(c.jpg\) and 0 photographs",
        ),
        (
            [*NAMES, "d.jpg"],
            r"the 3 photographs .* 0 cameras without a photograph and 1 photographs .*\(d.jpg\)",
        ),
        (
            ["c.jpg", "e.jpg"],
            r"the 1 photographs .* 2 cameras .*\(a.jpg, b.jpg\) and 1 photographs .*\(e.jpg\)",
        ),
    ],
)
def test_only_some_match(make_ply, make_colmap, make_images, photographs, message):
    path = make_ply()
    make_colmap(NAMES)
    images = make_images(*photographs)
    with pytest.warns(UserWarning, match=message) as caught:
        scene = load_scene(path, images=images)
    assert len(caught) == 1
    assert names(scene) == sorted(set(photographs) & set(NAMES))


def test_photographs_match_by_path_before_name(make_ply, make_colmap, make_images):
    path = make_ply()
    make_colmap(["left/1.jpg", "right/1.jpg", "2.jpg"])
    images = make_images("left/1.jpg", "right/1.jpg", "deep/2.png")
    scene = load_scene(path, images=images)
    assert names(scene) == ["deep/2.png", "left/1.jpg", "right/1.jpg"]
    assert len({camera.stem for camera in scene.cameras}) == 3


def test_cameras_take_the_size_of_the_photographs(make_ply, make_colmap, make_images):
    path = make_ply()
    make_colmap(["a.jpg"], "OPENCV", (800, 800, 400, 300, 0.1, 0, 0, 0), size=(800, 600))
    images = make_images("a.jpg", folder="images_8", size=(100, 75))
    scene = load_scene(path, images=images)
    camera = scene.cameras[0]
    assert (camera.width, camera.height, camera.fx, camera.cx) == (100, 75, 100, 50)
    assert scene.image(camera).shape == (75, 100, 3)
    wrong = make_images("a.jpg", folder="wrong", size=(75, 100))
    with pytest.raises(SagaError, match="75x100 where its camera is 800x600"):
        load_scene(path, images=wrong)


def test_bad_rows_warn_or_fail(make_ply, make_colmap, make_table):
    table = make_table(20, 0)
    table["y"][3] = np.nan
    path = make_ply(table)
    make_colmap(NAMES)
    with pytest.warns(UserWarning, match="dropped 1 of 20"):
        assert not load_scene(path).gaussians.valid[3]
    with pytest.raises(SagaError, match="1 of 20"):
        load_scene(path, strict=True)


def test_the_ply_is_checked_first(tmp_path):
    with pytest.raises(SagaError, match="scene.ply: expected the PLY .* no such file"):
        load_scene(tmp_path / "scene.ply", images=tmp_path / "nothing")


def test_transforms_before_the_colmap_it_was_made_from(tmp_path, make_ply, make_colmap, make_transforms):
    path = make_ply()
    make_colmap(NAMES, folder="colmap/sparse/0")
    assert find_cameras(path, None, None).kind == "colmap"
    make_transforms({"a.jpg": {}})
    assert find_cameras(path, None, None).kind == "nerfstudio"


def test_loading_holds_the_ply_order(make_ply, make_colmap, make_table):
    table = make_table(20, 0)
    path = make_ply(table)
    make_colmap(NAMES)
    scene = load_scene(path)
    np.testing.assert_array_equal(scene.gaussians.vertices["x"], table["x"])
    assert scene.gaussians.digest() == Gaussians.read(path).digest()


def test_an_orientation_that_is_not_applied_is_said(make_ply, make_transforms, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "images").mkdir()
    Image.new("RGB", (8, 8), (90, 90, 90)).save(tmp_path / "images" / "a.jpg", exif=exif)
    make_transforms({"images/a.jpg": {"w": 8, "h": 8}})
    with pytest.warns(UserWarning, match="1 photographs carry an EXIF orientation, which is not applied") as said:
        scene = load_scene(make_ply())
    assert len(said) == 1
    assert not scene.cameras[0].upright
