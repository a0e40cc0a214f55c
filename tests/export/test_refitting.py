"""Gaussians at an object's border: what they are fit to, and what stays as it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from saga.errors import SagaError
from saga.export import ExportConfig, refit_boundary, write_segmentation
from saga.export.boundary import Parts
from saga.export.rendering import over_background
from saga.export.sights import looks, sights
from saga.query.segmentation import Segmentation
from saga.raster import BlendOperator, DeviceScene, Geometry
from saga.scene import Camera, Gaussians, Scene
from saga.scene.spherical_harmonics import C0

STEP = 0.05
EDGE = 0.02
"""Where the wall of the photographs changes its color, in world units: members reach so far."""
RED, GREEN = np.array([0.8, 0.2, 0.1]), np.array([0.1, 0.7, 0.2])


def cameras() -> list[Camera]:
    """Four views of 100 x 60 that look along +z at the plane z = 0 from 2 units away."""
    found = []
    for k, shift in enumerate((-0.1, -0.03, 0.04, 0.1)):
        pose = np.eye(4)
        pose[:3, 3] = (shift, 0.05 * shift, 2.0)
        found.append(Camera(f"{k}.png", 100, 60, 80.0, 80.0, 50.0, 30.0, pose))
    return found


def wall(blend: float, opacity: float = 0.95) -> tuple[Gaussians, np.ndarray, np.ndarray]:
    """A red wall left of x = 0, the members, and a green one; and which lie in the last column of members.

    These reach over the border, and have so much of the green in their color.
    """
    x, y = np.meshgrid(np.arange(-1.2, 1.2, STEP) + STEP / 2, np.arange(-0.7, 0.7, STEP) + STEP / 2)
    means = np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], axis=1)
    member = means[:, 0] < 0
    last = member & (means[:, 0] > -STEP)
    scales = np.tile([0.6 * STEP, 0.6 * STEP, 0.01 * STEP], (len(means), 1))
    scales[last, 0] = 0.9 * STEP
    means[last, 2] = -0.02  # in front of the others
    opacities = np.full(len(means), 0.95)
    opacities[last] = opacity
    color = np.where(member[:, None], RED, GREEN)
    color[last] = (1 - blend) * RED + blend * GREEN
    sh = np.zeros((len(means), 4, 3))
    sh[:, 0] = (color - 0.5) / C0
    quaternions = np.tile([1.0, 0, 0, 0], (len(means), 1))
    return Gaussians.from_arrays(means, scales, quaternions, opacities, sh), member, last


def photographed(folder: Path, brightness: tuple[float, ...] = (1, 1, 1, 1)) -> list[Camera]:
    """The cameras with photographs of a wall that is red up to the edge and green behind it, to the pixel."""
    found = []
    for camera, factor in zip(cameras(), brightness, strict=True):
        world = (np.arange(100) + 0.5 - camera.cx) / camera.fx * 2 - camera.world_to_camera[0, 3]
        row = np.where(world[:, None] < EDGE, RED, GREEN) * factor
        picture = np.repeat(np.rint(255 * row).astype(np.uint8)[None], 60, axis=0)
        Image.fromarray(picture).save(folder / camera.name)
        found.append(replace(camera, image_path=folder / camera.name))
    return found


def refitted(gaussians: Gaussians, member: np.ndarray, views: list[Camera]) -> tuple[Gaussians, int]:
    scene = DeviceScene(Scene(gaussians, views), "cpu")
    parts, count = refit_boundary(scene, Parts(gaussians, member, 0, 0))
    assert np.array_equal(parts.member, member)
    return parts.gaussians, count


def color(gaussians: Gaussians, rows: np.ndarray) -> np.ndarray:  # [n, 3]
    return 0.5 + C0 * gaussians.sh[rows, 0]


def test_blended_colors_become_those_of_the_object(tmp_path: Path) -> None:
    gaussians, member, last = wall(blend=0.5)
    found, _ = refitted(gaussians, member, photographed(tmp_path))
    before, after = (np.abs(color(each, last) - RED).mean() for each in (gaussians, found))
    assert after < 0.35 * before


def test_how_bright_a_photograph_is_does_not_matter(tmp_path: Path) -> None:
    gaussians, member, last = wall(blend=0.5)
    found, _ = refitted(gaussians, member, photographed(tmp_path, (1.0, 0.8, 0.75, 1.2)))
    assert np.abs(color(found, last) - RED).max() < 0.12


def test_only_rows_at_the_border_change(tmp_path: Path) -> None:
    gaussians, member, last = wall(blend=0.5)
    found, count = refitted(gaussians, member, photographed(tmp_path))
    changed = found.vertices != gaussians.vertices
    assert changed[last].any()
    assert changed.sum() <= count
    assert not changed[~member].any()
    assert not changed[gaussians.means[:, 0] < -4 * STEP].any()
    for name in gaussians.vertices.dtype.names:
        if name not in ("f_dc_0", "f_dc_1", "f_dc_2", "opacity"):
            assert np.array_equal(found.vertices[name], gaussians.vertices[name]), name


def test_opacities_go_where_the_mask_is(tmp_path: Path) -> None:
    gaussians, member, last = wall(blend=0.0)
    view = photographed(tmp_path)[1]

    def coverage(scene: Gaussians) -> np.ndarray:  # [H, W]
        return BlendOperator(Geometry.from_gaussians(scene).of_rows(torch.from_numpy(member)), view).alpha().numpy()

    weight = coverage(gaussians)
    found, _ = refitted(gaussians, member, photographed(tmp_path))
    # The mask of members ends where they and the others weigh the same.
    both = torch.from_numpy(np.stack([member, ~member], axis=1)).float()
    shown, others = BlendOperator(Geometry.from_gaussians(gaussians), view).render(both).unbind(-1)
    mask = (shown > others).numpy()
    assert np.abs(coverage(found) - mask)[10:50, 20:].mean() < np.abs(weight - mask)[10:50, 20:].mean()


def test_half_transparent_members_inside_become_denser(tmp_path: Path) -> None:
    gaussians, member, last = wall(blend=0.0, opacity=0.5)
    found, _ = refitted(gaussians, member, photographed(tmp_path))
    inner = last
    assert found.opacities[inner].mean() > gaussians.opacities[inner].mean() + 0.05


def test_a_scene_without_photographs_keeps_the_colors_it_shows() -> None:
    gaussians, member, last = wall(blend=0.0)
    found, _ = refitted(gaussians, member, cameras())
    assert np.abs(color(found, last) - RED).max() < 0.08


def test_what_has_no_border_stays() -> None:
    gaussians, member, _ = wall(blend=0.5)
    everything = np.ones_like(member)
    scene = DeviceScene(Scene(gaussians, cameras()), "cpu")
    parts = Parts(gaussians, everything, 0, 0)
    assert refit_boundary(scene, parts) == (parts, 0)


def test_views_are_needed_and_the_filter_of_mip_splatting_is_refused() -> None:
    gaussians, member, _ = wall(blend=0.5)
    with pytest.raises(SagaError, match="expected views"):
        refitted(gaussians, member, [])
    with pytest.raises(SagaError, match="filter_3D"):
        refitted(replace(gaussians, layout=replace(gaussians.layout, has_filter=True)), member, cameras())


def test_bytes_of_colors_stay_bytes(tmp_path: Path) -> None:
    gaussians, member, last = wall(blend=0.5)
    gaussians = replace(gaussians, layout=replace(gaussians.layout, dc=("red", "green", "blue")))
    rows = np.zeros(
        len(member), [*gaussians.vertices.dtype.descr, *((name, "u1") for name in ("red", "green", "blue"))]
    )
    for name in gaussians.vertices.dtype.names:
        rows[name] = gaussians.vertices[name]
    for k, name in enumerate(("red", "green", "blue")):
        rows[name] = np.rint(255 * (0.5 + C0 * gaussians.vertices[f"f_dc_{k}"]))
    found, _ = refitted(replace(gaussians, vertices=rows), member, photographed(tmp_path))
    assert found.vertices["red"].dtype == np.uint8
    assert np.abs(found.vertices["red"][last] / 255 - RED[0]).mean() < 0.1


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 10_000))
def test_weights_are_those_of_the_rasterizer(seed: int) -> None:
    rng, count = np.random.default_rng(seed), 60
    gaussians = Gaussians.from_arrays(
        rng.uniform(-0.5, 0.5, (count, 3)), rng.uniform(0.02, 0.2, (count, 3)), rng.normal(size=(count, 4)),
        rng.uniform(0.1, 0.9, count), rng.normal(size=(count, 1, 3)),
    )  # fmt: skip
    geometry, member = Geometry.from_gaussians(gaussians), torch.ones(count, dtype=torch.bool)
    views, _ = looks(gaussians, geometry, member, cameras()[:1])
    seen = sights(gaussians, geometry, member.nonzero()[:, 0], member, views)
    assert seen is not None
    coverage = np.bincount(seen.pixel, seen.weights(gaussians.opacities.astype(np.float64)), len(seen))
    shown = np.stack([np.bincount(seen.pixel, seen.weights(gaussians.opacities.astype(np.float64)) * c[seen.gaussian],
                                  len(seen)) for c in gaussians.colors(views[0].camera.position).T], 1)  # fmt: skip
    assert np.allclose(shown, seen.shown, atol=1e-3)
    assert coverage.max() <= 1 + 1e-9
    # Other opacities: as a scene that has them is rendered, but for what is too faint to be drawn.
    fainter = replace(geometry, opacities=0.7 * geometry.opacities)
    expected = BlendOperator(fainter, views[0].camera).alpha().numpy()
    found = np.bincount(seen.pixel, seen.weights(0.7 * gaussians.opacities.astype(np.float64)), len(seen))
    assert abs(found.mean() - expected[expected > 0.02].mean()) < 0.05


def test_the_rim_of_the_object_alone_has_its_color(tmp_path: Path) -> None:
    gaussians, member, last = wall(blend=0.5)
    scene = Scene(gaussians, photographed(tmp_path))
    found = Segmentation(member, member.astype(np.float32), scene=scene)
    found.save(tmp_path / "out", config=ExportConfig(masks=False, refit_boundary=True))
    mine = Gaussians.read(tmp_path / "out" / "object.ply")
    alone = DeviceScene(Scene(mine, []), "cpu")
    view = scene.cameras[1]
    colors = torch.from_numpy(np.pad(mine.colors(view.position), ((0, 0), (0, 1)), constant_values=1))
    image = BlendOperator(alone.geometry, view).render(colors)
    picture = over_background(image[..., :3], image[..., 3], (0.0, 0.0, 0.0)) / 255
    rim = picture[10:50, 44:47].reshape(-1, 3)  # just inside the border
    assert np.abs(rim / rim.sum(1, keepdims=True) - RED / RED.sum()).max() < 0.1


def test_write_segmentation_counts_what_was_fit(tmp_path: Path) -> None:
    gaussians, member, _ = wall(blend=0.5)
    scene = Scene(gaussians, photographed(tmp_path))
    write_segmentation(
        Segmentation(member, member.astype(np.float32)),
        scene,
        tmp_path / "out",
        ExportConfig(masks=False, refit_boundary=True),
    )
    assert '"refit"' in (tmp_path / "out" / "report.json").read_text()
