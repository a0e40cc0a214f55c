"""One large scene: seconds and memory of training it, and of one click on it, each by the commands.

    python benchmarks/scale.py DATA/composite --gaussians 10000000 [--views 32] [--keep FOLDER]

The scene is a small one, with exact labels, laid out side by side until there are so many Gaussians; its views are
spread over the tiles, each with the masks of the original's view. Every figure comes from a process of its own: seconds
by the clock and of the processor, and the most memory that was resident, files in memory included.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tyro
from plyfile import PlyData

from saga.scene import load_scene, write_transforms
from saga.scene.camera import spread

LARGEST = 0.3
"""Share of a picture from which a thing counts as the ground."""
SPACE = 1.05
"""Distance of tiles, in extents of the scene."""


def lay_out(source: Path, gaussians: int, views: int, target: Path) -> None:
    """Writes scene.ply, transforms.json and masks/*.png of a scene laid out side by side."""
    rows = PlyData.read(str(source / "scene.ply"), mmap=False)["vertex"].data
    scene = load_scene(source / "scene.ply")
    tiles = -(-gaussians // len(rows))
    side = int(np.ceil(np.sqrt(tiles)))
    low, high = np.quantile(scene.gaussians.means, (0.01, 0.99), axis=0)
    ground = np.argsort(high - low)[1:]  # the shortest axis is up
    offsets = np.zeros((tiles, 3), np.float32)
    for axis, place in zip(ground, np.divmod(np.arange(tiles), side), strict=True):
        offsets[:, axis] = SPACE * (high - low)[axis] * place
    with (target / "scene.ply").open("wb") as file:
        header = ["ply", "format binary_little_endian 1.0", f"element vertex {gaussians}"]
        header += [f"property float {name}" for name in rows.dtype.names or ()] + ["end_header\n"]
        file.write("\n".join(header).encode())
        left = gaussians
        for offset in offsets:
            moved = rows[:left].copy()
            for name, distance in zip("xyz", offset, strict=True):
                moved[name] += distance
            file.write(moved.tobytes())
            left -= len(moved)
    (target / "masks").mkdir()
    cameras = []
    for number, tile in enumerate(np.linspace(0, tiles - 1, views).astype(int)):
        camera = spread(scene.cameras, views)[number % min(views, len(scene.cameras))]
        pose = camera.world_to_camera.copy()
        pose[:3, 3] -= pose[:3, :3] @ offsets[tile]
        name = f"{number:04d}.png"
        shutil.copy(source / "instances" / f"{camera.stem}.png", target / "masks" / name)
        cameras.append(replace(camera, name=name, image_path=None, world_to_camera=pose))
    write_transforms(cameras, target / "transforms.json")


class Measured(NamedTuple):
    """What a command took."""

    seconds: float
    processor: float
    gigabytes: float
    said: str


def measured(words: list[str], folder: Path) -> Measured:
    """Runs a command to its end."""
    began = time.perf_counter()
    log = folder / "said.txt"
    with log.open("wb") as said:
        process = subprocess.Popen(words, cwd=folder, stdout=said, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
    text = log.read_text()
    if status != 0:
        raise SystemExit(f"{' '.join(words)}: {text}")
    seconds, processor = time.perf_counter() - began, usage.ru_utime + usage.ru_stime
    return Measured(seconds, processor, usage.ru_maxrss * 1024 / 1e9, text)


def main(
    scene: tyro.conf.Positional[Path], gaussians: int = 10_000_000, views: int = 32, keep: Path | None = None
) -> None:
    """Lays the scene out, trains it, clicks on it, and prints a table."""
    with tempfile.TemporaryDirectory() if keep is None else nullcontext(str(keep)) as name:
        folder = Path(name)
        folder.mkdir(exist_ok=True)
        if not (folder / "transforms.json").exists():
            lay_out(scene, gaussians, views, folder)
        bin = Path(sys.executable).parent
        train = [str(bin / "saga-train"), "scene.ply", "--masks", "masks", "--no-join", "--no-regions"]
        trained = measured([*train, "--device", "cpu"], folder)
        view = f"{views // 2:04d}.png"
        point = middle_of_an_object(folder / "masks" / view)
        click = [str(bin / "saga-segment"), "scene.ply", "--view", view, "--points", point, "--out", "object"]
        clicked = measured([*click, "--device", "cpu"], folder)
        report = json.loads((folder / "object" / "report.json").read_text())
    print(f"{gaussians} Gaussians, {views} views\n")
    print("| step | s | s of the processor | GB |\n| --- | ---: | ---: | ---: |")
    for what, took in (("training", trained), ("one click", clicked)):
        print(f"| {what} | {took.seconds:.1f} | {took.processor:.1f} | {took.gigabytes:.1f} |")
    stages = re.findall(r"\(.*?s\)", trained.said)
    print(f"\ntraining: {stages[-1] if stages else trained.said[-300:]}")
    print(f"click: {report['timings_ms']}")


def middle_of_an_object(path: Path) -> str:
    """Returns x,y well inside the largest thing of a picture of labels, but for the ground."""
    from PIL import Image
    from scipy.ndimage import distance_transform_edt

    labels = np.asarray(Image.open(path))
    things = np.unique(labels)[1:]
    smaller = [label for label in things if (labels == label).mean() < LARGEST] or list(things)
    depth = np.max([distance_transform_edt(np.pad(labels == label, 1))[1:-1, 1:-1] for label in smaller], axis=0)
    y, x = np.unravel_index(depth.argmax(), depth.shape)
    return f"{x},{y}"


if __name__ == "__main__":
    tyro.cli(main)
