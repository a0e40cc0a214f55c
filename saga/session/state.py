"""What a session is at one moment: a selection and named objects. States never change; edits return new ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import numpy as np

from saga.config import either
from saga.errors import SagaError
from saga.export.preview import palette
from saga.files.names import folded, safe_name
from saga.session.bits import Bits

Mode = Literal["replace", "add", "subtract", "intersect"]
"""What becomes of a selection when something is selected."""
Color = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""


@dataclass(frozen=True)
class NamedObject:
    """A selection that was kept."""

    name: str
    """Its name, which can name a file, and which no other object has."""
    color: Color
    """What it is shown in."""
    bits: Bits
    """Its Gaussians."""
    kind: str = "object"
    """object, or support, which objects stand on."""
    report: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """How it came about, JSON values: the prompts, the method, times."""

    def __len__(self) -> int:
        """Returns the number of Gaussians."""
        return self.bits.size


@dataclass(frozen=True)
class State:
    """A selection and named objects."""

    selection: Bits
    """What is selected."""
    objects: tuple[NamedObject, ...] = ()
    """The objects, in the order of the list."""
    editing: str | None = None
    """The object whose Gaussians the selection is to replace, if one is edited."""
    done: str = "start"
    """What led to it, for people: "click", "grow", ..."""
    report: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """How the selection came about, JSON values."""

    @staticmethod
    def empty(count: int) -> State:
        """Returns the state of a scene of `count` Gaussians in which nothing is selected."""
        return State(Bits.of(np.zeros(count, bool)))

    @property
    def sets(self) -> tuple[Bits, ...]:
        """The selection and the objects' Gaussians."""
        return (self.selection, *(each.bits for each in self.objects))

    def object(self, name: str) -> NamedObject:
        """Returns the object of a name. Raises SagaError when there is none."""
        found = next((each for each in self.objects if folded(each.name) == folded(name)), None)
        if found is None:
            names = ", ".join(each.name for each in self.objects) or "none"
            raise SagaError(f"object: expected the name of one of the objects ({names}), found {name!r}; give one.")
        return found

    def free_name(self, stem: str = "object") -> str:
        """Returns the stem, or the first of stem_2, stem_3, ... that no object has."""
        taken = {folded(each.name) for each in self.objects}
        names = (stem if number == 1 else f"{stem}_{number}" for number in range(1, len(taken) + 2))
        return next(name for name in names if folded(name) not in taken)

    def with_object(self, made: NamedObject, instead_of: str | None = None) -> State:
        """Returns the state with an object at the end of the list, or in the place of another.

        Raises:
            SagaError: the name cannot name a file, or another object has it.
        """
        name = made.name.strip()
        if not name or safe_name(name) != name:
            offer = safe_name(name) if name else "object"
            raise SagaError(f"name: expected one that can name a file, such as {offer!r}, found {name!r}; choose it.")
        others = [each for each in self.objects if instead_of is None or each.name != instead_of]
        if any(folded(each.name) == folded(name) for each in others):
            raise SagaError(f"name: expected one that no object has, found {name!r}; choose another.")
        made = replace(made, name=name)
        if instead_of is None:
            return replace(self, objects=(*self.objects, made))
        swapped = tuple(made if each.name == instead_of else each for each in self.objects)
        editing = made.name if self.editing == instead_of else self.editing
        return replace(self, objects=swapped, editing=editing)

    def without(self, names: Iterable[str]) -> State:
        """Returns the state without some objects. Raises SagaError for a name that none has."""
        gone = {self.object(name).name for name in names}
        editing = None if self.editing in gone else self.editing
        return replace(self, objects=tuple(each for each in self.objects if each.name not in gone), editing=editing)

    def merged(self, names: Sequence[str], into: str) -> State:
        """Returns the state with one object, in the place of the first, that holds all Gaussians of several.

        Raises:
            SagaError: fewer than two objects, an unknown one, or a name that is taken.
        """
        parts = list(dict.fromkeys(self.object(name) for name in names))
        if len(parts) < 2:
            raise SagaError(f"merge: expected at least two objects, found {len(parts)}; choose more.")
        whole = np.logical_or.reduce([each.bits.mask() for each in parts])
        first, others = parts[0], [each.name for each in parts[1:]]
        merged = replace(first, name=into, bits=Bits.of(whole))
        return self.without(others).with_object(merged, instead_of=first.name)

    def next_color(self) -> Color:
        """Returns the first color of the palette that no object has."""
        taken = {each.color for each in self.objects}
        return next(color for number in range(1, len(taken) + 2) if (color := palette(number)) not in taken)


def combined(
    before: np.ndarray,  # [N] bool
    answer: np.ndarray,  # [N] bool
    mode: Mode,
) -> np.ndarray:  # [N] bool
    """Returns what is selected after an answer to a prompt."""
    if mode == "replace":
        return answer.copy()
    if mode not in get_args(Mode):
        raise SagaError(f"mode: expected {either(get_args(Mode))}, found {mode!r}; choose one of them.")
    selection: np.ndarray = before | answer if mode == "add" else before & (answer if mode == "intersect" else ~answer)
    return selection
