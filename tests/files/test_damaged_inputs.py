"""Every reader against damage: it reads, or it says in one line what is wrong with which file."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from plyfile import PlyData, PlyElement
from safetensors.torch import save_file

from saga.errors import SagaError
from saga.evaluate.truth import read_picture
from saga.files.arrays import read_npy, read_npz
from saga.files.reading import reading
from saga.files.tensors import read_tensors
from saga.masks.annotations.table import read_annotations
from saga.masks.formats import read_masks
from saga.masks.pictures import read_object
from saga.scene import Gaussians
from saga.scene.camera_files import find_cameras
from saga.scene.colmap_check import check_binary_model
from saga.scene.images import exif_orientation, image_size, read_image
from saga.scene.json_file import read_json

NAMES = ("x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", "opacity", "scale_0", "scale_1", "scale_2")
NUMBERS = (*NAMES, "rot_0", "rot_1", "rot_2", "rot_3")
QUICK = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _ply(text: bool = False) -> bytes:
    rows = np.zeros(20, [(name, "f4") for name in NUMBERS])
    for index, name in enumerate(NUMBERS):
        rows[name] = np.linspace(-1, 1, 20) + index
    stream = io.BytesIO()
    PlyData([PlyElement.describe(rows, "vertex")], text=text, byte_order="=" if text else "<").write(stream)
    return stream.getvalue()


def _picture(kind: str, mode: str = "L") -> bytes:
    labels = np.zeros((12, 16), np.uint8)
    labels[3:9, 2:7] = 200
    stream = io.BytesIO()
    Image.fromarray(labels).convert(mode).save(stream, kind)
    return stream.getvalue()


def _array(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def _archive() -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, masks=np.ones((2, 12, 16), bool))
    return stream.getvalue()


def _tensors() -> bytes:
    from safetensors.torch import save

    return save({"features": torch.ones(4, 3)}, {"saga": json.dumps({"format_version": 2})})


def _poses() -> list[list[float]]:
    return np.eye(4).tolist()


def _nerfstudio() -> bytes:
    frames = [{"file_path": f"{i}.png", "transform_matrix": _poses()} for i in range(2)]
    return json.dumps({"w": 16, "h": 12, "fl_x": 20.0, "cx": 8.0, "cy": 6.0, "k1": 0.1, "frames": frames}).encode()


def _inria() -> bytes:
    pose = {"position": [0, 0, 1], "rotation": np.eye(3).tolist()}
    cameras = [{"id": i, "img_name": str(i), "width": 16, "height": 12, "fx": 20, "fy": 20, **pose} for i in range(2)]
    return json.dumps(cameras).encode()


def _encoded() -> bytes:
    return json.dumps([{"segmentation": {"size": [12, 16], "counts": [10, 20, 162]}}] * 2).encode()


def _coco() -> bytes:
    image = {"id": 1, "file_name": "a.png", "width": 16, "height": 12}
    ring = {"image_id": 1, "segmentation": [[1, 1, 9, 1, 9, 9]]}
    runs = {"image_id": 1, "segmentation": {"size": [12, 16], "counts": [10, 20, 162]}}
    return json.dumps({"images": [image], "annotations": [ring, runs]}).encode()


def _labelme() -> bytes:
    shapes = [
        {"label": "a", "points": [[1, 1], [9, 1], [9, 9]], "shape_type": "polygon"},
        {"label": "b", "points": [[3, 3], [6, 6]], "shape_type": "circle"},
    ]
    return json.dumps({"imagePath": "a.png", "imageWidth": 16, "imageHeight": 12, "shapes": shapes}).encode()


def _cvat() -> bytes:
    shape = '<polygon points="1,1;9,1;9,9" label="a"/><box xtl="1" ytl="1" xbr="5" ybr="5" label="b"/>'
    return f'<annotations><image id="0" name="a.png" width="16" height="12">{shape}</image></annotations>'.encode()


def _annotations(path: Path) -> object:
    found = read_annotations(path)
    return found and [image.decode((12, 16), lambda line: None) for image in found.images]


def _cameras_bin() -> bytes:
    return struct.pack("<QIiQQ4d", 1, 1, 1, 16, 12, 20, 20, 8, 6)


def _images_bin() -> bytes:
    image = struct.pack("<I7dI", 1, 1, 0, 0, 0, 0, 0, 4, 1) + b"a.png\0" + struct.pack("<Qddq", 1, 2, 3, -1)
    return struct.pack("<Q", 1) + image


def _points_bin() -> bytes:
    return struct.pack("<QQ3d3BdQII", 1, 1, 0, 0, 1, 9, 9, 9, 0.5, 1, 1, 0)


def _colmap(which: str) -> Callable[[Path], object]:
    """Reads a COLMAP model of which one file is the damaged one."""

    def read(path: Path) -> object:
        files = {"cameras.bin": _cameras_bin(), "images.bin": _images_bin(), "points3D.bin": _points_bin()}
        for name, data in files.items():
            (path.parent / name).write_bytes(path.read_bytes() if name == which else data)
        return _cameras(path.parent)

    return read


def _cameras(path: Path) -> object:
    return find_cameras(path.parent / "scene.ply", None, path).read(None)


def _field(path: Path) -> object:
    with reading(path, "tensors"):
        return read_tensors(path, "saga")


def _picture_sizes(path: Path) -> object:
    return image_size(path), exif_orientation(path), read_image(path, upright=True)


READERS: dict[str, tuple[str, bytes, Callable[[Path], object]]] = {
    "binary PLY": ("scene.ply", _ply(), Gaussians.read),
    "text PLY": ("scene.ply", _ply(text=True), Gaussians.read),
    "JPEG": ("a.jpg", _picture("JPEG"), _picture_sizes),
    "PNG": ("a.png", _picture("PNG"), _picture_sizes),
    "TIFF": ("a.tif", _picture("TIFF"), _picture_sizes),
    "WebP": ("a.webp", _picture("WEBP", "RGB"), _picture_sizes),
    "label picture": ("a.png", _picture("PNG"), read_masks),
    "object with alpha": ("a.png", _picture("PNG", "LA"), read_object),
    "true mask": ("a.png", _picture("PNG", "P"), read_picture),
    "npy masks": ("a.npy", _array(np.ones((2, 12, 16), bool)), read_masks),
    "npy labels": ("a.npy", _array(np.arange(20)), read_npy),
    "npz masks": ("a.npz", _archive(), read_masks),
    "run lengths": ("a.json", _encoded(), read_masks),
    "COCO": ("a.json", _coco(), _annotations),
    "LabelMe": ("a.json", _labelme(), _annotations),
    "CVAT": ("a.xml", _cvat(), _annotations),
    "nerfstudio": ("transforms.json", _nerfstudio(), _cameras),
    "INRIA": ("cameras.json", _inria(), _cameras),
    "COLMAP's cameras": ("changed", _cameras_bin(), _colmap("cameras.bin")),
    "COLMAP's images": ("changed", _images_bin(), _colmap("images.bin")),
    "COLMAP's points": ("changed", _points_bin(), _colmap("points3D.bin")),
    "safetensors": ("a.saga", _tensors(), _field),
}


@st.composite
def damages(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """Draws a change of a file: bytes flipped, cut off, put in or taken out, or a count of 4 or 8 bytes overwritten."""
    kind = draw(st.sampled_from(["flip", "cut", "insert", "remove", "count"]))
    where = draw(st.floats(0, 1))
    junk = draw(st.binary(min_size=1, max_size=16))
    count = draw(st.sampled_from([0, 1, 1 << 31, (1 << 32) - 1, 1 << 40, 1 << 62, (1 << 64) - 1]))

    def change(data: bytes) -> bytes:
        at = int(where * len(data))
        if kind == "cut":
            return data[:at]
        if kind == "insert":
            return data[:at] + junk + data[at:]
        if kind == "remove":
            return data[:at] + data[at + len(junk) :]
        written = junk if kind == "flip" else count.to_bytes(8, "little")[: 4 + 4 * (at % 2)]
        return data[:at] + written + data[at + len(written) :]

    return change


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", READERS)
@given(change=damages())
@QUICK
def test_a_damaged_file_is_read_or_named_in_one_line(
    name: str, change: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    file, data, read = READERS[name]
    path = tmp_path / file
    path.write_bytes(change(data))
    try:
        read(path)
    except SagaError as error:
        text = str(error)
        assert str(path.parent) in text and "\n" not in text and len(text) < 1000  # noqa: PT017 (reading it is right too)


@pytest.mark.parametrize("name", READERS)
def test_an_undamaged_file_is_read(name: str, tmp_path: Path) -> None:
    file, data, read = READERS[name]
    (tmp_path / file).write_bytes(data)
    assert read(tmp_path / file) is not None


def _header(shape: str, kind: str = "|b1") -> bytes:
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text


class _Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("harmed"),))


def _pickled() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.array([_Evil()], object), allow_pickle=True)
    return stream.getvalue()


LIES = {
    "a million masks": ("a.json", b"[" + b'{"segmentation":{"size":[1,1],"counts":[1]}},' * 70000 + b"{}]"),
    "a million arrays": ("a.npy", _array(np.ones((70000, 1, 1), bool))),
    "more rows than the file has": ("a.npy", _header("(1000000, 12, 16)") + bytes(400)),
    "more than any memory": ("a.npy", _header("(4611686018427387904, 2, 2)")),
    "negative sides": ("a.npy", _header("(-1, 12, 16)") + bytes(400)),
    "elements without bytes": ("a.npy", _header("(3, 12, 16)", "|V0")),
    "nested brackets": ("a.npy", _header("(" * 3000)),
    "Python objects": ("a.npy", _pickled()),
    "nested JSON": ("a.json", b"[" * 200_000 + b"]" * 200_000),
    "JSON of huge masks": ("a.json", b'[{"segmentation": {"size": [1000000000, 1000000000], "counts": [1]}}]'),
    "JSON of masks without end": ("a.json", b'[{"segmentation": {"size": [9, %s], "counts": [1]}}]' % (b"9" * 500)),
}


@pytest.mark.parametrize("name", LIES)
def test_a_header_that_lies_costs_nothing(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file, data = LIES[name]
    (tmp_path / file).write_bytes(data)
    with pytest.raises(SagaError, match=f"{file}: ") as caught:
        read_masks(tmp_path / file)
    assert "\n" not in str(caught.value) and not (tmp_path / "harmed").exists()


@pytest.mark.parametrize("element", ["vertex 4611686018427387904", "vertex 21", "vertex 20\nelement camera 8589934592"])
@pytest.mark.parametrize("text", [False, True])
def test_a_ply_is_as_large_as_it_says(tmp_path: Path, element: str, text: bool) -> None:
    head, end, rows = _ply(text).partition(b"end_header\n")
    if "camera" in element:
        head += f"{element.splitlines()[1]}\n".encode()
    else:
        head = head.replace(b"vertex 20", element.encode())
    (tmp_path / "scene.ply").write_bytes(head + end + rows)
    with pytest.raises(SagaError, match=r"scene\.ply: expected a whole PLY"):
        Gaussians.read(tmp_path / "scene.ply")


def test_an_archive_cannot_unpack_to_more_than_it_can_hold(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("masks.npy", _array(np.ones((2, 12, 16), bool)))
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\3\4", 22), (b"PK\1\2", 24)):
        at = data.index(signature) + offset
        data[at : at + 4] = struct.pack("<I", 0xF0000000)
    path.write_bytes(data)
    with pytest.raises(SagaError, match="claim to be 4026531840"):
        read_npz(path)


def test_what_does_not_fit_into_memory_is_said_before_room_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("saga.files.reading.memory_limit", lambda: 100)
    for file, data in (
        ("a.npy", _array(np.ones((2, 12, 16), bool))),
        ("a.json", _encoded()),
        ("a.png", _picture("PNG")),
    ):
        (tmp_path / file).write_bytes(data)
        with pytest.raises(SagaError, match="expected contents that fit into 0 GB of memory"):
            read_masks(tmp_path / file)


@pytest.mark.parametrize(
    "error", [MemoryError(), RecursionError(), UnicodeDecodeError("utf-8", b"x", 0, 1, "odd"), struct.error("x")]
)
def test_any_error_of_a_library_is_one_line(tmp_path: Path, error: Exception) -> None:
    said = r"x\.bin: expected numbers, found .*; write it again\.$"
    with pytest.raises(SagaError, match=said) as caught, reading(tmp_path / "x.bin", "numbers"):
        raise error
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("leaving", [KeyboardInterrupt, SystemExit])
def test_who_wants_to_leave_leaves(tmp_path: Path, leaving: type[BaseException]) -> None:
    with pytest.raises(leaving), reading(tmp_path, "numbers"):
        raise leaving


@pytest.mark.parametrize("kind", [torch.float16, torch.float32])
@pytest.mark.parametrize("number", [float("inf"), -float("inf"), float("nan")])
@pytest.mark.parametrize("place", [0, 299_999])
def test_numbers_that_are_not_finite_are_no_tensors(
    tmp_path: Path, kind: torch.dtype, number: float, place: int
) -> None:
    features = torch.full((300_000,), torch.finfo(kind).max, dtype=kind)
    features[place] = number
    save_file({"features": features}, tmp_path / "a.saga", {"saga": "{}"})
    with pytest.raises(SagaError, match="numbers in features that are not finite"):
        _field(tmp_path / "a.saga")


def test_json_that_is_whole_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('\ufeff{"a": 1}', encoding="utf-8")
    assert read_json(tmp_path / "a.json") == {"a": 1}


def test_every_record_of_a_colmap_model_is_walked(tmp_path: Path) -> None:
    files = {"cameras.bin": _cameras_bin(), "images.bin": _images_bin(), "points3D.bin": _points_bin()}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "rigs.bin").write_bytes(struct.pack("<QIIiIiIB7d", 1, 1, 2, 0, 1, 0, 2, 1, *[0.0] * 7))
    (tmp_path / "frames.bin").write_bytes(struct.pack("<QII7dIiIQ", 1, 1, 1, *[0.0] * 7, 1, 0, 1, 1))
    check_binary_model(tmp_path)
    for path in sorted(tmp_path.iterdir()):
        whole = path.read_bytes()
        path.write_bytes(whole[:-1])
        with pytest.raises(ValueError, match=path.name):
            check_binary_model(tmp_path)
        path.write_bytes(whole)


@pytest.mark.parametrize("count", [-1, -5])
def test_fewer_rows_than_none_are_refused(count: int, tmp_path: Path) -> None:
    path = tmp_path / "scene.ply"
    element = b"element camera %d\nelement vertex" % count  # of no properties: the first ends the process in NumPy
    path.write_bytes(_ply(text=False).replace(b"element vertex", element, 1))
    with pytest.raises(SagaError, match=f"its header counts {count} rows"):
        Gaussians.read(path)
