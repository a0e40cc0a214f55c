from __future__ import annotations

import numpy as np
import pytest

from saga.scene import Camera


def camera(name="a.jpg"):
    pose = np.eye(4)
    pose[:3, 3] = (1, 2, 3)
    return Camera(name, 80, 60, 50.0, 40.0, 41.0, 29.0, pose)


def test_project():
    pixels, depths = camera().project(np.array([[0.0, 0, 0], [1, -1, 7], [0, 0, -3], [0, 0, -9]]))
    np.testing.assert_allclose(depths, [3, 10, 0, -6])
    np.testing.assert_allclose(pixels[:2], [[41 + 50 / 3, 29 + 80 / 3], [51, 33]])


def test_resized_keeps_the_rays():
    small = camera().resized(20, 30)
    pixels, depths = camera().project(np.array([[0.3, 0.4, 5.0]]))
    again, same = small.project(np.array([[0.3, 0.4, 5.0]]))
    np.testing.assert_allclose(again, pixels * (0.25, 0.5))
    np.testing.assert_allclose(same, depths)


@pytest.mark.parametrize(("name", "stem"), [("0003.jpg", "0003"), ("a.b.png", "a.b"), ("left/1.png", "left_1")])
def test_stem(name, stem):
    assert camera(name).stem == stem


def test_a_free_camera_is_named_by_what_it_sees():
    free = camera().free()
    moved = camera().world_to_camera.copy()
    moved[0, 3] += 1e-9
    assert free.name == camera("b.jpg").free().name == free.free().name != camera().resized(20, 30).free().name
    assert free.name != Camera("", 80, 60, 50.0, 40.0, 41.0, 29.0, moved).free().name
    again = Camera.described(free.describe())
    assert again.name == free.name and (again.world_to_camera == free.world_to_camera).all()


@pytest.mark.parametrize(
    "change",
    [
        {"width": 0},
        {"fx": float("nan")},
        {"world_to_camera": [[1, 0], [0, 1]]},
        {"world_to_camera": (2 * np.eye(4)).tolist()},
        {"cx": "left"},
    ],
)
def test_values_that_are_no_camera_are_refused(change):
    with pytest.raises((ValueError, TypeError)):
        Camera.described(camera().free().describe() | change)
