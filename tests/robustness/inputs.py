"""Malformed inputs against all commands: python -m tests.robustness.inputs --count 10000 --seed 1.

Every input is a copy of a tiny scene with one file damaged, or an odd command line, and runs in a fork with limits:
first among others, and by itself where it is not right then. What may come of it: a result that is whole and finite,
one line that says what is wrong, or one line that nothing was found. The rest are faults: a traceback, a signal,
20 seconds of the processor, several lines, results that are not whole, and any file that was changed outside the
output. The folder `faults` keeps the inputs of faults; --first N --count 1 makes one again.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from fnmatch import fnmatch
from glob import escape
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

from tests.robustness import command_lines, programs
from tests.robustness.kinds import FILES, Kind
from tests.robustness.results import last_frame, target_of
from tests.robustness.sandbox import (
    Box,
    Ending,
    Here,
    Limits,
    Step,
    begin_in_one_thread,
    require_single_thread,
    run,
    screen,
)
from tests.robustness.world import hurry, write_world

COLUMNS = ("refused", "accepted", "nothing", "fault")
_LEFTOVER = ".saga-partial-"
_MEMORY = "of memory"
"""What is said, in other words around it, where memory was short."""
_FOUND = "found.json"
"""File in the folder of a campaign with what became of its inputs."""
_TOGETHER = 25
"""Inputs that are tried in one fork."""
_WAITING = 130.0
"""Seconds that one of them may take there."""


@dataclass(frozen=True)
class Input:
    """One damaged input."""

    kind: str
    said: str
    """What was damaged."""
    steps: Sequence[Step]
    kept: tuple[str, ...]
    """Files that may be changed beside the outputs."""
    limits: Limits = Limits()
    """What its commands may take."""


def make_input(world: Path, case: Path, random: Random, kind: Kind | None, options: dict[str, list[str]]) -> Input:
    """Copies what a kind needs into `case` and damages it; without a kind, makes an odd command line."""
    _copy(world, case, command_lines.FILES if kind is None else kind.files)
    if kind is None:
        step, said = command_lines.odd_command_line(random, options)
        made = ("*",) if step[0] == "eval" else ("fields*", "scene.*", "out*", "object-*", "objects-*", "check-*")
        made += tuple(f"{escape(place)}*" for place in command_lines.places_in(step))
        return Input("command line", said, [step], made)
    said, steps = kind.damage(random, case), random.choice(kind.steps)
    places = tuple(f"{escape(place)}*" for place in programs.places_in(case / "requests"))
    return Input(kind.name, said, steps, (*kind.kept, *places), kind.limits)


def _copy(world: Path, case: Path, names: Sequence[str]) -> None:
    for name in names:
        copy, target = shutil.copytree if (world / name).is_dir() else shutil.copy, case / name
        target.parent.mkdir(parents=True, exist_ok=True)
        copy(world / name, target)


def judged(given: Input, ending: Ending, before: dict[str, Any], after: dict[str, Any]) -> tuple[str, list[str]]:
    """Returns which column an input counts in, and its faults."""
    faults = list(ending.problems)
    lines = ending.said.splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    if ending.code is None:
        faults.append("took too long")
    elif ending.code not in (0, 2, 3):
        faults.append(f"exit code {ending.code}: {last_frame(ending.said)}")
    elif "Traceback" in ending.said or "Exception ignored" in ending.said:
        faults.append(f"a traceback with exit code {ending.code}: {last_frame(ending.said)}")
    elif ending.code and len(errors) != 1 and not _is_usage(given, lines):
        faults.append(f"{len(errors)} lines of errors with exit code {ending.code}: {lines[-1:]}")
    made = [str(target) for step in given.steps[: ending.done] if (target := target_of(*step))]
    allowed = [*given.kept, "scene_views*", *made, *(f"{target}/*" for target in made), *map(_beside, made)]
    faults += [f"{path} {what}" for path, what in _changes(before, after, allowed)]
    column = {0: "accepted", 2: "refused", 3: "nothing"}.get(ending.code if ending.code is not None else -1, "fault")
    return ("fault" if faults else column), faults


def _is_usage(given: Input, lines: list[str]) -> bool:
    """Whether a command line is explained in several lines, as it may be when words are missing."""
    return given.kind == "command line" and any("usage" in line.lower() or "──" in line for line in lines)


def _beside(target: str) -> str:
    return f"{Path(target).with_suffix('')}.*"


_CACHES = ("case/scene*.masks", "case/scene*.masks/*.structure", "case/scene*.masks/missed-*")


def _changes(before: dict[str, Any], after: dict[str, Any], allowed: Sequence[str]) -> list[tuple[str, str]]:
    """Returns what changed in the box although nothing may change it."""
    found = []
    for path in sorted(before.keys() | after.keys()):
        inside = path.removeprefix("case/")
        if _LEFTOVER in path:
            found.append((re.sub(r"-\w{8}\b", "-...", path), "is left over"))
        elif path.startswith("home/saga") or any(fnmatch(path, pattern) for pattern in _CACHES):
            continue  # the cache of a person's own, and what a scene says of itself
        elif path.startswith("case/") and any(fnmatch(inside, pattern) for pattern in allowed):
            continue
        elif path not in after:
            found.append((path, "is gone"))
        elif path not in before:
            found.append((path, "is new"))
        elif before[path] != after[path]:
            found.append((path, "was changed"))
    return found


class Campaign:
    """Inputs one after the other, and what became of them."""

    def __init__(self, work: Path, seed: int, kinds: Sequence[Kind | None]) -> None:
        """Makes the scene, and runs every command once, so that forks have what they need loaded."""
        self.work, self.seed, self.kinds = work, seed, kinds
        self.world = work / "world"
        self.counts: dict[str, Counter[str]] = defaultdict(Counter)
        self.faults: dict[str, list[int]] = defaultdict(list)
        self.seconds: list[float] = []
        hurry()
        with redirect_stdout(io.StringIO()):
            # Some results know where their data is: they are made where they will be read.
            case = Box(work / "box").case
            write_world(case)
            case.rename(self.world)
            self.options = command_lines.option_names()
        import saga.masks.models.file_layout  # noqa: F401 (a part of PyTorch that makes a folder when it is imported)

        require_single_thread()

    def run_intact(self) -> list[str]:
        """Runs every command on files that are not damaged; returns what was not accepted."""
        found = []
        for kind in [kind for kind in self.kinds if kind is not None and kind.is_accepted]:
            for steps in [line for place, line in enumerate(kind.steps) if line not in kind.steps[:place]]:
                box = Box(self.work / "box")
                _copy(self.world, box.case, kind.files)
                given, before = Input(kind.name, "", steps, kind.kept, kind.limits), box.contents()
                ending = run(box, steps, kind.limits)
                column, faults = judged(given, ending, before, box.contents())
                if column != "accepted":
                    words = shlex.join([steps[-1][0], *steps[-1][1]])
                    found.append(f"{kind.name}: {words}: {column} {faults}: {ending.said.strip().splitlines()[-1:]}")
        return found

    def run_all(self, numbers: Sequence[int]) -> None:
        """Runs inputs in one fork; what is not right there, or not reached, in a fork of its own, which counts."""
        screened = {answer["number"]: answer for answer in screen(self.work / "box", self._screened(numbers), _WAITING)}
        for number in numbers:
            answer = screened.get(number)
            if answer is None or answer["column"] == "fault":
                self.run(number)
            else:
                self._count(answer["kind"], answer["column"], answer["memory"], answer["seconds"])

    def _screened(self, numbers: Sequence[int]) -> Callable[[Here], Iterator[dict[str, Any]]]:
        def work(here: Here) -> Iterator[dict[str, Any]]:
            for number in numbers:
                began = time.monotonic()
                _, given, ending, column, _ = self._tried(number, here)
                facts = {"number": number, "kind": given.kind, "column": column, "memory": _MEMORY in ending.said}
                yield {**facts, "seconds": time.monotonic() - began}

        return work

    def _tried(self, number: int, here: Here) -> tuple[Box, Input, Ending, str, list[str]]:
        """Makes input number `number` and runs it; returns where, what it was, how it ended, its column and faults."""
        random = Random(f"{self.seed}/{number}")
        box = Box(self.work / "box")
        given = make_input(self.world, box.case, random, self.kinds[number % len(self.kinds)], self.options)
        before = box.contents()
        ending = here(box, given.steps, given.limits)
        return box, given, ending, *judged(given, ending, before, box.contents())

    def _count(self, kind: str, column: str, short: bool, seconds: float) -> None:
        self.counts[kind][column] += 1
        self.counts[kind]["memory"] += short
        self.seconds.append(seconds)

    def run(self, number: int) -> None:
        """Makes input number `number` and runs it in a fork of its own."""
        began = time.monotonic()
        box, given, ending, column, faults = self._tried(number, run)
        self._count(given.kind, column, _MEMORY in ending.said, time.monotonic() - began)
        for fault in faults:
            self.faults[f"{given.kind}: {fault}"].append(number)
            if len(self.faults[f"{given.kind}: {fault}"]) == 1:
                print(f"fault {number} {given.kind}: {fault} | {given.said[:120]} | {given.steps[-1][0]}", flush=True)
                self._keep(number, box, given, ending)

    def _keep(self, number: int, box: Box, given: Input, ending: Ending) -> None:
        kept = self.work / "faults" / str(number)
        shutil.copytree(box.case, kept, symlinks=True, ignore=_unkept, dirs_exist_ok=True)
        (kept / "said.txt").write_text(f"{given}\n{ending.code}\n{ending.said}", errors="replace")

    def found(self) -> dict[str, Any]:
        """Returns what became of the inputs, as JSON values."""
        return {"counts": self.counts, "faults": self.faults, "seconds": self.seconds}


def report(parts: Sequence[dict[str, Any]]) -> str:
    """Returns the table of what became of the inputs of several campaigns, and a line for every fault."""
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    faults: dict[str, list[int]] = defaultdict(list)
    for part in parts:
        for kind, counts in part["counts"].items():
            kinds[kind].update(counts)
        for fault, numbers in part["faults"].items():
            faults[fault] += numbers
    total: Counter[str] = Counter()
    lines = [f"{'kind':<24}{'tried':>8}" + "".join(f"{column:>10}" for column in (*COLUMNS, "memory"))]
    for kind, counts in [*sorted(kinds.items()), ("all", total)]:
        tried = sum(counts[column] for column in COLUMNS)
        lines.append(f"{kind:<24}{tried:>8}" + "".join(f"{counts[column]:>10}" for column in (*COLUMNS, "memory")))
        total.update(counts)
    took = sorted(seconds for part in parts for seconds in part["seconds"])
    middle, longest = took[len(took) // 2], took[-1]
    lines.append(f"{sum(took):.0f} s in all, half of them within {middle:.2f} s, the longest {longest:.1f} s")
    lines += [f"{len(numbers)} x {fault} (input {min(numbers)})" for fault, numbers in sorted(faults.items())]
    return "\n".join(lines)


def _unkept(folder: str, names: list[str]) -> list[str]:
    """Pipes, and files with holes, which a copy would fill."""
    paths = [path for path in (Path(folder, name) for name in names) if not path.is_symlink()]
    return [path.name for path in paths if path.is_fifo() or (path.is_file() and path.stat().st_size > 1 << 26)]


def _run_in_parts(options: argparse.Namespace, work: Path) -> list[dict[str, Any]]:
    """Runs the inputs in several processes, each with a scene of its own; returns what each found."""
    ends = [options.first + options.count * part // options.processes for part in range(options.processes + 1)]
    parts = []
    for number, (first, end) in enumerate(pairwise(ends)):
        words = ["--first", first, "--count", end - first, "--seed", options.seed, "--work", work / str(number)]
        words += ["--intact"] * options.intact + (["--only", *options.only] if options.only else [])
        start = [*sys.orig_argv[: len(sys.orig_argv) - len(sys.argv) + 1], *map(str, words)]
        parts.append(subprocess.Popen(start, stdin=subprocess.DEVNULL))
    codes = [part.wait() for part in parts]
    found = [work / str(number) / _FOUND for number in range(options.processes)]
    missing = [str(path) for path in found if not path.is_file()]
    if missing:
        raise RuntimeError(f"parts ended with {codes}, without {missing}")
    return [json.loads(path.read_text()) for path in found]


def _run_alone(options: argparse.Namespace, work: Path) -> dict[str, Any]:
    """Runs the inputs in this process; returns what it found, which is kept in a file too."""
    chosen = [kind for kind in FILES if not options.only or kind.name in options.only]
    kinds = [*chosen, None] if not options.only or "command line" in options.only else chosen
    campaign = Campaign(work, options.seed, kinds)
    if options.intact:
        for line in campaign.run_intact():
            print(line, flush=True)
            campaign.faults[f"what is not damaged: {line}"].append(-1)
    end = options.first + options.count
    for first in range(options.first, end, _TOGETHER):
        campaign.run_all(range(first, min(first + _TOGETHER, end)))
        if len(campaign.seconds) % 500 < _TOGETHER:
            print(f"{len(campaign.seconds)} inputs, {sum(campaign.seconds):.0f} s", flush=True)
    (work / _FOUND).write_text(json.dumps(campaign.found()))
    return campaign.found()


def main() -> None:
    """Runs the campaign and ends with 1 where there were faults."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000, help="inputs")
    parser.add_argument("--seed", type=int, default=1, help="of everything that is drawn")
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--only", nargs="*", help="kinds; all by default")
    parser.add_argument("--work", type=Path, help="folder to work in, and to keep the inputs of faults")
    parser.add_argument("--intact", action="store_true", help="first run every command on files that are not damaged")
    parser.add_argument("--processes", type=int, default=1, help="of one thread each, which share the inputs")
    options = parser.parse_args()
    begin_in_one_thread()
    work = options.work or Path(tempfile.mkdtemp(prefix="saga-inputs-"))
    parts = [_run_alone(options, work)] if options.processes == 1 else _run_in_parts(options, work)
    print(report(parts))
    faults = any(part["faults"] for part in parts)
    if options.work is None and not faults:
        shutil.rmtree(work)
    sys.exit(faults)


if __name__ == "__main__":
    main()
