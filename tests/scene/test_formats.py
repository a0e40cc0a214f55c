"""Formats beside PLY: what is read is what the same scene holds as a PLY, and what is written can be read again."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from plyfile import PlyData
from scipy.spatial import cKDTree

from saga.errors import SagaError
from saga.scene import Gaussians
from saga.scene.spherical_harmonics import evaluate_basis

gaussforge = pytest.importorskip("gaussforge")

SHARED = Path(__file__).parents[3] / "shared" / "data" / "inputs" / "splats"


@pytest.fixture(scope="module")
def scene() -> Gaussians:
    """Gaussians of degree 1 in general position."""
    rng = np.random.default_rng(0)
    turns = rng.standard_normal((500, 4))
    return Gaussians.from_arrays(
        means=rng.uniform(-2, 2, (500, 3)).astype(np.float32),
        scales=rng.uniform(0.01, 0.2, (500, 3)).astype(np.float32),
        quaternions=(turns / np.linalg.norm(turns, axis=1, keepdims=True)).astype(np.float32),
        opacities=rng.uniform(0.1, 0.95, 500).astype(np.float32),
        sh=(0.4 * rng.standard_normal((500, 4, 3))).astype(np.float32),
    )


def covariances(gaussians: Gaussians) -> np.ndarray:  # [N, 3, 3]
    w, x, y, z = gaussians.quaternions.astype(float).T
    turn = np.stack(
        [
            np.stack([1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)], 1),
            np.stack([2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)], 1),
            np.stack([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)], 1),
        ],
        1,
    )
    spread = turn * gaussians.scales[:, None, :]
    return spread @ spread.transpose(0, 2, 1)


@pytest.mark.parametrize("ending", ["compressed.ply", "spz", "splat", "ksplat", "sog"])
def test_a_scene_comes_back_within_what_the_format_keeps(scene: Gaussians, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"scene.{ending}"
    scene.write(path)
    again = Gaussians.read(path)
    assert len(again) == len(scene)
    distances, order = cKDTree(again.means).query(scene.means)
    assert distances.max() < 2e-2 and len(set(order.tolist())) == len(scene)
    assert np.abs(covariances(again)[order] - covariances(scene)).max() < 4e-3
    assert np.abs(again.opacities[order] - scene.opacities).max() < 0.02
    assert np.abs(again.sh[order, 0] - scene.sh[:, 0]).max() < 0.1


@pytest.mark.parametrize("degree", [1, 2, 3])
@pytest.mark.parametrize("ending", ["compressed.ply", "spz", "ksplat", "sog"])
def test_every_harmonic_comes_back_where_it_was(tmp_path: Path, ending: str, degree: int) -> None:
    """A single one of each channel differs from 0 in each Gaussian, so none can stand for another."""
    count = (degree + 1) ** 2
    sh = np.zeros((3 * (count - 1), count, 3), np.float32)
    for row in range(len(sh)):
        sh[row, 1 + row // 3, row % 3] = 0.5
    n = len(sh)
    means = np.stack([np.linspace(-1, 1, n), np.zeros(n), np.zeros(n)], 1)
    scene = Gaussians.from_arrays(means, np.full((n, 3), 0.1), np.tile([1.0, 0, 0, 0], (n, 1)), np.full(n, 0.5), sh)
    if ending == "ksplat" and degree == 3:
        with pytest.warns(UserWarning, match="ksplat: has no place for spherical harmonics above degree 2"):
            scene.write(tmp_path / "scene.ksplat")
        sh = sh[:, :9]
    else:
        scene.write(tmp_path / f"scene.{ending}")
    again = Gaussians.read(tmp_path / f"scene.{ending}")
    assert np.abs(again.sh[again.means[:, 0].argsort()] - sh).max() < 0.1


def test_harmonics_of_a_compressed_ply_lie_channel_by_channel_in_the_file(tmp_path: Path) -> None:
    """As SuperSplat writes and reads them; decoded by the format's definition, 8 bits for -4 to 4."""
    sh = np.random.default_rng(6).uniform(-1, 1, (40, 16, 3)).astype(np.float32)
    means = np.stack([np.linspace(-1, 1, 40), np.zeros(40), np.zeros(40)], 1)
    scene = Gaussians.from_arrays(means, np.full((40, 3), 0.1), np.tile([1.0, 0, 0, 0], (40, 1)), np.full(40, 0.5), sh)
    scene.write(tmp_path / "scene.compressed.ply")
    stored = PlyData.read(str(tmp_path / "scene.compressed.ply"))["sh"].data
    order = Gaussians.read(tmp_path / "scene.compressed.ply").means[:, 0].argsort()
    for channel in range(3):
        for k in range(15):
            found = (stored[f"f_rest_{15 * channel + k}"].astype(float)[order] / 256 - 0.5) * 8
            assert np.abs(found - sh[:, 1 + k, channel]).max() < 0.04


@pytest.mark.parametrize("degree", [1, 2])
def test_a_ksplat_file_by_its_definition(tmp_path: Path, degree: int) -> None:
    """Floats, bytes for the color, all harmonics of degree 1, all of degree 2; each degree channel by channel."""
    count = (degree + 1) ** 2
    sh = np.random.default_rng(8).uniform(-0.5, 0.5, (30, count, 3)).astype(np.float32)
    means = np.stack([np.linspace(-1, 1, 30), np.zeros(30), np.zeros(30)], 1).astype(np.float32)
    scene = Gaussians.from_arrays(means, np.full((30, 3), 0.1), np.tile([1.0, 0, 0, 0], (30, 1)), np.full(30, 0.5), sh)
    scene.write(tmp_path / "scene.ksplat")
    data = (tmp_path / "scene.ksplat").read_bytes()[4096 + 1024 :]
    rows = np.frombuffer(
        data, [("m", "<f4", 3), ("s", "<f4", 3), ("q", "<f4", 4), ("c", "u1", 4), ("h", "<f4", 3 * count - 3)]
    )
    rows = rows[rows["m"][:, 0].argsort()]
    assert np.array_equal(rows["m"], means) and np.allclose(rows["s"], 0.1)
    expected = [sh[:, 1:4].transpose(0, 2, 1).reshape(30, 9), sh[:, 4:9].transpose(0, 2, 1).reshape(30, -1)]
    assert np.array_equal(rows["h"], np.concatenate(expected, axis=1))


def test_a_splat_file_by_its_definition(scene: Gaussians, tmp_path: Path) -> None:
    """Thirty-two bytes a Gaussian: center and scales as float32, color and opacity and quaternion as bytes."""
    with pytest.warns(UserWarning, match="splat: has no place for spherical harmonics above degree 0"):
        scene.write(tmp_path / "scene.splat")
    rows = np.fromfile(tmp_path / "scene.splat", [("m", "<f4", 3), ("s", "<f4", 3), ("c", "u1", 4), ("q", "u1", 4)])
    order = cKDTree(rows["m"]).query(scene.means)[1]
    assert len(set(order.tolist())) == len(rows) == len(scene)
    rows = rows[order]
    assert np.array_equal(rows["m"], scene.means)
    np.testing.assert_allclose(rows["s"], scene.scales, rtol=1e-5)
    assert np.abs(rows["c"] / 255 - np.c_[scene.base_colors(), scene.opacities]).max() < 1 / 255 + 1e-6
    turns = rows["q"].astype(float) - 128
    turns /= np.linalg.norm(turns, axis=1, keepdims=True)
    assert np.abs((turns * scene.quaternions).sum(1)).min() > np.cos(np.deg2rad(0.6))


def test_spz_is_turned_from_its_own_axes_and_its_colors_with_it(scene: Gaussians, tmp_path: Path) -> None:
    scene.write(tmp_path / "scene.spz")
    stored = gaussforge.GaussForge().convert((tmp_path / "scene.spz").read_bytes(), "spz", "ply")["data"]
    (tmp_path / "raw.ply").write_bytes(stored)
    raw, again = Gaussians.read(tmp_path / "raw.ply"), Gaussians.read(tmp_path / "scene.spz")
    flip = np.array([1, -1, -1])
    assert np.allclose(raw.means * flip, again.means)
    assert np.allclose(covariances(raw) * np.outer(flip, flip), covariances(again), atol=1e-6)
    eye = np.array([0.4, -3.0, 1.0])
    assert np.allclose(raw.colors(eye * flip), again.colors(eye), atol=1e-5)


def test_signs_of_harmonics_under_the_turn() -> None:
    directions = np.random.default_rng(1).standard_normal((50, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    here, there = (evaluate_basis(directions * flip, 16) for flip in ((1, 1, 1), (1, -1, -1)))
    odd = [k for k in range(16) if np.allclose(here[:, k], -there[:, k], atol=1e-6)]
    from saga.scene.harmonics_order import ODD_HARMONICS

    assert tuple(odd) == ODD_HARMONICS


def test_a_compressed_ply_is_known_by_its_contents_too(scene: Gaussians, tmp_path: Path) -> None:
    scene.write(tmp_path / "scene.compressed.ply")
    (tmp_path / "scene.compressed.ply").rename(tmp_path / "renamed.ply")
    assert len(Gaussians.read(tmp_path / "renamed.ply")) == len(scene)


def test_the_folder_form_of_sog(scene: Gaussians, tmp_path: Path) -> None:
    scene.write(tmp_path / "scene.sog")
    with zipfile.ZipFile(tmp_path / "scene.sog") as archive:
        archive.extractall(tmp_path / "unpacked")
    assert np.array_equal(Gaussians.read(tmp_path / "unpacked").means, Gaussians.read(tmp_path / "scene.sog").means)


@pytest.mark.parametrize("ending", ["compressed.ply", "spz", "splat", "ksplat", "sog"])
def test_a_damaged_file_is_named(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"scene.{ending}"
    path.write_bytes(b"nothing of the kind, and much too short")
    with pytest.raises(SagaError, match=f"scene.{ending}: expected a scene"):
        Gaussians.read(path)


@pytest.mark.parametrize(
    ("name", "start", "found"),
    [
        ("scene.ply", b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        ("scene.spz", b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        ("scene.splat", b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        ("scene.glb", b"glTF", "glTF"),
        ("scene.ply", b"glTF\x02\x00\x00\x00", "glTF"),
        ("scene.ply", b"#usda 1.0", "USD"),
        ("scene.ply", b"PK\x03\x04", "an archive: unpack it"),
        ("scene.ply", b"\n<!DOCTYPE html>", "a web page"),
        ("scene.obj", b"v 0 0 0", "mesh"),
        ("step.ckpt", b"PK", "ns-export"),
    ],
)
def test_what_is_no_splat_scene_is_called_by_its_name(tmp_path: Path, name: str, start: bytes, found: str) -> None:
    (tmp_path / name).write_bytes(start)
    with pytest.raises(SagaError, match=found):
        Gaussians.read(tmp_path / name)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the captured splats are not here")
@pytest.mark.parametrize(
    ("file", "reference"),
    [
        ("biker.spz", "biker_compressed_ply.ply"),
        ("biker.compressed.ply", "biker_compressed_ply.ply"),
        ("plant.splat", "plant.ply"),
    ],
)
def test_captured_splats_agree_with_their_plys(file: str, reference: str) -> None:
    found, known = Gaussians.read(SHARED / file), Gaussians.read(SHARED / reference)
    distances, order = cKDTree(known.means).query(found.means)
    assert len(found) == len(known) and distances.max() < 1e-3
    apart = np.abs(covariances(found) - covariances(known)[order]).max((1, 2))
    assert np.quantile(apart, 0.98) < 1e-4
    assert np.quantile(np.abs(found.sh[:, 0] - known.sh[order, 0]), 0.98) < 0.02


@pytest.mark.parametrize("ending", ["spz", "splat", "ksplat", "sog", "compressed.ply"])
def test_damage_is_one_line_even_where_the_converter_crashes(make_ply, tmp_path, capfd, ending):
    whole = tmp_path / f"whole.{ending}"
    Gaussians.read(make_ply()).write(whole)
    data = whole.read_bytes()
    capfd.readouterr()
    for number, at in enumerate((10, len(data) // 3, len(data) // 2)):
        for changed in (data[:at], data[:at] + b"\xff" * 8 + data[at + 8 :]):
            path = tmp_path / f"{number}.{ending}"
            path.write_bytes(changed)
            try:
                Gaussians.read(path)
            except SagaError as error:
                assert str(path) in str(error) and "\n" not in str(error)  # noqa: PT017 (some bytes do not matter)
    assert capfd.readouterr() == ("", "")
