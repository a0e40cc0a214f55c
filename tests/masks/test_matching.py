"""Which mask belongs to which photograph."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from saga.errors import SagaError
from saga.masks.matching import match_names


def found(root: Path, files: list[str], views: list[str]) -> dict[str, str]:
    """View -> the matched path in the folder, of empty files and of folders (names that end with "/")."""
    for name in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir() if name.endswith("/") else path.touch()
    return {view: path.relative_to(root).as_posix() for view, path in match_names(root, views).files.items()}


@pytest.mark.parametrize(
    ("files", "views", "expected"),
    [
        (["0003.png"], ["0003.jpg"], ["0003.png"]),
        (["0003.JPG.png"], ["0003.JPG"], ["0003.JPG.png"]),
        (["0003/"], ["0003.jpg"], ["0003/"]),
        (["cam1/0.png", "cam2/0.png"], ["cam1/0.jpg", "cam2/0.jpg"], ["cam1/0.png", "cam2/0.png"]),
        (["rig/cam1/0.png", "rig/cam2/0.png"], ["cam1/0.jpg", "cam2/0.jpg"], ["rig/cam1/0.png", "rig/cam2/0.png"]),
        (["cam1_0.png", "cam2_0.png"], ["cam1/0.jpg", "cam2/0.jpg"], ["cam1_0.png", "cam2_0.png"]),
        (["x/cam1/0.npz"], ["0.jpg"], ["x/cam1/0.npz"]),
        (["5.png", "7.png"], ["cam1/5.jpg", "cam2/7.jpg"], ["5.png", "7.png"]),
        (["1305031102.175304.png"], ["1305031102.175304"], ["1305031102.175304.png"]),
        (["DSC.0004.jpg.json"], ["DSC.0004.jpg"], ["DSC.0004.jpg.json"]),
        (["a.jpg.png", "a.png.png"], ["a.jpg", "a.png"], ["a.jpg.png", "a.png.png"]),
        (["my photo (1).png"], ["my photo (1).jpg"], ["my photo (1).png"]),
        (["0003_mask.png", "4-label.png"], ["0003.jpg", "4.jpg"], ["0003_mask.png", "4-label.png"]),
        (["mask_0003.png"], ["0003.jpg"], ["mask_0003.png"]),
        (["cam1/0_mask.png", "cam2/0_mask.png"], ["cam1/0.jpg", "cam2/0.jpg"], ["cam1/0_mask.png", "cam2/0_mask.png"]),
        (["003.png", "010.png"], ["000003.jpg", "000010.jpg"], ["003.png", "010.png"]),
        (["mask_3.png"], ["0003.jpg"], ["mask_3.png"]),
    ],
)
def test_names_that_belong_together(tmp_path: Path, files: list[str], views: list[str], expected: list[str]) -> None:
    assert found(tmp_path, files, views) == {v: e.rstrip("/") for v, e in zip(views, expected, strict=True)}


def test_the_whole_path_comes_before_the_file_name(tmp_path: Path) -> None:
    files = ["0.png", "cam1/0.png", "cam1_0.png", "other/0.png"]
    assert found(tmp_path, files, ["cam1/0.jpg", "0.jpg"]) == {"cam1/0.jpg": "cam1/0.png", "0.jpg": "0.png"}


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_accents_may_be_stored_either_way(tmp_path: Path, form: str) -> None:
    other = "NFD" if form == "NFC" else "NFC"
    view = unicodedata.normalize(form, "K\u00fcche.jpg")
    assert list(found(tmp_path, [unicodedata.normalize(other, "K\u00fcche.png")], [view])) == [view]


def test_the_masks_of_one_photograph_are_not_those_of_another(tmp_path: Path) -> None:
    """A folder holds the masks of photograph 17, numbered; photographs 0 and 1 have none."""
    files = ["0016/0.png", "0016/1.png", "0017/0.png", "0017/1.png"]
    assert found(tmp_path, files, ["0000.jpg", "0001.jpg", "0016.jpg"]) == {"0016.jpg": "0016"}


def test_a_name_that_two_views_share_decides_nothing(tmp_path: Path) -> None:
    assert found(tmp_path, ["0.png"], ["cam1/0.jpg", "cam2/0.jpg"]) == {}
    assert found(tmp_path, ["0.png"], ["00.jpg", "000.jpg"]) == {}


def test_what_was_assumed_is_said(tmp_path: Path) -> None:
    for name in ("0003.png", "4.png"):
        (tmp_path / name).touch()
    assert match_names(tmp_path, ["0003.jpg"]).assumed == ()
    assert match_names(tmp_path, ["0003.jpg", "0004.jpg"]).assumed == ("matched by their numbers",)


@pytest.mark.parametrize("files", [["a.png", "a.json"], ["a.png", "a.jpg.png"], ["a/", "a.png"]])
def test_two_files_for_a_view_are_one_too_many(tmp_path: Path, files: list[str]) -> None:
    with pytest.raises(SagaError, match="both hold masks of a.jpg; keep one"):
        found(tmp_path, files, ["a.jpg"])
