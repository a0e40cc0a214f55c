"""Odd command lines: words where numbers belong, options without values, twice, or of another command."""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections.abc import Mapping
from random import Random

from tests.robustness.kinds import check, discover, evaluate, segment, train, views
from tests.robustness.mutations import WORDS
from tests.robustness.sandbox import Step
from tests.robustness.world import run_command

FILES = (
    "scene.ply",
    "images",
    "transforms.json",
    "instances",
    "scene.saga",
    "scene.regions",
    "strokes.png",
    "data",
    "fields",
)
_COMMANDS = (train, segment, discover, check, views, evaluate)
_WORK = (
    "iterations",
    "gaussians",
    "views",
    "jitter",
    "render-views",
    "count",
    "clicks",
    "seeds",
    "shifts",
    "points-per",
)
"""Parts of the names of options that say how much work there is: much of it takes long and is no fault."""
_PLACES = ("--out", "--cache", "--fields", "--mask-cache")
"""Options whose value names a place to write to, anywhere."""
_VALUES = (
    *WORDS[:-6], "48,24", "48,24,nan", "1e9,1e9", "-5,-5", "24", "48,24,30,30", "scene.ply", "images", "instances",
    "000.png", "strokes.png", "scene.saga", "object", "auto", "paper", "cuda", "sa3d", "nothing=1", "seed=x", "=",
    "clusters=",
)  # fmt: skip


def option_names() -> dict[str, list[str]]:
    """Returns the options of every command by its name, as its help lists them."""
    found = {}
    for make in _COMMANDS:
        name, printed = make()[0], io.StringIO()
        with contextlib.redirect_stdout(printed):
            run_command(name, ["--help"])
        found[name] = sorted(set(re.findall(r"--[a-z][a-z0-9-]*", printed.getvalue())) - {"--help"})
    return found


def odd_command_line(random: Random, options: Mapping[str, list[str]]) -> tuple[Step, str]:
    """Returns a command with one to three odd words, and which.

    Args:
        random: where choices come from.
        options: the options of every command.
    """
    name, words = random.choice(_COMMANDS)()
    said = []
    for _ in range(random.choice((1, 1, 2, 3))):
        option = random.choice(options[name])
        at = random.randrange(len(words))
        value = _value(random, option)
        match random.randrange(6):
            case 0 | 1 | 2:
                words += [option, value]
                said.append(f"{option} {value[:30]!r}")
            case 3 if words[at - 1] not in _PLACES and words[at - 1].lstrip("-") not in _WORK and at:
                said.append(f"{words[at]} is now {value[:30]!r}")
                words[at] = value
            case 4:
                words.insert(at, option)
                said.append(f"{option} at {at}")
            case _:
                said.append(f"without {words.pop(at)}")
                words = words or ["scene.ply"]
    # An argument of a process holds no zero, and what is no text there comes from bytes.
    texts = [word.replace("\0", "").replace("\ud800", "\udc80") for word in words]
    return (name, [os.fsdecode(os.fsencode(text)) for text in texts]), "; ".join(said)


def places_in(step: Step) -> list[str]:
    """Returns where the options of a command tell it to write."""
    _, words = step
    return [place for option, place in zip(words, words[1:], strict=False) if option in _PLACES and place]


def _value(random: Random, option: str) -> str:
    if option in _PLACES:
        return random.choice(("", " ", "x" * 300, "scene.ply", "images", "a\nb", "é" * 100, "images/x", "scene.ply/x"))
    value = random.choice(_VALUES)
    is_much = value.replace("_", "").isdecimal() and len(value) > 1  # 1_000 is a number too
    return "3" if is_much and any(part in option for part in _WORK) else value
