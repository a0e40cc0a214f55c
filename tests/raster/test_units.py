"""What is seen does not depend on the unit of length."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from saga.export import render_masks
from saga.export.preview import best_view
from saga.raster import BlendOperator, Geometry
from saga.raster.geometry import unit_of
from saga.scene import Camera, Gaussians, Scene

UNIT = 0.5**10


def scaled(scene: Scene, unit: float) -> Scene:
    """The scene in another unit of length."""
    g = scene.gaussians
    gaussians = Gaussians.from_arrays(g.means * unit, g.scales * unit, g.quaternions, g.opacities, g.sh)
    cameras = []
    for camera in scene.cameras:
        pose = camera.world_to_camera.copy()
        pose[:3, 3] *= unit
        cameras.append(replace(camera, world_to_camera=pose))
    return Scene(gaussians, cameras)


@pytest.fixture(scope="module")
def tiny(tiny_scene: Scene) -> tuple[Scene, Geometry, Camera]:
    """The demo in units of a kilometer or so: nearer than the near plane as a whole."""
    small = scaled(tiny_scene, UNIT)
    return small, Geometry.from_gaussians(small.gaussians), small.cameras[0]


@pytest.mark.parametrize("backend", ["auto", "reference"])
def test_a_tiny_scene_is_rendered_and_lifted_as_an_ordinary_one(tiny_scene: Scene, tiny, backend: str) -> None:
    _, geometry, camera = tiny
    operator = BlendOperator(geometry, camera.resized(40, 30), backend)
    whole = BlendOperator(Geometry.from_gaussians(tiny_scene.gaussians), tiny_scene.cameras[0].resized(40, 30), backend)
    assert float(whole.alpha().max()) > 0.9
    torch.testing.assert_close(operator.alpha(), whole.alpha(), atol=1e-4, rtol=0)
    y = torch.rand(30, 40, 3, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(operator.lift(y), whole.lift(y), atol=1e-2, rtol=1e-3)
    pixels = torch.tensor([[20, 15], [3, 4]])
    ones = torch.ones(len(geometry), 1)
    torch.testing.assert_close(operator.rows(pixels).render(ones), whole.rows(pixels).render(ones), atol=1e-4, rtol=0)


@pytest.mark.parametrize("backend", ["auto", "reference"])
def test_depths_are_in_world_units(tiny_scene: Scene, tiny, backend: str) -> None:
    _, geometry, camera = tiny
    operator = BlendOperator(geometry, camera.resized(40, 30), backend)
    whole = BlendOperator(Geometry.from_gaussians(tiny_scene.gaussians), tiny_scene.cameras[0].resized(40, 30), backend)
    torch.testing.assert_close(operator.depth(), whole.depth() * UNIT, atol=1e-3 * UNIT, rtol=1e-3)
    depth, expected = operator.surface().depth, whole.surface().depth
    seen = expected.isfinite()
    assert torch.equal(depth.isfinite(), seen) and bool(seen.any())
    torch.testing.assert_close(depth[seen], expected[seen] * UNIT, atol=1e-3 * UNIT, rtol=1e-3)


def test_masks_and_the_view_of_a_preview_are_the_same(tiny_scene: Scene, tiny, tiny_demo) -> None:
    small, _, camera = tiny
    member = torch.from_numpy(tiny_demo.labels == tiny_demo.names["mug"])
    (mask,) = render_masks(small, [camera], member)
    (expected,) = render_masks(tiny_scene, tiny_scene.cameras[:1], member)
    assert expected.sum() > 50 and (mask == expected).mean() > 0.999
    labels = tiny_demo.labels.astype(int)
    chosen = best_view(small.cameras, small.gaussians.means, labels).name
    assert chosen == best_view(tiny_scene.cameras, tiny_scene.gaussians.means, labels).name


def test_ordinary_scenes_keep_their_unit(tiny_scene: Scene) -> None:
    assert unit_of(tiny_scene.gaussians) == 1
    geometry = Geometry.from_gaussians(tiny_scene.gaussians)
    assert geometry.in_units() is geometry
    assert unit_of(scaled(tiny_scene, 1000.0).gaussians) == 1


def test_the_unit_stays_with_the_geometry(tiny) -> None:
    _, geometry, _ = tiny
    assert geometry.unit > 64 and np.log2(geometry.unit) % 1 == 0
    assert geometry.to(dtype=torch.float64).unit == geometry.unit
