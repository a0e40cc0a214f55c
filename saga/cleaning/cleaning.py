"""A scene looked through for what should go: scores of each kind, from which strengths make proposals at once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from saga.cleaning.evidence import Evidence, gather
from saga.cleaning.kinds import KINDS, NEEDED, claimed
from saga.cleaning.pictures import worth_of
from saga.cleaning.strengths import Strengths
from saga.errors import SagaError
from saga.raster import DeviceScene

_TRIED = 0.25
"""Score from which a Gaussian is tried against the photographs."""


@dataclass(frozen=True, eq=False)
class Proposal:
    """What would go, and why."""

    reason: Tensor  # [N] int8
    """0 stays; k goes for the reason of the k-th of `KINDS`."""

    @property
    def removed(self) -> Tensor:  # [N] bool
        """What goes."""
        return self.reason > 0

    @property
    def counts(self) -> dict[str, int]:
        """How many Gaussians go for each reason."""
        counted = torch.bincount(self.reason.long(), minlength=len(KINDS) + 1).tolist()
        return {kind.name: counted[number] for number, kind in enumerate(KINDS, 1)}


@dataclass(frozen=True, eq=False)
class Cleaning:
    """The scores of a scene; made by `examine`."""

    evidence: Evidence
    scores: dict[str, Tensor]  # [N] each
    """How surely each Gaussian is of a kind, 0 to 1, for the kinds that can be told."""
    untold: dict[str, str]
    """Why the other kinds cannot be told."""

    def propose(self, strengths: Strengths | None = None) -> Proposal:
        """Returns what strengths propose, at once; the default strength for all kinds by default."""
        asked = strengths or Strengths()
        reason = torch.zeros(len(self.evidence.weight), dtype=torch.int8, device=self.evidence.weight.device)
        for number, kind in enumerate(KINDS, 1):
            if kind.name in self.scores:
                reason[(reason == 0) & claimed(self.scores[kind.name], asked.of(kind.name))] = number
        return Proposal(reason)


def examine(placed: DeviceScene, planned: bool = False, photographs: bool = False, progress: bool = False) -> Cleaning:
    """Looks through a scene for what should go.

    With photographs, twice: strays lie close to strays, and in a sparse scene hold each other up as a surface does.
    What the first look proposes holds up nothing in the second.

    Args:
        placed: the scene on a device, with its views.
        planned: whether the views were planned, and are none that the scene was trained from: haze near their cameras
            and what they do not see cannot be told.
        photographs: whether the views have photographs, which protect what they show.
        progress: whether to show progress on standard error.

    Raises:
        SagaError: the scene has no views, or a photograph cannot be read.
    """
    if not placed.scene.cameras:
        raise SagaError("cleaning: expected a scene with views, found none; give cameras, or have views planned.")
    found = _looked_through(placed, None, planned, photographs, progress)
    if photographs:  # else nothing would speak for a leaf that is thought to have had strays for its company
        found = _looked_through(placed, found.propose().removed, planned, photographs, progress)
    return found


def _looked_through(
    placed: DeviceScene,
    strays: Tensor | None,  # [N] bool
    planned: bool,
    photographs: bool,
    progress: bool,
) -> Cleaning:
    """Looks through a scene once; what is thought to be stray already holds nothing up, and hides nothing."""
    evidence = gather(placed, placed.scene.cameras, planned, progress, strays)
    if photographs:
        evidence = replace(evidence, worth=_asked_twice(placed, _scores(evidence, placed), progress))
    scores = _scores(evidence, placed)
    return Cleaning(evidence, scores, {kind.name: kind.untold for kind in KINDS if kind.name not in scores})


def _scores(evidence: Evidence, placed: DeviceScene) -> dict[str, Tensor]:
    scores = {kind.name: kind.score(evidence, placed.geometry) for kind in KINDS}
    return {name: score for name, score in scores.items() if score is not None}


def _asked_twice(
    placed: DeviceScene,
    scores: dict[str, Tensor],  # [N] each
    progress: bool,
) -> Tensor:  # [N]
    """Returns what candidates are worth to the photographs, asked again without those that turned out to be needed.

    The holes that these leave in the pictures make others look needed that only happen to cover them. Haze goes whether
    it is needed or not, so it is in no picture.
    """
    tried = torch.stack([scores[name] for name in scores if name != "unseen"]).amax(0) >= _TRIED
    first = worth_of(placed, placed.scene.cameras, tried, progress)
    needed = first >= NEEDED[1]
    if "haze" in scores:
        needed &= scores["haze"] < _TRIED
    second = worth_of(placed, placed.scene.cameras, tried & ~needed, progress)
    return torch.where(needed, first, second)
