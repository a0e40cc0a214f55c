"""The file of regions."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from saga.errors import SagaError
from saga.regions import SceneRegions
from saga.scene import Gaussians, Scene


def test_what_is_saved_is_loaded(known, regions, tmp_path):
    regions.save(tmp_path / "scene.regions")
    loaded = SceneRegions.load(tmp_path / "scene.regions", known.scene)
    for name in ("cells", "shares", "members", "own", "borders", "lengths", "closed"):
        assert np.array_equal(getattr(loaded, name), getattr(regions, name)), name
        assert getattr(loaded, name).dtype == getattr(regions, name).dtype, name
    assert loaded.config == regions.config
    assert loaded.scene_digest == known.scene.gaussians.digest()


def test_regions_of_another_scene_are_refused(regions, tmp_path):
    regions.save(tmp_path / "scene.regions")
    means, ones = np.zeros((2, 3), np.float32), np.ones((2, 4), np.float32)
    other = Gaussians.from_arrays(means, ones[:, :3], ones, ones[:, 0], means[:, None])
    with pytest.raises(SagaError, match="found those of another scene"):
        SceneRegions.load(tmp_path / "scene.regions", Scene(other, []))


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(SagaError, match="expected a file of regions, found none"):
        SceneRegions.load(tmp_path / "none.regions")


def test_a_truncated_file_is_refused(regions, tmp_path):
    path = tmp_path / "scene.regions"
    regions.save(path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(SagaError, match="truncated"):
        SceneRegions.load(path)


@pytest.mark.parametrize("name", ["shares", "own", "borders", "lengths", "closed", "cells", "rims"])
def test_arrays_of_another_kind_or_shape_are_refused(regions, tmp_path, name):
    path = tmp_path / "scene.regions"
    regions.save(path)
    with safe_open(path, "np") as file:
        header, held = file.metadata(), load_file(path)
    changed = [held[name].astype(np.uint8)] + [held[name][:-1].copy()] * (name in ("own", "lengths", "closed", "rims"))
    for values in changed:
        save_file(held | {name: values}, path, header)
        with pytest.raises(SagaError, match="scene.regions: expected regions of saga-train"):
            SceneRegions.load(path)


def test_another_version_is_refused(regions, tmp_path):
    path = tmp_path / "scene.regions"
    regions.save(path)
    save_file(load_file(path), path, {"saga_regions": json.dumps({"format_version": 99})})
    with pytest.raises(SagaError, match="expected format version 7, found 99"):
        SceneRegions.load(path)
