from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from saga.errors import SagaError
from saga.scene import Camera, LensModel, write_transforms
from saga.scene.image_folder import ImageFolder
from saga.scene.nerfstudio import read_nerfstudio, to_splatfacto_frame


def test_opengl_axes(make_transforms):
    camera = read_nerfstudio(make_transforms({"images/a.jpg": {}}))[0]
    assert camera.name == "a.jpg" and camera.lens is None and camera.image_path is None
    pixels, depths = camera.project(np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]]))
    np.testing.assert_allclose(depths, 10)  # it looks along -z from z = 10
    np.testing.assert_allclose(pixels, [[4, 3], [4.8, 3], [4, 2.2]])  # world y is up, pixel y down


def test_a_frame_overrules_the_file(make_transforms):
    frames = {
        "b.jpg": {},
        "a.jpg": {"fl_x": 5.0, "fl_y": 6.0, "cx": 1.0, "cy": 2.0, "w": 16, "h": 12, "k1": 0.1},
    }
    a, b = read_nerfstudio(make_transforms(frames))
    assert (a.fx, a.fy, a.cx, a.cy, a.width, a.height) == (5, 6, 1, 2, 16, 12)
    assert a.lens == LensModel("OPENCV", 16, 12, (5, 6, 1, 2, 0.1, 0, 0, 0))
    assert (b.fx, b.width, b.lens) == (8, 8, None)


def test_field_of_view_and_size_from_the_photograph(make_transforms, make_images):
    make_images("train/r_0.png", folder="", size=(20, 10))
    absent = {"fl_x": None, "fl_y": None, "cx": None, "cy": None, "w": None, "h": None}
    path = make_transforms({"./train/r_0": {}}, "transforms_train.json", camera_angle_x=np.pi / 2, **absent)
    camera = read_nerfstudio(path)[0]
    assert (camera.name, camera.width, camera.height, camera.cx, camera.cy) == ("r_0.png", 20, 10, 10, 5)
    np.testing.assert_allclose((camera.fx, camera.fy), 10)
    assert camera.image_path == path.parent / "train/r_0.png"


K = {"k1": 0.1, "k2": 0.02, "p1": 0.003, "p2": 0.004}


@pytest.mark.parametrize(
    ("values", "model", "tail"),
    [
        (K, "OPENCV", (0.1, 0.02, 0.003, 0.004)),
        ({**K, "k3": 0.5, "k4": 0.0}, "FULL_OPENCV", (0.1, 0.02, 0.003, 0.004, 0.5, 0, 0, 0)),
        (
            {**K, "k3": 0.5, "k4": 0.6, "camera_model": "OPENCV_FISHEYE"},
            "OPENCV_FISHEYE",
            (0.1, 0.02, 0.5, 0.6),
        ),
        ({"is_fisheye": True}, "OPENCV_FISHEYE", (0, 0, 0, 0)),
    ],
)
def test_lenses(make_transforms, values, model, tail):
    camera = read_nerfstudio(make_transforms({"a.jpg": {}}, **values))[0]
    assert camera.lens == LensModel(model, 8, 6, (8, 8, 4, 3, *tail))
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (8, 8, 4, 3)


def test_photographs_are_found_without_suffix_and_in_a_given_folder(make_transforms, make_images):
    images = make_images("a.JPG", "b.png")
    path = make_transforms({"images/a": {}, "images/b": {}, "images/c": {}})
    for folder in (None, ImageFolder(images)):
        cameras = read_nerfstudio(path, folder)
        assert [c.image_path and c.image_path.name for c in cameras] == ["a.JPG", "b.png", None]
        assert [c.name.removeprefix("images/") for c in cameras] == ["a.JPG", "b.png", "c"]


BAD_POSE = np.diag([2.0, 1, 2, 1]).tolist()
TRANSPOSED = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 10, 1]]


@pytest.mark.parametrize(
    ("frame", "meta", "match"),
    [
        ({"transform_matrix": None}, {}, r"frame 0 \(a.jpg\): the pose is no 4x4"),
        ({"transform_matrix": [[1, 2], [3, 4]]}, {}, "the pose is no 4x4"),
        ({"transform_matrix": BAD_POSE}, {}, "no rigid transform"),
        ({"transform_matrix": TRANSPOSED}, {}, "found 0 0 10 1: it is transposed"),
        ({"transform_matrix": np.full((4, 4), np.nan).tolist()}, {}, "expected frames with finite poses"),
        ({"K": [[8, 0, 4]]}, {}, "expected K as a 3x3 matrix"),
        ({"fl_x": -5.0}, {}, "camera a.jpg has size 8x6, focal lengths -5"),
        ({"w": 0}, {}, "camera a.jpg has size 0x6"),
        ({"fl_x": "wide"}, {}, "fl_x is 'wide', a number was expected"),
        ({"fl_x": 10**400}, {}, "fl_x is 1000.*, a number was expected"),
        ({}, {"fl_x": None}, "expected fl_x or camera_angle_x, found neither"),
        ({}, {"w": None}, "no w and h in the file and no photograph"),
        ({}, {"camera_model": "EQUIRECTANGULAR"}, "camera_model EQUIRECTANGULAR is not supported"),
        ({}, {"k1": 0.1, "k4": 0.1}, "perspective lens without k4"),
        ({"file_path": 3}, {}, "frame 0: expected a file_path, found none"),
    ],
)
def test_bad_frames(make_transforms, frame, meta, match):
    with pytest.raises(SagaError, match=match):
        read_nerfstudio(make_transforms({"a.jpg": frame}, **meta))


def test_something_else(tmp_path):
    (tmp_path / "a.json").write_text("[1, 2]")
    with pytest.raises(SagaError, match="expected a list of frames, found none"):
        read_nerfstudio(tmp_path / "a.json")


def test_two_frames_of_one_photograph(make_transforms, make_images):
    images = ImageFolder(make_images("a.jpg"))
    with pytest.raises(SagaError, match="two cameras belong to the photograph a.jpg"):
        read_nerfstudio(make_transforms({"x/a.jpg": {}, "y/a.jpg": {}}), images)


def random_camera(name, seed):
    rng = np.random.default_rng(seed)
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = Rotation.random(random_state=seed).as_matrix(), rng.normal(size=3)
    return Camera(name, 30, 20, *rng.uniform(10, 40, 4), pose)


def test_written_cameras_come_back(tmp_path):
    cameras = [random_camera(f"{i}.png", i) for i in range(5)]
    write_transforms(cameras, tmp_path / "new" / "transforms.json")
    for one, other in zip(cameras, read_nerfstudio(tmp_path / "new" / "transforms.json"), strict=True):
        for name in ("name", "width", "height", "fx", "fy", "cx", "cy", "image_path", "lens"):
            assert getattr(one, name) == getattr(other, name)
        np.testing.assert_allclose(one.world_to_camera, other.world_to_camera, atol=1e-12)


def test_written_photographs_are_found_again(tmp_path, make_transforms, make_images):
    make_images("a.jpg")
    cameras = read_nerfstudio(make_transforms({"images/a.jpg": {}}))
    write_transforms(cameras, tmp_path / "elsewhere" / "transforms.json")
    again = read_nerfstudio(tmp_path / "elsewhere" / "transforms.json")
    assert again[0].name == "a.jpg" and again[0].image_path.samefile(cameras[0].image_path)


def test_a_lens_is_not_written(tmp_path, make_transforms):
    cameras = read_nerfstudio(make_transforms({"a.jpg": {"k1": 0.1}}))
    with pytest.raises(SagaError, match="a.jpg: has the lens OPENCV"):
        write_transforms(cameras, tmp_path / "out.json")
    assert not (tmp_path / "out.json").exists()


@pytest.mark.parametrize("applied", [False, True])
def test_the_splatfacto_frame_shows_the_same_pixels(tmp_path, make_transforms, applied):
    """Points moved by dataparser_transforms.json must land where they did before, scaled in depth."""
    axes = np.array([[0, 0, 1, 0], [1, 0, 0, 0], [0, 1, 0, 0]]) if applied else np.eye(4)[:3]
    source = make_transforms({"a.jpg": {}}, **({"applied_transform": axes.tolist()} if applied else {}))
    turn = np.column_stack([Rotation.from_euler("xyz", [0.3, 1.0, 2.0]).as_matrix(), [1.0, -2.0, 0.5]])
    total = turn @ np.vstack([axes, [0, 0, 0, 1]])
    (tmp_path / "dp.json").write_text(json.dumps({"transform": total.tolist(), "scale": 0.25}))
    before = read_nerfstudio(source)
    after = to_splatfacto_frame(before, tmp_path / "dp.json", source)
    points = np.random.default_rng(0).normal(size=(10, 3))  # in the frame of transforms.json
    moved = 0.25 * (points @ turn[:, :3].T + turn[:, 3])
    (pixels, depths), (new_pixels, new_depths) = before[0].project(points), after[0].project(moved)
    np.testing.assert_allclose(new_pixels, pixels)
    np.testing.assert_allclose(new_depths, depths * 0.25)


def test_a_damaged_dataparser_file(tmp_path, make_transforms):
    source = make_transforms({"a.jpg": {}})
    (tmp_path / "dp.json").write_text("{}")
    with pytest.raises(SagaError, match="expected a 3x4 'transform' and a 'scale'"):
        to_splatfacto_frame(read_nerfstudio(source), tmp_path / "dp.json", source)


ANGLE = {"fl_x": None, "fl_y": None, "cx": None, "cy": None, "w": None, "h": None, "camera_angle_x": np.pi / 2}


def test_a_field_of_view_where_photographs_are_missing(make_transforms, make_images):
    path = make_transforms({"./train/r_0": {}, "./train/r_1": {}}, "transforms_train.json", **ANGLE)
    with pytest.warns(UserWarning, match=r"photographs are missing; 800x800 is assumed for them \(2 cameras"):
        cameras = read_nerfstudio(path)
    assert [(c.width, c.height, round(c.fx), c.cx, c.name) for c in cameras] == [
        (800, 800, 400, 400, "r_0"), (800, 800, 400, 400, "r_1")
    ]  # fmt: skip
    make_images("train/r_1.png", folder="", size=(20, 10))
    with pytest.warns(UserWarning, match=r"20x10 is assumed for them \(camera ./train/r_0\)"):
        cameras = read_nerfstudio(path)
    assert [(c.width, c.height, round(c.fx)) for c in cameras] == [(20, 10, 10)] * 2


MATRIX = [[5.0, 0, 1], [0, 6, 2], [0, 0, 1]]


@pytest.mark.parametrize(
    "values",
    [
        {"K": MATRIX},
        {"intrinsics": [5.0, 6, 1, 2]},
        {"intrinsic_matrix": np.pad(np.array(MATRIX), (0, 1)).tolist()[:3] + [[0, 0, 0, 1]]},
        {"K": np.array(MATRIX).ravel().tolist()},
        {"fx": 5, "fy": 6, "cx": 1, "cy": 2},
    ],
)
def test_intrinsics_of_a_frame_in_other_forms(make_transforms, values):
    if "intrinsic_matrix" in values:
        values["intrinsic_matrix"][2] = [0, 0, 1, 0]
    a, b = read_nerfstudio(make_transforms({"a.jpg": values, "b.jpg": {}}))
    assert (a.fx, a.fy, a.cx, a.cy) == (5, 6, 1, 2) and (b.fx, b.cx) == (8, 4)


def test_a_matrix_by_columns_is_said(make_transforms):
    with pytest.warns(UserWarning, match="K is written by columns"):
        (camera,) = read_nerfstudio(make_transforms({"a.jpg": {"K": np.array(MATRIX).T.tolist()}}))
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (5, 6, 1, 2)


def test_frames_that_were_not_registered_are_left_out(make_transforms):
    path = make_transforms({"a.jpg": {}, "b.jpg": {"transform_matrix": np.full((4, 4), np.nan).tolist()}})
    with pytest.warns(UserWarning, match="frames without a finite pose are left out"):
        assert [camera.name for camera in read_nerfstudio(path)] == ["a.jpg"]
