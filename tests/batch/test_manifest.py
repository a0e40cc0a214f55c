"""Manifests: what they may say, and one line for everything else."""

from __future__ import annotations

from pathlib import Path

import pytest

from saga.batch import read_manifest
from saga.errors import SagaError

YAML = """
out: results
defaults:
  device: cpu
  sam: mobile
  train: {iterations: 300, seed: 1}
scenes:
  - kitchen/scene.ply
  - name: hall
    scene: s3://bucket/hall.ply
    images: s3://bucket/images
    cameras: s3://bucket/sparse/0
    masks: masks
    train: {iterations: 50}
    objects:
      - {name: chair, view: 0003.jpg, points: [[512, 300.5]], negative: [[1, 2], [3, 4]], also: {0007.jpg: [[5, 6]]}}
      - {name: mug, text: red mug, segment: {granularity: part}}
      - {name: sofa, view: 0003.jpg, box: [1, 2, 30, 40]}
      - everything
  - {name: attic, scene: attic.spz, objects: everything, blocks: 4, export: true}
"""

CSV = """name,scene,images,masks,object,view,points,box,text,train.iterations,train.join
hall,hall/scene.ply,hall/images,,chair,0003.jpg,"512,300 40,60",,,50,false
hall,,,,sofa,0003.jpg,,"1,2,30,40",,,
hall,,,,everything,,,,,,
,attic/scene.ply,,attic/masks,mug,,,,red mug,,
"""


def written(folder: Path, text: str, ending: str = ".yaml") -> Path:
    path = folder / f"batch{ending}"
    path.write_text(text)
    return path


def test_yaml(tmp_path: Path) -> None:
    manifest = read_manifest(written(tmp_path, YAML))
    kitchen, hall, attic = manifest.scenes

    assert manifest.out == str(tmp_path / "results")
    assert (kitchen.name, kitchen.scene) == ("kitchen", str(tmp_path / "kitchen/scene.ply"))
    assert (kitchen.sam, kitchen.device, kitchen.options) == (
        "mobile",
        "cpu",
        {"train": {"iterations": 300, "seed": 1}},
    )
    assert (hall.scene, hall.cameras, hall.masks) == (
        "s3://bucket/hall.ply", "s3://bucket/sparse/0", str(tmp_path / "masks")
    )  # fmt: skip
    assert hall.sam is None  # masks of its own count, not the model of all
    assert hall.options == {"train": {"iterations": 50, "seed": 1}}
    chair, mug, sofa = hall.objects
    assert (chair.view, chair.points, chair.negative) == ("0003.jpg", ((512, 300.5),), ((1, 2), (3, 4)))
    assert chair.also == {"0007.jpg": ((5, 6),)}
    assert (mug.text, mug.segment) == ("red mug", {"granularity": "part"})
    assert sofa.box == (1, 2, 30, 40)
    assert hall.everything and attic.everything and not kitchen.everything
    assert attic.options["export"] == {} and attic.blocks == 4


def test_csv(tmp_path: Path) -> None:
    hall, attic = read_manifest(written(tmp_path, CSV, ".csv")).scenes

    assert (hall.name, hall.scene, hall.images) == (
        "hall",
        str(tmp_path / "hall/scene.ply"),
        str(tmp_path / "hall/images"),
    )
    assert [each.name for each in hall.objects] == ["chair", "sofa"] and hall.everything
    assert hall.objects[0].points == ((512, 300), (40, 60))
    assert hall.objects[1].box == (1, 2, 30, 40)
    assert hall.options == {"train": {"iterations": "50", "join": False}}
    assert (attic.name, attic.masks, attic.objects[0].text) == ("attic", str(tmp_path / "attic/masks"), "red mug")


@pytest.mark.parametrize(
    ("scene", "name"),
    [
        ("a/scene.ply", "a"), ("a/b.ply", "b"), ("a/point_cloud/iteration_30000/point_cloud.ply", "a"),
        ("a/splat.compressed.ply", "a"), ("s3://bucket/rooms/attic/scene.spz", "attic"),
    ],
)  # fmt: skip
def test_a_scene_is_called_by_its_file_or_folder(tmp_path: Path, scene: str, name: str) -> None:
    assert read_manifest(written(tmp_path, f"scenes: [{{scene: {scene}}}]")).scenes[0].name == name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("scenes: [{scene: a.ply, imagse: b}]", r"scenes\[0\]: expected a key of a manifest, found 'imagse'; try im"),
        ("scenes: [{scene: a.ply, blocks: -1}]", r"scenes\[0\].blocks: expected a whole number, 0 or more, found -1"),
        ("scenes: [{scene: a.ply, name: 7}]", r"scenes\[0\].name: expected text, found 7; put it in quotes"),
        ("scenes: [{name: a}]", r"scenes\[0\]: expected the key scene, found none"),
        ("scenes: [{scene: a.ply, name: a/b}]", "expected a name that can name a folder, found 'a/b'; try 'a_b'"),
        ("scenes: [{scene: a.ply, name: Batch}]", "another name than 'Batch'"),
        ("scenes: [{scene: a/x.ply}, {scene: b/X.ply}]", r"scenes\[1\].name: expected a name of its own, found 'X'"),
        ("scenes: [{scene: a.ply, masks: m, sam: mobile}]", "expected masks or sam, found both"),
        ("scenes: [{scene: a.ply, propagate: true}]", "expected a video model with it"),
        ("scenes: [{scene: a.ply, device: gpu}]", "device: expected auto, cpu or cuda, found 'gpu'"),
        ("scenes: [{scene: a.ply, objects: all}]", "objects: expected a list of objects, or everything, found 'all'"),
        ("scenes: [{scene: a.ply, objects: [{view: v, points: [[1, 2]]}]}]", r"s\[0\]: expected the object's name"),
        ("scenes: [{scene: a.ply, objects: [{name: o, view: v}]}]", r"objects\[0\]: expected points, a box"),
        ("scenes: [{scene: a.ply, objects: [{name: o}]}]", "a view with a prompt in it, or a text, found neither"),
        ("scenes: [{scene: a.ply, objects: [{name: o, text: t, points: [[1, 2]]}]}]", "no prompt beside a text"),
        ("scenes: [{scene: a.ply, objects: [{name: o, view: v, points: [1, 2]}]}]", r"points: expected a list"),
        ("scenes: [{scene: a.ply, objects: [{name: o, view: v, points: [[1, .inf]]}]}]", "points: expected x, y in"),
        ("scenes: [{scene: a.ply, objects: [{name: o, view: v, box: [1, 2, 3]}]}]", "box: expected x0, y0, x1, y1"),
        ("scenes: [{scene: a.ply, objects: [{name: o, text: t}, {name: O, text: u}]}]", "objects of different names"),
        ("scenes: [{scene: a.ply, train: fast}]", "train: expected options of the command by their names, found"),
        ("scenes: [{scene: a.ply, train: {seed: [{a: 1}]}}]", "train.seed: expected a number, a text"),
        ("scenes: [{scene: a.ply, scene: b.ply}]", "line 1: expected each key once, found 'scene' twice"),
        ("scenes: []", "scenes: expected a list of scenes"),
        ("scenes: [3]", r"scenes\[0\]: expected a scene with its keys, found 3"),
        ("scene: [a]", "expected the keys scenes, defaults or out, found 'scene'"),
        ("scenes: [a", "expected YAML, found"),
        ("- a.ply", "expected the keys scenes, defaults or out, found none"),
        ("defaults: {scene: a}\nscenes: [a.ply]", "defaults: expected keys that many scenes share"),
        ("scenes: [!!python/object:os.system {}]", "expected YAML, found"),
    ],
)  # fmt: skip
def test_what_a_manifest_may_not_say(tmp_path: Path, text: str, expected: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(SagaError, match=expected) as mistake:
        read_manifest(path)
    assert str(mistake.value).startswith(str(path)) and "\n" not in str(mistake.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "a line of column names and a row"),
        ("scene,points\na.ply", "row 2: expected as many cells as there are columns"),
        ("scene,objekt\na.ply,b", "row 2: expected a key of a manifest, found 'objekt'"),
        ("scene,object,view,points\na.ply,b,v,1;2", "row 2.points: expected x, y in pixels, found "),
        ("scene,blocks\na.ply,many", "row 2.blocks: expected a whole number, 0 or more, found 'many'"),
        ("name,scene\na,x.ply\na,y.ply", "row 3.scene: expected what .* row 2 says of the same scene, found 'y.ply'"),
        ("scene,object,view,points\na.ply,o,v,\"1,2\"\na.ply,p,v,", "row 3: expected points, a box"),
        ("scene,view,points\na.ply,v,\"1,2\"", "row 2: expected the object's name"),
    ],
)  # fmt: skip
def test_what_a_table_may_not_say(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(SagaError, match=expected):
        read_manifest(written(tmp_path, text, ".csv"))


def test_a_manifest_of_another_kind_or_of_harm(tmp_path: Path) -> None:
    with pytest.raises(SagaError, match="ends with .yaml, .yml or .csv"):
        read_manifest(written(tmp_path, "{}", ".json"))
    bomb = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30))
    with pytest.raises(SagaError, match="found 'a0'"):
        read_manifest(written(tmp_path, bomb))
    with pytest.raises(SagaError, match="objects"):
        read_manifest(
            written(
                tmp_path, bomb.replace("a0:", "defaults: {}\nout: &z [1]\nscenes:\n  - scene: a\n    objects: [[", 1)
            )
        )
