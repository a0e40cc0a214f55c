from __future__ import annotations

import unicodedata
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from saga.errors import SagaError
from saga.scene import Camera, Gaussians, Scene


@pytest.fixture
def scene():
    names = ["a/1.jpg", "b/1.jpg", "b/2.jpg", "0003.jpg", "0004.png", "t.175304", "t.175337"]
    names += [unicodedata.normalize("NFC", "K\u00fcche.jpg")]
    one = np.ones((1, 3))
    gaussians = Gaussians.from_arrays(one, one, np.ones((1, 4)), np.array([0.5]), np.ones((1, 1, 3)))
    return Scene(gaussians, [Camera(name, 8, 6, 8, 8, 4, 3, np.eye(4)) for name in names])


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("0003.jpg", "0003.jpg"),
        ("0003", "0003.jpg"),
        ("images/0003.jpg", "0003.jpg"),
        ("0004.jpg", "0004.png"),
        ("a/1.jpg", "a/1.jpg"),
        ("2.jpg", "b/2.jpg"),
        ("2", "b/2.jpg"),
        ("t.175304", "t.175304"),
        ("images/t.175337", "t.175337"),
        (unicodedata.normalize("NFD", "K\u00fcche"), unicodedata.normalize("NFC", "K\u00fcche.jpg")),
    ],
)
def test_camera_by_name(scene, asked, name):
    assert scene.camera(asked).name == name


def test_an_unknown_view_offers_the_nearest(scene):
    with pytest.raises(SagaError, match=r"0033.jpg: no such view among 8; the nearest are 0003.jpg"):
        scene.camera("0033.jpg")
    with pytest.raises(SagaError, match="no views at all"):
        Scene(scene.gaussians, []).camera("a")


def test_an_ambiguous_view_lists_the_choice(scene):
    with pytest.raises(SagaError, match="give one of a/1.jpg, b/1.jpg"):
        scene.camera("1.jpg")


def test_no_photograph(scene):
    with pytest.raises(SagaError, match="0003.jpg: expected a photograph of the view, found none"):
        scene.image(scene.camera("0003"))


def test_any_camera_may_look_at_a_scene(wall):
    scene = wall()
    first = scene.cameras[0]
    assert scene.camera(first) is first and scene.is_view(first)
    other = replace(first, cx=first.cx + 1, image_path=Path("photo.jpg"))
    free = scene.camera(other)
    assert free.name not in {each.name for each in scene.cameras} and free.image_path is None
    assert scene.camera(free.name) is free and scene.camera(replace(other)) is free and not scene.is_view(free)
    for step in range(300):
        scene.camera(replace(first, cx=first.cx + 2 + step))
    with pytest.raises(SagaError, match="no such view"):
        scene.camera(free.name)
