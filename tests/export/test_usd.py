"""USD stages of objects, opened again."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from saga.errors import EmptySelectionError, SagaError
from saga.export import ExportConfig, ObjectsConfig, write_objects, write_segmentation, write_usd
from saga.query.segmentation import Segmentation
from saga.scene import Camera, Gaussians, Scene

pxr = pytest.importorskip("pxr", reason="usd-core (extra usd) is not installed")
from pxr import Usd, UsdGeom, UsdVol  # noqa: E402

if Usd.SchemaRegistry().FindConcretePrimDefinition("ParticleField3DGaussianSplat") is None:
    pytest.skip("usd-core is older than 26.3", allow_module_level=True)


def some(mask: np.ndarray) -> Segmentation:
    return Segmentation(mask, mask.astype(np.float32))


def scene_with(coefficients: int = 4, tops: tuple[float, float, float] = (0, -1, 0), count: int = 30) -> Scene:
    """Gaussians in general position, seen by a camera whose top points along `tops`."""
    rng = np.random.default_rng(5)
    gaussians = Gaussians.from_arrays(
        rng.uniform(-2, 3, (count, 3)),
        rng.uniform(0.01, 0.4, (count, 3)),
        rng.normal(size=(count, 4)),
        rng.uniform(0.1, 0.9, count),
        rng.normal(size=(count, coefficients, 3)),
    )
    down = -np.array(tops, float)
    right = np.roll(down, 1)
    pose = np.eye(4)
    pose[:3, :3] = [right, down, np.cross(right, down)]
    return Scene(gaussians, [Camera("a", 64, 48, 40, 40, 32, 24, pose)])


@pytest.mark.parametrize("ending", ["usd", "usda", "usdc"])
@pytest.mark.parametrize("coefficients", [1, 4, 16])
def test_every_value_is_in_the_stage(tmp_path: Path, ending: str, coefficients: int) -> None:
    scene = scene_with(coefficients)
    first, second = np.arange(30) < 12, np.arange(30) >= 20
    path = tmp_path / f"objects.{ending}"
    write_usd(scene, {"mug": some(first), "nothing": some(first & False), "ball": some(second)}, path)
    stage = Usd.Stage.Open(str(path))
    prims = [prim for prim in stage.Traverse() if prim.GetTypeName() == "ParticleField3DGaussianSplat"]
    assert [str(prim.GetPath()) for prim in prims] == ["/scene/mug", "/scene/ball"]
    assert stage.GetDefaultPrim().GetPath() == "/scene"
    assert [prim.GetCustomDataByKey("object_id") for prim in prims] == [1, 3]
    g = scene.gaussians
    for prim, member in zip(prims, (first, second), strict=True):
        splat = UsdVol.ParticleField3DGaussianSplat(prim)
        assert np.array_equal(np.array(splat.GetPositionsAttr().Get()), g.means[member])
        assert np.array_equal(np.array(splat.GetScalesAttr().Get()), g.scales[member])
        assert np.array_equal(np.array(splat.GetOpacitiesAttr().Get()), g.opacities[member])
        found = [[q.GetReal(), *q.GetImaginary()] for q in splat.GetOrientationsAttr().Get()]
        assert np.array_equal(np.array(found, np.float32), g.quaternions[member])
        assert (splat.GetRadianceSphericalHarmonicsDegreeAttr().Get() + 1) ** 2 == coefficients
        harmonics = np.array(splat.GetRadianceSphericalHarmonicsCoefficientsAttr().Get())
        assert np.array_equal(harmonics.reshape(-1, coefficients, 3), g.sh[member])


def test_the_extent_holds_three_standard_deviations(tmp_path: Path) -> None:
    scene = scene_with()
    write_usd(scene, {"one": some(np.arange(30) == 4)}, tmp_path / "one.usda")
    stage = Usd.Stage.Open(str(tmp_path / "one.usda"))
    prim = stage.GetPrimAtPath("/scene/one")
    low, high = np.array(UsdVol.ParticleField3DGaussianSplat(prim).GetExtentAttr().Get())
    from scipy.spatial.transform import Rotation

    w, x, y, z = scene.gaussians.quaternions[4]
    axes = Rotation.from_quat([x, y, z, w]).as_matrix() * scene.gaussians.scales[4]
    reach = 3 * np.sqrt((axes**2).sum(1))
    assert np.allclose((high - low) / 2, reach, rtol=1e-4)
    assert np.allclose((high + low) / 2, scene.gaussians.means[4], atol=1e-5)


@pytest.mark.parametrize(
    ("tops", "axis"),
    [((0, 1, 0), "Y"), ((0, -1, 0), "Y"), ((0, 0, 1), "Z"), ((0, 0, -1), "Z"), ((1, 0, 0), "Y"), ((-1, 0, 0), "Y")],
)
def test_the_stage_stands_upright_and_says_so(tmp_path: Path, tops: tuple[float, float, float], axis: str) -> None:
    scene = scene_with(tops=tops)
    write_usd(scene, {"mug": some(np.arange(30) < 12)}, tmp_path / "objects.usd")
    stage = Usd.Stage.Open(str(tmp_path / "objects.usd"))
    assert UsdGeom.GetStageUpAxis(stage) == axis
    assert stage.HasAuthoredMetadata("metersPerUnit") and UsdGeom.GetStageMetersPerUnit(stage) == 1
    turn = np.array(UsdGeom.XformCache().GetLocalToWorldTransform(stage.GetPrimAtPath("/scene/mug")))[:3, :3]
    assert np.allclose(np.array(tops) @ turn, [0, 1, 0] if axis == "Y" else [0, 0, 1], atol=1e-6)  # rows are vectors


def test_the_scene_itself_tells_where_up_is_without_cameras(tmp_path: Path) -> None:
    scene = scene_with()
    scene = Scene(scene.gaussians, [])
    scene.gaussians.ply.comments = ["Vertical Axis: z"]
    write_usd(scene, {"mug": some(np.arange(30) < 12)}, tmp_path / "objects.usd")
    assert UsdGeom.GetStageUpAxis(Usd.Stage.Open(str(tmp_path / "objects.usd"))) == "Z"


def test_names_become_identifiers_and_stay_as_display_names(tmp_path: Path) -> None:
    names = ["a b", "a-b", "1", "mug/../x", "Krüge", "a_b"]
    write_usd(scene_with(), {name: some(np.arange(30) < 3) for name in names}, tmp_path / "objects.usd")
    stage = Usd.Stage.Open(str(tmp_path / "objects.usd"))
    prims = list(stage.GetDefaultPrim().GetChildren())
    assert [prim.GetDisplayName() for prim in prims] == names
    assert [prim.GetName() for prim in prims][:4] == ["a_b", "a_b_2", "_1", "mug____x"]
    assert prims[5].GetName() == "a_b_3"


def test_rows_that_are_no_numbers_are_left_out(tmp_path: Path) -> None:
    scene = scene_with()
    valid = np.arange(30) != 2
    scene = Scene(replace(scene.gaussians, valid=valid), scene.cameras)
    write_usd(scene, {"mug": some(np.arange(30) < 12)}, tmp_path / "objects.usd")
    stage = Usd.Stage.Open(str(tmp_path / "objects.usd"))
    prim = stage.GetPrimAtPath("/scene/mug")
    assert len(prim.GetAttribute("positions").Get()) == 11


def test_what_cannot_be_written_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene, mask = scene_with(), np.arange(30) < 12
    with pytest.raises(SagaError, match="end it with .usd"):
        write_usd(scene, {"mug": some(mask)}, tmp_path / "objects.usdz")
    with pytest.raises(EmptySelectionError):
        write_usd(scene, {"mug": some(mask & False)}, tmp_path / "objects.usd")
    with monkeypatch.context() as patch:
        patch.setattr("saga.export.usd.SCHEMA", "ParticleFieldOfTheFuture")
        with pytest.raises(SagaError, match=r'expected usd-core 26.3 or later.*pip install "saga-splat\[usd\]"'):
            write_usd(scene, {"mug": some(mask)}, tmp_path / "objects.usd")
        patch.setitem(sys.modules, "pxr.UsdVol", None)
        with pytest.raises(SagaError, match=r'expected the package usd-core.*pip install "saga-splat\[usd\]"'):
            write_usd(scene, {"mug": some(mask)}, tmp_path / "objects.usd")
    assert list(tmp_path.iterdir()) == []


def test_results_in_usd(tiny_scene: Scene, tmp_path: Path) -> None:
    first, second = (np.arange(len(tiny_scene.gaussians)) % 7 == k for k in (0, 1))
    write_segmentation(some(first), tiny_scene, tmp_path / "one", ExportConfig(masks=False, format="usd"))
    stages = {name: Usd.Stage.Open(str(tmp_path / "one" / f"{name}.usd")) for name in ("object", "rest")}
    sizes = [len(stage.GetPrimAtPath(f"/scene/{name}").GetAttribute("scales").Get()) for name, stage in stages.items()]
    assert sizes == [first.sum(), (~first).sum()]
    config = ObjectsConfig(format="usd", label_maps=False)
    write_objects({"mug": some(first), "ball": some(second)}, tiny_scene, tmp_path / "all", config)
    assert {path.name for path in (tmp_path / "all").iterdir()} == {
        "objects.usd", "objects.json", "labels.npy", "overview.png",
    }  # fmt: skip
    write_objects({"mug": some(first)}, tiny_scene, tmp_path / "all")
    assert not (tmp_path / "all" / "objects.usd").exists()
