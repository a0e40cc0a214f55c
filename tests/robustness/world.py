"""A tiny scene with every kind of file that the commands read, written once and copied for every input.

The scene and its photographs are the demo's. Cameras and masks are written here by the formats' own definitions.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import shlex
import shutil
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from plyfile import PlyData, PlyElement
from scipy.spatial.transform import Rotation

from saga.demo import instances_as_masks, make_scene, write_scene
from saga.scene import Camera, Gaussians, load_scene
from tests.robustness import programs

SIZE = 64, 48
SMALL = ("--pixels-per-view", "200", "--device", "cpu")
"""Options of training that make it quick."""
EVALUATION = ("folder", "data", "--fields", "fields", "--masks", "instances", "--no-regions", "--train", "iterations=0",
              "pixels_per_view=200", "--device", "cpu")  # fmt: skip
PROGRAMS = {"session": programs.session, "view": programs.view, "serve": programs.serve}
FORMATS = ("splat", "spz", "ksplat", "sog", "compressed.ply")


def write_world(folder: Path) -> None:
    """Writes the scene and all files about it; nothing in it is damaged.

    Args:
        folder: an empty folder.
    """
    demo = make_scene(gaussians=450, views=3, size=SIZE)
    write_scene(demo, folder)
    scene = load_scene(folder / "scene.ply")
    _write_cameras(folder, scene.cameras)
    _write_masks(folder)
    _write_annotations(folder)
    for ending in FORMATS:
        scene.gaussians.write(folder / f"scene.{ending}")
    _write_text_ply(folder)
    np.savetxt(folder / "frame.txt", np.eye(4))
    (folder / "dataparser_transforms.json").write_text(json.dumps({"transform": np.eye(4)[:3].tolist(), "scale": 1.0}))
    strokes = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    strokes[23:25, 44:52] = 255
    Image.fromarray(strokes).save(folder / "strokes.png")
    torch.save({"image_encoder.pos_embed": torch.zeros(1, 4, 4, 8)}, folder / "sam.pth")
    _write_manifests(folder)
    programs.write_programs(folder)
    programs.load_programs()
    _train(folder)


def hurry() -> None:
    """Makes the pictures small that commands draw for people: most of their time would be spent on these."""
    from saga.evaluate import contact_sheets
    from saga.export import preview

    preview._PANEL = (96, 72)
    contact_sheets._PANEL = 64


def _write_manifests(folder: Path) -> None:
    """Writes a manifest of each kind."""
    (folder / "batch.yaml").write_text(
        "out: out\ndefaults: {device: cpu, train: {iterations: 3, regions: false}}\nscenes:\n- scene.ply\n"
        "- name: other\n  scene: scene.ply\n  images: images\n  masks: instances\n  blocks: 2\n  objects:\n"
        "  - {name: mug, view: 000.png, points: [[48, 24]], also: {001.png: [[3, 4.5]]}}\n"
        "  - {name: box, view: 000.png, box: [8, 8, 56, 40]}\n  - everything\n  export: {labels_in_ply: true}\n"
    )
    (folder / "small.yaml").write_text(
        "scenes:\n- name: small\n  scene: scene.ply\n  masks: instances\n  clean: {apply: true}\n"
        "  train: {iterations: 0, regions: false, join: false, pixels-per-view: 200}\n"
        "  objects: [{name: mug, view: 000.png, points: [[48, 24]]}]\n  export: {labels_in_ply: true}\n"
    )
    (folder / "batch.csv").write_text(
        "name,scene,images,object,view,points,text,train.iterations\n"
        'hall,scene.ply,images,mug,000.png,"48,24 3,4",,3\nhall,,,plant,,,a plant,\n,scene.ply,,everything,,,,\n'
    )


def _train(folder: Path) -> None:
    """Makes what commands keep: a field, regions, a cache, the state of an interrupted run, results."""
    from saga.train.trainer import Trainer

    (folder / "data").mkdir()
    small = folder / "data/small"
    for name in ("scene.ply", "transforms.json", "labels.npy", "objects.json", "images", "instances"):
        copy = shutil.copytree if (folder / name).is_dir() else shutil.copy
        small.mkdir(exist_ok=True)
        copy(folder / name, small / name)
    train = ["scene.ply", *SMALL]
    masks = ["--masks", "instances"]
    step = Trainer.step

    def stop(trainer: Trainer) -> None:
        if trainer.iteration == 3:
            raise KeyboardInterrupt
        step(trainer)

    with _standing_in(folder):
        _expect(0, "train", [*train, *masks, "--iterations", "0"])
        _expect(0, "train", [*train, "--iterations", "0", "--no-regions", "--out", "kept.saga"])
        Trainer.step = stop  # type: ignore[method-assign]
        try:
            _expect(130, "train", [*train, *masks, "--iterations", "6", "--no-regions", "--out", "out.saga"])
        finally:
            Trainer.step = step  # type: ignore[method-assign]
        _expect(0, "session", ["3"])
        (folder / "kept.saga").unlink()
        (folder / "fields").mkdir()
        shutil.copy("scene.saga", "fields/small-seed0.saga")
        click = ["scene.ply", "--view", "000.png", "--points", "48,24", "--device", "cpu"]
        _expect(0, "segment", [*click, "--out", "earlier/object"])
        _expect(0, "discover", ["scene.ply", "--method", "saga", "--device", "cpu", "--out", "earlier/objects"])
        _expect(0, "eval", [*EVALUATION, "--out", "earlier/evaluation"])
        _expect(0, "views", ["scene.ply", "--device", "cpu", "--out", "earlier/grid"])
        _expect(0, "check", ["scene.ply", "images", "--device", "cpu", "--out", "check.png"])


@contextlib.contextmanager
def _standing_in(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _expect(code: int, name: str, arguments: list[str]) -> None:
    found = run_command(name, arguments)
    if found != code:
        raise RuntimeError(f"saga-{name} {shlex.join(arguments)}: expected exit code {code}, found {found}")


def run_command(name: str, arguments: list[str]) -> int:
    """Runs a command, or one of the programs that stay, in this process and returns its exit code."""
    from importlib import import_module

    try:
        if name in PROGRAMS:
            PROGRAMS[name](arguments)
            return 0
        module = import_module(f"saga.cli.{'evaluate' if name == 'eval' else name}")
        sys.argv = [f"saga-{name}", *arguments]
        module.main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    return 0


def _write_text_ply(folder: Path) -> None:
    rows = Gaussians.read(folder / "scene.ply").vertices
    PlyData([PlyElement.describe(np.asarray(rows), "vertex")], text=True).write(folder / "text.ply")


def _opengl(camera: Camera) -> np.ndarray:  # [4, 4]
    """Returns camera-to-world with the axes right, up and backward."""
    return np.linalg.inv(camera.world_to_camera) @ np.diag([1.0, -1.0, -1.0, 1.0])


def _write_cameras(root: Path, cameras: list[Camera]) -> None:
    for name in ("colmap", "text", "inria", "llff", "polycam", "record3d", "metashape", "realitycapture"):
        (root / "cams" / name).mkdir(parents=True)
    _write_colmap(root / "cams", cameras)
    entries, rows, polycam, poses = [], [], [], []
    for camera in cameras:
        inverse, opengl = np.linalg.inv(camera.world_to_camera), _opengl(camera)
        lens = {"fx": camera.fx, "fy": camera.fy}
        size = {"width": camera.width, "height": camera.height}
        placed = {"position": inverse[:3, 3].tolist(), "rotation": inverse[:3, :3].tolist()}
        entries.append({"id": len(entries), "img_name": camera.stem, **size, **lens, **placed})
        right, down, forward = inverse[:3, :3].T
        last = [camera.height, camera.width, camera.fx]
        rows.append([*np.column_stack([down, right, -forward, inverse[:3, 3], last]).ravel(), 0.5, 9.0])
        pose = {f"t_{i}{j}": opengl[i, j] for i in range(3) for j in range(4)}
        polycam.append({**pose, **lens, "cx": camera.cx, "cy": camera.cy, **size, "blur_score": 90.0, "timestamp": 1})
        poses.append([*Rotation.from_matrix(opengl[:3, :3]).as_quat(), *opengl[:3, 3]])
    (root / "cams/inria/cameras.json").write_text(json.dumps(entries))
    np.save(root / "cams/llff/poses_bounds.npy", np.array(rows))
    for camera, values in zip(cameras, polycam, strict=True):
        (root / f"cams/polycam/{camera.stem}.json").write_text(json.dumps(values))
    first = cameras[0]
    matrix = [first.fx, 0, 0, 0, first.fy, 0, first.cx, first.cy, 1]
    facts: dict[str, Any] = {"w": first.width, "h": first.height, "K": matrix, "fps": 60, "poses": poses}
    facts["perFrameIntrinsicCoeffs"] = [[first.fx, first.fy, first.cx, first.cy]] * len(poses)
    (root / "cams/record3d/metadata.json").write_text(json.dumps(facts))
    (root / "cams/record3d/rgb").mkdir()
    for number, camera in enumerate(cameras):  # whose photographs are numbered
        shutil.copy(root / "images" / camera.name, root / f"cams/record3d/rgb/{number}.png")
    _write_metashape(root / "cams/metashape/cameras.xml", cameras)
    _write_reality_capture(root / "cams/realitycapture/cameras.csv", cameras)


def _write_colmap(root: Path, cameras: list[Camera]) -> None:
    """Writes one model twice: binary with two points, and as text."""
    first = cameras[0]
    lens = (first.fx, first.fy, first.cx, first.cy)
    binary = struct.pack("<QIiQQ4d", 1, 1, 1, first.width, first.height, *lens)
    (root / "colmap/cameras.bin").write_bytes(binary)
    numbers = " ".join(map(repr, map(float, lens)))
    (root / "text/cameras.txt").write_text(f"# one camera\n1 PINHOLE {first.width} {first.height} {numbers}\n")
    images, lines = struct.pack("<Q", len(cameras)), []
    for index, camera in enumerate(cameras, 1):
        x, y, z, w = Rotation.from_matrix(camera.world_to_camera[:3, :3]).as_quat()
        shift = camera.world_to_camera[:3, 3]
        images += struct.pack("<I7dI", index, w, x, y, z, *shift, 1) + camera.name.encode() + b"\0"
        images += struct.pack("<Q2dq", 1, 3.0, 4.0, -1)
        numbers = " ".join(repr(float(value)) for value in (w, x, y, z, *shift))
        lines.append(f"{index} {numbers} 1 {camera.name}\n3.0 4.0 -1\n")
    (root / "colmap/images.bin").write_bytes(images)
    (root / "text/images.txt").write_text("".join(lines))
    point = struct.pack("<Q3d3BdQII", 1, 0, 0, 0.2, 9, 9, 9, 0.5, 1, 1, 0)
    (root / "colmap/points3D.bin").write_bytes(struct.pack("<Q", 1) + point)
    (root / "text/points3D.txt").write_text("1 0 0 0.2 9 9 9 0.5 1 0\n")


def _write_metashape(path: Path, cameras: list[Camera]) -> None:
    first = cameras[0]
    size = f'<resolution width="{first.width}" height="{first.height}"/>'
    views = "".join(
        f'<camera id="{number}" sensor_id="3" component_id="0" label="{camera.name}"><transform>'
        f"{' '.join(map(str, np.linalg.inv(camera.world_to_camera).ravel()))}</transform></camera>"
        for number, camera in enumerate(cameras)
    )
    shifts = f"<cx>{first.cx - first.width / 2}</cx><cy>{first.cy - first.height / 2}</cy><k1>0.01</k1><p1>0.001</p1>"
    path.write_text(
        f'<document version="2.0.0"><chunk label="c"><sensors next_id="4"><sensor id="3" label="s" type="frame">{size}'
        f'<calibration type="frame" class="adjusted">{size}<f>{first.fx}</f>{shifts}</calibration></sensor></sensors>'
        '<components><component id="0"><transform><rotation>1 0 0 0 1 0 0 0 1</rotation><translation>0 0 0'
        f"</translation><scale>1</scale></transform></component></components><cameras>{views}</cameras></chunk></document>"
    )


def _write_reality_capture(path: Path, cameras: list[Camera]) -> None:
    lines = ["#cameras 3", "#name,x,y,alt,heading,pitch,roll,f,px,py,k1,k2,k3,k4,t1,t2"]
    for camera in cameras:
        pose, longer = _opengl(camera), max(camera.width, camera.height)
        yaw, pitch, roll = Rotation.from_matrix(pose[:3, :3]).as_euler("ZXY", degrees=True)
        lens = [
            camera.fx * 36 / longer,
            (camera.cx - camera.width / 2) / longer,
            (camera.cy - camera.height / 2) / longer,
        ]
        values = [*pose[:3, 3], -yaw, pitch, roll, *lens, 0, 0, 0, 0, 0, 0]
        lines.append(",".join([camera.name, *(repr(float(value)) for value in values)]))
    path.write_text("\n".join(lines) + "\n")


def _masks(root: Path) -> dict[str, np.ndarray]:  # each [M, H, W] bool
    """Returns the masks of the demo's objects in each photograph, by its name without a suffix."""
    pictures = sorted((root / "instances").glob("*.png"))
    return {path.stem: instances_as_masks(np.asarray(Image.open(path))) for path in pictures}


def _runs(
    mask: np.ndarray,  # [H, W] bool
    down: bool = True,
) -> list[int]:
    flat = (mask.T if down else mask).ravel().astype(np.int8)
    edges = np.flatnonzero(np.diff(flat, prepend=0)).tolist()
    return np.diff([0, *edges, flat.size]).tolist()


def _encoded(
    mask: np.ndarray,  # [H, W] bool
) -> dict[str, Any]:
    return {"size": list(mask.shape), "counts": _runs(mask)}


def _write_masks(root: Path) -> None:
    """Writes the masks of every photograph in each layout of a folder of masks."""
    for name in ("npz", "npy", "json", "folders", "yolo"):
        (root / "masks" / name).mkdir(parents=True)
    for stem, masks in _masks(root).items():
        np.savez_compressed(root / f"masks/npz/{stem}.npz", masks=masks)
        np.save(root / f"masks/npy/{stem}.npy", masks)
        records = [{"segmentation": _encoded(mask), "area": int(mask.sum())} for mask in masks]
        (root / f"masks/json/{stem}.json").write_text(json.dumps(records))
        (root / f"masks/folders/{stem}").mkdir()
        for number, mask in enumerate(masks):
            Image.fromarray(mask.astype(np.uint8) * 255).save(root / f"masks/folders/{stem}/{number}.png")
        (root / f"masks/yolo/{stem}.txt").write_text("0 0.1 0.1 0.5 0.1 0.5 0.6\n1 0.6 0.3 0.9 0.3 0.9 0.9 0.6 0.9\n")


def _write_annotations(root: Path) -> None:
    """Writes the masks of all photographs as one file of each kind that other tools write."""
    where = root / "annotations"
    for name in ("labelme", "panoptic"):
        (where / name).mkdir(parents=True)
    width, height = SIZE
    ring = [5, 5, 20, 5, 20, 20, 5, 20]
    images, records, segments, frames, drawn = [], [], [], [], []
    for number, (stem, masks) in enumerate(_masks(root).items()):
        name = f"{stem}.png"
        images.append({"id": number, "file_name": name, "width": width, "height": height})
        records += [{"id": len(records) + k, "image_id": number, "category_id": 1, "segmentation": _encoded(mask)}
                    for k, mask in enumerate(masks)]  # fmt: skip
        records.append({"id": 900 + number, "image_id": number, "category_id": 1, "segmentation": [ring]})
        numbers = np.asarray(Image.open(root / "instances" / name))
        colors = np.stack([numbers, 0 * numbers, 0 * numbers], -1)
        Image.fromarray(colors).save(where / "panoptic" / name)
        found = [{"id": int(label), "category_id": 1} for label in np.unique(numbers) if label]
        segments.append({"image_id": number, "file_name": name, "segments_info": found})
        frames.append([_encoded(mask) for mask in masks])
        stream = io.BytesIO()
        Image.fromarray(np.full((8, 6), 255, np.uint8)).save(stream, "PNG")
        bitmap = base64.b64encode(stream.getvalue()).decode()
        shapes = [
            {"label": "a", "points": [[5, 5], [20, 5], [20, 20]], "shape_type": "polygon", "group_id": None},
            {"label": "b", "points": [[25, 20], [30, 20]], "shape_type": "circle", "group_id": 1},
            {"label": "c", "points": [[2, 2], [8, 10]], "shape_type": "mask", "mask": bitmap},
            {"label": "d", "points": [[40, 18], [56, 30]], "shape_type": "rectangle"},
        ]
        facts = {"imagePath": name, "imageWidth": width, "imageHeight": height, "shapes": shapes}
        (where / f"labelme/{stem}.json").write_text(json.dumps(facts))
        runs = ",".join(map(str, _runs(np.ones((4, 6), bool), down=False)))
        drawn.append(
            f'<image id="{number}" name="{name}" width="{width}" height="{height}">'
            '<polygon label="a" points="5,5;20,5;20,20"/>'
            '<box label="b" xtl="40" ytl="18" xbr="56" ybr="30" rotation="10"/>'
            '<ellipse label="c" cx="35" cy="25" rx="5" ry="4"/>'
            f'<mask label="d" left="2" top="25" width="6" height="4" rle="{runs}"/></image>'
        )
    (where / "instances.json").write_text(json.dumps({"images": images, "annotations": records}))
    (where / "panoptic.json").write_text(json.dumps({"images": images, "annotations": segments}))
    (where / "sav.json").write_text(json.dumps({"video_id": "v", "masklet": frames}))
    (where / "cvat.xml").write_text(f"<annotations><version>1.1</version>{''.join(drawn)}</annotations>")
