"""Nested answers of the Segmenter, with regions that are made from the demo's own labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from saga.errors import SagaError
from saga.masks import ArrayMasks
from saga.methods.saga import Segmenter
from saga.query import Prompt, QueryConfig
from saga.query.report import Report
from saga.regions import SceneRegions
from saga.regions.answers import Answer
from saga.regions.given import GivenMasks
from saga.train import FeatureField, TrainConfig, train


@pytest.fixture(scope="module")
def own_masks(field):
    """The field as if its masks had been made without a model."""
    return replace(field, report={**field.report, "given_masks": False})


@pytest.fixture
def clicked(tiny_demo, middle):
    """(view, pixel, label) of a click into the middle of the ball."""
    label = tiny_demo.names["ball"]
    return "000.png", middle(label), label


def cells_of(regions, mask):
    return set(np.unique(regions.cells[mask]).tolist())


def iou(one, other):
    return (one & other).sum() / (one | other).sum()


def test_candidates_are_nested_and_one_is_the_default(tiny_scene, own_masks, known_regions, clicked):
    segmenter = Segmenter(tiny_scene, own_masks, device="cpu", regions=known_regions)
    answers = segmenter.candidates(clicked[0], [clicked[1]])
    assert [answer.report["name"] for answer in answers] == ["part", "object", "group"]
    for smaller, larger in zip(answers[:-1], answers[1:], strict=True):
        assert cells_of(known_regions, smaller.mask) < cells_of(known_regions, larger.mask)
    default = next(answer for answer in answers if answer.report["default"])
    chosen = segmenter.segment(clicked[0], points=[clicked[1]])
    assert np.array_equal(chosen.mask, default.mask)
    assert chosen.report["answer"] == default.report["name"]


def test_the_default_is_the_thing(tiny_scene, tiny_demo, own_masks, known_regions, clicked):
    segmenter = Segmenter(tiny_scene, own_masks, device="cpu", regions=known_regions)
    chosen = segmenter.segment(clicked[0], points=[clicked[1]])
    assert iou(chosen.mask, tiny_demo.labels == clicked[2]) > 0.9


@pytest.mark.parametrize("granularity", ["part", "object", "group"])
def test_granularity_picks_an_answer(tiny_scene, own_masks, known_regions, clicked, granularity):
    config = QueryConfig(granularity=granularity)
    segmenter = Segmenter(tiny_scene, own_masks, config, device="cpu", regions=known_regions)
    chosen = segmenter.segment(clicked[0], points=[clicked[1]])
    named = {answer.report["name"]: answer.mask for answer in segmenter.candidates(clicked[0], [clicked[1]])}
    assert np.array_equal(chosen.mask, named[granularity])


def test_given_masks_are_trusted_with_the_details(tiny_scene, field, known_regions, clicked):
    config = QueryConfig(ball_query=False)  # the ball stops at borders of regions
    without = Segmenter(tiny_scene, field, config, "cpu").segment(clicked[0], points=[clicked[1]])
    chosen = Segmenter(tiny_scene, field, config, "cpu", regions=known_regions).segment(clicked[0], points=[clicked[1]])
    assert np.array_equal(chosen.mask, without.mask)
    assert len(chosen.report["answers"]) == 3


def test_without_regions_there_is_one_answer_and_a_granularity_says_so(tiny_scene, field, clicked):
    segmenter = Segmenter(tiny_scene, field, QueryConfig(granularity="part"), device="cpu")
    answers = segmenter.candidates(clicked[0], [clicked[1]])
    assert [answer.report["name"] for answer in answers] == ["object"]
    report = segmenter.segment(clicked[0], points=[clicked[1]]).report
    assert any("one answer only" in warning for warning in report["warnings"])


@pytest.fixture
def alike(tiny_scene, tiny_demo, own_masks, known_regions, clicked):
    """alike(share): a Segmenter whose features know the ball and another thing from the rest, and nothing else.

    The two fill a share of all that the views show, and are a region, the last one, unless it is left out.
    """
    both = np.isin(tiny_demo.labels, [clicked[2], max(set(tiny_demo.names.values()) - {clicked[2]})])
    features = torch.zeros_like(own_masks.features)
    features[torch.from_numpy(both), 0] = features[torch.from_numpy(~both), 1] = 1.0
    cells = np.isin(np.arange(known_regions.count), known_regions.cells[both])

    def segmenter(share, region=True):
        shares = np.where(cells, share / cells.sum(), (1 - share) / (~cells).sum()).astype(np.float32) * 0.6
        members = np.concatenate([known_regions.members, cells[None][: int(region)]])
        own = np.zeros(len(members), bool)
        closed = known_regions.closed.clip(max=0.9)  # not so closed that the two are told apart
        regions = replace(known_regions, shares=shares, members=members, own=own, closed=closed)
        config = QueryConfig(statistical_filter=False, region_growing=False, ball_query=False)
        one_scale = replace(own_masks, stored=features, config=replace(own_masks.config, scales=1))
        return Segmenter(tiny_scene, one_scale, config, "cpu", regions=regions)

    return segmenter, both


def test_a_selection_of_most_that_views_show_needs_a_region_and_is_said(alike, clicked):
    segmenter, both = alike
    chosen = segmenter(0.7).segment(clicked[0], points=[clicked[1]])
    assert iou(chosen.mask, both) > 0.95
    assert any("70% of all that the views show" in warning for warning in chosen.report["warnings"])


def test_of_large_answers_the_one_that_features_confirm_is_given(alike, clicked, monkeypatch):
    segmenter, both = alike
    asked = segmenter(0.75)
    whole = asked.regions.members[-1]
    most = (whole & (np.cumsum(whole) <= 2)) | (~whole & (np.cumsum(~whole) <= 20))
    sets = {"part": (whole & (np.cumsum(whole) <= 1), 0.4), "object": (most, 0.9), "group": (whole, 0.5)}
    answers = [Answer(name, score, float(asked.regions.shares @ each), each) for name, (each, score) in sets.items()]
    monkeypatch.setattr("saga.methods.saga.levels.nested_answers", lambda judgment: (answers, 1))
    chosen = asked.segment(clicked[0], points=[clicked[1]])
    assert chosen.report["answer"] == "group"
    assert any("75% of all that the views show" in warning for warning in chosen.report["warnings"])


@pytest.mark.parametrize("region", [True, False])
def test_features_that_no_region_confirms_do_not_stand_in_for_a_large_answer(alike, clicked, monkeypatch, region):
    """What they select is an answer and agrees with itself; without a region like it the next smaller is given."""
    segmenter, _ = alike
    asked, whole = segmenter(0.4, region), segmenter(0.4).regions.members[-1]
    sets = {"part": (whole, 0.3), "object": (whole | (np.cumsum(~whole) <= 3), 0.2), "group": (whole | True, 0.9)}
    answers = [Answer(name, score, float(asked.regions.shares @ each), each) for name, (each, score) in sets.items()]
    monkeypatch.setattr("saga.methods.saga.levels.nested_answers", lambda judgment: (answers, 2))
    assert asked.segment(clicked[0], points=[clicked[1]]).report["answer"] == ("part" if region else "object")


def test_features_that_take_nearly_all_that_views_show_have_no_say(alike, clicked):
    segmenter, both = alike
    chosen = segmenter(0.9).segment(clicked[0], points=[clicked[1]])
    assert chosen.mask.sum() < 0.8 * both.sum()
    assert iou(chosen.mask, both) < 0.8


def test_regions_beside_the_scene_are_taken_and_others_made_again(
    tiny_scene, tiny_folder, own_masks, known_regions, clicked, monkeypatch
):
    monkeypatch.setattr("saga.regions.build_regions", lambda *_, **__: known_regions)
    path = tiny_folder / "scene.regions"
    known_regions.save(path)
    try:
        assert len(Segmenter(tiny_scene, own_masks, device="cpu").candidates(clicked[0], [clicked[1]])) == 3
        for damage in (lambda: path.write_bytes(b"x"), lambda: replace(known_regions, scene_digest="y").save(path)):
            damage()
            with pytest.warns(UserWarning, match="scene.regions: expected .*; they are made again now"):
                made = Segmenter(tiny_scene, own_masks, device="cpu")
            assert made.regions is known_regions
            assert np.array_equal(SceneRegions.load(path, tiny_scene).cells, known_regions.cells)
    finally:
        path.unlink()


def test_regions_answer_alone_where_there_are_no_features(tiny_scene, tiny_demo, known_regions, clicked):
    segmenter = Segmenter(tiny_scene, device="cpu", regions=known_regions)
    answers = segmenter.candidates(clicked[0], [clicked[1]])
    sizes = [cells_of(known_regions, answer.mask) for answer in answers]
    assert [answer.report["name"] for answer in answers] == ["part", "object", "group"] and sizes[0] < sizes[1] < sizes[
        2
    ]
    chosen = segmenter.segment(clicked[0], points=[clicked[1]])
    assert any(np.array_equal(chosen.mask, answer.mask) for answer in answers)
    assert set(np.unique(chosen.scores[chosen.mask])) == {np.float32(chosen.scores.max())} and chosen.scores.max() > 0
    with pytest.raises(SagaError, match="features or regions"):
        Segmenter(tiny_scene, device="cpu")


@pytest.fixture(scope="module")
def heaped(tiny_scene, tiny_masks) -> FeatureField:
    """A field trained on masks of every thing, and of all things together, in each view."""
    nested = {}
    for name, masks in tiny_masks.items():
        table = masks[np.argmax(masks.sum((1, 2)))]
        nested[name] = np.concatenate([masks, (masks.any(0) & ~table)[None], masks.any(0)[None]])
    config = TrainConfig(iterations=150, pixels=400, cached_pixels=24_000)
    return train(tiny_scene, ArrayMasks(nested), config, progress=False)


def test_a_mask_of_a_heap_does_not_blur_the_things_in_it(tiny_scene, tiny_demo, heaped, middle):
    coarse, fine = (Segmenter(tiny_scene, of_one_scale(heaped, index), device="cpu") for index in (0, 1))
    for name in ("lamp", "duck", "plant"):
        truth, click = tiny_demo.labels == tiny_demo.names[name], [middle(tiny_demo.names[name])]
        assert iou(fine.segment("000.png", points=click).mask, truth) > 0.75, name
        assert iou(coarse.segment("000.png", points=click).mask, truth) < 0.5, "otherwise one scale would do"


def of_one_scale(field: FeatureField, index: int) -> FeatureField:
    features = field.scales[index]
    config = replace(field.config, scales=1, dimensions=features.shape[1])
    return replace(field, stored=features, config=config)


def test_given_masks_rank_the_answers(tiny_scene, tiny_demo, heaped, known_regions, clicked):
    """Where masks vouch for pairs of things, the pair with the thing is the answer; for things, the thing."""
    things = known_regions.members[known_regions.count : known_regions.count + known_regions.count // 2]
    pairs = known_regions.members[known_regions.count + known_regions.count // 2 :]
    sizes = {}
    for name, vouched in (("thing", things), ("pair", pairs)):
        regions = replace(known_regions, given=vouching(known_regions, vouched))
        ranked = Segmenter(tiny_scene, heaped, device="cpu", regions=regions)
        found = ranked.segment(clicked[0], points=[clicked[1]]).mask
        held = np.bincount(regions.cells[found], minlength=regions.count)
        sizes[name] = int((held > np.bincount(regions.cells) / 2).sum())
    assert sizes == {"thing": 2, "pair": 4}


def vouching(regions: SceneRegions, members: np.ndarray) -> GivenMasks:
    """One view that shows every cell by ten samples and has a mask of each of some regions."""
    inside = csr_matrix(10.0 * members)
    views, sizes = np.zeros(len(members), np.int32), np.asarray(inside.sum(1), np.float32)[:, 0]
    return GivenMasks(views, inside, sizes, csr_matrix(np.full((1, regions.count), 10.0)))


def test_the_detail_under_a_click_is_an_answer_where_masks_vouch_for_it(tiny_scene, tiny_demo, known_regions, clicked):
    """Halves of a thing have features that differ a little at the fine scale, and not at all at the coarse one."""
    things = torch.nn.functional.one_hot(torch.from_numpy(tiny_demo.labels).long(), 16).float()
    upper = torch.from_numpy(known_regions.cells % 2 == 1)
    fine = torch.cat([things, 0.35 * upper[:, None], 0.35 * ~upper[:, None]], dim=1)
    features = torch.cat([things, torch.zeros(len(things), 2), fine], dim=1)
    trained = TrainConfig(dimensions=36)
    field = FeatureField(features, tiny_scene.gaussians.digest(), trained, tiny_scene.cameras, None, {})
    vouched = replace(known_regions, given=vouching(known_regions, known_regions.members))
    config = QueryConfig(ball_query=False, statistical_filter=False)
    segmenter = Segmenter(tiny_scene, field, config, device="cpu", regions=vouched)
    assert segmenter.queries is not None
    prompts = segmenter._checked([Prompt(clicked[0], [clicked[1]])])
    coarse, whole, detail = segmenter.queries.select(prompts, Report(), None, details=True)
    thing = torch.from_numpy(tiny_demo.labels == clicked[2])
    assert torch.equal(coarse.mask, thing) and torch.equal(whole.mask, thing)
    assert bool((detail.mask <= thing).all()) and 0.2 < float(detail.mask.sum() / thing.sum()) < 0.8
    assert len(segmenter.queries.select(prompts, Report(), None)) == 2
    smallest = segmenter.candidates(clicked[0], [clicked[1]])[0]
    assert smallest.report["name"] == "part" and np.array_equal(smallest.mask, detail.mask.numpy())
