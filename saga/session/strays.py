"""Cleaning as a person does it in a session: what is proposed is the selection, and sliders change it."""

from __future__ import annotations

import time

from saga.cleaning import Cleaning, Proposal, Strengths, examine
from saga.errors import SagaError
from saga.export import has_photographs
from saga.export.views import are_planned
from saga.session.keeping import Keeping, Outcome

_DONE = "strays"


class Strays(Keeping):
    """The part of a session that proposes what the scene is better without."""

    cleaning: Cleaning | None = None
    """What was found out; None until `look_for_strays`."""
    strengths = Strengths()
    """The strengths that were asked for last."""

    def look_for_strays(self) -> Cleaning:
        """Looks through the scene, which takes a while, and remembers what it found; other actions go on meanwhile.

        Raises SagaError where the scene has no views, or a photograph cannot be read.
        """
        if self.cleaning is None:
            planned, pictured = are_planned(self.scene), has_photographs(self.scene)
            found = examine(self.placed, planned, pictured)
            with self.lock:
                self.cleaning = found
        return self.cleaning

    def propose_strays(self) -> Proposal:
        """Returns what the last strengths propose. Raises SagaError before `look_for_strays`."""
        if self.cleaning is None:
            raise SagaError("strays: expected a scene that was looked through, found none; look for strays first.")
        return self.cleaning.propose(self.strengths)

    def select_strays(self, strengths: Strengths | None = None) -> Outcome:
        """Selects what strengths propose, at once; several in a row are one step of the history.

        The scene without it is the rest of the selection. Raises SagaError before `look_for_strays`.
        """
        with self.lock:
            began, self.strengths = time.perf_counter(), strengths or Strengths()
            selection = self.propose_strays().removed.cpu().numpy()
            return self._select(selection, _DONE, began, instead=self.state.done == _DONE)
