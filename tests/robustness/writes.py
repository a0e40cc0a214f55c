"""Every write of every command fails: python -m tests.robustness.writes.

Each change of a file that a command makes fails in turn, once by itself and once with all that come after it, as on a
full disk; then files may only have so many bytes. Each time there is one line, or the whole result where the write was
not needed; earlier results stay, nothing temporary is left, and the same command then makes what it makes undisturbed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial

from saga.testing import counting, failing
from tests.robustness.commands import COMMANDS, LEFTOVER, Bench, Command, differences, end, options_of, torn
from tests.robustness.results import last_frame
from tests.robustness.sandbox import Ending, Limits, run

SIZES = (3000, 5000, 10_000, 20_000, 40_000, 60_000, 80_000, 120_000)
"""Bytes that files may have at most, one after the other; what a command says needs the first."""


class Writes:
    """Failures of one command after the other, and what became of them."""

    def __init__(self, bench: Bench) -> None:
        """Takes the commands."""
        self.bench = bench
        self.counts: dict[str, Counter[str]] = {command.name: Counter() for command in bench.commands}
        self.faults: Counter[str] = Counter()

    def run(self, command: Command, every: int = 1) -> None:
        """Lets every change fail, or each `every`-th of them, beginning with the first."""
        changes: list[str] = run(self.bench.fresh(command), [command.step], Limits(), around=counting).value
        self.counts[command.name]["changes"] = len(changes)
        for at in range(1, len(changes) + 1, every):
            for once in (True, False):
                what = f"change {at} of {len(changes)}, {changes[at - 1]}, {'alone' if once else 'and all after it'}"
                self._disturb(command, what, Limits(), partial(failing, at, once=once))
        for size in SIZES[::every]:
            self._disturb(command, f"files of {size} bytes", replace(Limits(), file=size))

    def _disturb(self, command: Command, what: str, limits: Limits, around: object = None) -> None:
        box, counts = self.bench.fresh(command), self.counts[command.name]
        ending = run(box, [command.step], limits, **({} if around is None else {"around": around}))
        faults = _faults(ending) + torn(command, box)
        faults += [f"{path} is left over" for path in sorted(box.contents()) if LEFTOVER in path]
        counts["refused" if ending.code else "whole"] += 1
        again = run(box, [command.step], Limits())
        faults += [] if again.code == 0 else [f"the rerun ends with {again.code}: {again.said.strip()[-200:]}"]
        faults += differences(command, box) if again.code == 0 else []
        counts["tried"] += 1
        counts["right"] += not faults
        for fault in faults:
            self.faults[f"{command.name}: {fault}"] += 1
            print(f"fault {command.name}: {fault} ({what})", flush=True)

    def report(self) -> str:
        """Returns the table of the failures."""
        columns = ("changes", "tried", "refused", "whole", "right")
        lines = [f"{'command':<18}" + "".join(f"{column:>10}" for column in columns)]
        lines += [f"{name:<18}" + "".join(f"{counts[c]:>10}" for c in columns) for name, counts in self.counts.items()]
        return "\n".join(lines)


def _faults(ending: Ending) -> list[str]:
    """Returns what is wrong with how a command ended whose write failed."""
    errors = [line for line in ending.said.splitlines() if line.startswith("error: ")]
    if ending.code == 0:
        return list(ending.problems)
    if ending.code == 2 and len(errors) == 1 and "Traceback" not in ending.said:
        return []
    return [f"exit code {ending.code}: {last_frame(ending.said)}"]


def main() -> None:
    """Runs all failures and ends with 1 where there were faults."""
    options = options_of(__doc__, [command.name for command in COMMANDS])
    writes = Writes(Bench(options.work, options.only))
    for command in writes.bench.commands:
        writes.run(command, options.every)
    end(writes.report(), writes.faults, options)


if __name__ == "__main__":
    main()
