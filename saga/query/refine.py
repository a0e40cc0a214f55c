"""From a first selection to the object: the post-processing of SAGA, section 3.5, in order."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from saga.postprocess import ball_query, grow_region, statistical_filter
from saga.query.config import QueryConfig
from saga.query.report import Report
from saga.raster import BlendOperator

_VISIBLE = 0.05
"""Blended weight, summed over a view's pixels, above which a Gaussian counts as seen."""


@dataclass(frozen=True)
class MaskEvidence:
    """Which Gaussians one view's mask confirms and which it rules out: A^T M against A^T (1 - M)."""

    inside: Tensor  # [N] bool
    outside: Tensor  # [N] bool

    @staticmethod
    def of(
        operator: BlendOperator,
        mask: Tensor,  # [H, W] bool
    ) -> MaskEvidence:
        """A Gaussian is confirmed when most of its visible weight falls into the mask, ruled out when outside."""
        weights = operator.lift(torch.stack([mask, ~mask], dim=-1).float())
        seen = weights.sum(1) > _VISIBLE
        return MaskEvidence(seen & (weights[:, 0] > weights[:, 1]), seen & (weights[:, 0] <= weights[:, 1]))

    @staticmethod
    def joined(parts: list[MaskEvidence]) -> MaskEvidence | None:
        """The evidence of several masks: what one confirms no other rules out. None without any."""
        if not parts:
            return None
        inside = torch.stack([part.inside for part in parts]).any(0)
        outside = torch.stack([part.outside for part in parts]).any(0)
        return MaskEvidence(inside, outside & ~inside)


def refine(
    selected: Tensor,  # [N] bool
    points: Tensor,  # [N, 3]
    evidence: MaskEvidence | None,
    config: QueryConfig,
    report: Report,
) -> Tensor:  # [N] bool
    """Filters a selection and completes it.

    Points and scribbles: statistical filter, then ball query. With a mask's evidence: region growing from
    the confirmed Gaussians, then ball query, then without the Gaussians that the mask rules out.
    """
    report.count("selected", selected)
    if evidence is not None:
        selected = selected & ~evidence.outside
        if config.region_growing:
            with report.timed("region_growing"):
                selected = _grow(selected, points, evidence, report)
            report.count("after_region_growing", selected)
    elif config.statistical_filter:
        with report.timed("statistical_filter"):
            selected = _within(selected, statistical_filter(points[selected], std_ratio=config.filter_deviations))
        report.count("after_statistical_filter", selected)
    if config.ball_query and bool(selected.any()):
        with report.timed("ball_query"):
            selected, radius = ball_query(points, selected, quantile=config.ball_quantile)
        report.thresholds["ball_radius"] = radius
        if evidence is not None:
            selected = selected & ~evidence.outside
        report.count("after_ball_query", selected)
    return selected


def _grow(selected: Tensor, points: Tensor, evidence: MaskEvidence, report: Report) -> Tensor:  # [N]
    seeds = selected & evidence.inside
    if not bool(seeds.any()):
        return selected
    region, radius = grow_region(points[selected], seeds[selected])
    report.thresholds["growing_radius"] = radius
    return _within(selected, region)


def _within(selected: Tensor, kept: Tensor) -> Tensor:  # [N]
    """The part of a selection [N] that `kept` [selected] keeps."""
    out = torch.zeros_like(selected)
    out[selected] = kept
    return out
