"""Commands that are killed: python -m tests.robustness.kills --count 200 --seed 1.

Half of the kills are at a change of a file that is drawn, half at a random moment; three in ten are killed again. Each
time the results must be the earlier ones or the new ones, and the same command must then come to the end that it comes
to undisturbed: bit for bit the same results, and no other files.
"""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from random import Random

from saga.testing import counting, dying
from tests.robustness.commands import Bench, Command, differences, end, options_of, torn
from tests.robustness.sandbox import Box, Ending, Limits, run

NAMES = (
    "train", "train again", "segment", "segment again", "discover", "discover again", "session", "session again",
    "clean", "clean again", "batch",
)  # fmt: skip


class Kills:
    """Kills of one command after the other, and what became of them."""

    def __init__(self, bench: Bench, seed: int) -> None:
        """Counts how many changes of files each command makes."""
        self.bench, self.seed = bench, seed
        self.counts: dict[str, Counter[str]] = {}
        self.faults: Counter[str] = Counter()
        self.changes = {}
        for command in bench.commands:
            ending = run(bench.fresh(command), [command.step], Limits(), around=counting)
            self.changes[command.name] = ending.value
            self.counts[command.name] = Counter()

    def run(self, command: Command, number: int) -> None:
        """Kills a command once or more often, and lets it come to its end."""
        random = Random(f"{self.seed}/{command.name}/{number}")
        box, counts = self.bench.fresh(command), self.counts[command.name]
        said = []
        while not said or random.random() < 0.3:
            ending, what = self._killed(command, box, random, by_change=number % 2 == 0)
            said.append(what)
            counts["done before" if ending.code == 0 else "killed"] += 1
            faults = torn(command, box)
            if ending.code not in (0, -9):
                faults.append(f"exit code {ending.code}: {ending.said.strip().splitlines()[-1:]}")
        ending = run(box, [command.step], Limits())
        faults += [] if ending.code == 0 else [f"the rerun ends with {ending.code}: {ending.said.strip()[-300:]}"]
        faults += ending.problems + (differences(command, box) if ending.code == 0 else [])
        counts["tried"] += 1
        counts["resumed"] += "resumed" in ending.said
        counts["right"] += not faults
        for fault in faults:
            self.faults[f"{command.name}: {fault}"] += 1
            print(f"fault {number} {command.name}: {fault} ({', '.join(said)})", flush=True)

    def _killed(self, command: Command, box: Box, random: Random, by_change: bool) -> tuple[Ending, str]:
        """Runs the command until it is killed; returns how it ended, and where that was to be."""
        if by_change:
            changes = self.changes[command.name]
            at = random.randrange(len(changes)) + 1
            return run(box, [command.step], Limits(), around=lambda: dying(at)), f"change {at}, {changes[at - 1]}"
        seconds = random.uniform(0, 1.05 * command.seconds)
        return run(box, [command.step], Limits(), around=nullcontext, kill_after=seconds), f"{seconds:.2f} s"

    def report(self) -> str:
        """Returns the table of the kills."""
        columns = ("tried", "killed", "done before", "resumed", "right")
        lines = [f"{'command':<18}{'changes':>9}" + "".join(f"{column:>13}" for column in columns)]
        for name, counts in self.counts.items():
            lines.append(f"{name:<18}{len(self.changes[name]):>9}" + "".join(f"{counts[c]:>13}" for c in columns))
        return "\n".join(lines)


def main() -> None:
    """Runs the campaign and ends with 1 where there were faults."""
    options = options_of(__doc__, NAMES, 200, "kills of each command, half over an earlier result")
    kills = Kills(Bench(options.work, options.only), options.seed)
    for number in range(options.count // 2):
        for command in kills.bench.commands:
            kills.run(command, number)
    end(kills.report(), kills.faults, options)


if __name__ == "__main__":
    main()
