"""What became of the tasks of a batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from saga.batch.task import Task

State = Literal["waiting", "submitted", "done", "kept", "failed", "not run"]


@dataclass
class TaskReport:
    """What became of a task."""

    task: Task
    """The task."""
    state: State = "waiting"
    """"kept" is the result of an earlier run; "not run" waits for one that failed; "waiting" and "submitted" were
    interrupted."""
    attempts: int = 0
    """How often it was tried in this run."""
    seconds: float = 0.0
    """How long the last attempt took, or that of the earlier run whose result serves."""
    host: str = ""
    """The machine that did it."""
    peak_megabytes: float = 0.0
    """The most memory that the process held which did it."""
    message: str = ""
    """What went wrong at last."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What its function returned."""

    @property
    def is_well(self) -> bool:
        """Whether its result is there."""
        return self.state in ("done", "kept")


@dataclass(frozen=True)
class Report:
    """What became of a batch."""

    tasks: Sequence[TaskReport]
    """What became of each task, in their order."""
    folder: Path
    """Where events.jsonl, the summaries and the records of finished tasks are."""
    seconds: float
    """How long it took."""

    @property
    def is_well(self) -> bool:
        """Whether the results of all tasks are there."""
        return all(each.is_well for each in self.tasks)

    def counts(self) -> dict[str, int]:
        """Returns how many tasks are in each state, of those that any is in."""
        return dict(Counter(each.state for each in self.tasks))

    def of(self, state: State) -> list[TaskReport]:
        """Returns what became of the tasks in a state."""
        return [each for each in self.tasks if each.state == state]

    def groups(self) -> dict[str, list[TaskReport]]:
        """Returns the tasks by their groups, in their order."""
        found: dict[str, list[TaskReport]] = {}
        for each in self.tasks:
            found.setdefault(each.task.group or each.task.name, []).append(each)
        return found
