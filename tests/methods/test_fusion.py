"""Probabilities rendered, masks lifted, overlaps measured."""

from __future__ import annotations

import pytest
import torch

from saga.methods.fusion import lifted, mask_iou, probability
from saga.raster import DeviceScene


def test_probabilities_of_ones_are_one_where_something_is_shown(tiny_views: DeviceScene) -> None:
    operator = tiny_views.operator("000.png")
    ones = torch.ones(len(tiny_views.geometry), 2)
    shown = probability(operator, ones)
    covered = tiny_views.alpha("000.png") > 1e-3
    assert torch.allclose(shown[covered], torch.ones(int(covered.sum()), 2))
    assert torch.isfinite(shown).all()


def test_lifted_masks_share_the_whole_weight(tiny_views: DeviceScene) -> None:
    operator = tiny_views.operator("000.png")
    left = torch.zeros(120, 160, dtype=torch.bool)
    left[:, :80] = True
    inside, total = lifted(operator, torch.stack([left, ~left]))
    assert torch.allclose(inside.sum(1), total, rtol=1e-4, atol=1e-4)
    assert lifted(operator, left[None][:0])[0].shape == (len(tiny_views.geometry), 0)


def test_overlaps_of_masks() -> None:
    a, b = torch.zeros(2, 4, 4, dtype=torch.bool)
    assert float(mask_iou(a, b)) == 0
    a[:2], b[1:3] = True, True
    assert float(mask_iou(a, b)) == pytest.approx(1 / 3)
    assert mask_iou(a[None, None], torch.stack([a, b])[None]).tolist() == [[1.0, pytest.approx(1 / 3)]]
