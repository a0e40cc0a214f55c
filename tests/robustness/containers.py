"""Damage that knows a format: headers that lie, odd members of archives, pictures of every kind, odd rows."""

from __future__ import annotations

import ast
import io
import json
import re
import struct
import zipfile
import zlib
from random import Random
from typing import Any

import numpy as np
from PIL import Image
from plyfile import PlyData, PlyElement

from tests.robustness.mutations import FLOATS, INTEGERS, WORDS, damaged_bytes, damaged_json, damaged_text

Damaged = tuple[bytes, str]
_END = b"end_header\n"


def damaged_ply(random: Random, data: bytes) -> Damaged:
    """A PLY whose header lies, or whose rows hold odd numbers, in binary or as text."""
    head, end, body = data.partition(_END)
    match random.randrange(8):
        case 0 | 1 | 2:
            lines, said = _header_line(random, head.decode().splitlines())
            ends = random.choice(("\n", "\n", "\n", "\r\n", "\r"))
            return ends.join([*lines, "end_header", ""]).encode("utf-8", "surrogatepass") + body, said
        case 3:
            changed, said = damaged_text(random, head)
            return changed + end + body, f"header: {said}"
        case 4:
            return damaged_bytes(random, data)
        case 5:
            text, _ = _rewritten(random, data, text=True)
            head, end, body = text.partition(_END)
            changed, said = damaged_text(random, body)
            return head + end + changed, f"as text: {said}"
    return _rewritten(random, data, text=random.random() < 0.3)


def _header_line(random: Random, lines: list[str]) -> tuple[list[str], str]:
    """Changes one thing of a header, given without its last line."""
    properties = [number for number, line in enumerate(lines) if line.startswith("property")]
    element = next(number for number, line in enumerate(lines) if line.startswith("element"))
    at = random.choice(properties)
    kind, name = lines[at].split()[1:]
    count = random.choice((-1, 0, 1, "", "1.5", "1e9", "x", *INTEGERS))
    odd = random.choice(("double", "uchar", "char", "int", "short", "half", "list uchar int", "list float int", ""))
    more = random.choice((1, 1000, 20_000))
    changes: list[tuple[int, list[str]]] = [
        (element, [f"element vertex {count}"]),
        (element, [f"element face {count}", "property list uchar int vertex_indices", lines[element]]),
        (element, [f"element camera {count}", lines[element]]),
        (element, ["element vertex 2", "property float x", lines[element]]),
        (element, [lines[element], *[f"property float more_{number}" for number in range(more)]]),
        (at, [f"property {odd} {name}"]),
        (at, [lines[at], lines[at]]),
        (at, []),
        (at, [f"property {kind} {random.choice(WORDS)}"]),
        (at, [lines[at], f"property float f_rest_{random.choice((0, 44, 99_999_999, -1))}"]),
        (1, [random.choice(("format ascii 1.0", "format binary_big_endian 1.0", "format x 1.0", "format"))]),
        (1, [lines[1], "comment " + "x" * random.choice((10, 10**6))]),
        (0, [random.choice(("", "plyx", "ply ", "PLY"))]),
        (random.randrange(len(lines)), [random.choice(("", "obj_info", "property", "element", "end_header"))]),
    ]
    place, new = random.choice(changes)
    return [*lines[:place], *new, *lines[place + 1 :]], f"{lines[place][:40]!r} is now {str(new)[:60]}"


def _rewritten(random: Random, data: bytes, text: bool) -> Damaged:
    """The same rows with odd numbers in some of them, in another layout of bytes."""
    rows = PlyData.read(io.BytesIO(data))["vertex"].data.copy()
    names = rows.dtype.names
    groups = (["x"], ["x", "y", "z"], ["scale_0", "scale_1", "scale_2"], ["opacity"], ["f_dc_0"], [*names], ["rot_0"],
              [name for name in names if name.startswith("rot")])  # fmt: skip
    columns, value = random.choice(groups), random.choice((*FLOATS, 50.0, 88.0, -200.0, 1e5, 1e10))
    chosen = random.sample(range(len(rows)), random.choice((1, 5, len(rows) - 1, len(rows))))
    for name in columns:
        with np.errstate(over="ignore"):
            rows[name][chosen] = value
    order = "=" if text else random.choice("<>")
    stream = io.BytesIO()
    PlyData([PlyElement.describe(rows, "vertex")], text=text, byte_order=order).write(stream)
    return stream.getvalue(), f"{columns[0]} of {len(chosen)} rows is {value}"


def damaged_array(random: Random, data: bytes) -> Damaged:
    """An .npy whose header lies, or whose bytes are damaged, or that holds an odd array."""
    if random.random() < 0.3:
        return damaged_bytes(random, data)
    if random.random() < 0.3:
        return _odd_array(random)
    length = struct.unpack("<H", data[8:10])[0]
    header = ast.literal_eval(data[10 : 10 + length].decode())
    change = random.choice(("shape", "shape", "descr", "fortran_order", "gone", "text"))
    if change == "shape":
        shape = list(header["shape"])
        if random.random() < 0.3:
            shape = random.choice(([], [0], [1] * 33, [*shape, 1], shape[:-1], [3] * 5))
        else:
            shape[random.randrange(len(shape))] = random.choice((-1, *INTEGERS))
        header["shape"] = tuple(shape)
    elif change == "descr":
        header["descr"] = random.choice(("<f8", ">f8", "|O", "|V0", "|S7", "<U3", "<M8[s]", "|b1", "<c16", "<f2", "x",
                                         [("a", "<f4")], "<i8", "|u1", 3))  # fmt: skip
    elif change == "fortran_order":
        header["fortran_order"] = random.choice((True, 1, None))
    elif change == "gone":
        del header[random.choice(list(header))]
    text = repr(header) if change != "text" else "(" * random.choice((3, 3000))
    made = text.encode().ljust(117) + b"\n"
    version = random.choice((b"\1\0", b"\1\0", b"\1\0", b"\2\0", b"\3\0", b"\7\0"))
    size = struct.pack("<H" if version == b"\1\0" else "<I", len(made))
    return data[:6] + version + size + made + data[10 + length :], f"{change}: {text[:60]}"


def _odd_array(random: Random) -> Damaged:
    array = random.choice(
        (np.zeros(0), np.float64(3), np.full((3, 4), np.nan), np.zeros((3, 48, 64)), np.zeros((0, 48, 64), bool),
         np.ones((2, 48, 64), np.complex64), np.full((48, 64), -1), np.full((48, 64), 2**62),
         np.zeros((1, 1, 48, 64), bool),
         np.array(["a", "b"]), np.zeros((70_000, 1, 1), bool), np.full((2, 48, 64), 1e300),
         np.arange(3072).reshape(48, 64),
         np.zeros(3, "M8[s]"), np.eye(4), np.full((4, 4), np.inf), np.zeros((5, 17)))
    )  # fmt: skip
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue(), f"{array.dtype} {array.shape}"


def damaged_archive(random: Random, data: bytes) -> Damaged:
    """A zip, such as an .npz, with damaged, odd or lying members."""
    if random.random() < 0.4:
        return damaged_bytes(random, data)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    name = random.choice(list(members))
    said, names = "", {each: each for each in members}
    match random.randrange(5):
        case 0:
            del members[name]
            said = f"no {name}"
        case 1:
            names[name] = random.choice(("../x.npy", "/x/y.npy", "x" * 5000, " ", "a\\b", "masks.npy", "z.npy"))
            said = f"{name} called {names[name][:30]}"
        case 2:
            members["extra.npy"] = random.choice((b"", b"x", _odd_array(random)[0]))
            names["extra.npy"], said = "extra.npy", "one more"
        case _:
            change = damaged_array if members[name][:6] == b"\x93NUMPY" else damaged_bytes
            members[name], said = change(random, members[name])
    stream = io.BytesIO()
    method = random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2))
    with zipfile.ZipFile(stream, "w", method) as archive:
        for member, contents in members.items():
            archive.writestr(names[member], contents)
    made = stream.getvalue()
    if members and random.random() < 0.15:  # sizes of the archive's directory, which nothing forces to be true
        at = made.rindex(b"PK\1\2") + random.choice((20, 24))
        made = made[:at] + struct.pack("<I", random.choice(INTEGERS) % 2**32) + made[at + 4 :]
        said += "; a size that lies"
    return made, said


def damaged_tensors(random: Random, data: bytes) -> Damaged:
    """A safetensors file whose header, or whose JSON in it, lies; or whose numbers are odd."""
    length = struct.unpack("<Q", data[:8])[0]
    header, body = data[8 : 8 + length], data[8 + length :]
    match random.randrange(6):
        case 0:
            number = random.choice(INTEGERS)
            return struct.pack("<Q", number % 2**64) + header + body, f"a header of {number} bytes"
        case 1:
            changed, said = damaged_bytes(random, body)
            return data[: 8 + length] + changed, f"tensors: {said}"
        case 2:
            made, said = damaged_json(random, header)
        case 3:
            return damaged_bytes(random, data)
        case _:
            made, said = _metadata(random, header)
    if random.random() < 0.9:
        made = made.ljust(-len(made) % 8 + len(made))
    return struct.pack("<Q", len(made)) + made + body, said


def _metadata(random: Random, header: bytes) -> Damaged:
    """Damages the JSON that a safetensors header carries as text, or the declared shape of a tensor."""
    tree: dict[str, Any] = json.loads(header)
    kept = tree.get("__metadata__", {})
    tensors = [name for name in tree if name != "__metadata__"]
    if random.random() < 0.3:
        name = random.choice(tensors)
        shape = tree[name]["shape"]
        tree[name]["shape"] = random.choice((shape[::-1], [*shape, 1], [int(np.prod(shape))], [1, *shape]))
        said = f"{name} of shape {tree[name]['shape']}"
    elif random.random() < 0.3:
        one, two = random.choice(tensors), random.choice(tensors)
        tree[one], tree[two] = tree[two], tree[one]
        said = f"{one} and {two} swapped"
    else:
        name = random.choice(list(kept))
        changed, said = damaged_json(random, kept[name].encode())
        kept[name] = changed.decode(errors="replace")
    return json.dumps(tree).encode(), said


def damaged_picture(random: Random, data: bytes) -> Damaged:
    """A PNG with a header that lies, or an odd picture in its place."""
    match random.randrange(4):
        case 0:
            return damaged_bytes(random, data)
        case 1:
            return _odd_header(random, data)
    return _odd_picture(random)


def _odd_header(random: Random, data: bytes) -> Damaged:
    """Changes a field of a PNG's first chunk, whose checksum is made right again."""
    fields = list(struct.unpack(">IIBBBBB", data[16:29]))
    at = random.randrange(len(fields))
    fields[at] = random.choice(INTEGERS) % 2 ** (32 if at < 2 else 8)
    made = b"IHDR" + struct.pack(">IIBBBBB", *fields)
    return data[:12] + made + struct.pack(">I", zlib.crc32(made)) + data[33:], f"header {fields}"


def _odd_picture(random: Random) -> Damaged:
    size = random.choice(((64, 48), (64, 48), (64, 48), (48, 64), (96, 72), (1, 1), (65, 48), (3000, 2), (32, 24)))
    mode = random.choice(("1", "L", "P", "RGB", "RGBA", "LA", "I", "I;16", "F", "CMYK", "YCbCr"))
    made = np.random.default_rng(random.randrange(2**32))
    values = made.integers(0, random.choice((2, 5, 256)), (size[1], size[0]), dtype=np.uint8)
    picture = Image.fromarray(values * random.choice((1, 1, 60))).convert("L")
    picture = picture.convert(mode) if mode != "I;16" else Image.fromarray(values.astype(np.uint16) * 257)
    kinds = ("PNG", "PNG", "JPEG", "TIFF", "GIF", "BMP", "WEBP", "JPEG2000")
    for kind in random.sample(kinds, len(kinds)):
        stream = io.BytesIO()
        try:
            exif = Image.Exif()
            exif[274] = random.choice((1, 1, 3, 6, 8, 9, 0))  # how it is turned
            picture.save(stream, kind, exif=exif)
        except (OSError, ValueError, TypeError, KeyError):  # which modes a format takes differs
            continue
        return stream.getvalue(), f"a {kind} of mode {mode} and size {size}"
    return b"", "an empty file"


def odd_model(random: Random, files: dict[str, bytes]) -> dict[str, Damaged]:
    """A binary COLMAP model with an odd number where a count, a name or an id is; returns the files that changed."""
    name = random.choice(list(files))
    data = files[name]
    if random.random() < 0.4:
        return {name: damaged_bytes(random, data)}
    places = {"cameras.bin": (0, 8, 12, 16, 24, 32, 40), "images.bin": (0, 8, 12, 44, 68), "points3D.bin": (0, 8, 16)}
    at = random.choice(places[name])
    wide = at not in (8, 12, 68) or at == 0
    if name == "images.bin" and random.random() < 0.5:
        names = [found.span(1) for found in re.finditer(rb"([\w.]+\.png)\0", data)]
        start, end = random.choice(names)
        word = random.choice(WORDS).replace("\0", "").encode("utf-8", "surrogatepass")
        return {name: (data[:start] + word + data[end:], f"an image called {word[:30]!r}")}
    if name != "points3D.bin" and at >= 16 and random.random() < 0.6:
        number = random.choice(FLOATS)
        return {name: (data[:at] + struct.pack("<d", number) + data[at + 8 :], f"{number} at {at}")}
    number = random.choice(INTEGERS)
    made = struct.pack("<Q", number % 2**64) if wide else struct.pack("<I", number % 2**32)
    return {name: (data[:at] + made + data[at + len(made) :], f"{number} at {at}")}
