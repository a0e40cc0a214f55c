"""Tiny scenes on disk."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from plyfile import PlyData, PlyElement

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


def vertex_table(count: int, degree: int, seed: int = 0, extra: tuple[tuple[str, str], ...] = ()) -> np.ndarray:
    """Random rows in the INRIA layout without normals, then `extra` properties."""
    rng = np.random.default_rng(seed)
    rest = [f"f_rest_{i}" for i in range(3 * ((degree + 1) ** 2 - 1))]
    names = ["x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", *rest, "opacity"]
    names += [f"scale_{i}" for i in range(3)] + [f"rot_{i}" for i in range(4)]
    table = np.zeros(count, [(name, "f4") for name in names] + list(extra))
    for name in names:
        table[name] = rng.normal(size=count) - 3 * name.startswith("scale")
    for name, kind in extra:
        table[name] = rng.integers(0, 200, count).astype(kind)
    return table


@pytest.fixture
def make_table() -> Callable[..., np.ndarray]:
    return vertex_table


@pytest.fixture
def make_ply(tmp_path: Path) -> Callable[..., Path]:
    """make_ply(table, name="scene.ply", **options of PlyData) writes vertices and returns the path."""

    def write(table: np.ndarray | None = None, name: str = "scene.ply", **options: object) -> Path:
        table = vertex_table(20, 0) if table is None else table
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        PlyData([PlyElement.describe(table, "vertex")], **options).write(str(path))
        return path

    return write


@pytest.fixture
def make_images(tmp_path: Path) -> Callable[..., Path]:
    """make_images("a.jpg", "b/c.png", folder="images", size=(8, 6)) writes gray pictures."""

    def write(*names: str, folder: str = "images", size: tuple[int, int] = (8, 6)) -> Path:
        for name in names:
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", size, (90, 90, 90)).save(path)
        return tmp_path / folder

    return write


@pytest.fixture
def make_transforms(tmp_path: Path) -> Callable[..., Path]:
    """make_transforms({"a.jpg": {frame values}}, name="transforms.json", **file values).

    Without a transform_matrix a frame looks at the origin from 10 units along +z.
    """

    def write(frames: dict[str, dict], name: str = "transforms.json", **meta: object) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pose = np.eye(4)
        pose[2, 3] = 10
        entries = [{"file_path": key, "transform_matrix": pose.tolist(), **value} for key, value in frames.items()]
        defaults = {"fl_x": 8.0, "fl_y": 8.0, "cx": 4.0, "cy": 3.0, "w": 8, "h": 6}
        values = {key: value for key, value in {**defaults, **meta}.items() if value is not None}
        path.write_text(json.dumps({**values, "frames": entries}))
        return path

    return write


@pytest.fixture
def make_colmap(tmp_path: Path) -> Callable[..., Path]:
    """make_colmap(["a.jpg"], "PINHOLE", (8, 8, 4, 3)) writes a text model; poses see the origin at z = 10."""

    def write(
        names: list[str],
        model: str = "PINHOLE",
        params: tuple[float, ...] = (8, 8, 4, 3),
        folder: str = "sparse/0",
        size: tuple[int, int] = (8, 6),
    ) -> Path:
        path = tmp_path / folder
        path.mkdir(parents=True, exist_ok=True)
        numbers = " ".join(map(str, params))
        (path / "cameras.txt").write_text(f"# cameras\n1 {model} {size[0]} {size[1]} {numbers}\n")
        lines = [f"{i} 1 0 0 0 0 0 10 1 {name}\n\n" for i, name in enumerate(names, 1)]
        (path / "images.txt").write_text("# images\n" + "".join(lines))
        (path / "points3D.txt").write_text("# points\n")
        return path

    return write


@pytest.fixture
def shared() -> Path:
    """The folder of real scenes; the test is skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("the real scenes are not here")
    return SHARED
