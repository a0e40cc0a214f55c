"""Surface depth on every backend that has it: against the twin, and where the surface is known."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from saga.raster import BlendOperator, Geometry, reference
from saga.scene.camera import Camera

pytestmark = pytest.mark.rows

DEPTH = 2e-3
"""World units of float32 depths of a scene at 4."""
ALPHA = 2e-5
TILTED = [math.cos(math.pi / 6), math.sin(math.pi / 6), 0.0, 0.0]
"""A turn of 60 degrees about camera x."""


Row = list[tuple[float, float]]


def entries(scene: Geometry, view: Camera, pixels: Tensor) -> list[Row]:
    """(weight, depth) of every row, front to back, the depth by its definition with the inverse covariance itself."""
    indptr, ids, weights = reference.rows(scene, view, pixels)
    pose = view.world_to_camera
    origin = -pose[:3, :3].T @ pose[:3, 3]
    center = (view.cx, view.cy)
    offsets = (pixels.numpy() + 0.5 - center) / (view.fx, view.fy)
    rays = np.concatenate([offsets, np.ones((len(pixels), 1))], 1) @ pose[:3, :3]
    axes = reference._rotations(scene.quaternions).numpy() * scene.scales.numpy()[:, None]
    inverse = np.linalg.inv(axes @ axes.transpose(0, 2, 1))
    ray, which = np.repeat(rays, np.diff(indptr), 0), ids.numpy()
    toward = np.einsum("ei,eij->ej", ray, inverse[which])
    depths = (toward * (scene.means.numpy()[which] - origin)).sum(1) / (toward * ray).sum(1)
    both = list(zip(weights.tolist(), depths.tolist(), strict=True))
    return [both[begin:end] for begin, end in pairwise(indptr.tolist())]


def by_definition(row: Row) -> float:
    total, sum_before, median = sum(weight for weight, _ in row), 0.0, 0.0
    for weight, depth in row:
        if sum_before < 0.5 * total <= sum_before + weight:
            median = depth
        sum_before += weight
    near = [(w, t) for w, t in row if abs(t - median) <= 0.02 * median]
    return sum(w * t for w, t in near) / sum(w for w, _ in near)


def decided(row: Row) -> bool:
    """Whether rounding can move neither the median, nor what lies near it, nor the pixel's having a surface."""
    sums = np.cumsum([weight for weight, _ in row])
    if len(row) == 0 or abs(sums[-1] - 0.5) < 1e-4 or np.abs(sums - 0.5 * sums[-1]).min() < 1e-4:
        return len(row) == 0
    depths = np.array([depth for _, depth in row])
    median = depths[np.searchsorted(sums, 0.5 * sums[-1])]
    return bool(np.abs(np.abs(depths / median - 1) - 0.02).min() > 1e-3)


def test_the_twin_is_the_definition(camera, cloud):
    view = camera()
    scene = cloud(view, count=200)
    scene = Geometry(scene.means, 2 * scene.scales, scene.quaternions, scene.opacities**0.25)
    pixels = BlendOperator(scene, view, "reference").pixels(3).reshape(-1, 2)
    depth, alpha = reference.surface(scene, view, pixels)
    rows = entries(scene, view, pixels)
    torch.testing.assert_close(alpha, torch.tensor([sum(w for w, _ in row) for row in rows], dtype=torch.float64))
    seen = (alpha >= 0.5).nonzero()[:, 0].tolist()
    assert 50 < len(seen) < len(pixels) and bool(torch.isinf(depth[alpha < 0.5]).all())
    for k in seen:
        assert depth[k].item() == pytest.approx(by_definition(rows[k]), rel=1e-6)


@pytest.mark.parametrize(("width", "height"), [(50, 37), (1, 1), (16, 16), (33, 70)])
def test_every_backend_is_the_twin(case, camera, cloud, width, height):
    view = camera(width, height)
    scene = cloud(view, count=600)
    scene = Geometry(scene.means, 2 * scene.scales, scene.quaternions, scene.opacities**0.25)
    found = case.operator(scene, view).surface()
    assert found.depth.shape == found.alpha.shape == (height, width)
    pixels = case.operator(scene, view).pixels().reshape(-1, 2).cpu()
    depth, alpha = (part.reshape(height, width) for part in reference.surface(scene, view, pixels))
    torch.testing.assert_close(found.alpha.cpu().double(), alpha, atol=ALPHA, rtol=0)
    sure = torch.tensor([decided(row) for row in entries(scene, view, pixels)]).reshape(height, width)
    torch.testing.assert_close(found.depth.cpu().double()[sure], depth[sure], atol=DEPTH, rtol=0)
    if width > 1:
        assert sure.float().mean() > 0.8 and depth[sure].isfinite().float().mean() > 0.2


def test_pixels_come_back_in_their_order_and_shape(case, camera, cloud):
    view = camera()
    operator = case.operator(cloud(view), view)
    whole, pixels = operator.surface(), operator.pixels(5)
    assert pixels.shape == (7, 10, 2) and pixels[0, 0].tolist() == [2, 2] and pixels[1, 2].tolist() == [12, 7]
    x, y = pixels.unbind(-1)
    shuffled = pixels.reshape(-1, 2)[torch.randperm(70, generator=torch.Generator().manual_seed(0)).to(pixels.device)]
    for some in (pixels, shuffled, torch.cat([shuffled, shuffled])):
        x, y = some.unbind(-1)
        found = operator.surface(some)
        assert torch.equal(found.depth, whole.depth[y, x]) and torch.equal(found.alpha, whole.alpha[y, x])
    assert operator.surface(pixels[:0]).depth.shape == (0, 10)


def plane(count: int, quaternion: list[float], depth: float, spread: float) -> Geometry:
    """Opaque flat Gaussians with means scattered over one plane through (0, 0, depth)."""
    generator = torch.Generator().manual_seed(0)
    own = torch.rand(count, 3, generator=generator, dtype=torch.float64) * 2 * spread - spread
    own[:, 2] = 0
    turn = reference._rotations(torch.tensor([quaternion], dtype=torch.float64))[0]
    scales = torch.tensor([[0.5, 0.3, 0.0]], dtype=torch.float64).expand(count, 3)
    means = own @ turn.T + torch.tensor([0, 0, depth], dtype=torch.float64)
    quaternions = torch.tensor([quaternion], dtype=torch.float64).expand(count, 4)
    return Geometry(means, scales, quaternions, torch.full((count,), 0.9, dtype=torch.float64))


@pytest.mark.parametrize("quaternion", [[1.0, 0, 0, 0], TILTED, [0.9, 0.2, -0.3, 0.25]])
def test_an_opaque_plane_is_exact(case, camera, quaternion):
    """The blended depth of a tilted plane is that of the means; the surface is the plane itself."""
    view = camera(straight=True)
    scene = plane(800, quaternion, 4.0, 1.5)
    operator = case.operator(scene, view)
    found = operator.surface()
    normal = reference._rotations(torch.tensor([quaternion], dtype=torch.float64))[0, :, 2]
    x, y = (operator.pixels().cpu().double() + 0.5).unbind(-1)
    rays = torch.stack([(x - view.cx) / view.fx, (y - view.cy) / view.fy, torch.ones_like(x)], -1)
    expected = 4.0 * normal[2] / (rays @ normal)
    seen = (found.alpha > 0.99).cpu()  # not where it ends, and only far tails of Gaussians show
    assert int(seen.sum()) > 500
    error = (found.depth.cpu().double() - expected).abs()[seen]
    # Where a Gaussian shows by the dilation alone, the 5 standard deviations end its plane.
    assert float(error.quantile(0.95)) < 2e-5 and float(error.max()) < 3e-3
    blended = (operator.depth() / operator.alpha()).cpu().double() - expected
    if quaternion is TILTED:
        assert float(blended.abs()[seen].max()) > 0.02


def test_what_shows_through_from_behind_moves_the_surface_by_nothing(case, camera, blobs):
    view = camera(straight=True)
    scene = blobs([[0, 0, 2.0], [0, 0, 8.0]], [0.7, 0.99], [[0.5] * 3, [2.0] * 3])
    x, y = int(view.cx), int(view.cy)
    operator = case.operator(scene, view)
    assert float(operator.surface().depth[y, x]) == pytest.approx(2.0, abs=1e-3)
    assert float((operator.depth() / operator.alpha())[y, x]) > 3.5


@pytest.mark.parametrize("thin", [0.0, 1e-9, 1e-6])
def test_needles_stay_within_their_reach(case, camera, blobs, thin):
    """A needle nearly along the ray shows beside its axis only by the image's dilation."""
    view = camera(straight=True)
    scene = blobs([[0.02, -0.03, 4.0]], 0.95, [[thin, thin, 0.3]])
    found = case.operator(scene, view).surface()
    assert 1 <= int(found.depth.isfinite().sum()) <= 12
    depth = found.depth[found.depth.isfinite()]
    assert bool((depth >= 4.0 - 0.3 * 5.01).all()) and bool((depth <= 4.0 + 0.3 * 5.01).all())
    expected = reference.surface(scene, view, case.operator(scene, view).pixels().reshape(-1, 2).cpu())[0]
    expected = expected.reshape(found.depth.shape)
    sure = found.depth.isfinite().cpu()
    torch.testing.assert_close(found.depth.cpu().double()[sure], expected[sure], atol=DEPTH, rtol=0)


def test_a_plane_seen_edge_on_stays_within_its_reach(case, camera, blobs):
    """Rays that pass it a pixel off would meet its plane far away."""
    view = camera(straight=True)
    scene = blobs([[0, 0.001, 4.0]], 0.99, [[0.5, 0.0, 0.1]])
    depth = case.operator(scene, view).surface().depth
    assert int(depth.isfinite().sum()) >= 8
    assert bool((depth[depth.isfinite()] - 4.0).abs().max() <= 0.501)


def test_points_without_extent_have_their_own_depth(case, camera, blobs):
    view = camera(straight=True)
    depth = case.operator(blobs([[0.0, 0.0, 3.0]], 0.99, [[0.0] * 3]), view).surface().depth
    assert torch.equal(depth[depth.isfinite()], torch.full_like(depth[depth.isfinite()], 3.0))
    assert int(depth.isfinite().sum()) >= 1


def test_pixels_that_show_nothing_have_no_surface(case, camera, blobs):
    view = camera(straight=True)
    for scene in (blobs([]), blobs([[0, 0, -4.0]]), blobs([[0, 0, 4.0]], 0.4, 2.0)):
        found = case.operator(scene, view).surface()
        assert bool(torch.isinf(found.depth).all()) and not bool(found.alpha.isnan().any())
    assert 0.3 < float(found.alpha.max()) < 0.5


def test_a_gaussian_around_the_camera_lies_in_front_of_it(case, camera, blobs):
    view = camera(straight=True)
    depth = case.operator(blobs([[0.0, 0.0, 0.2]], 0.99, 1.0), view).surface().depth
    assert bool((depth[depth.isfinite()] >= 0.01).all()) and int(depth.isfinite().sum()) > 0


def test_a_pixel_outside_is_refused(case, camera, cloud):
    view = camera()
    with pytest.raises(ValueError, match=r"^surface: pixel \(50, 0\) lies outside the image of 50 x 37"):
        case.operator(cloud(view), view).surface(torch.tensor([[50, 0]]))
