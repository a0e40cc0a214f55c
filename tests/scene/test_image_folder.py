from __future__ import annotations

import unicodedata

import pytest

from saga.errors import SagaError
from saga.scene.image_folder import ImageFolder

NEW = ("t.175304.png", unicodedata.normalize("NFD", "K\u00fcche.jpg"))


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("left/1.jpg", "left/1.jpg"),
        ("data/left/1.jpg", "left/1.jpg"),
        ("data\\right\\1.jpg", "right/1.jpg"),
        ("./left/1", "left/1.jpg"),
        ("2.png", "left/2.png"),
        ("2", "left/2.png"),
        ("2.jpg", "left/2.png"),
        ("1.jpg", None),  # left or right?
        ("1", None),
        ("3.jpg", "3.JPG"),
        ("DSC.0004", "DSC.0004.jpg"),
        ("left", None),
        ("t.175304", "t.175304.png"),
        ("t.175305", None),
        (unicodedata.normalize("NFC", "K\u00fcche.jpg"), unicodedata.normalize("NFD", "K\u00fcche.jpg")),
    ],
)
def test_find(make_images, asked, found):
    root = make_images("left/1.jpg", "right/1.jpg", "left/2.png", "3.JPG", "DSC.0004.jpg", ".hidden/5.jpg", *NEW)
    (root / "left" / "notes.txt").write_text("no photograph")
    folder = ImageFolder(root)
    assert folder.names == sorted(["3.JPG", "DSC.0004.jpg", "left/1.jpg", "left/2.png", "right/1.jpg", *NEW])
    assert folder.find(asked) == found


def test_bad_folders(tmp_path):
    with pytest.raises(SagaError, match="none: does not exist; give the folder"):
        ImageFolder(tmp_path / "none")
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(SagaError, match="a.txt: is a file"):
        ImageFolder(tmp_path / "a.txt")
    with pytest.raises(SagaError, match="holds no photographs"):
        ImageFolder(tmp_path)
