"""Options of steps in a manifest: those of the commands, held against them before anything is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from saga.cli.calling import parsed_command
from saga.errors import SagaError

_INPUTS = {"masks", "masks_kind", "sam", "propagate", "cache", "cameras", "align", "device", "scene", "images", "out"}
_PROMPT = {"view", "points", "negative", "also", "also_negative", "box", "scribble", "mask", "text"}
_SAID_OTHERWISE = {
    "clean": _INPUTS,
    "train": _INPUTS,
    "segment": _INPUTS | _PROMPT | {"field", "region"},
    "discover": _INPUTS | {"field"},
}
"""Options of commands that are keys of a scene or an object, or names of the batch."""


def words_of(where: str, command: str, options: Mapping[str, Any]) -> list[str]:
    """Returns the words of a command line for options by their names.

    Args:
        where: The place in the manifest.
        command: The command, without "saga-".
        options: true is the option alone, false the option with "no-" before it, a list several values, and a mapping
            the option with others that go with it.

    Raises:
        SagaError: An option is one that the manifest has other keys for.
    """
    words = []
    for name, value in options.items():
        if name in _SAID_OTHERWISE[command]:
            raise SagaError(
                f"{where}.{name}: expected options that a manifest has no other key for, found one; make it a key of "
                "the scene or the object, or leave it out."
            )
        option = name.replace("_", "-")
        if isinstance(value, Mapping):
            words += [f"--{option}", *words_of(f"{where}.{name}", command, value)]
        elif isinstance(value, bool):
            words.append(f"--{option}" if value else f"--no-{option}")
        elif isinstance(value, list):
            words += [f"--{option}", *map(_text, value)]
        elif (text := _text(value)).startswith("-"):  # which alone would be another option
            words.append(f"--{option}={text}")
        else:
            words += [f"--{option}", text]
    return words


def _text(value: Any) -> str:
    return "none" if value is None else str(value)


def check_command(where: str, command: str, words: Sequence[str], checked: set[tuple[str, ...]]) -> None:
    """Raises SagaError, which names the place, when a command does not take some options.

    Args:
        where: The place in the manifest.
        command: The command, without "saga-".
        words: The options.
        checked: What was found to be right; it is not looked at again.
    """
    key = (command, *words)
    if key not in checked:
        try:
            parsed_command(command, ["scene.ply", *words])
        except SagaError as error:
            raise SagaError(f"{where}: {error}") from error
        checked.add(key)
