"""The oracle itself: against a pixel loop in plain Python, and its tiles against its dense matrix."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from saga.raster import Geometry, reference
from saga.scene.camera import Camera

EXACT = {"atol": 1e-12, "rtol": 1e-10}


def loop(scene: Geometry, view: Camera) -> tuple[np.ndarray, int]:
    """A [H * W, N] by the definition, one Gaussian and one pixel at a time; and how many pixels ended early."""
    rotation, shift = view.world_to_camera[:3, :3], view.world_to_camera[:3, 3]
    splats = []
    for i in range(len(scene)):
        mean, scale, quaternion = (v[i].numpy() for v in (scene.means, scene.scales, scene.quaternions))
        own = Rotation.from_quat(quaternion[[1, 2, 3, 0]]).as_matrix()
        x, y, z = rotation @ mean + shift
        if z < 0.01:
            continue
        tan_x, tan_y = 0.5 * view.width / view.fx, 0.5 * view.height / view.fy
        u = min(max(x / z, -view.cx / view.fx - 0.3 * tan_x), (view.width - view.cx) / view.fx + 0.3 * tan_x)
        v = min(max(y / z, -view.cy / view.fy - 0.3 * tan_y), (view.height - view.cy) / view.fy + 0.3 * tan_y)
        jacobian = np.array([[view.fx / z, 0, -view.fx * u / z], [0, view.fy / z, -view.fy * v / z]])
        axes = jacobian @ rotation @ own @ np.diag(scale)
        inverse = np.linalg.inv(axes @ axes.T + 0.3 * np.eye(2))
        center = np.array([view.fx * x / z + view.cx, view.fy * y / z + view.cy])
        splats.append((z, i, center, inverse))
    dense, ended = np.zeros((view.height * view.width, len(scene))), 0
    for p in range(len(dense)):
        pixel, transmittance = np.array([p % view.width + 0.5, p // view.width + 0.5]), 1.0
        for _, i, center, inverse in sorted(splats, key=lambda s: s[:2]):
            sigma = 0.5 * (pixel - center) @ inverse @ (pixel - center)
            alpha = min(0.999, float(scene.opacities[i]) * math.exp(-sigma))
            if alpha < 1 / 255:
                continue
            if transmittance * (1 - alpha) <= 1e-4:
                ended += 1
                break
            dense[p, i] = alpha * transmittance
            transmittance *= 1 - alpha
    return dense, ended


@pytest.mark.parametrize("seed", range(3))
def test_dense_matrix_is_the_definition(camera, cloud, seed):
    view = camera(19, 18)
    scene = cloud(view, count=40, seed=seed)
    # Opaque and large, so that pixels end early; some beside and behind the camera.
    scene = Geometry(3 * scene.means, 20 * scene.scales, scene.quaternions, scene.opacities**0.1)
    expected, ended = loop(scene, view)
    assert ended > 50 and 5 < (expected.sum(0) == 0).sum() < 35
    np.testing.assert_allclose(reference.weights_dense(scene, view).numpy(), expected, atol=1e-12, rtol=1e-9)


@pytest.mark.parametrize("chunk", [1, 7, 1024])
@pytest.mark.parametrize(("width", "height"), [(1, 1), (33, 18), (32, 16)])
def test_tiles_and_chunks_change_nothing(camera, cloud, monkeypatch, chunk, width, height):
    monkeypatch.setattr(reference, "_CHUNK", chunk)
    view = camera(width, height)
    scene = cloud(view, count=60)
    a = reference.weights_dense(scene, view)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(60, 3, generator=generator).double()
    y = torch.randn(height, width, 3, generator=generator).double()
    torch.testing.assert_close(reference.render(scene, view, x), (a @ x).reshape(height, width, 3), **EXACT)
    torch.testing.assert_close(reference.lift(scene, view, y), a.T @ y.reshape(-1, 3), **EXACT)
    pixels = torch.stack([torch.randint(s, (700,), generator=generator) for s in (width, height)], 1)
    rows = reference.rows(scene, view, pixels)
    part = a[pixels[:, 1] * width + pixels[:, 0]]
    torch.testing.assert_close(reference.spmm(*rows, torch.eye(60).double()), part, **EXACT)
    y = torch.randn(700, 2, generator=generator).double()
    torch.testing.assert_close(reference.spmm_t(*rows, y, 60), part.T @ y, **EXACT)


def test_gradients_against_finite_differences(camera, cloud):
    view = camera(6, 5)
    scene = cloud(view, count=8)
    x = torch.rand(8, 2, dtype=torch.float64, requires_grad=True)
    y = torch.rand(5, 6, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: reference.render(scene, view, x), x)
    assert torch.autograd.gradcheck(lambda y: reference.lift(scene, view, y), y)
    assert torch.autograd.gradgradcheck(lambda x: reference.render(scene, view, x) ** 2, x)


def test_sparse_products_are_differentiable(camera, cloud):
    view = camera(6, 5)
    rows = reference.rows(cloud(view, count=8), view, torch.tensor([[0, 0], [3, 2], [3, 2], [5, 4]]))
    x = torch.rand(8, 2, dtype=torch.float64, requires_grad=True)
    y = torch.rand(4, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: reference.spmm(*rows, x), x)
    assert torch.autograd.gradcheck(lambda y: reference.spmm_t(*rows, y, 8), y)


def test_memory_does_not_grow_with_the_overlap(camera, blobs, monkeypatch):
    """2000 Gaussians that all cover every tile: never more than one chunk of one tile is held."""
    largest = 0
    blend = reference._blend

    def watched(*arguments):
        nonlocal largest
        weights, after = blend(*arguments)
        largest = max(largest, weights.numel())
        return weights, after

    monkeypatch.setattr(reference, "_blend", watched)
    view = camera(64, 48, straight=True)
    scene = blobs([[0.0, 0.0, 5.0 + 0.001 * k] for k in range(2000)], opacities=0.0045, scales=50.0)
    image = reference.render(scene, view, torch.ones(2000, 1).double())
    torch.testing.assert_close(image, torch.full_like(image, 1 - (1 - 0.0045) ** 2000), atol=1e-4, rtol=0)
    reference.rows(scene, view, torch.zeros(600, 2).long())
    assert 0 < largest <= 256 * 1024
