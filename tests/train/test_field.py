"""The field's file."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from saga.errors import SagaError
from saga.scene import Camera, Gaussians, LensModel, Scene
from saga.train import FeatureField, TrainConfig


@pytest.fixture
def make_field(tiny_scene):
    """make_field(cameras): a field of nothing in particular."""

    def make(cameras: list[Camera]) -> FeatureField:
        features = torch.zeros(len(tiny_scene.gaussians), 32)
        return FeatureField(features, tiny_scene.gaussians.digest(), TrainConfig(), cameras)

    return make


def test_cameras_keep_their_lens_and_their_photographs(tiny_scene, make_field, tmp_path: Path):
    lens = LensModel("SIMPLE_RADIAL", 160, 120, (100.0, 80.0, 60.0, -0.1))
    cameras = [replace(camera, lens=lens) for camera in tiny_scene.cameras]
    make_field(cameras).save(tmp_path / "field.saga")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read = FeatureField.load(tmp_path / "field.saga", tiny_scene).cameras
    assert [camera.lens for camera in read] == [lens] * len(cameras)
    for camera, other in zip(cameras, read, strict=True):
        assert camera.image_path is not None and other.image_path is not None
        assert other.image_path.samefile(camera.image_path)


def test_scales_are_halves_of_the_features_and_older_fields_have_one(tiny_scene, make_field, tmp_path: Path):
    field = make_field(tiny_scene.cameras)
    field.features[:, :16] = 1.0
    coarse, fine = field.scales
    assert coarse.shape == fine.shape == (len(tiny_scene.gaussians), 16) and coarse.all() and not fine.any()
    path = tmp_path / "field.saga"
    field.save(path)
    with safe_open(path, "pt") as file:
        tensors, metadata = {name: file.get_tensor(name) for name in list(file.keys())}, file.metadata()
    (key,) = metadata
    values = json.loads(metadata[key])
    del values["config"]["scales"]
    save_file(tensors, path, {key: json.dumps(values)})
    (whole,) = FeatureField.load(path, tiny_scene).scales
    assert torch.equal(whole.float(), field.features)


def test_features_stay_in_their_file_until_they_are_read(tiny_scene, make_field, tmp_path: Path):
    made, path = make_field(tiny_scene.cameras), tmp_path / "field.saga"
    made.features.copy_(torch.randn(made.features.shape, generator=torch.Generator().manual_seed(0)))
    made.save(path)
    read = FeatureField.load(path, tiny_scene)
    assert read.mapped is not None and read.to("cpu").mapped is read.mapped
    read.let_go()
    path.unlink()  # as a new field in its place does
    assert torch.equal(read.stored, made.stored.half())
    assert torch.equal(read.features, made.stored.half().float()) and read.mapped is None
    read.features[0] = 1  # which are in memory now
    read.let_go()
    assert bool((read.features[0] == 1).all())


def test_features_that_are_not_finite_are_refused(tiny_scene, make_field, tmp_path: Path):
    made, path = make_field(tiny_scene.cameras), tmp_path / "field.saga"
    made.stored[-1, -1] = torch.inf
    made.save(path)
    with pytest.raises(SagaError, match="feature field"):
        FeatureField.load(path, tiny_scene)


def test_photographs_that_are_gone_are_said_once(tiny_scene, make_field, tmp_path: Path):
    cameras = [replace(camera, image_path=tmp_path / camera.name) for camera in tiny_scene.cameras[:3]]
    Path(tmp_path / cameras[1].name).write_bytes(b"a photograph")
    make_field(cameras).save(tmp_path / "field.saga")
    with pytest.warns(UserWarning, match="2 of 3 photographs are no longer where they were") as said:
        read = FeatureField.load(tmp_path / "field.saga").cameras
    assert len(said) == 1
    assert [camera.image_path is None for camera in read] == [True, False, True]


def test_a_field_of_another_scene_is_refused(tiny_scene, make_field, tmp_path: Path):
    """Of as many Gaussians, one of which lies elsewhere."""
    own = tiny_scene.gaussians
    means = own.means.copy()
    means[5] += 0.01
    moved = Gaussians.from_arrays(means, own.scales, own.quaternions, own.opacities, own.sh)
    other = Scene(moved, tiny_scene.cameras)
    path = tmp_path / "field.saga"
    make_field(tiny_scene.cameras).save(path)
    FeatureField.load(path, tiny_scene)
    with pytest.raises(SagaError, match=r"field\.saga: this field was trained for another scene"):
        FeatureField.load(path, other)
    with pytest.raises(SagaError, match="this field was trained for another scene"):
        make_field(tiny_scene.cameras).check(other)


def test_an_older_version_is_refused(tiny_scene, make_field, tmp_path: Path):
    path = tmp_path / "field.saga"
    make_field(tiny_scene.cameras).save(path)
    with safe_open(path, "pt") as file:
        metadata = json.loads(file.metadata()["saga"])
    assert metadata["format_version"] == 3
    save_file({"features": torch.zeros(1, 32)}, path, {"saga": json.dumps(metadata | {"format_version": 1})})
    with pytest.raises(SagaError, match="expected format version 3, found 1; train again"):
        FeatureField.load(path)


def damage(path: Path, change=None, tensors=None, text: str | None = None) -> None:
    """Writes a whole file with something wrong in its header or in its tensors."""
    with safe_open(path, "pt") as file:
        metadata = json.loads(file.metadata()["saga"])
        kept = {name: file.get_tensor(name) for name in list(file.keys())}  # noqa: SIM118
    if change is not None:
        change(metadata)
    save_file(
        kept if tensors is None else tensors(kept), path, {"saga": json.dumps(metadata) if text is None else text}
    )


DAMAGES = {
    "null": {"text": "null"},
    "deep": {"text": "[" * 100_000 + "]" * 100_000},
    "no features": {"tensors": lambda kept: {"other": kept["features"]}},
    "other shape": {"tensors": lambda kept: {"features": kept["features"].reshape(-1, 16)}},
    "not finite": {"tensors": lambda kept: {"features": kept["features"].index_fill(0, torch.tensor([3]), torch.nan)}},
    "no cameras": {"change": lambda meta: meta.pop("cameras")},
    "no digest": {"change": lambda meta: meta.pop("scene_digest")},
    "no version": {"change": lambda meta: meta.pop("format_version")},
    "unknown setting": {"change": lambda meta: meta["config"].update(colour=5)},
    "camera": {"change": lambda meta: meta["cameras"][1].update(name=5)},
    "cameras": {"change": lambda meta: meta.update(cameras=5)},
    "seconds": {"change": lambda meta: meta.update(report={"seconds": {"rows": "1,5"}})},
    "report": {"change": lambda meta: meta.update(report=5)},
    "half of phi": {"tensors": lambda kept: kept | {"phi.layers.0.weight": torch.zeros(64, 256)}},
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_whole_file_with_something_wrong_in_it_is_refused(tiny_scene, make_field, tmp_path: Path, name: str):
    path = tmp_path / "field.saga"
    make_field(tiny_scene.cameras).save(path)
    damage(path, **DAMAGES[name])
    with pytest.raises(SagaError, match="field.saga: expected .* train again") as caught:
        FeatureField.load(path)
    assert "\n" not in str(caught.value)


def test_a_field_with_the_setting_that_regions_replaced_is_read(tmp_path: Path) -> None:
    path = tmp_path / "old.saga"
    FeatureField(torch.ones(2, 32), "digest", TrainConfig(), []).save(path)
    with safe_open(path, "pt") as file:
        metadata = json.loads(file.metadata()["saga"])
    metadata["config"]["granularity"] = False
    save_file({"features": torch.ones(2, 32)}, path, {"saga": json.dumps(metadata)})
    assert FeatureField.load(path).config == TrainConfig()


def test_features_take_two_bytes_at_rest_and_compute_in_four(tiny_scene, make_field, tmp_path: Path):
    field = make_field(tiny_scene.cameras)
    field.features.copy_(torch.randn(field.features.shape, generator=torch.Generator().manual_seed(0)))
    path = tmp_path / "field.saga"
    field.save(path)
    read = FeatureField.load(path, tiny_scene)
    assert read.stored.dtype == torch.float16 and path.stat().st_size < 2.2 * field.features.numel()
    torch.testing.assert_close(read.features, field.features, rtol=1e-3, atol=1e-7)
    assert read.features.dtype == torch.float32 and read.features is read.stored, "there is one array of them"


def test_a_field_of_four_bytes_can_be_read(tiny_scene, make_field, tmp_path: Path):
    field = make_field(tiny_scene.cameras)
    field.features[:] = 0.5
    path = tmp_path / "field.saga"
    field.save(path)
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    (key,) = metadata
    values = json.loads(metadata[key]) | {"format_version": 2}
    save_file({"features": field.features}, path, {key: json.dumps(values)})
    assert torch.equal(FeatureField.load(path, tiny_scene).features, field.features)
