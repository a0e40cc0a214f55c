"""What is particular to the CUDA backend: tf32 products, and sums that do not depend on the order of threads."""

from __future__ import annotations

import pytest
import torch

from saga.raster import BlendOperator, RowsAdam, SparseRows

TF32_STEP = 2.0**-11
"""Largest relative error of rounding a number to tf32."""


@pytest.fixture(params=["emulated", "cuda"])
def device(request):
    if request.param == "emulated":
        request.getfixturevalue("emulated")
        return "cpu"
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    return "cuda"


@pytest.fixture(params=["forward", "reverse", "shuffle"])
def order(request, monkeypatch):
    """The order in which the emulation runs threads; a GPU has its own."""
    monkeypatch.setenv("SAGA_EMULATOR_ORDER", request.param)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def operators(scene, view, device):
    scene = scene.to(device, torch.float32)
    return BlendOperator(scene, view, "native"), BlendOperator(scene, view, "native", exact=True)


@pytest.mark.parametrize("channels", [5, 8, 32, 33, 70])
def test_tf32_stays_within_its_bound(device, camera, cloud, channels):
    """Both factors of each term are rounded once: |error| <= 2 * 2^-11 * sum |weight| |value|, and a little."""
    view = camera()
    scene = cloud(view)
    rounded, exact = operators(scene, view, device)
    x, y = normal(len(scene), channels).to(device), normal(view.height, view.width, channels).to(device)
    for product, values in (("render", x), ("lift", y)):
        error = (getattr(rounded, product)(values) - getattr(exact, product)(values)).abs()
        bound = 2.1 * TF32_STEP * getattr(exact, product)(values.abs()) + 1e-6
        assert bool((error <= bound).all())
        assert float(error.max()) > 1e-5, "the products were not made in tf32"


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_few_channels_are_always_exact(device, camera, cloud, channels):
    view = camera()
    scene = cloud(view)
    default, exact = operators(scene, view, device)
    x = normal(len(scene), channels).to(device)
    assert torch.equal(default.render(x), exact.render(x))


def test_gradients_of_the_default_are_its_own_adjoint(device, camera, cloud):
    view = camera()
    scene = cloud(view)
    default, _ = operators(scene, view, device)
    x, y = normal(len(scene), 32).to(device).requires_grad_(), normal(view.height, view.width, 32).to(device)
    (default.render(x) * y).sum().backward()
    torch.testing.assert_close(x.grad, default.lift(y), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("exact", [False, True])
def test_deterministic_lift_repeats_bit_for_bit(device, camera, cloud, monkeypatch, exact):
    view = camera()
    scene = cloud(view).to(device, torch.float32)
    operator = BlendOperator(scene, view, "native", exact)
    y = normal(view.height, view.width, 33).to(device)
    expected = operator.lift(y)
    results = []
    torch.use_deterministic_algorithms(True)
    try:
        for order in ("forward", "reverse", "shuffle"):
            monkeypatch.setenv("SAGA_EMULATOR_ORDER", order)
            results.append(operator.lift(y))
    finally:
        torch.use_deterministic_algorithms(False)
    assert torch.equal(results[0], results[1]) and torch.equal(results[0], results[2])
    torch.testing.assert_close(results[0], expected, atol=1e-5, rtol=1e-5)
    assert results[0].abs().max() > 1


@pytest.mark.parametrize("scale", [1e-20, 1e20])
def test_deterministic_lift_at_any_scale(device, camera, cloud, scale):
    view = camera()
    operator = BlendOperator(cloud(view).to(device, torch.float32), view, "native", exact=True)
    y = normal(view.height, view.width, 2).to(device)
    torch.use_deterministic_algorithms(True)
    try:
        lifted = operator.lift(y * scale) / scale
        spoiled = y.clone()
        spoiled[3, 4, 0] = float("nan")
        assert bool(operator.lift(spoiled).isnan().any()), "a NaN must not vanish"
    finally:
        torch.use_deterministic_algorithms(False)
    torch.testing.assert_close(lifted, operator.lift(y), atol=1e-5, rtol=1e-5)


def test_the_order_of_threads_does_not_matter(device, camera, cloud, order):
    view = camera()
    scene = cloud(view)
    default, exact = operators(scene, view, device)
    x, y = normal(len(scene), 32).to(device), normal(view.height, view.width, 32).to(device)
    every = torch.cartesian_prod(torch.arange(view.width), torch.arange(view.height))
    twin = BlendOperator(scene.to(torch.device("cpu"), torch.float32), view, "reference")
    rows = exact.rows(every)
    torch.testing.assert_close(exact.render(x).cpu(), twin.render(x.cpu()), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(exact.lift(y).cpu(), twin.lift(y.cpu()), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(default.render(x).cpu(), twin.render(x.cpu()), atol=1e-2, rtol=1e-2)
    torch.testing.assert_close(default.lift(y).cpu(), twin.lift(y.cpu()), atol=5e-2, rtol=1e-2)
    by_pixel = exact.render(x).transpose(0, 1).reshape(-1, 32)
    torch.testing.assert_close(rows.render(x), by_pixel, atol=1e-5, rtol=1e-4)


def test_adam_repeats_bit_for_bit(device, monkeypatch):
    generator = torch.Generator().manual_seed(0)
    dense = torch.rand(40, 30, generator=generator)
    rows = SparseRows(
        (torch.arange(41) * 30).to(device), torch.arange(30).repeat(40).int().to(device), dense.flatten().to(device), 30
    )
    results = []
    for order in ("forward", "reverse", "shuffle"):
        monkeypatch.setenv("SAGA_EMULATOR_ORDER", order)
        x = normal(30, 32).to(device)
        adam = RowsAdam(x, rate=0.01)
        for step in range(5):
            adam.step(rows, normal(20, 32, seed=step).to(device), torch.arange(step, step + 20, device=device))
        results.append(x)
    assert torch.equal(results[0], results[1]) and torch.equal(results[0], results[2])
    assert (results[0] - normal(30, 32).to(device)).abs().max() > 0.01
