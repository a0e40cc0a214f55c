"""Gaussians across an object's border: which are split or handed over, and what stays as it was."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from plyfile import PlyData, PlyElement
from scipy.spatial.transform import Rotation

from saga.errors import SagaError
from saga.export import ExportConfig, split_boundary, write_segmentation
from saga.export.boundary import halves
from saga.query.segmentation import Segmentation
from saga.raster import BlendOperator, Geometry
from saga.scene import Camera, Gaussians, Scene

STEP = 0.05
BORDER = 0.0


def cameras() -> list[Camera]:
    """Three views of 100 x 60 that look along +z at the plane z = 0 from 2 units away."""
    found = []
    for k, shift in enumerate((-0.1, 0.0, 0.1)):
        pose = np.eye(4)
        pose[:3, 3] = (shift, 0.05 * shift, 2.0)
        found.append(Camera(f"{k}.png", 100, 60, 80.0, 80.0, 50.0, 30.0, pose))
    return found


def wall_and(*extra: tuple[tuple[float, float, float], float, float]) -> tuple[Gaussians, np.ndarray]:
    """A wall of small Gaussians, members left of x = 0, and needles (mean, length, opacity) along x before it."""
    x, y = np.meshgrid(np.arange(-1.2, 1.2, STEP) + STEP / 2, np.arange(-0.7, 0.7, STEP) + STEP / 2)
    wall = np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], axis=1)
    means = np.concatenate([wall, *([mean] for mean, _, _ in extra)])
    count, rng = len(means), np.random.default_rng(0)
    scales = np.full((count, 3), 0.6 * STEP)
    quaternions = np.tile([1.0, 0, 0, 0], (count, 1))
    opacities = np.full(count, 0.95)
    for k, (_, length, opacity) in enumerate(extra, len(wall)):
        scales[k], opacities[k] = (0.01, 0.02, length), opacity
        quaternions[k] = Rotation.from_euler("y", 90, degrees=True).as_quat(scalar_first=True)  # z becomes x
    sh = rng.normal(size=(count, 4, 3))
    gaussians = Gaussians.from_arrays(means, scales, quaternions, opacities, sh)
    return gaussians, np.concatenate([wall[:, 0] < BORDER, np.ones(len(extra), bool)])


def test_a_needle_over_the_border_is_split_and_each_part_goes_to_its_side() -> None:
    gaussians, member = wall_and(((-0.1, 0.0, -0.05), 0.2, 0.9))
    parts = split_boundary(Scene(gaussians, cameras()), torch.from_numpy(member))
    needle = len(member) - 1
    assert (parts.split, parts.moved) == (1, 0)
    assert np.array_equal(parts.gaussians.vertices[:needle], gaussians.vertices[:needle])
    assert np.array_equal(parts.member[:needle], member[:needle])
    x, inside = parts.gaussians.means[needle:, 0], parts.member[needle:]
    assert inside.any()
    assert not inside.all()
    assert np.all(x[inside] < BORDER + 0.03)
    assert np.all(x[~inside] > BORDER - 0.03)


def test_the_object_alone_keeps_within_its_border_afterwards() -> None:
    gaussians, member = wall_and(((-0.1, 0.0, -0.05), 0.2, 0.9))
    parts = split_boundary(Scene(gaussians, cameras()), torch.from_numpy(member))
    beyond = 50 + round(80 * (BORDER + 0.08) / 2)  # pixel columns in the middle view

    def spill(scene: Gaussians, rows: np.ndarray) -> float:
        alone = Gaussians.from_arrays(
            *(a[rows] for a in (scene.means, scene.scales, scene.quaternions)), scene.opacities[rows], scene.sh[rows]
        )
        return float(BlendOperator(Geometry.from_gaussians(alone), cameras()[1]).alpha()[:, beyond:].sum())

    assert spill(parts.gaussians, parts.member) < 0.3 * spill(gaussians, member)


def test_the_whole_scene_looks_as_before() -> None:
    gaussians, member = wall_and(((-0.1, 0.0, -0.05), 0.2, 0.9))
    parts = split_boundary(Scene(gaussians, cameras()), torch.from_numpy(member))
    for camera in cameras():
        before, after = (
            BlendOperator(Geometry.from_gaussians(g), camera).render(torch.from_numpy(g.colors(camera.position)))
            for g in (gaussians, parts.gaussians)
        )
        assert float((before - after).abs().mean()) < 0.01 * float(before.abs().mean())


def test_parts_have_their_parents_other_properties() -> None:
    gaussians, member = wall_and(((-0.1, 0.0, -0.05), 0.2, 0.9))
    parts = split_boundary(Scene(gaussians, cameras()), torch.from_numpy(member))
    parent, rows = gaussians.vertices[-1], parts.gaussians.vertices[len(member) - 1 :]
    for name in gaussians.vertices.dtype.names:
        if name not in ("x", "y", "z", "scale_2"):
            assert np.all(rows[name] == parent[name]), name
    assert np.all(rows["scale_2"] < parent["scale_2"] - 0.5)


def test_a_member_on_the_other_side_is_handed_over_whole() -> None:
    gaussians, member = wall_and(((0.5, 0.1, -0.05), 0.1, 0.9))
    parts = split_boundary(Scene(gaussians, cameras()), torch.from_numpy(member))
    assert (parts.split, parts.moved) == (0, 1)
    assert np.array_equal(parts.gaussians.vertices, gaussians.vertices)
    member[-1] = False
    assert np.array_equal(parts.member, member)


@pytest.mark.parametrize("needles", [(), (((-0.7, 0.0, -0.05), 0.1, 0.9),)])
def test_where_nothing_straddles_nothing_changes(needles: tuple) -> None:
    gaussians, member = wall_and(*needles)
    parts = split_boundary(Scene(gaussians, cameras()), torch.from_numpy(member))
    assert (parts.split, parts.moved) == (0, 0)
    assert np.array_equal(parts.gaussians.vertices, gaussians.vertices)
    assert np.array_equal(parts.member, member)


def test_what_no_view_shows_stays() -> None:
    gaussians, member = wall_and(((0.5, 0.0, 0.5), 0.2, 0.9), ((0.5, 0.0, -5.0), 0.2, 0.9))  # behind wall and cameras
    parts = split_boundary(Scene(gaussians, cameras()), torch.from_numpy(member))
    assert parts.member[-1]
    assert parts.split == 0


def test_an_empty_selection_needs_no_views_and_others_do() -> None:
    gaussians, member = wall_and()
    nothing = torch.zeros(len(member), dtype=torch.bool)
    assert not split_boundary(Scene(gaussians, []), nothing).member.any()
    with pytest.raises(SagaError, match="expected views"):
        split_boundary(Scene(gaussians, []), torch.from_numpy(member))


def test_halves_lie_along_the_longest_axis_and_cover_as_much() -> None:
    rng = np.random.default_rng(1)
    rotations = Rotation.random(30, random_state=2)
    scales = rng.uniform(0.05, 0.3, (30, 3))
    scales[np.arange(30), np.arange(30) % 3] = 1.0
    opacity = rng.uniform(0.01, 0.999, 30)
    quaternions = rotations.as_quat(scalar_first=True)
    whole = Geometry(*(torch.from_numpy(a) for a in (rng.normal(size=(30, 3)), scales, quaternions, opacity)))
    parts = halves(whole)
    lower, upper = parts.means[:30], parts.means[30:]
    axis = rotations.as_matrix()[np.arange(30), :, np.arange(30) % 3]
    assert np.allclose((upper - lower) / 1.2, axis, atol=1e-9)
    assert np.allclose((upper + lower) / 2, whole.means, atol=1e-9)
    t = np.linspace(-8, 8, 20001)
    for k in range(30):
        s = float(parts.scales[k].max())
        alphas = [opacity[k] * np.exp(-0.5 * ((t + sign * 0.6) / s) ** 2) for sign in (-1, 1)]
        covered = 1 - (1 - alphas[0]) * (1 - alphas[1])
        assert np.isclose(covered.sum(), (opacity[k] * np.exp(-0.5 * t**2)).sum(), rtol=1e-4)
        others = np.arange(3) != k % 3
        assert np.array_equal(parts.scales[k][others], whole.scales[k][others])


def with_label(gaussians: Gaussians) -> Gaussians:
    """The same rows with an integer property of one's own."""
    old = gaussians.vertices
    rows = np.zeros(len(old), [*old.dtype.descr, ("label", "i4")])
    for name in old.dtype.names:
        rows[name] = old[name]
    rows["label"] = np.arange(len(old))
    return replace(gaussians, vertices=rows, ply=PlyData([PlyElement.describe(rows, "vertex")], byte_order="<"))


def test_written_parts_load_with_every_property_and_the_segmentation_stays(tmp_path: Path) -> None:
    gaussians, member = wall_and(((-0.1, 0.0, -0.05), 0.2, 0.9), ((0.5, 0.3, -0.05), 0.1, 0.9))
    scene = Scene(with_label(gaussians), cameras())
    mask = torch.from_numpy(member)
    write_segmentation(
        Segmentation(mask, mask.float()), scene, tmp_path, ExportConfig(masks=False, split_boundary=True)
    )
    mine, rest = (Gaussians.read(tmp_path / f) for f in ("object.ply", "rest.ply"))
    labels = [set(g.vertices["label"].tolist()) for g in (mine, rest)]
    needle, spike = len(member) - 2, len(member) - 1
    assert labels[0] & labels[1] == {needle}
    assert labels[0] | labels[1] == set(range(len(member)))
    assert spike in labels[1]
    for written in (mine, rest):
        parts = written.vertices["label"] == needle
        source = scene.gaussians.vertices[written.vertices["label"]]
        assert np.array_equal(written.vertices[~parts], source[~parts])
        assert written.vertices.dtype.names == source.dtype.names
    assert np.array_equal(np.load(tmp_path / "segmentation.npz")["mask"], member)
    assert json.loads((tmp_path / "report.json").read_text())["export"] == {"split": 1, "moved": 1}
