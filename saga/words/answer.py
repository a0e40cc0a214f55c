"""What a text has found in a scene: objects in their order, how sure each is, and a picture of it all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from saga.query.segmentation import Segmentation
from saga.words.sheet import Entry, draw_sheet


@dataclass(frozen=True)
class Match:
    """One object and how well a text fits it."""

    segmentation: Segmentation
    """The object."""
    score: float
    """How sure the model is, 0 to 1: see `Answer.meaning`."""
    found: bool
    """Whether it is what was asked for."""
    equal: bool
    """Whether it is found, and as good as the best as far as can be told."""
    facts: dict[str, Any]
    """What led to the score, JSON values."""
    picture: np.ndarray  # [h, w, 3] uint8
    """The object for people to see."""


@dataclass(frozen=True)
class Answer:
    """All objects of a scene in the order in which a text fits them."""

    text: str
    """What was asked for."""
    model: str
    """The model that has answered."""
    meaning: str
    """What scores are, and from which value something is found."""
    matches: Sequence[Match]
    """Best first."""

    @property
    def found(self) -> list[Match]:
        """The matches that are what was asked for, best first; none when nothing is like it."""
        return [match for match in self.matches if match.found]

    @property
    def equals(self) -> list[Match]:
        """The matches among which the best was chosen though they are as good: several, or the best alone."""
        return [match for match in self.matches if match.equal]

    def verdict(self) -> str:
        """Says in one line how sure the answer is."""
        if not self.matches:
            return f'"{self.text}": there is nothing in the scene to compare it with'
        best = self.matches[0]
        instead = best.facts.get("likest")
        if not best.found:
            rather = f', which is rather "{instead}"' if instead else ""
            return f'nothing like "{self.text}": the best of {len(self.matches)} has {best.score:.0%}{rather}'
        others = len(self.equals) - 1
        line = f'"{self.text}": {best.score:.0%} sure'
        if others:
            return f"{line}; {others} other{'s are' if others > 1 else ' is'} as good"
        second = self.matches[1].score if len(self.matches) > 1 else 0.0
        return f"{line}; the next of {len(self.matches)} has {second:.0%}"

    def describe(self) -> dict[str, Any]:
        """Returns the ranking as JSON values."""
        ranking = [
            {
                "rank": rank,
                "score": round(match.score, 4),
                "found": match.found,
                "equal_to_best": match.equal,
                "gaussians": len(match.segmentation),
                **match.facts,
            }
            for rank, match in enumerate(self.matches, 1)
        ]
        return {
            "text": self.text,
            "model": self.model,
            "score_means": self.meaning,
            "verdict": self.verdict(),
            "ranking": ranking,
        }

    def sheet(self) -> np.ndarray:  # [H, W, 3]
        """Returns the contact sheet: rank, score and picture of each object, uint8 RGB; what is found has a frame."""
        entries = [
            Entry(
                match.picture,
                f"{rank}.  {match.score:.1%}{'  as good' if match.equal and rank > 1 else ''}",
                _detail(match),
                match.found,
            )
            for rank, match in enumerate(self.matches, 1)
        ]
        return draw_sheet(self.verdict(), f"{self.model}; {self.meaning}", entries)


def _detail(match: Match) -> str:
    if "likest" in match.facts:
        return f"else {match.facts['likest']}, {match.facts['likest_probability']:.0%}"
    if "views" in match.facts:
        return f"in {match.facts['views']} of {match.facts['showing']} views"
    return f"{len(match.segmentation):,} Gaussians"
