"""EWA projection: by hand, at its limits, and against gsplat's own PyTorch twin."""

from __future__ import annotations

import math

import pytest
import torch

from saga.raster import Geometry, reference


def test_on_the_axis_by_hand(camera, blobs):
    view = camera(40, 30, straight=True)
    scene = blobs([[0.0, 0.0, 2.0]], opacities=0.5, scales=[[0.2, 0.1, 7.0]])
    projection = reference.project(scene, view)
    xx, yy = (view.fx * 0.1) ** 2 + 0.3, (view.fy * 0.05) ** 2 + 0.3
    reach = math.sqrt(2 * math.log(255 * 0.5))
    assert projection.means2d[0].tolist() == pytest.approx([view.cx, view.cy])
    assert projection.conics[0].tolist() == pytest.approx([1 / xx, 0, 1 / yy], abs=1e-6)
    assert projection.extents[0].tolist() == pytest.approx([reach * math.sqrt(xx), reach * math.sqrt(yy)], rel=1e-6)
    assert projection.depths.tolist() == [2.0] and projection.visible.tolist() == [True]


def test_extents_bound_the_support_tightly(camera, blobs):
    view = camera(200, 160, focal=100.0, straight=True)
    scene = blobs([[0.1, -0.2, 3.0]], 0.9, [[0.5, 0.1, 0.2]], [[0.8, 0.3, -0.2, 0.6]])
    projection = reference.project(scene, view)
    y, x = reference.weights_dense(scene, view).reshape(160, 200).nonzero(as_tuple=True)
    offsets = (torch.stack([x, y], -1) + 0.5 - projection.means2d).abs().amax(0)
    assert bool((offsets <= projection.extents[0]).all())
    assert bool((projection.extents[0] - offsets < 1.5).all())


def test_culled_gaussians_are_zero_everywhere(camera, blobs):
    view = camera(straight=True)
    nan = math.nan
    scene = blobs(
        [[0.0, 0.0, 1.0], [0.0, 0.0, 0.009], [0.0, 0.0, -1.0], [nan, 0.0, 1.0], [90.0, 0.0, 1.0], [0.0, 0.0, 1.0]],
        opacities=[0.5, 0.5, 0.5, 0.5, 0.5, 0.003],
    )
    projection = reference.project(scene, view)
    assert projection.visible.tolist() == [True] + [False] * 5
    for values in projection[:4]:
        assert bool(values[0].isfinite().all()) and values[0].abs().sum() > 0 and values[1:].abs().sum() == 0


def test_near_plane_is_inclusive(camera, blobs):
    depth = torch.tensor([0.01, math.nextafter(0.01, 0.0)], dtype=torch.float64)
    means = torch.zeros(2, 3, dtype=torch.float64)
    means[:, 2] = depth
    scene = blobs([[0.0, 0.0, 1.0]] * 2, scales=1e-3)
    scene = Geometry(means, scene.scales, scene.quaternions, scene.opacities)
    assert reference.project(scene, camera(straight=True)).visible.tolist() == [True, False]


def test_long_needles_keep_their_width_in_float32(camera, blobs):
    """The difference xx * yy - xy^2 would cancel: a diagonal line of thousands of pixels is still 0.3 px^2 wide."""
    view = camera(64, 64, focal=200.0, straight=True)
    half = math.radians(45) / 2
    scene = blobs([[0.0, 0.0, 2.0]], 0.9, [[30.0, 1e-4, 1e-4]], [[math.cos(half), 0.0, 0.0, math.sin(half)]])
    exact = reference.project(scene, view).conics
    torch.testing.assert_close(
        reference.project(scene.to(dtype=torch.float32), view).conics.double(), exact, atol=0, rtol=1e-4
    )


@pytest.mark.parametrize("seed", range(3))
def test_parity_with_gsplat(camera, seed):
    """Centers, depths, conics and visibility, clamped Jacobians beside the image included."""
    gsplat = pytest.importorskip("gsplat.cuda._torch_impl")
    view = camera(160, 120, focal=110.0)
    generator = torch.Generator().manual_seed(seed)
    count = 2000
    means = 8 * torch.rand(count, 3, generator=generator).double() - 4
    scales = 0.01 * 100 ** torch.rand(count, 3, generator=generator).double()
    quaternions = torch.randn(count, 4, generator=generator).double()
    opacities = torch.ones(count).double()
    actual = reference.project(Geometry(means, scales, quaternions, opacities), view)

    covariances, _ = gsplat._quat_scale_to_covar_preci(quaternions, scales, True, False, triu=False)
    intrinsics = torch.tensor([[view.fx, 0, view.cx], [0, view.fy, view.cy], [0, 0, 1]]).double()
    radii, means2d, depths, conics, _ = gsplat._fully_fused_projection(
        means, covariances, torch.as_tensor(view.world_to_camera)[None], intrinsics[None], 160, 120
    )
    # Its boxes are rounded up to whole pixels, so that it also keeps Gaussians just outside the image.
    seen = (radii[0] > 0).all(-1)
    assert bool(seen[actual.visible].all()) and actual.visible.sum() > 0.9 * seen.sum() > 400
    keep = actual.visible
    clamped = (means2d[0, keep, 0] < -0.15 * 160) | (means2d[0, keep, 0] > 1.15 * 160)
    assert clamped.sum() > 10
    torch.testing.assert_close(actual.means2d[keep], means2d[0, keep], atol=1e-9, rtol=1e-9)
    torch.testing.assert_close(actual.depths[keep], depths[0, keep], atol=1e-12, rtol=1e-12)
    torch.testing.assert_close(actual.conics[keep], conics[0, keep], atol=1e-9, rtol=1e-6)
