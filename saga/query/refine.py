"""From a first selection to the object: the post-processing of SAGA, section 3.5, in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from saga import postprocess
from saga.postprocess import open3d
from saga.query.config import QueryConfig
from saga.query.report import Report
from saga.raster import BlendOperator
from saga.runtime.sets import picked, rows_of, size_of

_VISIBLE = 0.05
"""Blended weight, summed over a view's pixels, above which a Gaussian counts as seen."""

_DEVIATIONS = {"fast": 3.0, "open3d": 1.0}
"""Standard deviations of the statistical filter where the config leaves them open."""
_BALL_RADIUS = {"fast": "local", "open3d": "fixed"}
"""Radius of the ball query where the config leaves it open."""
_BALL_QUANTILE = {"local": 1.0, "fast": 0.99, "open3d": 1.0}
"""Quantile of the ball query where the config leaves it open: of local radii, and of the one radius of each search."""
_LARGE_GROWTH = 2.0
"""Times that the ball query may enlarge a selection in silence."""


@dataclass(frozen=True)
class MaskEvidence:
    """Which Gaussians one view's mask confirms and which it rules out: A^T M against A^T (1 - M)."""

    inside: Tensor  # [N] bool
    outside: Tensor  # [N] bool

    @staticmethod
    def of(
        operator: BlendOperator,
        mask: Tensor,  # [H, W] bool
        undecided: Tensor | None = None,  # [H, W] bool
    ) -> MaskEvidence:
        """Confirms a Gaussian when most of its visible weight falls into the mask, and rules it out when outside.

        Pixels that are undecided say neither; a Gaussian that shows there alone is neither confirmed nor ruled out.
        """
        parts = torch.stack([mask, ~mask], dim=-1)
        if undecided is not None:
            parts &= ~undecided[..., None]
        weights = operator.lift(parts.float())
        seen = weights.sum(1) > _VISIBLE
        return MaskEvidence(seen & (weights[:, 0] > weights[:, 1]), seen & (weights[:, 0] <= weights[:, 1]))

    @staticmethod
    def joined(parts: list[MaskEvidence]) -> MaskEvidence | None:
        """Joins the evidence of several masks: what one confirms no other rules out. None without any."""
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
    reachable: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:  # [N] bool
    """Filters a selection and completes it.

    Points and scribbles: statistical filter, then ball query. With a mask's evidence: region growing from
    the confirmed Gaussians, then ball query, then without the Gaussians that the mask rules out.

    `reachable` tells, for a selection bool [N], which Gaussians may be added to it, bool [N]; all by default.
    """
    searches: Any = open3d if config.filter == "open3d" else postprocess
    deviations = _DEVIATIONS[config.filter] if config.filter_deviations is None else config.filter_deviations
    report.count("selected", selected)
    if evidence is not None:
        selected = selected & ~evidence.outside
        if config.region_growing:
            with report.timed("region_growing"):
                selected = _grow(selected, points, evidence, searches, report)
            report.count("after_region_growing", selected)
    elif config.statistical_filter:
        with report.timed("statistical_filter"):
            near = searches.statistical_filter(picked(points, selected), std_ratio=deviations)
            selected = _within(selected, near)
        report.count("after_statistical_filter", selected)
    if config.ball_query and size_of(selected) > 0:
        selected = _completed(selected, points, config, searches, report, reachable)
        if evidence is not None:
            selected = selected & ~evidence.outside
        report.count("after_ball_query", selected)
    return selected


def _completed(
    selected: Tensor,  # [N] bool
    points: Tensor,  # [N, 3]
    config: QueryConfig,
    searches: Any,
    report: Report,
    reachable: Callable[[Tensor], Tensor] | None,
) -> Tensor:  # [N] bool
    """Adds what lies close to a selection; a large growth is reported."""
    kind = _BALL_RADIUS[config.filter] if config.ball_radius is None else config.ball_radius
    default = _BALL_QUANTILE[kind if kind == "local" else config.filter]
    quantile = default if config.ball_quantile is None else config.ball_quantile
    with report.timed("ball_query"):
        allowed = None if reachable is None else reachable(selected)
        if kind == "local":
            joined, radii = postprocess.local_ball_query(points, selected, quantile, allowed)
            radius = float(radii.median())
        else:
            joined, radius = searches.ball_query(points, selected, quantile=quantile)
            joined = joined if allowed is None else joined & (allowed | selected)
    report.thresholds["ball_radius"] = radius
    before, after = size_of(selected), size_of(joined)
    if after > _LARGE_GROWTH * before:
        report.warnings.append(
            f"the ball query enlarged the selection from {before:,} to {after:,} Gaussians: look at what it added, or "
            "leave it out (ball_query=false)"
        )
    return joined


def _grow(
    selected: Tensor,  # [N] bool
    points: Tensor,  # [N, 3]
    evidence: MaskEvidence,
    searches: Any,
    report: Report,
) -> Tensor:  # [N] bool
    """Returns the part of a selection that hangs together with what masks confirm; all if they confirm none."""
    seeds = selected & evidence.inside
    if size_of(seeds) == 0:
        return selected
    region, radius = searches.grow_region(picked(points, selected), picked(seeds, selected))
    report.thresholds["growing_radius"] = radius
    return _within(selected, region)


def _within(selected: Tensor, kept: Tensor) -> Tensor:  # [N]
    """Returns the part of a selection [N] that `kept` [selected] keeps."""
    out = torch.zeros_like(selected)
    out[rows_of(selected)[rows_of(kept)]] = True
    return out
