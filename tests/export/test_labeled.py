"""Object ids inside the scene's PLY, and the facts about objects beside it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from plyfile import PlyData, PlyElement

from saga.errors import EmptySelectionError, SagaError
from saga.export import write_labeled
from saga.export.labeled import with_labels
from saga.query.segmentation import Segmentation
from saga.scene import Gaussians, Scene


def some(mask: np.ndarray, score: float = 1.0) -> Segmentation:
    return Segmentation(mask, np.where(mask, score, 0).astype(np.float32))


def scene_of(path: Path, count: int = 40, text: bool = False, **extra: str) -> Scene:
    """A scene with properties of its own, another element and a comment, read from a file."""
    rng = np.random.default_rng(4)
    table = Gaussians.from_arrays(
        rng.uniform(-2, 3, (count, 3)),
        np.full((count, 3), 0.1),
        rng.normal(size=(count, 4)),
        np.full(count, 0.5),
        rng.normal(size=(count, 1, 3)),
    ).vertices
    rows = np.empty(count, [(n, table.dtype[n]) for n in table.dtype.names] + list(extra.items()) + [("last", "f8")])
    for name in table.dtype.names:
        rows[name] = table[name]
    for name in (*extra, "last"):
        rows[name] = rng.integers(0, 100, count)
    camera = PlyElement.describe(np.zeros(2, [("fx", "f4")]), "camera")
    elements = [PlyElement.describe(rows, "vertex", comments=["of the rows"]), camera]
    PlyData(elements, text=text, byte_order=">", comments=["made elsewhere"]).write(str(path))
    return Scene(Gaussians.read(path), [], path)


@pytest.mark.parametrize("text", [False, True])
def test_everything_else_of_the_scene_stays(tmp_path: Path, text: bool) -> None:
    scene = scene_of(tmp_path / "scene.ply", text=text)
    first, second = np.arange(40) < 20, (np.arange(40) > 10) & (np.arange(40) < 30)
    write_labeled(scene, {"mug": some(first, 0.4), "Krüge": some(second, 0.9)}, tmp_path / "out" / "labeled.ply")
    before, after = (PlyData.read(str(tmp_path / name)) for name in ("scene.ply", "out/labeled.ply"))
    assert [each.name for each in after.elements] == ["vertex", "camera"]
    assert (after.text, after.byte_order, after.comments) == (before.text, before.byte_order, before.comments)
    assert after["vertex"].comments == ["of the rows"]
    names = before["vertex"].data.dtype.names
    assert after["vertex"].data.dtype.names == (*names, "object_id")
    for name in names:
        assert after["vertex"][name].tobytes() == before["vertex"][name].tobytes(), name
    labels = after["vertex"]["object_id"]
    assert labels.dtype.kind == "u" and labels.dtype.itemsize == 2
    assert np.array_equal(labels, np.where(second, 2, np.where(first, 1, 0)))
    assert Gaussians.read(tmp_path / "out" / "labeled.ply").digest() == scene.gaussians.digest()


def test_the_facts_beside_it(tmp_path: Path) -> None:
    scene = scene_of(tmp_path / "scene.ply")
    mask = np.arange(40) < 7
    write_labeled(scene, {"mug": some(mask), "none": some(mask & False)}, tmp_path / "out" / "labeled.ply")
    facts = json.loads((tmp_path / "out" / "objects.json").read_text(encoding="utf-8"))
    assert list(facts) == ["mug", "none"]
    assert (facts["mug"]["id"], facts["mug"]["gaussians"], facts["none"]["id"]) == (1, 7, 2)
    assert facts["none"]["bounding_box"] is None
    means = scene.gaussians.means[:7]
    assert np.allclose(facts["mug"]["bounding_box"]["min"], means.min(0))
    assert np.allclose(facts["mug"]["bounding_box"]["max"], means.max(0))
    assert len(facts["mug"]["color"]) == 3 and facts["mug"]["color"] != facts["none"]["color"]


def test_ids_that_are_there_are_replaced_in_their_place_and_that_is_said(tmp_path: Path) -> None:
    scene = scene_of(tmp_path / "scene.ply", object_id="i4", confidence="f4")
    with pytest.warns(UserWarning, match="object_id: the scene has this property already; it is replaced"):
        write_labeled(scene, {"mug": some(np.arange(40) < 7)}, tmp_path / "scene.ply")
    after = PlyData.read(str(tmp_path / "scene.ply"))["vertex"].data
    assert after.dtype.names[-3:] == ("object_id", "confidence", "last")
    assert after["object_id"].dtype.itemsize == 2
    assert np.array_equal(after["object_id"], np.arange(40) < 7)


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    scene = scene_of(tmp_path / "scene.ply")
    mask, out = np.arange(40) < 7, tmp_path / "out"
    with pytest.raises(EmptySelectionError, match="labeled.ply"):
        write_labeled(scene, {"mug": some(mask & False)}, out / "labeled.ply")
    for name in ("labeled.spz", "labeled.compressed.ply", "labeled"):
        with pytest.raises(SagaError, match="expected the name of a PLY"):
            write_labeled(scene, {"mug": some(mask)}, out / name)
    assert not out.exists()
    assert with_labels(scene.gaussians, np.full(40, 65_535)).vertices["object_id"].min() == 65_535
    with pytest.raises(SagaError, match="at most 65,535 objects, found 65,536"):
        with_labels(scene.gaussians, np.full(40, 65_536))


def test_a_persons_own_objects_json_is_not_overwritten(tmp_path: Path) -> None:
    scene = scene_of(tmp_path / "scene.ply")
    (tmp_path / "objects.json").write_text('{"vase": 1}')
    with pytest.raises(SagaError, match="objects.json: expected none"):
        write_labeled(scene, {"mug": some(np.arange(40) < 7)}, tmp_path / "labeled.ply")
    assert (tmp_path / "objects.json").read_text() == '{"vase": 1}'
    assert not (tmp_path / "labeled.ply").exists()
