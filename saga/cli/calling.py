"""Commands as functions of their command lines, for batches: what is printed is kept, and a failure is an error."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from saga.cli.parse import parse

Argument = str | Mapping[str, str]
"""A word of a command line; {"place": name} stands for a path that is only known where the command runs, and
{"folder": name} for the folder that it is in."""


def call_command(places: Mapping[str, Path], *, command: str, arguments: Sequence[Argument]) -> dict[str, Any]:
    """Runs a command in this process, as a task of a batch.

    Args:
        places: Where files are, by the names that arguments have for them.
        command: one of the commands, without "saga-".
        arguments: Its command line.

    Returns:
        The lines that it printed ("said"), and "warnings".

    Raises:
        SagaError: As the command does.
    """
    words = words_in(arguments, places)
    out = io.StringIO()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        # Bars of progress are drawn for people who watch one command.
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
            parsed_command(command, words)()
    lines = out.getvalue().splitlines()
    told = [" ".join(str(each.message).split()) for each in caught]
    told += [line.removeprefix("warning: ") for line in lines if line.startswith("warning: ")]
    return {"said": lines, "warnings": list(dict.fromkeys(told))}


def words_in(arguments: Sequence[Argument], places: Mapping[str, str | Path]) -> list[str]:
    """Returns the words of a command line, with the places in it that are paths or URLs."""
    words = []
    for each in arguments:
        if isinstance(each, str):
            words.append(each)
        else:
            ((kind, name),) = each.items()
            words.append(str(places[name]) if kind == "place" else os.path.dirname(places[name]))
    return words


def parsed_command(command: str, words: Sequence[str]) -> Callable[[], None]:
    """Reads the command line of a command, which is then ready to be called.

    Raises:
        SagaError: The command line is not one of the command's.
    """
    module = importlib.import_module(f"saga.cli.{command}")
    prog, annotations = getattr(module, "command_line", lambda words: (f"saga-{command}", None))(words)
    return parse(getattr(module, command), prog, words, annotations)
