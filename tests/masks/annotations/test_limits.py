"""Annotation files with more masks than memory has room for are refused before any of them is decoded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from saga.errors import SagaError
from saga.masks import rle
from saga.masks.annotations import shapes
from saga.masks.annotations.image import require_masks
from saga.masks.annotations.table import read_annotations
from saga.masks.annotations.yolo import read_yolo

SIZE = HEIGHT, WIDTH = 30, 40
COUNT = 50
RUNS = {"size": [HEIGHT, WIDTH], "counts": [0, HEIGHT * WIDTH]}
IMAGE = {"id": 1, "file_name": "a.png", "height": HEIGHT, "width": WIDTH}
SHAPE = {"label": "a", "points": [[1, 1], [9, 1], [9, 9]], "shape_type": "polygon"}
BOX = '<box label="a" xtl="1" ytl="1" xbr="9" ybr="9"/>'
CONTENTS: dict[str, Any] = {
    "COCO instances": {"images": [IMAGE], "annotations": [{"image_id": 1, "segmentation": RUNS}] * COUNT},
    "SA-1B": {"image": IMAGE, "annotations": [{"segmentation": RUNS}] * COUNT},
    "segment-anything's list of masks": [{"segmentation": RUNS}] * COUNT,
    "SA-V": {"masklet": [[RUNS] * COUNT]},
    "LabelMe": {"imageHeight": HEIGHT, "imageWidth": WIDTH, "shapes": [SHAPE] * COUNT},
    "CVAT": f'<annotations><image name="a.png" width="{WIDTH}" height="{HEIGHT}">{BOX * COUNT}</image></annotations>',
    "YOLO": "0 0.1 0.1 0.5 0.1 0.5 0.6\n" * COUNT,
    "COCO panoptic": {
        "images": [IMAGE],
        "annotations": [
            {"image_id": 1, "file_name": "a.png", "segments_info": [{"id": n} for n in range(1, 1 + COUNT)]}
        ],
    },
}


def _written(folder: Path, kind: str) -> Path:
    colors = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    colors[..., 0] = np.arange(HEIGHT * WIDTH).reshape(SIZE) % (COUNT + 1)
    Image.fromarray(colors).save(folder / "a.png")
    ending = {"CVAT": "xml", "YOLO": "txt"}.get(kind, "json")
    path = folder / f"a.{ending}"
    contents = CONTENTS[kind]
    path.write_text(contents if isinstance(contents, str) else json.dumps(contents))
    return path


def _decoded(path: Path, kind: str) -> np.ndarray:
    if kind == "YOLO":
        return read_yolo(path, SIZE, lambda line: None)
    annotations = read_annotations(path)
    assert annotations is not None and annotations.kind == kind
    return annotations.images[0].decode(SIZE, lambda line: None)


@pytest.mark.parametrize("kind", CONTENTS)
def test_masks_that_memory_has_no_room_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    path = _written(tmp_path, kind)
    assert _decoded(path, kind).shape == (COUNT, HEIGHT, WIDTH)

    def refuse(*arguments: object) -> None:
        raise AssertionError("decoded")

    for module, name in ((rle, "decode"), (shapes, "polygon"), (shapes, "box")):
        monkeypatch.setattr(module, name, refuse)
    monkeypatch.setattr("saga.masks.annotations.yolo.polygon", refuse)
    room = 2 * COUNT * HEIGHT * WIDTH - 1
    monkeypatch.setattr("saga.files.reading.memory_limit", lambda: room)
    with pytest.raises(SagaError, match=rf"a\.\w+: .* that fit .*, found {COUNT} masks of {WIDTH}x{HEIGHT}"):
        _decoded(path, kind)


def test_more_masks_than_things() -> None:
    require_masks(Path("a.json"), 65_536, (1, 1))
    with pytest.raises(SagaError, match=r"a\.json: expected at most 65536 masks of a photograph, found 65537; split"):
        require_masks(Path("a.json"), 65_537, (1, 1))
