"""A part of a scene that no view shows costs training nothing and changes nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from saga.raster import BlendOperator, Geometry
from saga.scene import Gaussians, Scene
from saga.train import train
from saga.train.part import shown_rows


def _between_copies(scene: Scene, height: float) -> Scene:
    """The scene's Gaussians, each between its copies far above and far below, where no camera looks."""
    own = scene.gaussians
    up = (
        height * np.linalg.qr(np.stack([camera.world_to_camera[1, :3] for camera in scene.cameras]).mean(0)[:, None])[0]
    )
    means = np.stack([own.means + up.T, own.means, own.means - up.T], axis=1).reshape(-1, 3)
    others = (np.repeat(array, 3, axis=0) for array in (own.scales, own.quaternions, own.opacities, own.sh))
    return replace(scene, gaussians=Gaussians.from_arrays(means, *others))


def test_what_no_view_shows_is_left_out(tiny_scene, instances, quick):
    city = _between_copies(tiny_scene, 1000)
    rows = shown_rows(Geometry.from_gaussians(city.gaussians), city.cameras)
    assert rows is not None and torch.equal(rows % 3, torch.ones_like(rows))
    assert len(rows) > 0.95 * len(tiny_scene.gaussians)
    own = city.gaussians
    parts = (own.means, own.scales, own.quaternions, own.opacities, own.sh)
    alone = replace(city, gaussians=Gaussians.from_arrays(*(part[rows.numpy()] for part in parts)))
    field = train(city, instances(), quick(), progress=False)
    expected = train(alone, instances(), quick(), progress=False).features
    torch.testing.assert_close(field.features[rows], expected, atol=2e-3, rtol=0)  # logarithms were taken twice
    field.features[rows] = 0
    assert not field.features.any()
    field.check(city)


def test_all_that_a_view_shows_is_kept(tiny_scene):
    geometry = Geometry.from_gaussians(_between_copies(tiny_scene, 1000).gaussians)
    camera = tiny_scene.cameras[0]
    narrow = replace(camera, width=40, height=30, cx=camera.cx - 60, cy=camera.cy - 45)
    rows = shown_rows(geometry, [narrow])
    seen = BlendOperator(geometry, narrow).lift(torch.ones(30, 40, 1))[:, 0].nonzero()[:, 0]
    assert rows is not None and len(rows) < len(geometry) / 3 and set(seen.tolist()) <= set(rows.tolist())


def test_a_scene_that_is_shown_is_taken_as_it_is(tiny_scene):
    assert shown_rows(Geometry.from_gaussians(tiny_scene.gaussians), tiny_scene.cameras) is None
