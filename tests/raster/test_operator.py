"""BlendOperator on every backend against the dense matrix A in float64."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from saga.errors import SagaError
from saga.raster import BlendOperator, differentiable, reference, tiled_view

# Absolute tolerances of float32 results; inputs are standard normal, weights at most 1.
RENDER = 5e-5
LIFT = 5e-4  # sums over thousands of pixels
ALPHA = 2e-5
DEPTH = 1e-4  # world units, the scene lies at 4
WEIGHTS = 2e-5

CHANNELS = [1, 2, 3, 4, 5, 32, 33, 256]
SIZES = [(1, 1), (16, 16), (17, 31), (5, 48), (64, 33)]


def normal(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float32).double()


@pytest.mark.parametrize("channels", CHANNELS)
def test_render_is_the_matrix_product(case, camera, cloud, close, channels):
    view = camera()
    scene = cloud(view)
    x = normal(len(scene), channels)
    expected = (reference.weights_dense(scene, view) @ x).reshape(view.height, view.width, channels)
    close(case.operator(scene, view).render(case.tensor(x)), expected, RENDER)


@pytest.mark.parametrize("channels", CHANNELS)
def test_lift_is_the_transposed_product(case, camera, cloud, close, channels):
    view = camera()
    scene = cloud(view)
    y = normal(view.height, view.width, channels)
    expected = reference.weights_dense(scene, view).T @ y.reshape(-1, channels)
    close(case.operator(scene, view).lift(case.tensor(y)), expected, LIFT)


@pytest.mark.parametrize("channels", [1, 4, 5])
def test_lift_of_what_is_nearly_everywhere_zero(case, camera, cloud, close, channels):
    view = camera()
    scene = cloud(view)
    y = torch.zeros(view.height, view.width, channels, dtype=torch.float64)
    assert not case.operator(scene, view).lift(case.tensor(y)).any()
    y[20, 30], y[-1, -1, -1] = normal(channels), 1.0
    expected = reference.weights_dense(scene, view).T @ y.reshape(-1, channels)
    close(case.operator(scene, view).lift(case.tensor(y)), expected, LIFT)


@pytest.mark.parametrize("channels", [1, 5])
def test_a_pixel_that_is_not_a_number_spoils_only_the_gaussians_that_it_shows(case, camera, cloud, channels):
    if case.backend != "native" or case.device != "cpu" or case.emulated:
        pytest.skip("of the CPU kernels: tensor cores and dense products multiply by zero weights too")
    view = camera()
    scene = cloud(view)
    y = normal(view.height, view.width, channels)
    y[20, 30] = torch.nan
    shown = reference.weights_dense(scene, view)[20 * view.width + 30] > 0
    found = case.operator(scene, view).lift(case.tensor(y))
    assert torch.equal(found.isnan().all(1).cpu(), shown) and torch.equal(found.isnan().any(1).cpu(), shown)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_every_image_size(case, camera, cloud, close, width, height):
    view = camera(width, height)
    scene = cloud(view, seed=2)
    a = reference.weights_dense(scene, view)
    x, y = normal(len(scene), 3), normal(height, width, 3)
    operator = case.operator(scene, view)
    close(operator.render(case.tensor(x)), (a @ x).reshape(height, width, 3), RENDER)
    close(operator.lift(case.tensor(y)), a.T @ y.reshape(-1, 3), LIFT)


def test_no_channels(case, camera, cloud):
    view = camera()
    scene = cloud(view)
    operator = case.operator(scene, view)
    assert operator.render(case.tensor(normal(len(scene), 0))).shape == (view.height, view.width, 0)
    assert operator.lift(case.tensor(normal(view.height, view.width, 0))).shape == (len(scene), 0)


@pytest.mark.rows
def test_results_are_float32_on_the_scenes_device(case, camera, cloud):
    view = camera()
    scene = cloud(view)
    operator = case.operator(scene, view)
    rows = operator.rows(torch.tensor([[3, 4]]))
    results = [operator.render(case.tensor(normal(len(scene), 3))), operator.alpha(), operator.depth()]
    results += [operator.lift(case.tensor(normal(view.height, view.width, 3))), rows.weights]
    assert {(r.dtype, r.device.type) for r in results} == {(torch.float32, case.device)}
    assert (rows.indptr.dtype, rows.indices.dtype) == (torch.int64, torch.int32)


def test_gradient_of_render_is_lift(case, camera, cloud, close):
    view = camera()
    scene = cloud(view)
    a = reference.weights_dense(scene, view)
    x = case.tensor(normal(len(scene), 5)).requires_grad_()
    target = normal(view.height, view.width, 5)
    (0.5 * (case.operator(scene, view).render(x) - case.tensor(target)).square()).sum().backward()
    residual = a @ x.detach().cpu().double() - target.reshape(-1, 5)
    close(x.grad, a.T @ residual, LIFT)


def test_gradient_of_lift_is_render(case, camera, cloud, close):
    view = camera()
    scene = cloud(view)
    a = reference.weights_dense(scene, view)
    y = case.tensor(normal(view.height, view.width, 5)).requires_grad_()
    factor = normal(len(scene), 5)
    (case.operator(scene, view).lift(y) * case.tensor(factor)).sum().backward()
    close(y.grad, (a @ factor).reshape(y.shape), RENDER)


def test_gradients_of_gradients(case, camera, cloud, close):
    view = camera(20, 18)
    scene = cloud(view, count=60)
    a = reference.weights_dense(scene, view)
    x = case.tensor(normal(len(scene), 2)).requires_grad_()
    image = case.operator(scene, view).render(x)
    (first,) = torch.autograd.grad(image.pow(3).sum(), x, create_graph=True)
    first.sum().backward()
    values = (a @ x.detach().cpu().double()).reshape(-1, 2)
    close(x.grad, 6 * a.T @ (values * a.sum(1, keepdim=True)), 1e-3)


def test_inputs_need_not_be_contiguous(case, camera, cloud, close):
    view = camera()
    scene = cloud(view)
    operator = case.operator(scene, view)
    x, y = normal(3, len(scene)).T, normal(3, view.height, view.width).permute(1, 2, 0)
    a = reference.weights_dense(scene, view)
    close(operator.render(case.tensor(x)), (a @ x).reshape(view.height, view.width, 3), RENDER)
    close(operator.lift(case.tensor(y)), a.T @ y.reshape(-1, 3), LIFT)
    # The gradient of a sum is one number expanded over the image.
    leaf = case.tensor(x).requires_grad_()
    operator.render(leaf).sum().backward()
    close(leaf.grad, a.sum(0)[:, None].expand(-1, 3), LIFT)


def test_alpha_and_depth(case, camera, cloud, close):
    view = camera()
    scene = cloud(view)
    operator = case.operator(scene, view)
    a, depths = reference.weights_dense(scene, view), reference.project(scene, view).depths
    shape = (view.height, view.width)
    close(operator.alpha(), a.sum(1).reshape(shape), ALPHA)
    close(operator.depth(), (a @ depths).reshape(shape), DEPTH)


@pytest.mark.rows
def test_rows_are_rows_of_the_matrix_in_the_order_given(case, camera, cloud, close):
    view = camera()
    scene = cloud(view)
    generator = torch.Generator().manual_seed(3)
    pixels = torch.stack([torch.randint(size, (500,), generator=generator) for size in (50, 37)], 1)
    rows = case.operator(scene, view).rows(pixels)
    expected = reference.weights_dense(scene, view)[pixels[:, 1] * view.width + pixels[:, 0]]
    dense = torch.zeros_like(expected)
    member = torch.repeat_interleave(torch.arange(500), rows.indptr.diff().cpu())
    dense[member, rows.indices.cpu().long()] = rows.weights.cpu().double()
    close(dense, expected, WEIGHTS)
    assert rows.indptr[0] == 0 and rows.indptr[-1] == len(rows.indices) == (expected > 0).sum()
    assert bool((rows.weights > 0).all())
    depths = reference.project(scene, view).depths[rows.indices.cpu().long()]
    assert bool((depths.diff() > 0)[member.diff() == 0].all()), "entries are front to back"


@pytest.mark.rows
def test_rows_agree_with_the_image(case, camera, cloud, close):
    view = camera()
    scene = cloud(view)
    operator = case.operator(scene, view)
    y, x = torch.meshgrid(torch.arange(view.height), torch.arange(view.width), indexing="ij")
    rows = operator.rows(torch.stack([x, y], -1).reshape(-1, 2))
    values = case.tensor(normal(len(scene), 4))
    close(rows.render(values), operator.render(values).reshape(-1, 4), 1e-5)
    close(rows.render(torch.ones_like(values[:, :1])), operator.alpha().reshape(-1, 1), 1e-5)
    image = case.tensor(normal(view.height, view.width, 4))
    close(rows.lift(image.reshape(-1, 4)), operator.lift(image), 1e-4)


@pytest.mark.rows
def test_duplicate_pixels_give_equal_rows(case, camera, cloud):
    view = camera()
    rows = case.operator(cloud(view), view).rows(torch.tensor([[20, 20], [3, 30], [20, 20], [20, 20]]))
    first, _, *others = (
        (rows.indices[a:b].tolist(), rows.weights[a:b].tolist())
        for a, b in zip(rows.indptr[:-1].tolist(), rows.indptr[1:].tolist(), strict=True)
    )
    assert len(first[0]) > 0 and all(other == first for other in others)


@pytest.mark.rows
def test_no_pixels_give_no_rows(case, camera, cloud):
    view = camera()
    rows = case.operator(cloud(view), view).rows(torch.zeros(0, 2, dtype=torch.int64))
    assert len(rows) == 0 and rows.indptr.tolist() == [0] and len(rows.indices) == 0


@pytest.mark.rows
@pytest.mark.parametrize("pixel", [(50, 0), (0, 37), (-1, 0), (0, -1)])
def test_a_pixel_outside_the_image_is_refused(case, camera, cloud, pixel):
    view = camera()
    operator = case.operator(cloud(view), view)
    with pytest.raises(ValueError, match=r"outside the image of 50 x 37"):
        operator.rows(torch.tensor([(1, 1), pixel]))


def test_wrong_shapes_are_refused(case, camera, cloud):
    view = camera()
    scene = cloud(view)
    operator = case.operator(scene, view)
    with pytest.raises(ValueError, match="render: expected x of shape"):
        operator.render(torch.zeros(len(scene) + 1, 3, device=case.device))
    with pytest.raises(ValueError, match="render: expected x of shape"):
        operator.render(torch.zeros(len(scene), device=case.device))
    with pytest.raises(ValueError, match="lift: expected y of shape"):
        operator.lift(torch.zeros(view.width, view.height, 3, device=case.device))


def test_an_unknown_backend_is_refused(camera, cloud):
    view = camera()
    with pytest.raises(SagaError, match="backend"):
        BlendOperator(cloud(view), view, backend="opengl")  # type: ignore[arg-type]


def test_custom_operators_are_registered_correctly(case, camera, cloud):
    if case.backend != "native":
        pytest.skip("only the native backend registers operators")
    view = camera(20, 18)
    scene = cloud(view, count=30).to(case.device, torch.float32)
    tiled = tiled_view.TiledView.build(scene, view)
    lists = (tiled.splats, tiled.tile_offsets, tiled.ids)
    x = case.tensor(normal(len(scene), 3)).requires_grad_()
    y = case.tensor(normal(view.height, view.width, 3)).requires_grad_()
    torch.library.opcheck(differentiable.render_op, (x, *lists, view.width, view.height, True))
    torch.library.opcheck(differentiable.lift_op, (y, *lists, True))
