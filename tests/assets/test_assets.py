"""Objects for engines: how they stand, what their mesh is, and what the manifest says of it."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from saga.assets import AssetConfig, Uprights, make_asset
from saga.assets.glb import require_packages
from saga.assets.upright import Up
from saga.demo import DemoScene
from saga.errors import SagaError
from saga.export import ExportConfig, ObjectsConfig, write_objects, write_segmentation
from saga.query.segmentation import Segmentation
from saga.raster import DeviceScene
from saga.scene import Gaussians, Scene
from saga.scene.moving import moved

trimesh = pytest.importorskip("trimesh", reason="trimesh (extra mesh) is not installed")
pytest.importorskip("fast_simplification", reason="fast-simplification (extra mesh) is not installed")

SIDES = np.array([0.5, 0.2, 0.3])
"""Of a box, along its own x, y and z; y is up."""
PLACE = np.array([1.0, -2.0, 0.5])
TILT = Rotation.from_euler("zyx", (0.7, 0.4, -0.5)).as_matrix()


def box(step: float = 0.012) -> Gaussians:
    """Flat Gaussians on a box without a bottom, tilted and away from the origin: its foot is at PLACE."""
    points, normals = [], []
    for axis in range(3):
        u, v = (k for k in range(3) if k != axis)
        plane = np.stack(np.meshgrid(*(np.arange(step / 2, SIDES[k], step) for k in (u, v))), -1).reshape(-1, 2)
        for end in (0, 1):
            if (axis, end) == (1, 0):
                continue  # nobody photographs an underside
            side = np.zeros((len(plane), 3))
            side[:, u], side[:, v], side[:, axis] = plane[:, 0], plane[:, 1], end * SIDES[axis]
            points.append(side)
            normals.append(np.tile(np.eye(3)[axis], (len(plane), 1)))
    local, faces = np.concatenate(points) - (SIDES[0] / 2, 0, SIDES[2] / 2), np.concatenate(normals)
    scales = np.where(faces > 0, 0.05 * step, 0.7 * step)
    quaternions = np.tile(Rotation.from_matrix(TILT).as_quat(scalar_first=True), (len(local), 1))
    sh = np.random.default_rng(0).normal(0, 0.2, (len(local), 4, 3))
    return Gaussians.from_arrays(local @ TILT.T + PLACE, scales, quaternions, np.full(len(local), 0.95), sh)


@pytest.fixture(scope="module")
def gaussians() -> Gaussians:
    return box()


def made(gaussians: Gaussians, config: AssetConfig) -> tuple:
    """The asset, and its mesh as trimesh reads it."""
    up = Up(TILT[:, 1], "given")
    asset = make_asset(gaussians, np.ones(len(gaussians), bool), up, config)
    return asset, trimesh.load(io.BytesIO(asset.mesh), file_type="glb").to_geometry()


@pytest.fixture(scope="module")
def default(gaussians: Gaussians) -> tuple:
    return made(gaussians, AssetConfig())


def test_what_stands_on_an_object_makes_no_shell_of_it(gaussians: Gaussians) -> None:
    local = (gaussians.means - PLACE) @ TILT
    hole = (local[:, 1] > 0.99 * SIDES[1]) & (np.abs(local[:, 0]) < 0.15) & (np.abs(local[:, 2]) < 0.1)
    small = moved(gaussians, np.eye(3), 0.6, PLACE - 0.6 * PLACE + TILT[:, 1] * SIDES[1])  # on the top, over the hole
    arrays = ("means", "scales", "quaternions", "opacities", "sh")
    both = (np.concatenate([getattr(gaussians, name)[~hole], getattr(small, name)]) for name in arrays)
    member = np.arange(2 * len(gaussians) - hole.sum()) < (~hole).sum()
    asset = make_asset(Gaussians.from_arrays(*both), member, Up(TILT[:, 1], "given"), AssetConfig())
    mesh = trimesh.load(io.BytesIO(asset.mesh), file_type="glb").to_geometry()
    assert mesh.is_watertight
    assert np.isclose(mesh.volume, SIDES.prod(), rtol=0.1)
    assert np.allclose(np.ptp(mesh.bounds, axis=0), SIDES, atol=0.03)


def test_the_mesh_is_closed_and_as_large_as_the_object(default: tuple) -> None:
    asset, mesh = default
    assert mesh.is_watertight
    assert np.isclose(mesh.volume, SIDES.prod(), rtol=0.08)  # the lowest row of Gaussians is 3 % above the foot
    assert np.allclose(np.ptp(mesh.bounds, axis=0), SIDES, atol=0.02)
    assert asset.facts["mesh"]["watertight"]
    assert np.allclose([asset.facts["bounding_box"]["min"], asset.facts["bounding_box"]["max"]], mesh.bounds, atol=0.01)
    hull = trimesh.load(io.BytesIO(asset.hull), file_type="glb").to_geometry()
    assert hull.is_watertight and hull.is_convex
    assert len(mesh.faces) <= 5000


def test_it_stands_on_its_foot_with_its_longer_side_along_x(default: tuple) -> None:
    asset, mesh = default
    assert np.allclose(mesh.bounds[0, 1], 0, atol=0.01)
    assert np.allclose(mesh.bounds.mean(0)[[0, 2]], 0, atol=0.01)
    matrix = np.array(asset.facts["scene_to_object"])
    assert np.allclose(matrix[:3, :3] @ TILT[:, 1], (0, 1, 0), atol=1e-6)
    assert abs(float((matrix[:3, :3] @ TILT[:, 0])[0])) > 0.999
    assert np.isclose(np.linalg.det(matrix[:3, :3]), 1)
    assert np.allclose(matrix[:3, :3] @ PLACE + matrix[:3, 3], 0, atol=0.01)


def test_the_matrix_is_what_moved_the_gaussians(gaussians: Gaussians) -> None:
    asset, _ = made(gaussians, AssetConfig(scale=2.5))
    matrix = np.array(asset.facts["scene_to_object"])
    assert np.allclose(gaussians.means @ matrix[:3, :3].T + matrix[:3, 3], asset.gaussians.means, atol=1e-5)
    assert np.allclose(asset.facts["object_to_scene"] @ matrix, np.eye(4), atol=1e-9)


@pytest.mark.parametrize("origin", ["base", "center", "scene"])
def test_origin_and_scale(gaussians: Gaussians, origin: str) -> None:
    _, mesh = made(gaussians, AssetConfig(origin=origin, scale=2.0))
    assert np.allclose(np.ptp(mesh.bounds, axis=0), SIDES / 2, atol=0.01)
    middle = mesh.bounds.mean(0)
    if origin == "center":
        assert np.allclose(middle, 0, atol=0.005)
    elif origin == "base":
        assert np.allclose(middle, (0, SIDES[1] / 4, 0), atol=0.005)
    else:  # nothing was moved, so distances from 0 are those in the scene
        center = PLACE + SIDES[1] / 2 * TILT[:, 1]
        assert np.isclose(np.linalg.norm(middle), np.linalg.norm(center) / 2, atol=0.01)


def test_a_sheet_has_a_thickness() -> None:
    x, z = (axis.ravel() for axis in np.meshgrid(np.linspace(-0.5, 0.5, 60), np.linspace(-0.3, 0.3, 36)))
    means, count = np.stack([x, 0.1 * x, z], axis=1), len(x)
    scales = np.tile([0.012, 0.001, 0.012], (count, 1))
    quaternions = np.tile(Rotation.from_euler("z", np.arctan(0.1)).as_quat(scalar_first=True), (count, 1))
    sheet = Gaussians.from_arrays(means, scales, quaternions, np.full(count, 0.95), np.zeros((count, 1, 3)))
    asset = make_asset(sheet, np.ones(count, bool), Up(np.array([0.0, 1, 0]), "given"), AssetConfig())
    mesh = trimesh.load(io.BytesIO(asset.mesh), file_type="glb").to_geometry()
    assert np.allclose(np.ptp(mesh.bounds, axis=0)[[0, 2]], (1, 0.6), atol=0.08)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x", (1, 0, 0)),
        ("-y", (0, -1, 0)),
        ("+z", (0, 0, 1)),
        ("0,0,-2", (0, 0, -1)),
        ("1,1,0", (0.5**0.5, 0.5**0.5, 0)),
    ],
)
def test_up_is_an_axis_or_a_vector(text: str, expected: tuple[float, ...]) -> None:
    assert np.allclose(AssetConfig(text).direction(), expected)


@pytest.mark.parametrize("text", ["", "w", "-", "0,0,0", "1,2", "a,b,c", "nan,0,1", "--y"])
def test_other_directions_are_refused(text: str) -> None:
    with pytest.raises(SagaError, match="up: expected auto"):
        AssetConfig(text)


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_a_scale_is_a_positive_number(scale: float) -> None:
    with pytest.raises(SagaError, match="units per meter"):
        AssetConfig(scale=scale)


def test_up_is_away_from_what_the_object_stands_on(tiny_scene: Scene, tiny_demo: DemoScene) -> None:
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_euler("x", 25, degrees=True).as_matrix()  # cameras held askew, all alike
    cameras = [replace(camera, world_to_camera=turn @ camera.world_to_camera) for camera in tiny_scene.cameras]
    placed = DeviceScene(tiny_scene, "cpu")
    bottle = tiny_scene.gaussians.means[tiny_demo.labels == tiny_demo.names["bottle"]]
    found = Uprights(placed, AssetConfig()).of(bottle)
    assert found.source == "support"
    assert found.direction @ (0, 0, 1) > 0.99
    afloat = Uprights(placed, AssetConfig()).of(bottle + (0, 0, 3))
    assert afloat.source == "cameras"
    lonely = Uprights(DeviceScene(Scene(tiny_scene.gaussians, []), "cpu"), AssetConfig()).of(bottle)
    assert lonely.source == "guess"
    given = Uprights(DeviceScene(Scene(tiny_scene.gaussians, cameras), "cpu"), AssetConfig("-x")).of(bottle)
    assert (given.source, given.direction.tolist()) == ("given", [-1, 0, 0])


def test_an_object_is_written_for_engines(tmp_path: Path, tiny_scene: Scene, tiny_demo: DemoScene) -> None:
    mask = tiny_demo.labels == tiny_demo.names["bottle"]
    found = Segmentation(mask, mask.astype(np.float32), scene=tiny_scene)
    found.save(tmp_path, config=ExportConfig(masks=False, asset=AssetConfig()))
    folder = tmp_path / "asset"
    manifest = json.loads((folder / "asset.json").read_text())
    assert sorted(manifest["files"].values()) == sorted(p.name for p in folder.iterdir() if p.name != "asset.json")
    read = Gaussians.read(folder / "object.ply")
    matrix = np.array(manifest["scene_to_object"])
    moved = tiny_scene.gaussians.means[mask] @ matrix[:3, :3].T + matrix[:3, 3]
    assert np.allclose(read.means, moved, atol=1e-5)
    assert (manifest["gaussians"], manifest["up"]["source"]) == (mask.sum(), "support")
    found.save(tmp_path, config=ExportConfig(masks=False))  # an earlier one goes with what replaces it
    assert not list(folder.glob("*"))


def test_all_objects_are_written_for_engines(tmp_path: Path, tiny_scene: Scene, tiny_demo: DemoScene) -> None:
    names = ("bottle", "apple")
    masks = {name: tiny_demo.labels == tiny_demo.names[name] for name in names}
    found = {name: Segmentation(mask, mask.astype(np.float32)) for name, mask in masks.items()}
    config = ObjectsConfig(format="usd" if has_usd() else None, asset=AssetConfig(origin="scene"))
    write_objects(found, tiny_scene, tmp_path, config)
    for name in names:
        assert json.loads((tmp_path / "assets" / name / "asset.json").read_text())["origin"] == "scene"


def test_convex_parts_make_up_the_mesh() -> None:
    pytest.importorskip("coacd", reason="coacd (extra convex) is not installed")
    lying = moved(box(0.02), TILT.T, 1.0, np.zeros(3))  # in its own axes
    both = _joined(lying, Rotation.from_euler("y", 90, degrees=True).as_matrix(), np.array([0.3, 0.0, 0.3]))
    up, config = Up(np.array([0.0, 1.0, 0.0]), "given"), AssetConfig(convex_parts=True)
    asset = make_asset(both, np.ones(len(both), bool), up, config)
    parts = list(trimesh.load_scene(io.BytesIO(asset.parts), file_type="glb").geometry.values())
    assert len(parts) == asset.facts["convex_parts"] > 1
    assert all(part.is_convex for part in parts)
    mesh, hull = (trimesh.load_mesh(io.BytesIO(each), file_type="glb") for each in (asset.mesh, asset.hull))
    assert abs(sum(part.volume for part in parts) - mesh.volume) < 0.3 * (hull.volume - mesh.volume)


def _joined(gaussians: Gaussians, turn: np.ndarray, offset: np.ndarray) -> Gaussians:
    """Gaussians, and the same ones turned and moved."""
    other = moved(gaussians, turn, 1.0, offset)
    names = ("means", "scales", "quaternions", "opacities", "sh")
    return Gaussians.from_arrays(*(np.concatenate([getattr(gaussians, n), getattr(other, n)]) for n in names))


def has_usd() -> bool:
    try:
        from saga.export.usd import require_usd

        require_usd()
    except SagaError:
        return False
    return True


def test_a_missing_package_is_said_before_anything_is_written(
    tmp_path: Path, tiny_scene: Scene, tiny_demo: DemoScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "trimesh", None)
    mask = tiny_demo.labels == tiny_demo.names["bottle"]
    with pytest.raises(SagaError, match=r"saga-splat\[mesh\]"):
        write_segmentation(
            Segmentation(mask, mask.astype(np.float32)), tiny_scene, tmp_path / "out", ExportConfig(asset=AssetConfig())
        )
    assert not (tmp_path / "out").exists()


def test_convex_parts_without_their_package_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "coacd", None)
    require_packages(AssetConfig())
    with pytest.raises(SagaError, match=r"saga-splat\[convex\]"):
        require_packages(AssetConfig(convex_parts=True))


def test_what_covers_nothing_has_no_mesh(gaussians: Gaussians) -> None:
    faint = replace(gaussians, opacities=np.full(len(gaussians), 0.001, np.float32))
    with pytest.raises(SagaError, match="covers something"):
        made(faint, AssetConfig())
