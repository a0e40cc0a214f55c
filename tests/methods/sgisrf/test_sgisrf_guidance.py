"""Lifting, fusion and the bilateral filter against direct twins."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from saga.methods.sgisrf.grid import Box, Grid, opacity_grid, within
from saga.methods.sgisrf.guidance import Lifted, fuse, propagate, splat, strongest
from saga.raster import BlendOperator, Geometry, SparseRows
from saga.scene import Camera


def _geometry(means: list[list[float]], scale: float = 0.02, opacity: float = 0.9) -> Geometry:
    n = len(means)
    return Geometry(
        torch.tensor(means).reshape(n, 3),
        torch.full((n, 3), scale),
        torch.tensor([[1.0, 0, 0, 0]]).expand(n, 4),
        torch.full((n,), opacity),
    )


def _bilateral_twin(guidance: np.ndarray, mask: np.ndarray, opacity: np.ndarray, sa: float, ss: float) -> np.ndarray:
    """Equations 6 and 7, voxel by voxel."""
    size = len(opacity)
    out = np.zeros_like(guidance)
    for x in np.ndindex(size, size, size):
        whole = value = known = 0.0
        for step in np.ndindex(3, 3, 3):
            y = tuple(a + b - 1 for a, b in zip(x, step, strict=True))
            if not all(0 <= c < size for c in y):
                continue
            squared = sum((a - b) ** 2 for a, b in zip(x, y, strict=True))
            weight = math.exp(-((opacity[y] - opacity[x]) ** 2) / (2 * sa**2)) * math.exp(-squared / (2 * ss**2))
            whole, value, known = whole + weight, value + guidance[y] * weight, known + mask[y] * weight
        out[x] = (value / whole) / (known / whole + 1e-6)
    return out


@pytest.mark.parametrize(("sigma_opacity", "sigma_space"), [(0.3, 1.0), (0.05, 2.0)])
def test_bilateral_filter_is_equation_6_normalised_by_equation_7(sigma_opacity: float, sigma_space: float) -> None:
    rng = np.random.default_rng(0)
    mask = (rng.random((5, 5, 5)) < 0.2).astype(np.float32)
    guidance, opacity = (rng.random((5, 5, 5)).astype(np.float32) for _ in range(2))
    guidance *= mask
    given = (torch.from_numpy(array) for array in (guidance[None], mask[None], opacity))
    found = propagate(*given, sigma_opacity, sigma_space)[0]
    twin = _bilateral_twin(guidance, mask, opacity, sigma_opacity, sigma_space)
    np.testing.assert_allclose(found.numpy(), twin, atol=1e-5)


def test_partial_convolution_does_not_dilute_a_lone_confidence() -> None:
    guidance = torch.zeros(1, 7, 7, 7)
    guidance[0, 3, 3, 3] = 0.8
    mask = (guidance > 0).float()
    found = propagate(guidance, mask, torch.zeros(7, 7, 7))[0]
    assert found[2:5, 2:5, 2:5].min() > 0.79  # the 27 around it take the whole value
    assert found[0].abs().max() == 0


def test_propagation_is_linear_in_the_guidance() -> None:
    generator = torch.Generator().manual_seed(1)
    one, other, opacity = (torch.rand(1, 6, 6, 6, generator=generator) for _ in range(3))
    mask = torch.ones(1, 6, 6, 6)
    both = propagate(2 * one - 3 * other, mask, opacity[0])
    apart = 2 * propagate(one, mask, opacity[0]) - 3 * propagate(other, mask, opacity[0])
    assert torch.allclose(both, apart, atol=1e-5)


def test_strongest_is_the_largest_weight_and_not_the_nearest() -> None:
    # A faint Gaussian in front of a strong one, on the axis of the camera.
    geometry = _geometry([[0, 0, 1.0], [0, 0, 2.0]], scale=0.2)
    geometry = Geometry(geometry.means, geometry.scales, geometry.quaternions, torch.tensor([0.2, 0.9]))
    camera = Camera("a.png", 16, 16, 16.0, 16.0, 8.0, 8.0, np.eye(4))
    rows = BlendOperator(geometry, camera).rows(torch.tensor([[8, 8], [0, 0]]))
    assert strongest(rows).tolist()[0] == 1


def test_strongest_of_rows_by_hand() -> None:
    indptr, indices = torch.tensor([0, 3, 3, 5]), torch.tensor([4, 7, 2, 9, 1], dtype=torch.int32)
    rows = SparseRows(indptr, indices, torch.tensor([0.1, 0.5, 0.2, 0.3, 0.3]), 10)
    assert strongest(rows).tolist() == [7, -1, 9]  # the nearer of equals; none for an empty row


def test_lifted_keeps_the_largest_confidence_and_skips_what_shows_nothing() -> None:
    lifted = Lifted.of(torch.tensor([3, -1, 3, 5, 5]), torch.tensor([0.2, 0.9, 0.7, float("nan"), -0.5]))
    assert lifted.gaussians.tolist() == [3, 5]
    assert lifted.confidence.tolist() == pytest.approx([0.7, -0.5])


def test_splat_reaches_its_voxel_and_the_eight_nearest() -> None:
    grid = Grid(Box((0.0, 0.0, 0.0), 4.0), 8)
    point = torch.tensor([[0.3, 0.4, 0.45]])
    guidance, known = splat(grid, point, torch.tensor([0.6]))
    found = torch.nonzero(known)
    assert len(found) == 9 and known[4, 4, 4] == 1
    centers = (found + 0.5) - 4.0
    others = torch.cartesian_prod(*[torch.arange(8)] * 3)
    distances = ((others + 0.5 - 4.0) - point).norm(dim=1).sort().values
    assert (centers - point).norm(dim=1).max() == pytest.approx(float(distances[8]), abs=1e-5)
    assert guidance[known > 0].unique().tolist() == pytest.approx([0.6])


def test_clicks_are_fused_by_their_maximum_in_any_order_and_repetitions_by_their_mean() -> None:
    grid, means = Grid(Box((0.0, 0.0, 0.0), 1.0), 8), torch.tensor([[0.1, 0.1, 0.1]])
    low, high = (Lifted(torch.tensor([0]), torch.tensor([value])) for value in (0.2, 0.8))
    apart, known = fuse(grid, means, [[low], [high]])
    swapped, _ = fuse(grid, means, [[high], [low]])
    repeated, _ = fuse(grid, means, [[low, high]])
    assert torch.equal(apart, swapped)
    assert float(apart.max()) == pytest.approx(0.8) and float(repeated[known > 0].mean()) == pytest.approx(0.5)


def test_negative_cosines_stay_negative() -> None:
    grid, means = Grid(Box((0.0, 0.0, 0.0), 1.0), 8), torch.tensor([[0.1, 0.1, 0.1]])
    fused, known = fuse(grid, means, [[Lifted(torch.tensor([0]), torch.tensor([-0.4]))]])
    assert fused[known > 0].unique().tolist() == pytest.approx([-0.4])


def test_opacity_grid_of_a_wall_has_the_walls_opacity() -> None:
    places = torch.linspace(-0.98, 0.98, 50)
    means = torch.cartesian_prod(torch.tensor([0.06]), places, places)
    n = len(means)
    scales = torch.tensor([[0.002, 0.026, 0.026]]).expand(n, 3)
    wall = Geometry(means, scales, torch.tensor([[1.0, 0, 0, 0]]).expand(n, 4), torch.full((n,), 0.9))
    grid = Grid(Box((0.0, 0.0, 0.0), 1.0), 16)
    opacity = opacity_grid(wall, torch.arange(n), grid)
    assert opacity[8, 2:14, 2:14].min() > 0.6 and opacity[8, 2:14, 2:14].max() < 1
    assert opacity[:8].max() == 0 and opacity[9:].max() == 0


def test_opacity_grid_does_not_depend_on_the_order_of_gaussians() -> None:
    generator = torch.Generator().manual_seed(0)
    means = torch.rand(200, 3, generator=generator)
    geometry = Geometry(
        means,
        torch.rand(200, 3, generator=generator) * 0.2 + 0.001,
        torch.randn(200, 4, generator=generator),
        torch.rand(200, generator=generator),
    )
    grid, order = Grid(Box((0.5, 0.5, 0.5), 0.5), 16), torch.randperm(200, generator=generator)
    straight, shuffled = (opacity_grid(geometry, members, grid) for members in (torch.arange(200), order))
    assert torch.allclose(straight, shuffled, atol=1e-5)
    assert float(straight.min()) >= 0 and float(straight.max()) < 1


def test_all_gaussians_in_one_voxel_fill_it_alone() -> None:
    geometry = _geometry([[0.01, 0.01, 0.01]] * 50, scale=0.001)
    grid = Grid(Box((0.0, 0.0, 0.0), 1.0), 8)
    opacity = opacity_grid(geometry, within(geometry, grid.box), grid)
    assert int((opacity > 0).sum()) == 1 and opacity[4, 4, 4] > 0


def test_sampling_is_trilinear_in_world_coordinates() -> None:
    grid = Grid(Box((1.0, 2.0, 3.0), 2.0), 8)
    axis = torch.arange(8) + 0.5
    x, y, z = torch.meshgrid(axis, axis, axis, indexing="ij")
    values = (x + 10 * y - 3 * z)[None]
    points = torch.tensor([[0.3, 1.7, 4.1], [1.0, 2.0, 3.0]])
    place = grid.locate(points)
    expected = place[:, 0] + 10 * place[:, 1] - 3 * place[:, 2]
    assert torch.allclose(grid.sample(values, points)[:, 0], expected, atol=1e-3)
