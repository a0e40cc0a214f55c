"""A small picture's operator, against that of the same picture with every Gaussian projected."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from saga.raster import BlendOperator, DeviceScene, Geometry, window
from saga.raster.window import Bounds, WindowOperator, view_operator
from saga.scene import Camera, Scene


def _scene(seed: int, unit: float) -> tuple[Geometry, Camera]:
    """Gaussians of all sizes around a camera, behind it and close to it, and a window of its picture."""
    rng = np.random.default_rng(seed)
    n = 3000
    means = rng.normal(size=(n, 3)) * 3 / unit
    scales = np.exp(rng.normal(-3, 1.2, size=(n, 3))) / unit
    arrays = (means, scales, rng.normal(size=(n, 4)), rng.uniform(0, 1, n))
    geometry = Geometry(*(torch.tensor(array, dtype=torch.float32) for array in arrays), unit=unit)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    pose = np.eye(4)
    pose[:3, :3] = turn * np.sign(np.linalg.det(turn))
    pose[:3, 3] = (0.1 / unit, 0, 2 / unit)
    return geometry, Camera("", 40, 24, 900, 700, *rng.uniform(-300, 300, 2), pose)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("unit", [1.0, 1024.0])
def test_the_library_and_pytorch_find_the_same_to_reach_a_picture(
    monkeypatch: pytest.MonkeyPatch, seed: int, unit: float
) -> None:
    geometry, camera = _scene(seed, unit)
    found = Bounds(geometry).reaching(camera)
    monkeypatch.setattr(window.host, "function", lambda name: None)
    assert torch.equal(found, Bounds(geometry).reaching(camera))
    assert 0 < len(found) < len(geometry)


@pytest.mark.parametrize("unit", [1.0, 8.0])
@pytest.mark.parametrize("seed", range(6))
def test_a_window_shows_what_all_gaussians_show(seed: int, unit: float):
    geometry, camera = _scene(seed, unit)
    rows = Bounds(geometry).reaching(camera)
    part, whole = WindowOperator(geometry, camera, rows), BlendOperator(geometry, camera)
    pixels = whole.pixels().reshape(-1, 2)
    one, other = part.rows(pixels), whole.rows(pixels)
    assert len(rows) < 0.7 * len(geometry) and len(one.indices) > 0
    assert torch.equal(one.indptr, other.indptr) and torch.equal(one.indices, other.indices)
    assert torch.equal(one.weights, other.weights) and one.columns == other.columns
    x, y = torch.rand(len(geometry), 3), torch.rand(24, 40, 2)
    torch.testing.assert_close(part.render(x), whole.render(x))
    torch.testing.assert_close(part.lift(y), whole.lift(y))
    torch.testing.assert_close(part.depth(), whole.depth())
    torch.testing.assert_close(part.alpha(), whole.alpha())
    torch.testing.assert_close(part.surface().depth, whole.surface().depth)


def test_a_scene_takes_it_for_small_pictures_of_free_cameras(wall):
    scene: Scene = wall()
    placed = DeviceScene(scene)
    view = scene.cameras[0]
    small, large = replace(view, cx=view.cx + 1), view.resized(640, 480)
    assert isinstance(placed.operator(small), WindowOperator)
    assert not isinstance(placed.operator(large), WindowOperator)
    assert not isinstance(placed.operator(view), WindowOperator)


def test_a_view_of_a_part_of_a_large_scene_projects_that_part(monkeypatch: pytest.MonkeyPatch):
    geometry, camera = _scene(0, 1.0)
    bounds = Bounds(geometry)
    assert type(view_operator(geometry, camera, bounds)) is BlendOperator, "the scene is small"
    monkeypatch.setattr(window, "_LARGE_SCENE", 1000)
    part = view_operator(geometry, camera, bounds)._whole
    assert isinstance(part, WindowOperator)
    pixels = part.pixels().reshape(-1, 2)
    assert torch.equal(part.rows(pixels).weights, BlendOperator(geometry, camera).rows(pixels).weights)
    monkeypatch.setattr(window, "_FEW", 0.01)
    assert not isinstance(view_operator(geometry, camera, bounds)._whole, WindowOperator), "most of it is shown"


@pytest.mark.parametrize("seed", range(3))
def test_a_crop_shows_the_pixels_of_the_whole_picture(case, close, seed: int):
    """Also of Gaussians far beside the crop, which are projected as the whole picture has them."""
    geometry, camera = _scene(seed, 1.0)
    camera = replace(camera, width=90, height=70, fx=60, fy=55, cx=41, cy=37)
    x = case.tensor(torch.rand(len(geometry), 3, generator=torch.Generator().manual_seed(seed)))
    whole = case.operator(geometry, camera).render(x)
    x0, y0, x1, y1 = 13, 21, 60, 52
    part = camera.cropped(x0, y0, x1, y1)
    close(case.operator(geometry, part).render(x), whole[y0:y1, x0:x1], atol=1e-4)
    shown = BlendOperator(geometry, camera, "reference").lift(_only(camera, x0, y0, x1, y1))[:, 0].nonzero()[:, 0]
    assert set(shown.tolist()) <= set(Bounds(geometry).reaching(part).tolist())
    moved = case.operator(geometry, replace(camera, width=47, height=31, cx=camera.cx - x0, cy=camera.cy - y0)).render(
        x
    )
    assert (moved - whole[y0:y1, x0:x1]).abs().max() > 1e-3, "a camera of its own shows something else"


def _only(camera: Camera, x0: int, y0: int, x1: int, y1: int) -> torch.Tensor:  # [H, W, 1]
    pixels = torch.zeros(camera.height, camera.width, 1)
    pixels[y0:y1, x0:x1] = 1
    return pixels


def test_a_pixel_of_a_large_scene_takes_no_view_of_it(monkeypatch: pytest.MonkeyPatch):
    geometry, camera = _scene(0, 1.0)
    camera = replace(camera, width=300, height=200, fx=200, fy=180, cx=140, cy=90)
    monkeypatch.setattr(window, "_LARGE_SCENE", 1)
    whole, asked = BlendOperator(geometry, camera), []
    build = WindowOperator.__init__
    monkeypatch.setattr(WindowOperator, "__init__", lambda self, *of: asked.append(of[1].width) or build(self, *of))
    later = view_operator(geometry, camera, Bounds(geometry))
    for pixels in ([[70, 60]], [[70, 60]], [[71, 62], [90, 61], [71, 62]], [[0, 0], [299, 199]]):
        one, other = later.rows(torch.tensor(pixels)), whole.rows(torch.tensor(pixels))
        assert torch.equal(one.indptr, other.indptr) and torch.equal(one.indices, other.indices)
        torch.testing.assert_close(one.weights, other.weights, atol=1e-5, rtol=1e-4)
    assert asked[:2] == [1, 20], "a pixel that is asked for again is looked at once"
    nothing = view_operator(geometry, camera, Bounds(geometry)).rows(torch.zeros(0, 2, dtype=torch.int64))
    assert len(nothing) == 0 and nothing.columns == len(geometry) and "_whole" in later.__dict__
    assert len(asked) == 3, "no pixel takes none at all"
    x = torch.rand(len(geometry), 3)
    torch.testing.assert_close(later.render(x), whole.render(x))
    torch.testing.assert_close(later.alpha(), whole.alpha())
    assert later.shape == whole.shape and len(later.rows(torch.zeros(0, 2, dtype=torch.int64))) == 0
