"""Members hidden inside an object or floating apart from it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from saga.cleaning.pruning import floating_members, hidden_members
from saga.export import ExportConfig, write_segmentation
from saga.query.segmentation import Segmentation
from saga.raster import BlendOperator, Geometry
from saga.scene import Camera, Gaussians, Scene


def ball(count: int = 1500, radius: float = 1.0) -> np.ndarray:  # [count, 3]
    """Points spread evenly over a sphere."""
    height = 1 - (2 * np.arange(count) + 1) / count
    angle = np.arange(count) * np.pi * (3 - 5**0.5)
    ring = np.sqrt(1 - height**2)
    return radius * np.stack([ring * np.cos(angle), ring * np.sin(angle), height], axis=1)


def gaussians_at(means: np.ndarray, scale: float = 0.12, opacity: float = 0.99) -> Gaussians:
    count = len(means)
    quaternions = np.tile([1.0, 0, 0, 0], (count, 1))
    return Gaussians.from_arrays(
        means, np.full((count, 3), scale), quaternions, np.full(count, opacity), np.zeros((count, 1, 3))
    )


def view() -> Camera:
    pose = np.eye(4)
    pose[2, 3] = 4.0
    return Camera("0.png", 120, 120, 120.0, 120.0, 60.0, 60.0, pose)


CORE = np.random.default_rng(0).normal(size=(40, 3)) * 0.05
CLUMP = np.array([2.5, 0, 0]) + np.random.default_rng(1).normal(size=(15, 3)) * 0.05


def test_what_lies_inside_an_opaque_object_is_hidden() -> None:
    geometry = Geometry.from_gaussians(gaussians_at(np.concatenate([ball(), CORE])))
    hidden = hidden_members(geometry, [view()])
    assert bool(hidden[1500:].all())
    assert not bool(hidden[:1500].any())


def test_the_same_shows_through_a_thin_object() -> None:
    geometry = Geometry.from_gaussians(gaussians_at(np.concatenate([ball(), CORE]), opacity=0.1))
    assert not bool(hidden_members(geometry, [view()]).any())


def test_no_view_of_the_scene_is_needed_and_none_changes() -> None:
    everything = Geometry.from_gaussians(gaussians_at(np.concatenate([ball(), CORE])))
    hidden = hidden_members(everything, [])
    assert int(hidden.sum()) >= len(CORE)
    kept = Geometry.from_gaussians(gaussians_at(np.concatenate([ball(), CORE])[~hidden.numpy()]))
    before, after = (BlendOperator(g, view()).alpha() for g in (everything, kept))
    assert float((before - after).abs().max()) < 0.02


def test_clumps_and_single_gaussians_apart_float() -> None:
    single = np.array([[0, 0, -2.5]])
    geometry = Geometry.from_gaussians(gaussians_at(np.concatenate([ball(), CLUMP, single])))
    floating = floating_members(geometry).numpy()
    assert floating[1500:].all()
    assert not floating[:1500].any()


def test_a_clump_that_touches_or_is_bridged_or_is_large_does_not_float() -> None:
    touching = np.array([1.2, 0, 0]) + CORE
    chain = np.array([[0, 0, 1.35], [0, 0, 1.7], [0, 0, 2.05]])
    large = np.array([0, 5.0, 0]) + ball(200, 0.3)
    geometry = Geometry.from_gaussians(gaussians_at(np.concatenate([ball(), touching, chain, large])))
    assert not bool(floating_members(geometry).any())


@pytest.mark.parametrize("count", [0, 1, 2])
def test_tiny_selections_keep_everything(count: int) -> None:
    geometry = Geometry.from_gaussians(gaussians_at(ball(5)[:count]))
    assert floating_members(geometry).tolist() == [False] * count
    assert hidden_members(geometry, []).tolist() == [False] * count


def test_invisible_members_alone_do_not_float() -> None:
    geometry = Geometry.from_gaussians(gaussians_at(ball(20)))
    invisible = Geometry(geometry.means, geometry.scales, geometry.quaternions, torch.zeros(20))
    assert not bool(floating_members(invisible).any())


def test_pruning_changes_the_object_and_nothing_else(tmp_path: Path) -> None:
    other = np.array([0, 3.0, 0]) + ball(100, 0.3)
    gaussians = gaussians_at(np.concatenate([ball(), CORE, CLUMP, other]))
    member = np.arange(len(gaussians)) < 1500 + len(CORE) + len(CLUMP)
    segmentation = Segmentation(torch.from_numpy(member), torch.from_numpy(member).float())
    write_segmentation(segmentation, Scene(gaussians, [view()]), tmp_path, ExportConfig(masks=False, prune=True))
    mine, rest = (Gaussians.read(tmp_path / f) for f in ("object.ply", "rest.ply"))
    assert np.array_equal(mine.vertices, gaussians.vertices[:1500])
    assert np.array_equal(rest.vertices, gaussians.vertices[~member])
    assert np.array_equal(np.load(tmp_path / "segmentation.npz")["mask"], member)
    counts = json.loads((tmp_path / "report.json").read_text())["export"]
    assert counts == {"hidden": len(CORE), "floating": len(CLUMP)}
