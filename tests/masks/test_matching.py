"""Which mask belongs to which photograph."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from saga.errors import SagaError
from saga.masks.formats import PICTURES
from saga.masks.matching import Matches, candidates_in, match_names


def matches_of(root: Path, files: list[str], views: list[str]) -> tuple[Matches, dict[str, str]]:
    """What is matched of empty files and folders (names that end with "/"), and view -> path in the folder."""
    for name in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir() if name.endswith("/") else path.touch()
    candidates = candidates_in(root, (*PICTURES, ".npz", ".npy", ".json"), PICTURES)
    matches = match_names(candidates, views)
    return matches, {view: ", ".join(str(candidates[n].path) for n in ns) for view, ns in matches.found.items()}


def found(root: Path, files: list[str], views: list[str]) -> dict[str, str]:
    return matches_of(root, files, views)[1]


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
        (["frame_000.png", "frame_001.png"], ["0.jpg", "1.jpg"], ["frame_000.png", "frame_001.png"]),
        (["0.png", "7.png"], ["frame_00000.jpg", "frame_00007.jpg"], ["0.png", "7.png"]),
        (["IMG_1.PNG"], ["img_1.JPG"], ["IMG_1.PNG"]),
        (["0001-seg.PNG"], ["0001.jpg"], ["0001-seg.PNG"]),
        (["0001_gt_mask.png"], ["0001.jpg"], ["0001_gt_mask.png"]),
        (["mask0001.png"], ["0001.jpg"], ["mask0001.png"]),
        (["seg/mug/1.png", "seg/cup/1.png"], ["1.jpg"], ["seg/cup/1.png, seg/mug/1.png"]),
        (["1_0.png", "1_1.png"], ["1.jpg"], ["1_0.png, 1_1.png"]),
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


def test_what_may_belong_to_two_views_goes_to_the_longer_path_or_neither(tmp_path: Path) -> None:
    assert found(tmp_path / "a", ["x/cam1/0.png"], ["0.jpg", "cam1/0.jpg"]) == {"cam1/0.jpg": "x/cam1/0.png"}
    matches, found_ = matches_of(tmp_path / "b", ["img.png", "x.png"], ["IMG.jpg", "Img.jpg", "x.jpg"])
    assert found_ == {"x.jpg": "x.png"}
    assert matches.assumed == ["img.png left out: it may belong to IMG.jpg or Img.jpg"]


def test_numbers_that_begin_elsewhere(tmp_path: Path) -> None:
    """Masks from 0 and photographs from 1: the second mask may be the first photograph's or the second's."""
    photographs = ["0001.jpg", "0002.jpg", "0003.jpg"]
    with pytest.raises(SagaError, match="expected the numbers of the photographs, 1 to 3, found 0 to 2"):
        found(tmp_path / "a", ["0.png", "1.png", "2.png"], photographs)
    matches, _ = matches_of(tmp_path / "b", ["0000.png", "0001.png", "0002.png"], photographs)
    assert matches.assumed == [
        "masks are numbered from 0 to 2, photographs from 1 to 3: those of the same name are taken"
    ]
    assert matches_of(tmp_path / "c", ["1.png", "3.png"], photographs)[1] == {"0001.jpg": "1.png", "0003.jpg": "3.png"}


def test_folders_that_may_be_photographs_or_objects(tmp_path: Path) -> None:
    matches, found_ = matches_of(tmp_path, ["0/0.png", "0/1.png", "1/0.png"], ["0.jpg", "1.jpg"])
    assert found_ == {"0.jpg": "0", "1.jpg": "1"} and "called like photographs too" in matches.assumed[0]


def test_what_was_assumed_is_said(tmp_path: Path) -> None:
    files = ["0003.png", "4.png"]
    assert matches_of(tmp_path, files, ["0003.jpg"])[0].assumed == []
    assert matches_of(tmp_path, files, ["0003.jpg", "0004.jpg"])[0].assumed == ["matched by their numbers"]


@pytest.mark.parametrize(
    "files", [["a.png", "a.json"], ["a.png", "a.jpg.png"], ["a/", "a.png"], ["x/1/a.png", "y/2/a.png"]]
)
def test_two_files_for_a_view_are_one_too_many(tmp_path: Path, files: list[str]) -> None:
    with pytest.raises(SagaError, match="both hold masks of a.jpg; keep one"):
        found(tmp_path, files, ["a.jpg"])
