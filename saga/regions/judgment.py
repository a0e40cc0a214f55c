"""What sets of cells are worth as answers to a prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from saga.regions.clicks import Click
from saga.regions.evidence import Evidence
from saga.regions.holes import with_gaps_filled, with_holes_closed
from saga.regions.scene_regions import SceneRegions
from saga.regions.worth import overlaps, singleness, worths

_UNLIKE = 2.0
"""Worth of an answer that shares nothing with what is alike, to what the IoU of one with it adds."""
_UNLIKE_ALONE = 0.7
"""The same for the first answers of a scene without supports. There features and borders are all that is known, and the
features come from other masks than those of the scene's own objects, so that the two confirm each other."""
_LARGER = 0.25
"""Power of the share of a picture by which larger answers are likelier where a scene has no supports. What color and
texture cut out of a thing has a closed border, too, and there is much more of that than there are things; where there
are supports, the scene's own objects say what the things are."""
_CUT = 1.5
"""There, how much less likely a set is for filling more of the rims of the pictures than of the pictures, as a share of
that. A person takes pictures of things, and cuts off what lies around them."""
_LEAST_CUT = 0.05
"""Least that is left of it."""
_NOTHING_ALIKE = 0.05
"""IoU with what is alike, below which a large set of cells shares next to nothing with it."""


@dataclass(frozen=True, eq=False)
class Judgment:
    """Judges sets of cells by their borders, by what a person drew, and by what is alike."""

    regions: SceneRegions
    evidence: Evidence
    """What the prompts say, of which what was drawn counts here."""
    alike: np.ndarray | None = None  # [F, L]
    """What is alike by other judgments, bool [F, L]: candidates too, which raise the worth of what is like them."""
    confirmed: bool = False
    """Whether masks that were given decide, too."""
    clicks: Sequence[Click] = ()
    """The positive points of the prompts, with their pictures: holes in which they lie are closed."""

    @cached_property
    def pool(self) -> np.ndarray:  # [P, L]
        """The sets of cells to choose from, bool [P, L]: regions, with holes and gaps closed too, and what is alike."""
        regions = self.regions.members
        found = [with_holes_closed(self.regions, click, self.alike) for click in self.clicks if click.positive]
        if self.alike is not None:
            found.append(self.alike)
            if self._features_tell:
                found.append(with_gaps_filled(self.regions, self.alike))
        return np.concatenate([regions, *found])

    @cached_property
    def _telling(self) -> np.ndarray:  # [F]
        """How far each of what is alike is one thing; all of it where masks that were given decide."""
        assert self.alike is not None
        return np.ones(len(self.alike)) if self.confirmed else singleness(self.regions, self.alike)

    def worth(
        self,
        members: np.ndarray,  # [R, L]
    ) -> np.ndarray:  # [R]
        """What sets of cells are worth by their borders, what is known of the scene, and what was drawn, in [0, 1]."""
        worth: np.ndarray = worths(self.regions, members, self.confirmed) * self.evidence.drawings(members)
        return worth

    @property
    def unlike(self) -> float:
        """Worth of a first answer that shares nothing with what is alike, to what the IoU of one with it adds."""
        return _UNLIKE_ALONE if self._features_tell else _UNLIKE

    @property
    def _features_tell(self) -> bool:
        """Whether features know what borders do not: see `_UNLIKE_ALONE`."""
        return not self.confirmed and not self.regions.own.any()

    def likeness(
        self,
        members: np.ndarray,  # [R, L]
        unlike: float = _UNLIKE,
    ) -> np.ndarray:  # [R]
        """How like sets of cells are to what is alike, up to 1; 1 where nothing is said to be alike.

        What is alike and two things side by side does not say which of them is meant, and counts less.
        """
        if self.alike is None or len(self.alike) == 0:
            return np.ones(len(members))
        overlap = np.stack([overlaps(self.regions, members, each) for each in self.alike])
        likest = (overlap * self._telling[:, None]).max(0)
        likeness: np.ndarray = (unlike + likest) / (unlike + 1)
        return likeness

    def likely_as_large(
        self,
        members: np.ndarray,  # [R, L]
    ) -> np.ndarray:  # [R]
        """How likely a point means sets of cells as large as these, in [0, 1].

        All that lies behind things has a closed border, too: the silhouettes of the things and the edges of the
        surface. A set that fills much of what the views show is seldom meant where what is alike shares next to nothing
        with it. A person who drew said how large the thing is, and masks that were given know better. For scenes
        without supports see `_LARGER` and `_CUT`.
        """
        drew = len(self.evidence.drawn) > 0 or len(self.evidence.stroked) > 0
        if self.alike is None or len(self.alike) == 0 or self.confirmed or drew:
            return np.ones(len(members))
        shares = self.regions.shares
        filled = members @ shares / max(shares.sum(), 1e-12)
        likest = np.max([overlaps(self.regions, members, each) for each in self.alike], axis=0)
        likely: np.ndarray = 1 - np.sqrt(filled) * (1 - np.minimum(likest / _NOTHING_ALIKE, 1))
        if self._features_tell:
            likely *= filled**_LARGER * self._shown_whole(members)
        return likely

    def _shown_whole(
        self,
        members: np.ndarray,  # [R, L]
    ) -> np.ndarray:  # [R]
        """How likely a point means sets of cells that the rims of the pictures cut, in [0, 1]; see `_CUT`."""
        rims = self.regions.rims
        if rims is None:
            return np.ones(len(members))
        cut = (members @ rims) / np.maximum(members @ self.regions.shares, 1e-12)
        likely: np.ndarray = np.clip(1 - _CUT * (cut - 1), _LEAST_CUT, 1)
        return likely
