from __future__ import annotations

import json

import numpy as np
import pytest

from saga.errors import SagaError
from saga.scene.image_folder import ImageFolder
from saga.scene.inria import inria_image_folder, read_inria


def entry(name="b", **changes):
    # A camera at (1, 2, 3) that looks along world x, its y along -z.
    rotation = [[0, 0, 1], [-1, 0, 0], [0, -1, 0]]
    base = {"id": 0, "img_name": name, "width": 80, "height": 60, "position": [1, 2, 3], "rotation": rotation}
    return {**base, "fx": 70.0, "fy": 71.0, **changes}


def write(path, contents):
    path.write_text(json.dumps(contents))
    return path


def test_pose_and_intrinsics(tmp_path):
    a, b = read_inria(write(tmp_path / "cameras.json", [entry("b"), entry("a")]))
    assert (a.name, b.name) == ("a", "b")
    assert (a.width, a.height, a.fx, a.fy, a.cx, a.cy) == (80, 60, 70, 71, 40, 30)
    np.testing.assert_allclose(a.position, [1, 2, 3])
    pixels, depths = a.project(np.array([[5.0, 2.0, 3.0], [5.0, 1.0, 3.0]]))
    np.testing.assert_allclose(depths, [4, 4])
    np.testing.assert_allclose(pixels, [[40, 30], [40 + 70 / 4, 30]])


def test_a_photograph_gives_the_suffix(tmp_path, make_images):
    folder = ImageFolder(make_images("a.png", "b.JPG"))
    cameras = read_inria(write(tmp_path / "cameras.json", [entry("b"), entry("a"), entry("c")]), folder)
    assert [camera.name for camera in cameras] == ["a.png", "b.JPG", "c"]
    assert [camera.image_path and camera.image_path.name for camera in cameras] == ["a.png", "b.JPG", None]


@pytest.mark.parametrize(
    ("contents", "match"),
    [
        ({}, "expected a list of cameras"),
        ([], "expected a list of cameras"),
        ([{"file_path": "a"}], "camera 0 has no img_name, width"),
        ([entry(), entry("a", fx="wide")], "camera 1: expected the values of a camera"),
        ([entry(position=[1, 2])], "camera 0: expected the values of a camera"),
        ([entry(rotation=[[2, 0, 0], [0, 1, 0], [0, 0, 2]])], "no rigid transform"),
        ([entry(rotation=[[1, 0, 0], [0, 1, 0], [0, 0, -1]])], "no rigid transform"),
        ([entry(fx=float("nan"))], "camera b has size 80x60, focal lengths nan"),
        ([entry(fy=1e-300)], "focal lengths 70, 1e-300 and center"),
        ([entry("a", position=[n, 0, 0]) for n in range(3)], "two cameras belong to the photograph a"),
        ([entry(position=[1, 2, float("nan")])], "expected cameras with finite poses"),
    ],
)
def test_bad_contents(tmp_path, contents, match):
    with pytest.raises(SagaError, match=match):
        read_inria(write(tmp_path / "cameras.json", contents))


def test_no_json(tmp_path):
    (tmp_path / "cameras.json").write_text("[{")
    with pytest.raises(SagaError, match="expected a JSON file"):
        read_inria(tmp_path / "cameras.json")


def test_cfg_args_names_the_photographs(tmp_path, make_images):
    images = make_images("a.jpg", folder="data/images_4")
    arguments = f"Namespace(eval=False, images='images_4', source_path={str(images.parent)!r}, sh_degree=3)"
    (tmp_path / "cfg_args").write_text(arguments)
    assert inria_image_folder(tmp_path / "cameras.json") == images
    (tmp_path / "cfg_args").write_text("__import__('os').getcwd()")
    assert inria_image_folder(tmp_path / "cameras.json") is None


def pair(name="r_0"):
    return [entry(name, position=[1, 0, 0]), entry(name, position=[2, 0, 0]), entry("r_1", position=[3, 0, 0])]


@pytest.mark.parametrize(
    ("arguments", "order"),
    [
        ("Namespace(eval=True, source_path='nowhere')", ["test", "train"]),
        ("Namespace(eval=False, source_path='nowhere')", ["train", "test"]),
        (None, ["test", "train"]),
    ],
)
def test_views_for_training_and_testing_of_one_name(tmp_path, arguments, order):
    if arguments is not None:
        (tmp_path / "cfg_args").write_text(arguments)
    with pytest.warns(UserWarning, match=f"cameras share a name; they are called {order[0]}/ and {order[1]}/NAME"):
        cameras = read_inria(write(tmp_path / "cameras.json", pair()))
    positions = {camera.name: round(camera.position[0]) for camera in cameras}
    assert positions == {f"{order[0]}/r_0": 1, f"{order[1]}/r_0": 2, "r_1": 3}


def test_their_photographs_are_in_folders_of_their_own(tmp_path, make_images):
    make_images("train/r_0.png", "test/r_0.png", "train/r_1.png", folder="data")
    (tmp_path / "cfg_args").write_text(f"Namespace(eval=True, images='images', source_path={str(tmp_path / 'data')!r})")
    path = write(tmp_path / "cameras.json", pair())
    assert inria_image_folder(path) == tmp_path / "data"
    with pytest.warns(UserWarning, match="share a name"):
        cameras = read_inria(path, ImageFolder(tmp_path / "data"))
    named = {camera.name: round(camera.position[0]) for camera in cameras}
    assert named == {"test/r_0.png": 1, "train/r_0.png": 2, "train/r_1.png": 3}


def test_the_photographs_of_one_of_the_two_tell_which_cameras_are_meant(tmp_path, make_images):
    images = make_images("r_0.png", "r_1.png", folder="data/train")
    (tmp_path / "cfg_args").write_text("Namespace(eval=True, source_path='nowhere')")
    with pytest.warns(UserWarning, match="those of train are taken"):
        cameras = read_inria(write(tmp_path / "cameras.json", pair()), ImageFolder(images))
    assert {camera.name: round(camera.position[0]) for camera in cameras} == {"r_0.png": 2, "r_1.png": 3}


def test_a_photograph_of_one_of_the_two_nobody_knows_which(tmp_path, make_images):
    folder = ImageFolder(make_images("r_0.png", "r_1.png"))
    with pytest.raises(SagaError, match="found one r_0.png for two cameras called r_0; give the folder that holds"):
        read_inria(write(tmp_path / "cameras.json", pair()), folder)


def test_a_camera_that_is_written_twice_is_one(tmp_path):
    with pytest.warns(UserWarning, match="written twice are taken once"):
        assert len(read_inria(write(tmp_path / "cameras.json", [entry("a"), entry("a")]))) == 1


def test_rotations_that_are_scaled_show_the_same_pixels(tmp_path):
    points = np.array([[5.0, 2.0, 3.5], [5.0, 1.0, 3.0]])
    (exact,) = read_inria(write(tmp_path / "cameras.json", [entry()]))
    rotation = (np.array(entry()["rotation"]) * 0.3).tolist()
    with pytest.warns(UserWarning, match=r"scaled \(by 0.3\), and are normalized"):
        (scaled,) = read_inria(write(tmp_path / "cameras.json", [entry(rotation=rotation)]))
    np.testing.assert_allclose(scaled.project(points)[0], exact.project(points)[0])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_encodings(tmp_path, encoding):
    (tmp_path / "cameras.json").write_text(json.dumps([entry("Küche")], ensure_ascii=False), encoding=encoding)
    assert [camera.name for camera in read_inria(tmp_path / "cameras.json")] == ["Küche"]


def test_cameras_that_were_not_registered_are_left_out(tmp_path):
    entries = [entry("a"), entry("b", position=[float("nan")] * 3), entry("c", rotation=[[float("inf")] * 3] * 3)]
    with pytest.warns(UserWarning, match=r"without a finite pose are left out \(2 cameras, b first\)"):
        assert [camera.name for camera in read_inria(write(tmp_path / "cameras.json", entries))] == ["a"]
