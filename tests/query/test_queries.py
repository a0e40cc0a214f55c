"""Queries of every kind of prompt, on a wall whose left and right have features of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from saga.query.matching import Matcher
from saga.query.prompts import Prompt, check
from saga.query.queries import (
    centered,
    enclosed_queries,
    kmeans_centers,
    onto_the_scene,
    positive_and_negative,
    sample_pixels,
)
from saga.raster import BlendOperator, Geometry
from saga.scene import Gaussians, Scene

LEFT, RIGHT = torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.0, 1.0, 0.0])
BORDER_PX = 32
"""Column of the border between left and right, in the middle of the image of 64 x 48 pixels."""


@pytest.fixture
def operator(wall: Callable[..., Scene]) -> BlendOperator:
    scene = wall()
    return BlendOperator(Geometry.from_gaussians(scene.gaussians), scene.cameras[0])


@pytest.fixture
def features(operator: BlendOperator) -> torch.Tensor:  # [N, 3]
    return torch.where(operator.geometry.means[:, :1] < 0, LEFT, RIGHT)


@pytest.fixture
def ask(operator: BlendOperator, features: torch.Tensor) -> Callable[..., tuple[list[str], list[str]]]:
    """ask(points=..., ...): the sides that the positive and the negative queries stand for."""

    def sides(queries: torch.Tensor) -> list[str]:
        unit = torch.nn.functional.normalize(queries, dim=1)
        assert bool(((unit @ LEFT > 0.9) | (unit @ RIGHT > 0.9)).all())
        return sorted({"left" if query @ LEFT > query @ RIGHT else "right" for query in unit})

    def run(**prompt: object) -> tuple[list[str], list[str]]:
        checked = check(Prompt("a", **prompt), operator.camera)  # type: ignore[arg-type]
        return tuple(map(sides, positive_and_negative(operator, features, checked, 2, 0)))  # type: ignore[return-value]

    return run


def block(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:  # [48, 64] bool
    region = np.zeros((48, 64), bool)
    region[y0:y1, x0:x1] = True
    return region


def test_points_ask_for_what_they_show(ask) -> None:
    assert ask(points=[(5, 40)]) == (["left"], [])
    assert ask(points=[(5, 40), (60, 3)]) == (["left", "right"], [])
    assert ask(points=[(5, 40)], negative=[(60, 3)]) == (["left"], ["right"])


def test_a_scribble_asks_for_all_that_it_crosses(ask) -> None:
    assert ask(scribble=block(10, 10, 20, 14)) == (["left"], [])
    assert ask(scribble=block(10, 10, 60, 14)) == (["left", "right"], [])


@pytest.mark.parametrize(("box", "side"), [((4, 36, 20, 46), "left"), ((44, 2, 60, 12), "right")])
def test_a_box_asks_for_what_it_holds(ask, box: tuple[int, ...], side: str) -> None:
    assert ask(box=box) == ([side], [])


def test_what_reaches_out_of_a_mask_is_not_the_object(ask) -> None:
    assert ask(mask=block(0, 0, BORDER_PX + 6, 48)) == (["left"], ["right"])
    assert ask(mask=block(BORDER_PX - 6, 0, 64, 48)) == (["right"], ["left"])


def test_of_a_mask_inside_one_object_that_object_is_asked_for(operator, features) -> None:
    """None of its queries is found mostly inside: the one most inside is taken."""
    positive, negative = enclosed_queries(operator, features, block(10, 10, 14, 14), 2, 0)
    assert bool((positive @ LEFT > 0.98).all())
    assert len(positive) + len(negative) >= 1


def test_a_region_is_clustered_into_its_kinds() -> None:
    generator = torch.Generator().manual_seed(0)
    kinds = torch.eye(3)
    features = kinds.repeat_interleave(100, 0) + 0.02 * torch.randn(300, 3, generator=generator)
    centers = kmeans_centers(features, 3, 0)
    torch.testing.assert_close((centers @ kinds).amax(0), torch.ones(3), atol=0.05, rtol=0)
    assert len(kmeans_centers(features[:2], 5, 0)) == 2
    assert torch.equal(kmeans_centers(features, 3, 0), centers), "the same seed gives the same centers"


def test_pixels_of_a_region_are_x_and_y_and_bounded() -> None:
    region = block(10, 20, 30, 25)
    pixels = sample_pixels(region, 0)
    assert {tuple(pixel) for pixel in pixels.tolist()} == {(x, y) for x in range(10, 30) for y in range(20, 25)}
    some = sample_pixels(region, 0, 17)
    assert len({tuple(pixel) for pixel in some.tolist()}) == 17
    assert region[some[:, 1], some[:, 0]].all()


def test_a_query_off_the_middle_is_moved_there() -> None:
    generator = torch.Generator().manual_seed(0)
    one = torch.tensor([1.0] + [0.0] * 31) + 0.05 * torch.randn(300, 32, generator=generator)
    other = torch.tensor([0.0] * 31 + [1.0]) + 0.05 * torch.randn(300, 32, generator=generator)
    stored = torch.cat([one, other])
    rim = torch.tensor([[1.0, 0.7] + [0.0] * 30])
    moved = centered(Matcher.build(stored), stored, rim, 2)
    assert float(torch.cosine_similarity(moved, one.mean(0)[None])) > 0.99
    assert torch.equal(centered(Matcher.build(stored), stored, rim, 0), rim)
    lost = -torch.ones(1, 32)
    assert torch.equal(centered(Matcher.build(stored), stored, lost, 2), lost)


def test_a_long_feature_does_not_draw_the_middle_to_itself(operator) -> None:
    features = torch.tensor([[1.0, 0.0], [0.8, 0.6]]) * torch.tensor([[1.0], [100.0]])
    moved = centered(Matcher.build(features), features, torch.tensor([[1.0, 0.1]]), 1)
    torch.testing.assert_close(moved, torch.tensor([[0.9, 0.3]]))


def test_the_photographs_size_does_not_matter(operator, features) -> None:
    """A view of twice the size asks for the same."""
    large = BlendOperator(operator.geometry, replace(operator.camera.resized(128, 96), name="a"))
    checked = check(Prompt("a", points=[(10, 80)]), large.camera)
    positive, _ = positive_and_negative(large, features, checked, 2, 0)
    assert bool((torch.nn.functional.normalize(positive, dim=1) @ LEFT > 0.98).all())


def test_a_click_between_gaussians_means_what_is_around_it(wall) -> None:
    scene = wall()
    g = scene.gaussians
    left = g.means[:, 0] < 0
    half = Gaussians.from_arrays(g.means[left], g.scales[left], g.quaternions[left], g.opacities[left], g.sh[left])
    operator = BlendOperator(Geometry.from_gaussians(half), scene.cameras[0])
    alpha = operator.alpha()
    ys, xs = (alpha == 0).nonzero(as_tuple=True)
    shown = alpha > 0
    empty = np.stack([xs.numpy(), ys.numpy()], axis=1)
    far, near = [], []
    for x, y in empty.tolist():
        window = shown[max(0, y - 4) : y + 5, max(0, x - 4) : x + 5]
        (near if bool(window.any()) else far).append((x, y))
    clicks = np.array(near[:5] + far[:1])
    moved = onto_the_scene(operator, clicks)
    assert np.array_equal(moved[-1], clicks[-1])
    for (x, y), (u, v) in zip(clicks[:-1].tolist(), moved[:-1].tolist(), strict=True):
        gaps = (shown.nonzero() - torch.tensor([y, x])).square().sum(1)
        assert bool(shown[v, u]) and (u - x) ** 2 + (v - y) ** 2 == int(gaps.min())
