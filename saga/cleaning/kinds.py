"""The kinds of what can go: each turns the evidence into a score, and a strength turns scores into a proposal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from saga.cleaning.evidence import Evidence
from saga.raster import Geometry

_LEAST = 0.02
"""Score that even the greatest strength asks for."""
_FLOATING = (1.0, 0.9, 0.8, 0.55)
"""What being in the air counts for a Gaussian that is held up at 0, 1, ... levels."""
_FAINT = (0.25, 0.5)
"""Opacity below which a Gaussian is haze, and from which it is none."""
_NEAR = (0.4, 0.6)
"""Distance from the views, as a share of the surface's, below which haze is near, and from which it is not."""
_LONG = (3.0, 6.0)
"""Longest over second standard deviation from which a Gaussian may be a spike, and from which it is one."""
_FREE = 0.5
"""Share of its length in the air from which there is no doubt: the foot of a spike may be in a surface."""
NEEDED = (0.1, 1.0)
"""Worth of a Gaussian to the photographs, in mean squared errors where it shows, that is none, and that keeps it."""
_SPOILS = (0.5, 3.0)
"""Harm of a Gaussian to the photographs, in the same measure, from which it is likelier to go, and from which twice."""
_UNSEEN = 1e-3
"""Pixels of blended weight in the view that shows most of a Gaussian, from which it is seen."""
_BACK = 0.4
"""Score of what no view sees, but is part of a surface: backs and insides of things, which may be wanted."""


@dataclass(frozen=True)
class Kind:
    """One kind of Gaussians that do a scene no good."""

    name: str
    """One word, as the option and the slider are called."""
    why: str
    """Why they go, in a few words."""
    color: tuple[int, int, int]
    """Color of the preview, 0 to 255."""
    score: Callable[[Evidence, Geometry], Tensor | None]
    """Returns how surely each Gaussian is of this kind, [N] in 0 to 1; None where the evidence cannot tell."""
    untold: str = ""
    """Why it cannot be told, then."""


def claimed(
    score: Tensor,  # [N]
    strength: float,
) -> Tensor:  # [N]
    """Tells what a strength proposes: nothing at 0, and the more, the greater it is; bool [N]."""
    if strength <= 0:
        return torch.zeros_like(score, dtype=torch.bool)
    return score >= max(1 - strength, _LEAST)


def _duplicates(evidence: Evidence, geometry: Geometry) -> Tensor:
    return _weighed(evidence, evidence.copies)


def _haze(evidence: Evidence, geometry: Geometry) -> Tensor | None:
    if evidence.planned:
        return None
    faint, near = _fading(geometry.opacities, *_FAINT), _fading(evidence.near, *_NEAR)
    # Photographs protect no haze: any veil over a picture that lies a little beside its photograph, as the pictures of
    # handheld captures do, lowers the squared error.
    return _accused(evidence, evidence.front * faint * near)


def _spikes(evidence: Evidence, geometry: Geometry) -> Tensor:
    return _weighed(evidence, (1 - _fading(evidence.long, *_LONG)) * (evidence.free / _FREE).clamp(0, 1))


def _floaters(evidence: Evidence, geometry: Geometry) -> Tensor:
    floating = torch.tensor(_FLOATING, device=evidence.front.device)[evidence.support.held.long()]
    score = evidence.front * floating
    # Photographs are asked for one Gaussian at a time, in a picture without all others that may go. Parts of a surface
    # that make up for each other's colors look wrong alone: nothing firm goes for what photographs say against it.
    return torch.where(evidence.support.firm, _spared(evidence, score), _weighed(evidence, score))


def _unseen(evidence: Evidence, geometry: Geometry) -> Tensor | None:
    if evidence.planned:
        return None
    return _fading(evidence.peak, 0, _UNSEEN) * torch.where(evidence.support.firm, _BACK, 1.0)


KINDS = (
    Kind("duplicates", "repeat another at the same place", (37, 99, 235), _duplicates),
    Kind(
        "haze",
        "faint and near a camera, in front of what it sees",
        (8, 145, 178),
        _haze,
        "no camera was at the planned views",
    ),
    Kind("spikes", "long, and stick out of surfaces into the air", (217, 119, 6), _spikes),
    Kind("floaters", "in the air, in front of surfaces that the views agree on", (220, 38, 38), _floaters),
    Kind(
        "unseen",
        "shown by no view, and part of no surface",
        (124, 58, 237),
        _unseen,
        "the planned views are not those of the training",
    ),
)
"""In the order of `strengths.NAMES`."""


def _weighed(
    evidence: Evidence,
    score: Tensor,  # [N]
) -> Tensor:  # [N]
    """Returns a score after the photographs were heard: none for what they need, more for what they do not show."""
    return _accused(evidence, _spared(evidence, score))


def _spared(
    evidence: Evidence,
    score: Tensor,  # [N]
) -> Tensor:  # [N]
    """Returns a score after the photographs were heard in favor: none for what they need."""
    return score * _fading(evidence.worth, *NEEDED)


def _accused(
    evidence: Evidence,
    score: Tensor,  # [N]
) -> Tensor:  # [N]
    """Returns a score after the photographs were heard against it: up to twice as much for what they do not show."""
    return (score * (2 - _fading(-evidence.worth, *_SPOILS))).clamp(0, 1)


def _fading(values: Tensor, full: float, none: float) -> Tensor:
    """Falls from 1 at `full` to 0 at `none`."""
    return ((none - values) / (none - full)).clamp(0, 1)
