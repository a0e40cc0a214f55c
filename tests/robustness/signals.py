"""Commands that are interrupted: python -m tests.robustness.signals --count 50 --seed 1.

Real processes are sent SIGINT or SIGTERM at a random moment between their start and the end of their work, imports
included. Each must say so in one line and end with 130 or 143; earlier results must be whole, nothing temporary may be
left, and the same command must then come to the end that it comes to undisturbed. Before Python has begun to run saga,
a signal does what Python does with it: that is counted apart. saga-view and saga-serve are interrupted, and killed,
while clients keep objects in them: what they said is kept must be in the session.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random

import saga
from tests.robustness import clients
from tests.robustness.clients import PROGRAMS
from tests.robustness.commands import LEFTOVER, Bench, Command, differences, end, options_of, torn
from tests.robustness.sandbox import Box, Limits, Step, run

NAMES = (
    "train",
    "train again",
    "segment",
    "segment again",
    "discover again",
    "check",
    "views",
    "eval",
    "view",
    "serve",
)
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
KILL = signal.SIGKILL
PACKAGE = Path(saga.__file__).parents[1]
"""Of the saga that is tried: another, without a native library, would find other bits."""
_START = "from saga.cli import entry; getattr(entry, {name!r})()"
_LATEST = 120.0
"""Seconds by the clock, of which a module that is loading takes many on a busy machine."""


class Signals:
    """Interruptions of one command after the other, and what became of them."""

    def __init__(self, bench: Bench, seed: int) -> None:
        """Measures how long each command takes as a process of its own."""
        self.bench, self.seed = bench, seed
        self.counts: dict[str, Counter[str]] = {number.name: Counter() for number in (*CODES, KILL)}
        self.faults: Counter[str] = Counter()
        self.seconds: dict[str, float] = {}
        for command in bench.commands:
            began = time.monotonic()
            if _process(command.step, bench.fresh(command)).wait() != 0:
                raise RuntimeError(f"{command.name}: it does not end well by itself")
            self.seconds[command.name] = time.monotonic() - began

    def run_program(self, name: str, number: signal.Signals, index: int) -> None:
        """Interrupts or kills a program that stays: all objects that it said are kept must be there."""
        random = Random(f"{self.seed}/{name}/{number.name}/{index}")
        box = Box(self.bench.box_root)
        clients.fill(self.bench.world, box)
        log = box.root.with_suffix(".txt")
        process = _process(PROGRAMS[name], box)
        client = clients.Client(name, log, process)
        client.start()
        if index % 3:  # else while it starts
            client.ready.wait(_LATEST)
            delay = random.uniform(0, 2)
        else:
            delay = random.uniform(0, 8)
        time.sleep(delay)
        client.may_end.set()
        process.send_signal(number)
        code = _code(process)
        client.join(_LATEST)
        said = log.read_text(errors="replace")
        what, faults = ("interrupted", []) if number == KILL else _judged(code, said, number)
        faults += client.faults + clients.what_is_lost(name, box, client.kept, killed=number == KILL)
        counts = self.counts[number.name]
        counts[what] += 1
        counts["objects"] += len(client.kept)
        self._count(f"{number.name} {name}", number, faults, f"{index} after {delay:.2f} s")

    def run(self, command: Command, number: signal.Signals, index: int) -> None:
        """Interrupts a command, and lets it come to its end after that."""
        random = Random(f"{self.seed}/{number.name}/{index}")
        box, counts = self.bench.fresh(command), self.counts[number.name]
        log = box.root.with_suffix(".txt")
        process = _process(command.step, box)
        delay = random.uniform(0, 1.1 * self.seconds[command.name])
        try:
            process.wait(delay)
        except subprocess.TimeoutExpired:
            process.send_signal(number)
        code = _code(process)
        said = log.read_text(errors="replace")
        what, faults = _judged(code, said, number)
        counts[what] += 1
        faults += torn(command, box)
        if what != "before saga":
            faults += [f"{path} is left over" for path in sorted(box.contents()) if LEFTOVER in path]
        again = run(box, [command.step], Limits())
        counts["resumed"] += "resumed" in again.said
        faults += [] if again.code == 0 else [f"the rerun ends with {again.code}: {again.said.strip()[-200:]}"]
        faults += differences(command, box) if again.code == 0 else []
        self._count(f"{number.name} {command.name}", number, faults, f"{index} after {delay:.2f} s")
        if faults:
            print(f"exit code {code}: {said.strip()[:4000]}", flush=True)

    def _count(self, what: str, number: signal.Signals, faults: list[str], when: str) -> None:
        self.counts[number.name]["tried"] += 1
        self.counts[number.name]["right"] += not faults
        for fault in faults:
            self.faults[f"{what}: {fault}"] += 1
            print(f"fault {what} {when}: {fault}", flush=True)

    def report(self) -> str:
        """Returns the table of the interruptions."""
        columns = ("tried", "before saga", "interrupted", "done before", "resumed", "objects", "right")
        lines = [f"{'signal':<10}" + "".join(f"{column:>13}" for column in columns)]
        lines += [f"{name:<10}" + "".join(f"{counts[c]:>13}" for c in columns) for name, counts in self.counts.items()]
        return "\n".join(lines)


def _code(process: subprocess.Popen[bytes]) -> int | None:
    """Returns the exit code of a process; None for one that has to be killed."""
    try:
        return process.wait(_LATEST)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None


def _process(step: Step, box: Box) -> subprocess.Popen[bytes]:
    """Starts a command as its script does."""
    name, arguments = step
    code = _START.format(name={"eval": "evaluate"}.get(name, name))
    own = {"HOME": str(box.root / "home"), "TMPDIR": str(box.root / "temporary")}
    environment = os.environ | {"PYTHONPATH": str(PACKAGE)} | own
    with box.root.with_suffix(".txt").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-c", f"import sys; sys.argv[0] = 'saga-{name}'; {code}", *arguments],
            cwd=box.case, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip


def _judged(code: int | None, said: str, number: signal.Signals) -> tuple[str, list[str]]:
    """Returns how a process ended, and what is wrong with that."""
    if code is None:
        return "interrupted", [f"not ended after {_LATEST:.0f} s"]
    if code == 0:
        return "done before", []
    if "saga" not in said and code in (-number, 1):  # Python's own handlers, or none yet
        return "before saga", []
    lines = [line for line in said.splitlines() if "interrupted" in line]
    faults = [] if code == CODES[number] else [f"exit code {code}"]
    if len(lines) != 1 or "Traceback" in said:
        faults.append(f"{len(lines)} lines of it: {said.strip()[-300:]}")
    return "interrupted", faults


def main() -> None:
    """Runs the campaign and ends with 1 where there were faults."""
    options = options_of(__doc__, NAMES, 50, "interruptions by each signal")
    signals = Signals(Bench(options.work, options.only, small_pictures=False), options.seed)
    for index in range(options.count):
        name = options.only[index % len(options.only)]
        for number in (*CODES, *([KILL] if name in PROGRAMS else [])):
            if name in PROGRAMS:
                signals.run_program(name, number, index)
            else:
                signals.run(next(each for each in signals.bench.commands if each.name == name), number, index)
    end(signals.report(), signals.faults, options)


if __name__ == "__main__":
    main()
