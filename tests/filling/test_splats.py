"""New Gaussians in the layout of a scene."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from plyfile import PlyData, PlyElement

from saga.filling.splats import Flakes, with_flakes
from saga.scene import Gaussians

COUNT = 6
FLAKES = Flakes(
    means=np.array([[1.0, 2, 3], [4, 5, 6]]),
    scales=np.array([[0.2, 0.2, 0.02], [0.1, 0.3, 0.01]]),
    quaternions=np.array([[1.0, 0, 0, 0], [0.6, 0.8, 0, 0]]),
    opacities=np.array([0.9, 0.8]),
    colors=np.array([[0.2, 0.4, 0.6], [0.9, 0.1, 0.5]]),
    parents=np.array([4, 1]),
)
TURNS = ["rot_0", "rot_1", "rot_2", "rot_3"]
COLORS = ["f_dc_0", "f_dc_1", "f_dc_2"]
SIZES = ["scale_0", "scale_1", "scale_2"]
LAYOUTS = {
    "inria": [*"xyz", "nx", "ny", "nz", *COLORS, *(f"f_rest_{k}" for k in range(9)), "opacity", *SIZES, *TURNS],
    "surfels": ["opacity", *"xyz", *SIZES[:2], *COLORS, *TURNS],
    "rgb": [*"xyz", "red", "green", "blue", "opacity", *SIZES, *TURNS],
    "filtered": [*"xyz", *COLORS, "opacity", *SIZES, *TURNS, "filter_3D", "object_id"],
}


def scene(layout: str, folder: Path) -> Gaussians:
    rng = np.random.default_rng(0)
    names = LAYOUTS[layout]
    kinds = {"red": "u1", "green": "u1", "blue": "u1", "object_id": "u2"}
    rows = np.zeros(COUNT, [(name, kinds.get(name, "f4")) for name in names])
    for name in names:
        rows[name] = rng.integers(0, 255, COUNT) if name in kinds else rng.uniform(0.1, 1, COUNT)
    PlyData([PlyElement.describe(rows, "vertex")], byte_order="<").write(folder / "scene.ply")
    return Gaussians.read(folder / "scene.ply")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_takes_them_and_reads_them_again(layout: str, tmp_path: Path) -> None:
    gaussians = scene(layout, tmp_path)
    kept = np.arange(COUNT) != 2
    made = with_flakes(gaussians, kept, FLAKES)
    made.write(tmp_path / "rest.ply")
    again = Gaussians.read(tmp_path / "rest.ply")
    names = list(gaussians.vertices.dtype.names)
    assert again.vertices.dtype.names == (*names, "filled")
    assert again.vertices["filled"].dtype == np.uint8
    assert again.vertices["filled"].tolist() == [0] * 5 + [1] * 2
    assert np.array_equal(again.vertices[names][:5], gaussians.vertices[kept])
    assert np.allclose(again.means[5:], FLAKES.means)
    assert np.allclose(again.scales[5:, :2], FLAKES.scales[:, :2], rtol=1e-5)
    assert np.allclose(again.quaternions[5:], FLAKES.quaternions, atol=1e-6)
    assert np.allclose(again.opacities[5:], FLAKES.opacities, atol=1e-5)
    for view in (np.zeros(3), np.array([9.0, -4, 2])):
        assert np.allclose(again.colors(view)[5:], FLAKES.colors, atol=0.003)
    for name in ("means", "scales", "quaternions", "opacities", "valid"):
        assert np.allclose(getattr(made, name), getattr(again, name), atol=1e-5), name
    if "object_id" in names:
        assert again.vertices["object_id"][5:].tolist() == gaussians.vertices["object_id"][[4, 1]].tolist()


def test_what_was_filled_before_stays_marked(tmp_path: Path) -> None:
    once = with_flakes(scene("inria", tmp_path), np.ones(COUNT, bool), FLAKES)
    twice = with_flakes(once, np.ones(len(once), bool), FLAKES)
    assert twice.vertices["filled"].tolist() == [0] * COUNT + [1] * 4
    assert twice.vertices.dtype.names.count("filled") == 1


def test_none_at_all(tmp_path: Path) -> None:
    made = with_flakes(scene("inria", tmp_path), np.ones(COUNT, bool), Flakes.joined([]))
    assert len(made) == COUNT
    assert not made.vertices["filled"].any()
