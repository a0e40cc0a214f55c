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
        ([entry(), entry("a", fx="wide")], "camera 1 has a value of the wrong kind"),
        ([entry(position=[1, 2])], "camera 0 has a value of the wrong kind"),
        ([entry(rotation=[[2, 0, 0], [0, 2, 0], [0, 0, 2]])], "no rigid transform"),
        ([entry(rotation=[[1, 0, 0], [0, 1, 0], [0, 0, -1]])], "no rigid transform"),
        ([entry(fx=float("nan"))], "camera b has size 80x60, focal lengths nan"),
        ([entry("a"), entry("a")], "two cameras belong to the photograph a"),
    ],
)
def test_bad_contents(tmp_path, contents, match):
    with pytest.raises(SagaError, match=match):
        read_inria(write(tmp_path / "cameras.json", contents))


def test_no_json(tmp_path):
    (tmp_path / "cameras.json").write_text("[{")
    with pytest.raises(SagaError, match="not a JSON file"):
        read_inria(tmp_path / "cameras.json")


def test_cfg_args_names_the_photographs(tmp_path, make_images):
    images = make_images("a.jpg", folder="data/images_4")
    arguments = f"Namespace(eval=False, images='images_4', source_path={str(images.parent)!r}, sh_degree=3)"
    (tmp_path / "cfg_args").write_text(arguments)
    assert inria_image_folder(tmp_path / "cameras.json") == images
    (tmp_path / "cfg_args").write_text("__import__('os').getcwd()")
    assert inria_image_folder(tmp_path / "cameras.json") is None
