"""Names of photographs and of what is made of them."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest

from saga.scene import Camera, Gaussians, Scene
from saga.scene.names import existing, unique_stems, without_suffix


@pytest.mark.parametrize(
    ("name", "bare"),
    [
        ("a.jpg", "a"),
        ("a.JPG", "a"),
        ("left/a.b.tiff", "left/a.b"),
        ("IMG_1.HEIC", "IMG_1"),
        ("1305031102.175304", "1305031102.175304"),
        ("1305031102.175304.png", "1305031102.175304"),
        ("frame.0001", "frame.0001"),
        ("v1.2/frame", "v1.2/frame"),
        (".jpg", ".jpg"),
    ],
)
def test_only_picture_formats_are_suffixes(name, bare):
    assert without_suffix(name) == bare


@pytest.mark.parametrize(
    ("names", "stems"),
    [
        (["0001.jpg", "0002.jpg"], ["0001", "0002"]),
        (["left/0001.jpg", "right/0001.jpg"], ["left_0001", "right_0001"]),
        (["a.jpg", "a.png", "b.png"], ["a.jpg", "a.png", "b"]),
        (["a.JPG", "A.png"], ["a.JPG", "A.png"]),
        (["left/1.jpg", "left_1.jpg"], ["left%2F1.jpg", "left_1.jpg"]),
        (["t.175304", "t.175337"], ["t.175304", "t.175337"]),
        (["my photo (1).jpg"], ["my photo (1)"]),
    ],
)
def test_stems_are_short_where_they_can_be(names, stems):
    assert unique_stems(names) == dict(zip(names, stems, strict=True))


def test_no_two_stems_are_alike_however_strange_the_names():
    accents = [unicodedata.normalize(form, "K\u00fcche.jpg") for form in ("NFC", "NFD")]
    names = ["a.jpg", "a.png", "a.jpg.png", "a/jpg", "a_jpg", "A.JPG", "a.jpg-2", *accents]
    stems = unique_stems(names)
    assert list(stems) == names
    folded = {unicodedata.normalize("NFC", stem).casefold() for stem in stems.values()}
    assert len(folded) == len(names) and not any("/" in stem for stem in stems.values())


def test_a_scene_names_the_files_of_its_views():
    one = np.ones((1, 3))
    gaussians = Gaussians.from_arrays(one, one, np.ones((1, 4)), np.array([0.5]), np.ones((1, 1, 3)))
    cameras = [Camera(name, 8, 6, 8, 8, 4, 3, np.eye(4)) for name in ("x/1.jpg", "x/1.png", "2.jpg")]
    assert Scene(gaussians, cameras).stems == {"x/1.jpg": "x_1.jpg", "x/1.png": "x_1.png", "2.jpg": "2"}


def test_a_path_is_found_as_the_disk_spells_it(tmp_path):
    stored = tmp_path / unicodedata.normalize("NFD", "K\u00fcche") / unicodedata.normalize("NFC", "caf\u00e9.jpg")
    stored.parent.mkdir()
    stored.touch()
    asked = tmp_path / unicodedata.normalize("NFC", "K\u00fcche") / unicodedata.normalize("NFD", "caf\u00e9.jpg")
    found = existing(asked)
    assert found is not None and found.samefile(stored)
    assert existing(asked.with_name("other.jpg")) is None and existing(tmp_path / "none" / "a.jpg") is None
