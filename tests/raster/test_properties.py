"""What holds of the operator for every scene."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import HealthCheck, given, settings

from saga.raster import Geometry

# Fixtures are functions and parameters only, so that sharing them between examples is harmless.
examples = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
seeds, counts, channels, sides = st.integers(0, 2**31), st.integers(1, 80), st.integers(1, 40), st.integers(1, 40)


def scene(count, seed):
    """Any Gaussians, behind the camera, pin-sharp, huge, opaque and invisible ones among them."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(*shape):
        return torch.rand(*shape, generator=generator)

    scales = 10 ** (4 * uniform(count, 3) - 3)
    opacities = (1.2 * uniform(count) - 0.1).clamp(0, 1)
    return Geometry(12 * uniform(count, 3) - 6, scales, uniform(count, 4) - 0.5, opacities)


def dot(a, b):
    return float((a.double() * b.double()).sum())


@examples
@given(seed=seeds, count=counts, c=channels, width=sides, height=sides)
def test_lift_is_the_adjoint_of_render(case, camera, seed, count, c, width, height):
    geometry = scene(count, seed)
    operator = case.operator(geometry, camera(width, height))
    generator = torch.Generator().manual_seed(seed + 1)
    x = case.tensor(torch.randn(count, c, generator=generator))
    y = case.tensor(torch.randn(height, width, c, generator=generator))
    image, gathered = operator.render(x), operator.lift(y)
    scale = float(image.norm() * y.norm() + gathered.norm() * x.norm())
    assert abs(dot(image, y) - dot(x, gathered)) <= 1e-5 * scale


@examples
@given(seed=seeds, count=counts, factor=st.floats(-4, 4, width=32))
def test_products_are_linear(case, camera, seed, count, factor):
    view = camera(21, 19)
    operator = case.operator(scene(count, seed), view)
    generator = torch.Generator().manual_seed(seed + 1)
    a, b = (case.tensor(torch.randn(count, 3, generator=generator)) for _ in "ab")
    torch.testing.assert_close(
        operator.render(a + factor * b), operator.render(a) + factor * operator.render(b), atol=1e-5, rtol=1e-4
    )
    a, b = (case.tensor(torch.randn(19, 21, 3, generator=generator)) for _ in "ab")
    torch.testing.assert_close(
        operator.lift(a + factor * b), operator.lift(a) + factor * operator.lift(b), atol=2e-4, rtol=1e-4
    )


@examples
@given(seed=seeds, count=counts)
def test_the_order_of_the_gaussians_does_not_matter(case, camera, seed, count):
    view = camera(21, 19)
    geometry = scene(count, seed)
    generator = torch.Generator().manual_seed(seed + 1)
    order = torch.randperm(count, generator=generator)
    x = torch.randn(count, 3, generator=generator)
    names = ("means", "scales", "quaternions", "opacities")
    shuffled = Geometry(*(getattr(geometry, name)[order] for name in names))
    first, second = case.operator(geometry, view), case.operator(shuffled, view)
    torch.testing.assert_close(second.render(case.tensor(x[order])), first.render(case.tensor(x)))
    y = case.tensor(torch.randn(19, 21, 3, generator=generator))
    torch.testing.assert_close(second.lift(y).cpu(), first.lift(y).cpu()[order], atol=1e-5, rtol=1e-5)


@pytest.mark.rows
@examples
@given(seed=seeds, count=counts)
def test_weights_are_a_partial_convex_combination(case, camera, seed, count):
    """Weights are positive and sum to at most 1, so no image leaves the range of its values."""
    view = camera(21, 19)
    operator = case.operator(scene(count, seed), view)
    y, x = torch.meshgrid(torch.arange(19), torch.arange(21), indexing="ij")
    rows = operator.rows(torch.stack([x, y], -1).reshape(-1, 2))
    assert bool((rows.weights > 0).all()) and bool((rows.weights <= 0.999 + 1e-6).all())
    alpha = operator.alpha()
    assert bool((alpha <= 1 - 1e-4 + 1e-5).all())
    sums = torch.zeros(21 * 19, device=case.device).index_add_(
        0, torch.repeat_interleave(torch.arange(21 * 19, device=case.device), rows.indptr.diff()), rows.weights
    )
    torch.testing.assert_close(sums.reshape(19, 21), alpha, atol=1e-5, rtol=1e-5)
