from __future__ import annotations

import numpy as np
import pytest

from saga.scene import Gaussians, Scene, load_scene, orbit_cameras, write_transforms
from saga.scene.orbit import guess_up, look_at, weighted_quantile


def gaussians(means, scales=0.01, opacities=0.9, quaternions=(1, 0, 0, 0)):
    count = len(means)
    return Gaussians.from_arrays(
        np.asarray(means, float),
        np.broadcast_to(scales, (count, 3)),
        np.broadcast_to(np.asarray(quaternions, float), (count, 4)),
        np.broadcast_to(opacities, count),
        np.zeros((count, 1, 3)),
    )


@pytest.fixture
def ball():
    points = np.random.default_rng(0).normal(size=(2000, 3))
    return points / np.linalg.norm(points, axis=1, keepdims=True) * 2 + (5, -3, 8)


@pytest.mark.parametrize("count", [1, 2, 10])
def test_views_look_inward_and_see_everything(ball, count):
    cameras = orbit_cameras(gaussians(ball), count, 160, 120)
    assert len(cameras) == count == len({camera.name for camera in cameras})
    assert [camera.name for camera in cameras] == sorted(camera.name for camera in cameras)
    for camera in cameras:
        assert (camera.width, camera.height, camera.image_path) == (160, 120, None)
        rotation = camera.world_to_camera[:3, :3]
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(rotation) > 0
        pixels, depths = camera.project(np.array([[5.0, -3, 8]]))
        np.testing.assert_allclose(pixels, [[80, 60]], atol=3)
        pixels, depths = camera.project(ball)
        assert (depths > 0).all() and (pixels >= 0).all() and (pixels <= (160, 120)).all()


def test_views_are_above_at_several_elevations_and_around(ball):
    cameras = orbit_cameras(gaussians(ball), 12, 100, 100)
    offsets = np.array([camera.position for camera in cameras]) - (5, -3, 8)
    up = guess_up(gaussians(ball))
    elevations = np.degrees(np.arcsin(offsets @ up / np.linalg.norm(offsets, axis=1)))
    assert elevations.min() > 5 and elevations.max() < 80 and len(np.unique(elevations.round())) >= 3
    assert np.abs((offsets - np.outer(offsets @ up, up)).mean(axis=0)).max() < 1
    for camera in cameras:  # upright: the image's y axis points down
        assert camera.world_to_camera[1, :3] @ up < 0


def test_floaters_and_haze_do_not_count(ball):
    rng = np.random.default_rng(1)
    floaters, haze = rng.normal(size=(40, 3)) * 500, rng.normal(size=(4000, 3)) * 80
    opacities = np.r_[np.full(2000, 0.9), np.full(40, 0.9), np.full(4000, 0.004)]
    clean = orbit_cameras(gaussians(ball), 5, 64, 64)
    dirty = orbit_cameras(gaussians(np.vstack([ball, floaters, haze]), opacities=opacities), 5, 64, 64)
    for one, other in zip(clean, dirty, strict=True):
        assert np.linalg.norm(one.position - other.position) < 0.5


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_floor_with_things_on_it_shows_up(axis, sign):
    rng = np.random.default_rng(2)
    floor = rng.uniform(-3, 3, (3000, 3))
    floor[:, 2] = 0
    things = rng.uniform(-0.4, 0.4, (600, 3)) + (1, 0, 0.5)
    means = np.roll(np.vstack([floor, things]) * (1, 1, sign), axis + 1, axis=1)
    scales = np.full((3600, 3), 0.05)
    scales[:3000, axis] = 0.001
    np.testing.assert_allclose(guess_up(gaussians(means, scales)), sign * np.eye(3)[axis], atol=0.05)


def test_up_of_turned_discs():
    """The shortest axis is looked up in the rotation, not in the world."""
    rng = np.random.default_rng(3)
    means = rng.uniform(-3, 3, (500, 3)) * (0, 1, 1)
    means[:100, 0] = rng.uniform(0, 1, 100)
    half = np.sqrt(0.5)  # 90 degrees around y takes z to x
    discs = gaussians(means, (0.1, 0.1, 0.001), quaternions=(half, 0, half, 0))
    np.testing.assert_allclose(guess_up(discs), [1, 0, 0], atol=1e-6)


def test_up_without_a_floor_is_minus_y_unless_the_ply_says_z(ball, make_ply, make_table):
    np.testing.assert_array_equal(guess_up(gaussians(ball)), [0, -1, 0])
    g = Gaussians.read(make_ply(make_table(20, 0), comments=["Vertical Axis: z"]))
    np.testing.assert_array_equal(guess_up(g), [0, 0, 1])


def test_degenerate_scenes():
    for means in ([[1.0, 2, 3]], [[1.0, 2, 3]] * 5):
        for camera in orbit_cameras(gaussians(means), 3, 10, 10):
            assert np.isfinite(camera.world_to_camera).all()
    with pytest.raises(ValueError, match="must be positive"):
        orbit_cameras(gaussians([[0, 0, 0]]), 0, 10, 10)


def test_orbit_survives_the_file_and_loads_as_a_scene(tmp_path, ball):
    g = gaussians(ball)
    g.write(tmp_path / "scene.ply")
    cameras = orbit_cameras(g, 4, 64, 48)
    write_transforms(cameras, tmp_path / "transforms.json")
    scene = load_scene(tmp_path / "scene.ply")
    assert isinstance(scene, Scene)
    for one, other in zip(cameras, scene.cameras, strict=True):
        assert (one.name, one.width, one.fx) == (other.name, other.width, other.fx)
        np.testing.assert_allclose(one.world_to_camera, other.world_to_camera, atol=1e-12)


def test_look_at():
    pose = look_at(np.array([0, -5.0, 0]), np.zeros(3), np.array([0, 0, 1.0]))
    np.testing.assert_allclose(pose[:3] @ [0, 0, 0, 1], [0, 0, 5], atol=1e-12)
    np.testing.assert_allclose(pose[:3, :3] @ [0, 0, 1], [0, -1, 0], atol=1e-12)
    np.testing.assert_allclose(pose[:3, :3] @ [1, 0, 0], [1, 0, 0], atol=1e-12)


def test_weighted_quantile():
    values, weights = np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 8.0])
    assert [weighted_quantile(values, weights, q) for q in (0, 0.05, 0.5, 0.95, 1)] == [1, 1, 2, 3, 3]
