"""Each kind of annotation file, written here from a drawn picture by the format's own definition."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from saga.errors import SagaError
from saga.masks import FolderMasks
from saga.scene.camera import Camera

HEIGHT, WIDTH = 60, 90


def square(left: int, top: int, right: int, bottom: int) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[top:bottom, left:right] = True
    return mask


def ellipse(x: float, y: float, rx: float, ry: float) -> np.ndarray:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    return ((columns - x) / rx) ** 2 + ((rows - y) / ry) ** 2 < 1


MUG, PLATE, BALL = square(10, 5, 30, 25), square(40, 30, 80, 50), ellipse(60, 20, 12, 12)
CORNERS = [[10, 5], [30, 5], [30, 25], [10, 25]]


def view(name: str = "0001.jpg") -> Camera:
    return Camera(name, WIDTH, HEIGHT, 50.0, 50.0, WIDTH / 2, HEIGHT / 2, np.eye(4))


def read(path: Path, name: str = "0001.jpg", *others: str) -> np.ndarray:
    return FolderMasks(path, [view(name), *map(view, others)]).masks(view(name))


def same(masks: np.ndarray, *expected: np.ndarray) -> bool:
    """Whether masks are the expected ones, in any order."""
    return sorted(mask.tobytes() for mask in masks) == sorted(mask.tobytes() for mask in expected)


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / (one | other).sum())


def runs(mask: np.ndarray, down: bool = True) -> list[int]:
    """Lengths of runs, the first of background, down the columns or along the rows."""
    counts, last = [0], False
    for value in (mask.T if down else mask).ravel().tolist():
        if value != last:
            counts.append(0)
            last = value
        counts[-1] += 1
    return counts


def packed(counts: list[int]) -> str:
    """COCO's string of run lengths, by its definition."""
    text = ""
    for place, count in enumerate(counts):
        value = count - counts[place - 2] if place > 2 else count
        while True:
            group, value = value & 0x1F, value >> 5
            more = value != (-1 if group & 0x10 else 0)
            text += chr((group | 0x20 * more) + 48)
            if not more:
                break
    return text


def encoded(mask: np.ndarray, compressed: bool = True) -> dict[str, Any]:
    return {"size": [HEIGHT, WIDTH], "counts": packed(runs(mask)) if compressed else runs(mask)}


def dump(path: Path, contents: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(contents))
    return path


def coco(*annotations: dict[str, Any], names: tuple[str, ...] = ("0001.jpg", "0002.jpg")) -> dict[str, Any]:
    images = [{"id": 70 + i, "file_name": name, "height": HEIGHT, "width": WIDTH} for i, name in enumerate(names)]
    return {"images": images, "annotations": [{"image_id": 70, "category_id": 1, **one} for one in annotations]}


POLYGON = {"segmentation": [[x for corner in CORNERS for x in corner]]}
PIECES = {"segmentation": [*POLYGON["segmentation"], [40, 30, 80, 30, 80, 50, 40, 50]]}
INSTANCES = coco(
    POLYGON, {"segmentation": encoded(BALL)}, {"segmentation": encoded(PLATE, False)}, {**PIECES, "image_id": 71}
)


def test_coco_instances(tmp_path: Path) -> None:
    path = dump(tmp_path / "instances.json", INSTANCES)
    for masks in (path, tmp_path):  # the file itself, and the folder that holds it
        assert same(read(masks, "0001.jpg", "0002.jpg", "0003.jpg"), MUG, BALL, PLATE)
        assert same(read(masks, "0002.jpg", "0001.jpg"), MUG | PLATE)
    assert len(read(path, "0003.jpg", "0001.jpg", "0002.jpg")) == 0


@pytest.mark.parametrize("place", ["masks.json", "masks/deeper/a.json", "annotations.json"])
def test_one_file_for_all_beside_or_inside_the_folder(tmp_path: Path, place: str) -> None:
    (tmp_path / "masks").mkdir()
    dump(tmp_path / "transforms.json", {"frames": []})
    (tmp_path / "damaged.json").write_text("[{")
    dump(tmp_path / place, INSTANCES)
    assert same(read(tmp_path / "masks", "0001.jpg", "0002.jpg"), MUG, BALL, PLATE)


def test_coco_names_are_matched_like_those_of_files(tmp_path: Path) -> None:
    names = ("val/0001.png", "train\\0001.png")
    path = dump(tmp_path / "a.json", coco(POLYGON, {**PIECES, "image_id": 71}, names=names))
    assert same(read(path, "train/0001.jpg", "val/0001.jpg"), MUG | PLATE)
    renamed = coco(POLYGON, names=("0001_jpg.rf.0a1b.jpg",))
    renamed["images"][0]["extra"] = {"name": "0001.jpg"}
    assert same(read(dump(tmp_path / "b.json", renamed)), MUG)


def test_what_is_no_object_among_coco_s_is_said(tmp_path: Path) -> None:
    crowd = {"segmentation": encoded(PLATE, False), "iscrowd": 1}
    path = dump(tmp_path / "a.json", coco(POLYGON, crowd, {"bbox": [1, 2, 3, 4], "segmentation": []}))
    with pytest.warns(UserWarning, match="crowds"), pytest.warns(UserWarning, match="boxes"):
        assert same(read(path, "0001.jpg", "0002.jpg"), MUG)


NUMBERS = [{"image_id": n, "segmentation": encoded(MUG)} for n in (1, 2)]


@pytest.mark.parametrize(
    ("contents", "match"),
    [
        (coco({**POLYGON, "image_id": 5}), "1 whose image_id no image has"),
        (coco({"segmentation": [], "bbox": [1, 2, 3, 4]}), "1 boxes alone"),
        (coco({"segmentation": {"size": [WIDTH, HEIGHT], "counts": runs(MUG)}}), "60x90 where the image is 90x60"),
        (coco({"segmentation": [[1, 2, 3, 4, 5, "x"]]}), "mask 0"),
        (coco({"segmentation": [[1, 2, 3, 4, 5, None]]}), "mask 0"),
        (NUMBERS, "those of 2 by numbers alone"),
        ({"nothing": 1}, "expected a folder of masks or annotations"),
        ({**INSTANCES, "images": [{"id": 70}, {"id": 71}]}, "a file_name for every image"),
    ],
)
def test_coco_that_is_damaged(tmp_path: Path, contents: object, match: str) -> None:
    with pytest.raises(SagaError, match=match) as caught:
        read(dump(tmp_path / "a.json", contents), "0001.jpg", "0002.jpg")
    assert "\n" not in str(caught.value) and "a.json" in str(caught.value)


def test_two_that_hold_masks_of_one_view(tmp_path: Path) -> None:
    dump(tmp_path / "a.json", INSTANCES)
    Image.fromarray(MUG).save(tmp_path / "0001.png")
    with pytest.raises(SagaError, match=r"0001\.png and .*a\.json both hold masks of 0001\.jpg"):
        read(tmp_path)


def panoptic(folder: Path) -> Path:
    """Segments 300 (the mug), 70000 (the ball), 5 (a crowd), and 9, which the JSON does not know."""
    numbers = 300 * MUG + 70000 * BALL + 5 * (PLATE & ~BALL)
    numbers[0, 0] = 9
    colors = np.stack([numbers % 256, numbers // 256 % 256, numbers // 65536], -1).astype(np.uint8)
    folder.mkdir(parents=True)
    Image.fromarray(colors).save(folder / "0001.png")
    segments = [{"id": 300, "category_id": 1}, {"id": 70000, "category_id": 1}, {"id": 5, "iscrowd": 1}]
    record = {"image_id": 70, "file_name": "0001.png", "segments_info": segments}
    return dump(folder.parent / "panoptic_val.json", {**coco(), "annotations": [record]})


def test_coco_panoptic(tmp_path: Path) -> None:
    path = panoptic(tmp_path / "panoptic_val")
    for given in (path, tmp_path, tmp_path / "panoptic_val"):
        with pytest.warns(UserWarning, match="crowds"), pytest.warns(UserWarning, match="no segment"):
            assert same(read(given), MUG, BALL)


def test_panoptic_pictures_that_are_missing_or_of_another_file(tmp_path: Path) -> None:
    path = panoptic(tmp_path / "elsewhere")
    Image.fromarray(np.dstack([PLATE * np.uint8(77)] * 3)).save(tmp_path / "elsewhere" / "0001.png")
    with pytest.raises(SagaError, match="none of their numbers among its colors"):
        read(path)
    (tmp_path / "elsewhere" / "0001.png").unlink()
    with pytest.raises(SagaError, match="put the PNGs into .*panoptic_val"):
        read(path)


def test_sa_1b(tmp_path: Path) -> None:
    image = {"image_id": 5, "file_name": "sa_5.jpg", "height": HEIGHT, "width": WIDTH}
    annotations = [{"segmentation": encoded(mask), "id": n} for n, mask in enumerate((MUG, BALL))]
    dump(tmp_path / "sa_5.json", {"image": image, "annotations": annotations})
    assert same(read(tmp_path, "sa_5.jpg"), MUG, BALL)


SAV = {"video_id": "v", "masklet": [[encoded(MUG)], [encoded(MUG), encoded(BALL)], [encoded(np.zeros_like(MUG))]]}


@pytest.mark.parametrize(
    ("views", "words"),
    [(["00004.jpg", "00000.jpg", "00001.jpg", "00008.jpg"], "frames of the video"),
     (["f_1.jpg", "f_0.jpg", "f_2.jpg"], "annotated frames alone")],
)  # fmt: skip
def test_sa_v(tmp_path: Path, views: list[str], words: str) -> None:
    source = FolderMasks(dump(tmp_path / "v_manual.json", SAV), [view(name) for name in views])
    assert words in source.description
    assert same(source.masks(view(views[0])), MUG, BALL)
    assert same(source.masks(view(views[1])), MUG)
    assert len(source.masks(view(views[2]))) == 0


def test_sa_v_with_photographs_that_may_be_either(tmp_path: Path) -> None:
    with pytest.raises(SagaError, match="that may be either"):
        read(dump(tmp_path / "v.json", SAV), "00001.jpg", "00002.jpg")


def labelme(**shapes: Any) -> dict[str, Any]:
    drawn = [{"label": name, "group_id": None, **shape} for name, shape in shapes.items()]
    return {"shapes": drawn, "imagePath": "0001.jpg", "imageHeight": HEIGHT, "imageWidth": WIDTH}


def test_labelme(tmp_path: Path) -> None:
    stream = io.BytesIO()
    Image.fromarray(MUG[5:25, 10:30]).save(stream, "PNG")
    bitmap = base64.b64encode(stream.getvalue()).decode()
    shapes = {
        "polygon": {"points": CORNERS, "shape_type": "polygon"},
        "rectangle": {"points": [[80, 50], [40, 30]], "shape_type": "rectangle"},
        "circle": {"points": [[60, 20], [60, 32]], "shape_type": "circle"},
        "mask": {"points": [[10, 5], [29, 24]], "shape_type": "mask", "mask": bitmap},
        "point": {"points": [[1, 1]], "shape_type": "point"},
    }
    dump(tmp_path / "0001.json", labelme(**shapes))
    with pytest.warns(UserWarning, match="points and lines"):
        masks = read(tmp_path)
    assert same(masks[[0, 1, 3]], MUG, PLATE, MUG) and iou(masks[2], BALL) > 0.98


def test_labelme_groups_and_photographs_of_a_size_that_is_not_stated(tmp_path: Path) -> None:
    contents = labelme(a={"points": CORNERS}, b={"points": [[40, 30], [80, 30], [80, 50], [40, 50]]})
    for shape in contents["shapes"]:
        shape |= {"label": "set", "group_id": 3}
    contents["imageHeight"] = contents["imageWidth"] = None
    dump(tmp_path / "0001.json", contents)
    assert same(read(tmp_path), MUG | PLATE)


def test_labelme_files_of_other_names_go_by_the_photograph_they_name(tmp_path: Path) -> None:
    contents = labelme(a={"points": CORNERS})
    dump(tmp_path / "annotation-7.json", {**contents, "imagePath": "..\\images\\0001.jpg"})
    assert same(read(tmp_path), MUG)


def test_a_file_that_names_another_photograph_than_its_own_is_said(tmp_path: Path) -> None:
    dump(tmp_path / "0002.json", labelme(a={"points": CORNERS}))
    with pytest.warns(UserWarning, match="names the photograph 0001.jpg, and is taken for that of its own name"):
        assert same(read(tmp_path, "0002.jpg", "0001.jpg"), MUG)


def test_labelme_with_a_shape_of_no_sense(tmp_path: Path) -> None:
    dump(tmp_path / "0001.json", labelme(a={"points": [[1, 2]], "shape_type": "circle"}))
    with pytest.raises(SagaError, match="shape 0 is no shape of LabelMe"):
        read(tmp_path)


def cvat(*images: str) -> str:
    return f'<?xml version="1.0" encoding="utf-8"?><annotations><version>1.1</version>{"".join(images)}</annotations>'


def test_cvat(tmp_path: Path) -> None:
    half = BALL & square(48, 0, 60, HEIGHT)
    bits = ", ".join(map(str, runs(half[8:32, 48:60], down=False)))
    shapes = f"""
        <polygon label="mug" points="10.00,5.00;30.00,5.00;30.00,25.00;10.00,25.00" z_order="0"/>
        <box label="plate" xtl="40" ytl="30" xbr="80" ybr="50" z_order="0"/>
        <box label="turned" xtl="50" ytl="20" xbr="70" ybr="60" rotation="90.0" z_order="0"/>
        <ellipse label="ball" cx="60" cy="20" rx="12" ry="12"/>
        <mask label="ball" rle="{bits}" left="48" top="8" width="12" height="24"/>
        <polyline label="line" points="1,2;3,4"/><tag label="seen"/>
        <polygon label="set" group_id="2" points="10,5;30,5;30,25;10,25"/>
        <box label="set" group_id="2" xtl="40" ytl="30" xbr="80" ybr="50"/>"""
    images = f'<image id="0" name="in/0001.jpg" width="{WIDTH}" height="{HEIGHT}">{shapes}</image>'
    path = tmp_path / "annotations.xml"
    path.write_text(cvat(images, f'<image id="1" name="0002.jpg" width="{WIDTH}" height="{HEIGHT}"/>'))
    for given in (path, tmp_path):
        with pytest.warns(UserWarning, match="points, lines and cuboids"):
            masks = read(given, "0001.jpg", "0002.jpg")
        assert same(masks[[0, 1, 2, 4, 5]], MUG, PLATE, PLATE, half, MUG | PLATE) and iou(masks[3], BALL) > 0.98


def test_cvat_of_a_video(tmp_path: Path) -> None:
    boxes = '<box frame="3" outside="0" xtl="40" ytl="30" xbr="80" ybr="50"/><box frame="4" outside="1"/>'
    size = f"<original_size><width>{WIDTH}</width><height>{HEIGHT}</height></original_size>"
    (tmp_path / "annotations.xml").write_text(
        cvat(f"<meta><task>{size}</task></meta>", f'<track id="0" label="plate">{boxes}</track>')
    )
    assert same(read(tmp_path, "frame_3.png", "frame_4.png"), PLATE)


@pytest.mark.parametrize(
    "shape",
    ['<polygon points="1,2;3"/>', '<mask rle="5" left="0" top="0" width="2" height="2"/>', "<blob/>", '<box xtl="a"/>'],
)
def test_cvat_that_is_damaged(tmp_path: Path, shape: str) -> None:
    image = f'<image id="0" name="0001.jpg" width="{WIDTH}" height="{HEIGHT}">{shape}</image>'
    (tmp_path / "a.xml").write_text(cvat(image))
    with pytest.raises(SagaError, match=r"a\.xml: 0001\.jpg: shape 0"):
        read(tmp_path / "a.xml")
    (tmp_path / "a.xml").write_text("<annotations>")
    with pytest.raises(SagaError, match=r"a\.xml: expected annotations"):
        read(tmp_path / "a.xml")


def test_yolo(tmp_path: Path) -> None:
    def line(points: list[list[int]]) -> str:
        return " ".join(["0", *(f"{x / WIDTH:.6f} {y / HEIGHT:.6f}" for x, y in points)])

    plate = [[40, 30], [80, 30], [80, 50], [40, 50]]
    (tmp_path / "classes.txt").write_text("mug\n")
    (tmp_path / "0001.txt").write_text(f"{line(CORNERS)}\n{line(plate)}\n1 0.5 0.5 0.1 0.1\n")
    (tmp_path / "0002.txt").write_text("")
    with pytest.warns(UserWarning, match="boxes without a polygon"):
        assert same(read(tmp_path), MUG, PLATE)
    assert len(read(tmp_path, "0002.jpg")) == 0


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("0 0.5 0.5 0.1 0.1", "1 boxes alone"),
        ("0 30 5 30 25 10 25", "line 1 is no class"),
        ("a b", "line 1 is no class"),
    ],
)
def test_yolo_that_is_damaged(tmp_path: Path, text: str, match: str) -> None:
    (tmp_path / "0001.txt").write_text(text)
    with pytest.raises(SagaError, match=match):
        read(tmp_path)
