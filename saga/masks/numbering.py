"""Masks and photographs that are numbered: the same numbers, or numbers that begin elsewhere."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

from saga.errors import SagaError
from saga.scene.names import comparable, without_suffix


def shared_ends(names: Sequence[str]) -> tuple[str, str]:
    """Return what all names begin with, up to their numbers, and what all end with; "frame_001" gives "frame_"."""
    if not names:
        return "", ""
    before = re.sub(r"\d+$", "", os.path.commonprefix(list(names)))
    after = re.sub(r"^\d+", "", os.path.commonprefix([name[::-1] for name in names])[::-1])
    if len(set(names)) == 1:  # a single name: its last number tells
        match = re.search(r"\d+(?=\D*$)", names[0])
        return (names[0][: match.start()], names[0][match.end() :]) if match else ("", "")
    return before, after


def number_of(name: str, ends: tuple[str, str] = ("", "")) -> int | None:
    """Return the number that a name is between what all names begin and end with, or None."""
    if name.isdecimal():
        return int(name)
    before, after = ends
    if not (name.startswith(before) and name.endswith(after) and len(name) > len(before) + len(after)):
        return None
    middle = name[len(before) : len(name) - len(after)]
    return int(middle) if middle.isdecimal() else None


def check_numbering(masks: Sequence[str], views: Sequence[str], by_number: bool, say: Callable[[str], None]) -> None:
    """Refuse, or say, that masks are numbered as the photographs but begin elsewhere: which is which is then unclear.

    Args:
        masks: names of the masks, without suffix.
        views: names of the photographs.
        by_number: whether names match by their numbers alone, which is refused; else it is only said.
        say: takes what is said.

    Raises:
        SagaError: the numbers are shifted and nothing else tells.
    """
    ours, theirs = _all_numbers(masks), _all_numbers([without_suffix(comparable(view)) for view in views])
    if ours is None or theirs is None or len(ours) != len(theirs) or len(ours) < 2:
        return
    shift = min(theirs) - min(ours)
    if shift == 0 or {number + shift for number in ours} != theirs:
        return
    own, other = f"{min(ours)} to {max(ours)}", f"{min(theirs)} to {max(theirs)}"
    if by_number:
        raise SagaError(
            f"masks: expected the numbers of the photographs, {other}, found {own}: which is which is unclear; "
            "name each mask as its photograph."
        )
    say(f"masks are numbered from {own}, photographs from {other}: those of the same name are taken")


def _all_numbers(names: Sequence[str]) -> set[int] | None:
    files = [without_suffix(PurePosixPath(name).name) for name in names]
    ends = shared_ends(files)
    numbers = {number_of(file, ends) for file in files}
    return None if None in numbers else {number for number in numbers if number is not None}
