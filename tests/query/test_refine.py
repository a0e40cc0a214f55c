"""Post-processing in order, on points whose right answer is plain."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from saga.query import QueryConfig
from saga.query.refine import MaskEvidence, refine
from saga.query.report import Report
from saga.raster import BlendOperator, Geometry
from saga.scene import Scene

ROW = 40
STRAY, MISSED, NEXT = 40, 41, 42
"""Members of a cloud: a row of 40 points 1 apart, one far from it, one between two of the row, the row's next one."""


@pytest.fixture
def points() -> torch.Tensor:  # [43, 3]
    xs = torch.cat([torch.arange(ROW).float(), torch.tensor([500.0, 20.5, ROW])])
    return torch.stack([xs, torch.zeros_like(xs), torch.zeros_like(xs)], dim=1)


@pytest.fixture
def selected(points: torch.Tensor) -> torch.Tensor:  # [43] bool
    """The row and the stray one, without the one missed and the next one."""
    mask = torch.ones(len(points), dtype=torch.bool)
    mask[[MISSED, NEXT]] = False
    return mask


def at(points: torch.Tensor, *indices: int) -> torch.Tensor:
    mask = torch.zeros(len(points), dtype=torch.bool)
    mask[list(indices)] = True
    return mask


def test_the_filter_drops_what_is_apart_and_the_ball_query_adds_what_is_near(points, selected) -> None:
    report = Report()
    found = refine(selected, points, None, QueryConfig(), report)
    assert found.nonzero()[:, 0].tolist() == [*range(ROW), MISSED, NEXT]
    facts = report.as_json()
    assert facts["counts"] == {"selected": ROW + 1, "after_statistical_filter": ROW, "after_ball_query": ROW + 2}
    assert facts["thresholds"]["ball_radius"] == pytest.approx(1.0)


def test_each_step_can_be_left_out(points, selected) -> None:
    def found(**settings: object) -> list[int]:
        return refine(selected, points, None, QueryConfig(**settings), Report()).nonzero()[:, 0].tolist()  # type: ignore[arg-type]

    assert found(statistical_filter=False, ball_query=False) == [*range(ROW), STRAY]
    assert found(ball_query=False) == list(range(ROW))


def test_nothing_is_added_that_is_out_of_reach(points, selected) -> None:
    for radius in ("local", "fixed"):
        config = QueryConfig(ball_radius=radius)  # type: ignore[arg-type]
        found = refine(selected, points, None, config, Report(), lambda chosen: chosen | at(points, NEXT))
        assert found.nonzero()[:, 0].tolist() == [*range(ROW), NEXT]


def test_a_selection_that_more_than_doubles_is_reported(points) -> None:
    """Two members 20 apart take in the row between them, by one radius or by their own."""
    for radius in ("local", "fixed"):
        report = Report()
        config = QueryConfig(ball_radius=radius)  # type: ignore[arg-type]
        refine(at(points, 0, 20), points, None, config, report)
        assert "enlarged the selection from 2 to 42" in report.warnings[0]
    quiet = Report()
    refine(at(points, *range(30)), points, None, QueryConfig(), quiet)
    assert quiet.warnings == []


def test_a_mask_confirms_what_hangs_together_and_rules_out_the_rest(points, selected) -> None:
    """Every second one of the row is confirmed: the steps of the growing are 2 long, too short for the stray one."""
    inside = at(points, *range(0, ROW, 2))
    report = Report()
    found = refine(selected, points, MaskEvidence(inside, at(points, 39, NEXT)), QueryConfig(), report)
    assert found.nonzero()[:, 0].tolist() == [*range(ROW - 1), MISSED]
    facts = report.as_json()
    assert facts["thresholds"]["growing_radius"] == pytest.approx(2.0)
    assert facts["counts"]["selected"] == ROW + 1
    assert facts["counts"]["after_region_growing"] == ROW - 1


def test_without_growing_what_no_mask_rules_out_stays(points, selected) -> None:
    evidence = MaskEvidence(at(points, 0, 1), at(points, 39))
    config = QueryConfig(region_growing=False, ball_query=False)
    found = refine(selected, points, evidence, config, Report())
    assert found.nonzero()[:, 0].tolist() == [*range(ROW - 1), STRAY]


def test_nothing_stays_nothing(points) -> None:
    nothing = torch.zeros(len(points), dtype=torch.bool)
    evidence = MaskEvidence(~nothing, nothing)
    for each in (None, evidence):
        assert not bool(refine(nothing, points, each, QueryConfig(), Report()).any())


def test_a_mask_confirms_what_shows_inside_it(wall: Callable[..., Scene]) -> None:
    """The wall's left half is inside; what stands behind the wall is seen by nobody."""
    scene = wall(extra=((-1.0, 0.0, 6.0), (1.0, 0.0, 6.0)))
    geometry = Geometry.from_gaussians(scene.gaussians)
    mask = torch.zeros(48, 64, dtype=torch.bool)
    mask[:, :32] = True
    evidence = MaskEvidence.of(BlendOperator(geometry, scene.cameras[0]), mask)
    x, behind = geometry.means[:, 0], geometry.means[:, 2] > 5
    assert not bool((evidence.inside & (x > 0.35)).any())
    assert not bool((evidence.outside & (x < -0.35)).any())
    assert not bool(((evidence.inside | evidence.outside) & behind).any())
    assert min(int(evidence.inside.sum()), int(evidence.outside.sum())) > 500


def test_what_one_mask_confirms_no_other_rules_out() -> None:
    one = MaskEvidence(torch.tensor([True, False, False]), torch.tensor([False, True, False]))
    other = MaskEvidence(torch.tensor([False, False, False]), torch.tensor([True, True, False]))
    joined = MaskEvidence.joined([one, other])
    assert joined is not None
    assert joined.inside.tolist() == [True, False, False]
    assert joined.outside.tolist() == [False, True, False]
    assert MaskEvidence.joined([]) is None
