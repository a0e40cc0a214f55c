"""Matching: the native kernel against its twin, and the laws of a maximum of products."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from saga.query.matching import Matcher, max_product, max_product_reference


def features(count: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, 32, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("count", [1, 15, 16, 17, 1000, 5000])
@pytest.mark.parametrize("queries", [1, 2, 3, 4, 5, 9])
def test_the_kernel_agrees_with_its_twin(native_device: str, count: int, queries: int) -> None:
    matcher, asked = Matcher.build(features(count).to(native_device)), features(queries, 1).to(native_device)
    expected = max_product_reference(matcher.blocks, asked)
    assert expected.abs().max() > 0.1
    torch.testing.assert_close(max_product(matcher.blocks, asked), expected, atol=1e-5, rtol=1e-5)


def test_cosines_are_those_of_the_features() -> None:
    stored, asked = features(333), features(3, 1)
    stored[7] = 0
    expected = torch.nn.functional.cosine_similarity(stored[:, None], asked[None], dim=2).amax(1)
    torch.testing.assert_close(Matcher.build(stored).cosine(asked), expected, atol=1e-3, rtol=0)


def test_products_are_those_of_the_features() -> None:
    stored, asked = features(333), features(3, 1)
    torch.testing.assert_close(Matcher.build(stored).product(asked), (stored @ asked.T).amax(1), atol=2e-2, rtol=1e-3)


def test_without_queries_every_score_is_higher() -> None:
    matcher = Matcher.build(features(20))
    assert bool((matcher.cosine(features(1, 1)) > matcher.cosine(torch.empty(0, 32))).all())


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 200), st.integers(0, 2**31))
def test_the_order_of_gaussians_and_queries_does_not_matter(count: int, seed: int) -> None:
    stored, asked = features(count, seed), features(4, seed + 1)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    scores = Matcher.build(stored).cosine(asked)
    torch.testing.assert_close(Matcher.build(stored[order]).cosine(asked.flip(0)), scores[order], atol=1e-6, rtol=0)
