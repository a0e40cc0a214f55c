"""Further points correct what the first one means, whatever the features make of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from saga.methods.saga import Segmenter
from saga.methods.saga.features import FeatureQueries


@pytest.fixture
def segmenter(tiny_scene, field, known_regions) -> Segmenter:
    own = replace(field, report={**field.report, "given_masks": False})
    return Segmenter(tiny_scene, own, device="cpu", regions=known_regions)


def points_of(prompts) -> int:
    return sum(len(prompt.parts.points) + len(prompt.parts.negative) for prompt in prompts)


@pytest.mark.parametrize("spread", ["pair", "nothing"])
def test_features_that_spread_or_vanish_at_a_second_point_do_not_change_the_answer(
    segmenter, known_regions, tiny_demo, middle, monkeypatch, spread
):
    """At a second point, features take the thing with its neighbor in number, or nearly nothing of it."""
    label = tiny_demo.names["ball"]
    first = segmenter.segment("000.png", points=[middle(label)])
    wrong = np.isin(tiny_demo.labels, [label, label + 1]) if spread == "pair" else np.zeros(len(first.mask), bool)
    select = FeatureQueries.select

    def misled(queries, prompts, *rest, **named):
        found = select(queries, prompts, *rest, **named)
        if points_of(prompts) == 1:
            return found
        return [replace(each, mask=torch.from_numpy(wrong)) for each in found]

    monkeypatch.setattr(FeatureQueries, "select", misled)
    other = next(number for name, number in tiny_demo.names.items() if name == "mug")
    corrected = segmenter.segment("000.png", points=[middle(label)], negative=[middle(other)])
    held = known_regions.cells[corrected.mask]
    assert set(np.unique(held)) == set(np.unique(known_regions.cells[first.mask]))


def test_points_that_cannot_all_be_followed_are_said(segmenter, tiny_demo, middle):
    point = middle(tiny_demo.names["ball"])
    answer = segmenter.segment("000.png", points=[point], negative=[point])
    assert any("could not be followed" in warning for warning in answer.report["warnings"])


def test_what_was_drawn_is_corrected_by_points(segmenter, known_regions, tiny_masks, tiny_demo, middle):
    """A mask of a thing, and a negative point on its upper half: the lower half is left."""
    label = tiny_demo.names["ball"]
    x, y = middle(label)
    (mask,) = (each for each in tiny_masks["000.png"] if each[y, x])
    whole = segmenter.segment("000.png", mask=mask)
    top = int(np.flatnonzero(mask[:, x]).min()) + 1
    halves = segmenter.segment("000.png", mask=mask, negative=[(x, top)])
    cells = set(np.unique(known_regions.cells[whole.mask]))
    assert len(cells) == 2
    assert set(np.unique(known_regions.cells[halves.mask])) == {min(cells)}
