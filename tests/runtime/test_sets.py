"""Sets of Gaussians as masks."""

from __future__ import annotations

import pytest
import torch

from saga.runtime.sets import picked, rows_of, size_of

MASKS = [torch.zeros(7, dtype=torch.bool), torch.arange(40) % 3 == 1, torch.arange(40)[::2] % 3 == 1, torch.ones(0) > 0]


@pytest.mark.parametrize("mask", MASKS, ids=["none", "some", "strided", "empty"])
def test_they_are_what_indexing_by_the_mask_gives(mask: torch.Tensor) -> None:
    values = torch.arange(3 * len(mask)).reshape(-1, 3)
    assert size_of(mask) == int(mask.sum())
    assert torch.equal(rows_of(mask), mask.nonzero()[:, 0])
    assert torch.equal(picked(values, mask), values[mask])
