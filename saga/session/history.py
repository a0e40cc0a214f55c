"""Undo and redo without limit."""

from __future__ import annotations

from collections.abc import Sequence

from saga.session.state import State

_BYTES_OF_A_STATE = 2000
"""What the rest of a state takes in a file, about."""


class History:
    """States in the order in which they came about, and which of them is the present one.

    States share what did not change between them, so a step costs what it changed, compressed.
    """

    def __init__(self, states: Sequence[State], position: int = -1) -> None:
        """Takes at least one state, and the place of the present one; the last by default."""
        self._states = list(states)
        self._position = range(len(self._states))[position]

    @property
    def state(self) -> State:
        """The present state."""
        return self._states[self._position]

    @property
    def states(self) -> tuple[State, ...]:
        """All states, those that redo leads to included."""
        return tuple(self._states)

    @property
    def position(self) -> int:
        """Place of the present state among `states`."""
        return self._position

    @property
    def can_undo(self) -> bool:
        """Whether there is an earlier state."""
        return self._position > 0

    @property
    def can_redo(self) -> bool:
        """Whether the last step back can be taken again."""
        return self._position + 1 < len(self._states)

    def record(self, state: State, instead: bool = False) -> None:
        """Makes a state the present one; what redo led to is gone.

        Args:
            state: the state.
            instead: whether it takes the place of the present state, as each move of a slider does.
        """
        keep = self._position + (0 if instead and self._position > 0 else 1)
        self._states[keep:] = [state]
        self._position = keep

    def undo(self) -> State:
        """Goes one step back, if there is one, and returns the present state."""
        self._position -= self.can_undo
        return self.state

    def redo(self) -> State:
        """Takes a step back again, if there was one, and returns the present state."""
        self._position += self.can_redo
        return self.state

    def last(self, most_bytes: int) -> History:
        """Returns a history of the same present, with as many states around it as take at most so many bytes."""
        first, last, known = self._position, self._position, {bits.data for bits in self.state.sets}
        room = most_bytes - sum(map(len, known))
        for index in [*range(self._position - 1, -1, -1), *range(self._position + 1, len(self._states))]:
            new = {bits.data for bits in self._states[index].sets} - known
            room -= sum(map(len, new)) + _BYTES_OF_A_STATE
            if room < 0:
                break
            known |= new
            first, last = min(first, index), max(last, index)
        return History(self._states[first : last + 1], self._position - first)
