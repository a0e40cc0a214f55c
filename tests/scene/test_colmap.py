from __future__ import annotations

import numpy as np
import pycolmap
import pytest

from saga.errors import SagaError
from saga.scene.colmap import read_colmap, read_colmap_points

DISTORTED = [
    name
    for name in pycolmap.CameraModelId.__members__
    if name not in ("INVALID", "SIMPLE_PINHOLE", "PINHOLE", "EQUIRECTANGULAR")
]


def test_poses_intrinsics_and_order(make_colmap):
    folder = make_colmap(["b.jpg", "a.jpg"], "PINHOLE", (8, 7, 4.5, 3.25))
    s = np.sqrt(0.5)  # 90 degrees around x: world y becomes camera z
    (folder / "images.txt").write_text(f"2 {s} {s} 0 0 1 2 3 1 b.jpg\n\n5 1 0 0 0 0 0 10 1 a.jpg\n\n")
    a, b = read_colmap(folder)
    assert (a.name, b.name) == ("a.jpg", "b.jpg")
    assert (b.width, b.height, b.fx, b.fy, b.cx, b.cy) == (8, 6, 8, 7, 4.5, 3.25)
    assert b.lens is None and b.image_path is None
    expected = [[1, 0, 0, 1], [0, 0, -1, 2], [0, 1, 0, 3], [0, 0, 0, 1]]
    np.testing.assert_allclose(b.world_to_camera, expected, atol=1e-12)
    np.testing.assert_allclose(a.position, [0, 0, -10])


def test_binary_and_text_agree(tmp_path, make_colmap):
    text = make_colmap(["a.jpg", "b.jpg"], "OPENCV", (8, 7, 4, 3, 0.1, 0.01, 0.001, 0.002))
    binary = tmp_path / "binary"
    binary.mkdir()
    pycolmap.Reconstruction(str(text)).write_binary(str(binary))
    for one, other in zip(read_colmap(text), read_colmap(binary), strict=True):
        np.testing.assert_array_equal(one.world_to_camera, other.world_to_camera)
        assert (one.name, one.fx, one.fy, one.lens) == (other.name, other.fx, other.fy, other.lens)


def test_names_with_spaces(tmp_path, make_colmap):
    """In text too, with points or without, and beside names without spaces."""
    names = ["my photo (1).jpg", "left eye/b  c.jpg", "plain.jpg"]
    folder = make_colmap(names)
    text = (folder / "images.txt").read_text().split("\n")
    text[text.index("") :: 2] = ["1.5 2.5 -1 3 4 -1", "", *text[text.index("") + 4 :: 2]]
    (folder / "images.txt").write_text("\n".join(text))
    assert {camera.name for camera in read_colmap(folder)} == set(names)


def test_simple_pinhole_is_a_pinhole(make_colmap):
    camera = read_colmap(make_colmap(["a.jpg"], "SIMPLE_PINHOLE", (9, 4, 3)))[0]
    assert (camera.fx, camera.fy, camera.cx, camera.cy, camera.lens) == (9, 9, 4, 3, None)


@pytest.mark.parametrize("model", DISTORTED)
def test_a_distorted_model_is_a_pinhole_with_a_lens(make_colmap, model):
    params = pycolmap.Camera.create_from_model_name(1, model, 9.0, 8, 6).params
    params[-1] = 0.125
    camera = read_colmap(make_colmap(["a.jpg"], model, tuple(params)))[0]
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (9, 9, *params[camera_center(model)])
    if model not in ("SIMPLE_FISHEYE",):  # its last parameter is the center
        assert (camera.lens.model, camera.lens.width, camera.lens.height) == (model, 8, 6)
        assert camera.lens.params == tuple(params)


def camera_center(model):
    first = 1 if "f, " in pycolmap.Camera.create_from_model_name(1, model, 9.0, 8, 6).params_info else 2
    return slice(first, first + 2)


@pytest.mark.parametrize(("model", "extra"), [("SIMPLE_RADIAL", 1), ("RADIAL", 2), ("OPENCV", 4)])
def test_distortion_of_zero_needs_no_undistortion(make_colmap, model, extra):
    focal = (8, 8) if model == "OPENCV" else (8,)
    assert read_colmap(make_colmap(["a.jpg"], model, (*focal, 4, 3, *[0] * extra)))[0].lens is None


def test_a_fisheye_without_coefficients_is_still_a_fisheye(make_colmap):
    params = (8, 8, 4, 3, 0, 0, 0, 0)
    assert read_colmap(make_colmap(["a.jpg"], "OPENCV_FISHEYE", params))[0].lens is not None


def test_a_spherical_camera_is_refused(make_colmap):
    if "EQUIRECTANGULAR" not in pycolmap.CameraModelId.__members__:
        pytest.skip("this COLMAP knows no spherical camera")
    with pytest.raises(SagaError, match="EQUIRECTANGULAR, a full sphere"):
        read_colmap(make_colmap(["a.jpg"], "EQUIRECTANGULAR", (8, 6)))


def test_folders_in_names_stay_when_they_differ(make_colmap):
    cameras = read_colmap(make_colmap(["rig/left/1.jpg", "rig/right/1.jpg"]))
    assert [camera.name for camera in cameras] == ["left/1.jpg", "right/1.jpg"]
    assert [camera.stem for camera in cameras] == ["left_1", "right_1"]


def test_damaged_models(tmp_path, make_colmap):
    folder = make_colmap(["a.jpg"])
    (folder / "images.txt").write_text("")
    with pytest.raises(SagaError, match="model with posed images, found none"):
        read_colmap(folder)
    (folder / "cameras.txt").write_text("1 FOO 8 6 1 2 3\n")
    with pytest.raises(SagaError, match="expected a COLMAP model"):
        read_colmap(folder)
    with pytest.raises(SagaError, match="expected a COLMAP model") as caught:
        read_colmap(tmp_path)
    assert "\n" not in str(caught.value)
    binary = tmp_path / "binary"
    binary.mkdir()
    pycolmap.Reconstruction(str(make_colmap(["a.jpg", "b.jpg"]))).write_binary(str(binary))
    images = (binary / "images.bin").read_bytes()
    (binary / "images.bin").write_bytes(images[: len(images) // 2])
    with pytest.raises(SagaError, match="expected a COLMAP model"):
        read_colmap(binary)


@pytest.mark.parametrize("suffix", [".txt", ".bin"])
def test_a_model_without_points(tmp_path, make_colmap, suffix):
    folder = make_colmap(["a.jpg"])
    if suffix == ".bin":
        (tmp_path / "binary").mkdir()
        pycolmap.Reconstruction(str(folder)).write_binary(str(tmp_path / "binary"))
        folder = tmp_path / "binary"
    (folder / f"points3D{suffix}").unlink()
    assert [camera.name for camera in read_colmap(folder)] == ["a.jpg"]
    assert not (folder / f"points3D{suffix}").exists() and len(read_colmap_points(folder)) == 0


def test_quaternions_that_are_scaled(make_colmap):
    folder = make_colmap(["a.jpg", "b.jpg"])
    points = np.random.default_rng(0).normal(size=(10, 3))
    quaternion = np.array([0.5, -0.1, 0.7, 0.2])
    exact = pycolmap.Rotation3d(np.roll(quaternion / np.linalg.norm(quaternion), -1)).matrix()
    (folder / "images.txt").write_text(f"1 {' '.join(map(str, 3 * quaternion))} 1 2 9 1 a.jpg\n\n")
    with pytest.warns(UserWarning, match="quaternions are scaled"):
        (camera,) = read_colmap(folder)
    local = points @ exact.T + [1, 2, 9]
    np.testing.assert_allclose(camera.project(points)[0], local[:, :2] / local[:, 2:] * 8 + [4, 3])


def write_rig(folder):
    """Two cameras half a unit apart, whose frame stands 10 units away; what images.txt says of poses is old."""
    folder.mkdir()
    (folder / "cameras.txt").write_text("1 PINHOLE 8 6 8 8 4 3\n2 PINHOLE 8 6 8 8 4 3\n")
    (folder / "rigs.txt").write_text("1 2 CAMERA 1 CAMERA 2 1 1 0 0 0 -0.5 0 0\n")
    (folder / "frames.txt").write_text("1 1 1 0 0 0 0 0 10 2 CAMERA 1 1 CAMERA 2 2\n")
    (folder / "images.txt").write_text("1 1 0 0 0 0 0 10 1 l/a.jpg\n\n2 1 0 0 0 7 7 7 2 r/a.jpg\n\n")
    (folder / "points3D.txt").write_text("")


def test_a_rig(tmp_path):
    write_rig(tmp_path / "text")
    (tmp_path / "binary").mkdir()
    pycolmap.Reconstruction(str(tmp_path / "text")).write_binary(str(tmp_path / "binary"))
    (tmp_path / "binary" / "points3D.bin").unlink()
    for folder in ("text", "binary"):
        left, right = read_colmap(tmp_path / folder)
        np.testing.assert_allclose(left.position, [0, 0, -10])
        np.testing.assert_allclose(right.position, [0.5, 0, -10])
