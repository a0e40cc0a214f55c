"""The rasterizer where scenes are degenerate."""

from __future__ import annotations

import math

import pytest
import torch

from saga.raster import Geometry, reference


def dense(operator):
    """The operator's matrix [H * W, N], column by column, checked to agree with its transpose and its rows."""
    pixels, count = operator.shape
    device = operator.geometry.device
    a = operator.render(torch.eye(count, device=device)).reshape(pixels, count)
    image = torch.eye(pixels, device=device).reshape(operator.camera.height, operator.camera.width, pixels)
    # gsplat's gradient works its way back from the final transmittance, 1 - alpha, and its rounding error.
    rtol = 1e-3 if operator.backend == "gsplat" else 1e-5
    torch.testing.assert_close(operator.lift(image).T, a, atol=1e-6, rtol=rtol)
    return a.cpu().double()


def everywhere(view):
    y, x = torch.meshgrid(torch.arange(view.height), torch.arange(view.width), indexing="ij")
    return torch.stack([x, y], -1).reshape(-1, 2)


@pytest.mark.rows
def test_empty_scene(case, camera, blobs):
    view = camera()
    operator = case.operator(blobs([]), view)
    assert operator.render(torch.zeros(0, 3, device=case.device)).abs().sum() == 0
    assert operator.lift(torch.ones(view.height, view.width, 3, device=case.device)).shape == (0, 3)
    assert operator.alpha().abs().sum() == 0 and operator.depth().abs().sum() == 0
    rows = operator.rows(everywhere(view))
    assert len(rows) == view.width * view.height and len(rows.indices) == 0


def test_one_gaussian_by_hand(case, camera, blobs):
    """A round Gaussian on the optical axis: every weight written down from the formula."""
    view = camera(24, 20, straight=True)
    scene = blobs([[0.0, 0.0, 2.0]], opacities=0.7, scales=0.08)
    image = case.operator(scene, view).alpha().cpu().double()
    for row in range(view.height):
        for column in range(view.width):
            dx, dy = column + 0.5 - view.cx, row + 0.5 - view.cy
            sigma = dx**2 / ((view.fx * 0.04) ** 2 + 0.3) + dy**2 / ((view.fy * 0.04) ** 2 + 0.3)
            alpha = 0.7 * math.exp(-0.5 * sigma)
            assert image[row, column] == pytest.approx(alpha if alpha >= 1 / 255 else 0, abs=2e-6)


@pytest.mark.rows
def test_all_behind_the_camera(case, camera, blobs):
    view = camera(straight=True)
    operator = case.operator(blobs([[0.0, 0.0, -2.0], [0.1, 0.0, 0.0], [0.0, 0.1, 0.0099]]), view)
    assert operator.alpha().abs().sum() == 0 and operator.depth().abs().sum() == 0
    assert len(operator.rows(everywhere(view)).indices) == 0


def test_the_near_plane_itself_is_visible(case, camera, blobs):
    view = camera(8, 8, straight=True)
    assert case.operator(blobs([[0.0, 0.0, 0.01001]], scales=0.001), view).alpha().max() > 0.1
    assert case.operator(blobs([[0.0, 0.0, 0.00999]], scales=0.001), view).alpha().max() == 0


def test_fully_opaque_gaussian_hides_all_but_a_thousandth(case, camera, blobs):
    view = camera(16, 16, straight=True)
    scene = blobs([[0.0, 0.0, 2.0], [0.0, 0.0, 3.0]], opacities=[1.0, 0.5], scales=0.5)
    a = dense(case.operator(scene, view)).reshape(16, 16, 2)
    x, y = int(view.cx), int(view.cy)
    assert a[y, x, 0] == pytest.approx(0.999, abs=1e-6)
    assert a[y, x, 1] == pytest.approx(0.001 * 0.5, rel=2e-2)


@pytest.mark.rows
def test_a_stack_of_opaque_gaussians_ends_early(case, camera, blobs):
    """Transmittance would be 1e-3, then 1e-6: the second of the stack and all behind it are left out."""
    view = camera(16, 16, straight=True)
    scene = blobs([[0.0, 0.0, 2.0 + 0.01 * k] for k in range(200)], opacities=1.0, scales=1e3)
    a = dense(case.operator(scene, view))
    torch.testing.assert_close(a[:, 0], torch.full((256,), 0.999).double(), atol=1e-6, rtol=0)
    assert a[:, 1:].abs().sum() == 0
    rows = case.operator(scene, view).rows(everywhere(view))
    assert rows.indptr.diff().tolist() == [1] * 256


@pytest.mark.rows
def test_an_ended_pixel_stays_ended(case, camera, blobs):
    """The third would still fit above the smallest transmittance, but the second has ended the pixel."""
    view = camera(16, 16, straight=True)
    scene = blobs([[0.0, 0.0, 2.0], [0.0, 0.0, 2.5], [0.0, 0.0, 3.0]], opacities=[1.0, 1.0, 0.5], scales=1e3)
    a = dense(case.operator(scene, view))
    torch.testing.assert_close(a, torch.tensor([[0.999, 0.0, 0.0]]).double().expand(256, 3), atol=1e-6, rtol=0)
    rows = case.operator(scene, view).rows(everywhere(view))
    assert set(rows.indices.tolist()) == {0} and len(rows.indices) == 256


@pytest.mark.rows
def test_a_thousand_thin_veils_are_blended_across_batches(case, camera, blobs):
    """Longer than any batch of any backend: weights are a geometric series until the pixel is exhausted."""
    view = camera(3, 3, straight=True)
    scene = blobs([[0.0, 0.0, 5.0 + 0.001 * k] for k in range(3000)], opacities=0.008, scales=50.0)
    a = dense(case.operator(scene, view))
    exhausted = math.floor(math.log(1e-4) / math.log(1 - 0.008))
    expected = torch.zeros(9, 3000).double()
    expected[:, :exhausted] = 0.008 * (1 - 0.008) ** torch.arange(exhausted).double()
    torch.testing.assert_close(a, expected, atol=2e-6, rtol=1e-3)
    assert case.operator(scene, view).rows(everywhere(view)).indptr.diff().tolist() == [exhausted] * 9


@pytest.mark.rows
def test_many_pixels_of_one_tile_that_end_after_more_or_fewer_gaussians(case, camera, blobs, close):
    view = camera(16, 16, straight=True)
    generator = torch.Generator().manual_seed(0)
    places = (torch.rand(500, 2, generator=generator) - 0.5).tolist()
    opacities = [0.9 if x > 0.2 else 0.02 for x, _ in places]
    scene = blobs([[x, y, 2 + 0.001 * i] for i, (x, y) in enumerate(places)], opacities, 0.12)
    operator, pixels = case.operator(scene, view), everywhere(view)
    order = torch.randperm(3 * 256, generator=generator) % 256  # every pixel three times
    rows, once = operator.rows(pixels[order]), operator.rows(pixels).select(case.tensor(order).long())
    assert torch.equal(rows.indptr, once.indptr) and torch.equal(rows.indices, once.indices)
    assert torch.equal(rows.weights, once.weights)
    last = rows.indices[rows.indptr[1:] - 1]
    assert last.min() < 100 and last.max() > 400  # so that some end early and others late
    values = case.tensor(torch.rand(500, 3, generator=generator))
    close(rows.render(values), operator.render(values).reshape(-1, 3)[order], 1e-5)


@pytest.mark.parametrize("attribute", ["means", "scales", "quaternions", "opacities"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_gaussian_that_is_not_finite_is_alone_in_vanishing(case, camera, cloud, attribute, value):
    view = camera(20, 18)
    scene = cloud(view, count=40)
    broken = {name: getattr(scene, name).clone() for name in ("means", "scales", "quaternions", "opacities")}
    broken[attribute][7:9] = value
    hidden = broken | {attribute: getattr(scene, attribute)} | {"opacities": scene.opacities.clone()}
    hidden["opacities"][7:9] = 0
    torch.testing.assert_close(
        dense(case.operator(Geometry(**broken), view)), dense(case.operator(Geometry(**hidden), view))
    )
    assert bool(case.operator(Geometry(**broken), view).depth().isfinite().all())


def test_a_zero_quaternion_is_no_orientation(case, camera, blobs):
    view = camera(8, 8, straight=True)
    scene = blobs([[0.0, 0.0, 2.0]], quaternions=[[0.0, 0.0, 0.0, 0.0]])
    assert case.operator(scene, view).alpha().abs().sum() == 0


def test_quaternions_need_not_be_unit(case, camera, cloud):
    view = camera(20, 18)
    scene = cloud(view, count=40)
    scaled = Geometry(scene.means, scene.scales, 3 * scene.quaternions, scene.opacities)
    torch.testing.assert_close(
        dense(case.operator(scaled, view)), dense(case.operator(scene, view)), atol=1e-5, rtol=1e-4
    )


def test_one_pixel_image(case, camera, blobs):
    view = camera(1, 1, focal=1.0, straight=True)
    scene = blobs([[0.0, 0.0, 1.0], [0.0, 0.0, 2.0]], opacities=[0.5, 0.5], scales=10.0)
    torch.testing.assert_close(
        dense(case.operator(scene, view)), reference.weights_dense(scene, view), atol=1e-5, rtol=1e-4
    )


def test_a_huge_splat_covers_every_tile(case, camera, blobs):
    view = camera(70, 50, straight=True)
    alpha = case.operator(blobs([[0.3, 0.1, 2.0]], opacities=0.6, scales=1e4), view).alpha()
    torch.testing.assert_close(alpha.cpu(), torch.full((50, 70), 0.6), atol=1e-5, rtol=0)


def test_a_splat_far_outside_still_reaches_in(case, camera, blobs):
    """Its center projects far from the image, where the Jacobian is clamped."""
    view = camera(40, 30, straight=True)
    scene = blobs([[30.0, -4.0, 3.0], [-2.5, 0.0, 1.0]], opacities=0.9, scales=[[25.0] * 3, [1.2, 0.4, 0.9]])
    expected = reference.weights_dense(scene, view)
    assert bool((expected.sum(0) > 1).all())
    torch.testing.assert_close(dense(case.operator(scene, view)), expected, atol=2e-4, rtol=1e-3)


@pytest.mark.parametrize("degrees", [0, 30, 45, 90])
def test_needle_thin_gaussians(case, camera, blobs, degrees):
    """Ten thousand times longer than wide; on screen a line of the dilation's width across the image."""
    view = camera(60, 60, straight=True)
    half = math.radians(degrees) / 2
    quaternion = [[math.cos(half), 0.0, 0.0, math.sin(half)]]
    scene = blobs([[0.0, 0.0, 2.0]], opacities=0.9, scales=[[1.0, 1e-4, 1e-4]], quaternions=quaternion)
    expected = reference.weights_dense(scene, view)
    assert 60 < (expected > 0).sum() < 300
    torch.testing.assert_close(dense(case.operator(scene, view)), expected, atol=2e-3, rtol=1e-3)


def test_a_diagonal_needle_of_thousands_of_pixels_keeps_its_width(case, camera, blobs):
    """Its covariance's determinant is a millionth of the products that it is the difference of."""
    if case.backend == "gsplat":
        pytest.skip("gsplat computes the determinant by that difference, in float32")
    view = camera(200, 200, focal=200.0, straight=True)
    half = math.radians(45) / 2
    scene = blobs([[0.0, 0.0, 2.0]], 0.9, [[30.0, 1e-4, 1e-4]], [[math.cos(half), 0.0, 0.0, math.sin(half)]])
    expected = reference.weights_dense(scene, view).reshape(200, 200)
    torch.testing.assert_close(case.operator(scene, view).alpha().cpu().double(), expected, atol=1e-3, rtol=1e-3)


def test_a_speck_is_as_wide_as_the_dilation(case, camera, blobs):
    view = camera(16, 16, straight=True)
    alpha = case.operator(blobs([[0.0, 0.0, 5.0]], opacities=0.9, scales=1e-7), view).alpha().cpu()
    dx, dy = torch.arange(16) + 0.5 - view.cx, torch.arange(16) + 0.5 - view.cy
    expected = 0.9 * torch.exp(-0.5 * (dx[None] ** 2 + dy[:, None] ** 2) / 0.3)
    expected = expected.where(expected >= 1 / 255, torch.zeros(())).float()
    torch.testing.assert_close(alpha, expected, atol=1e-5, rtol=1e-3)


@pytest.mark.rows
def test_two_at_equal_depth_are_ordered_by_index(case, camera, blobs):
    view = camera(16, 16, straight=True)
    first = blobs([[0.0, 0.0, 3.0], [0.1, 0.0, 3.0]], opacities=[0.8, 0.3], scales=1.0)
    second = Geometry(*(getattr(first, n).flip(0) for n in ("means", "scales", "quaternions", "opacities")))
    for scene in (first, second):
        expected = reference.weights_dense(scene, view)
        torch.testing.assert_close(dense(case.operator(scene, view)), expected, atol=1e-5, rtol=1e-4)
        rows = case.operator(scene, view).rows(torch.tensor([[8, 8]]))
        assert rows.indices.tolist() == [0, 1]


@pytest.mark.parametrize(("opacity", "seen"), [(1 / 255 * 0.999, False), (1 / 255 * 1.001, True), (0.0, False)])
def test_opacity_threshold(case, camera, blobs, opacity, seen):
    view = camera(17, 17, straight=True)
    alpha = case.operator(blobs([[0.0, 0.0, 1.0]], opacities=opacity, scales=1e3), view).alpha()
    assert bool((alpha > 0).all()) is seen and bool((alpha > 0).any()) is seen


def test_scene_wholly_outside_the_image(case, camera, blobs):
    view = camera(straight=True)
    operator = case.operator(blobs([[9.0, 0.0, 2.0], [0.0, -9.0, 2.0]]), view)
    assert operator.alpha().abs().sum() == 0
    assert operator.lift(torch.ones(view.height, view.width, 2, device=case.device)).abs().sum() == 0
