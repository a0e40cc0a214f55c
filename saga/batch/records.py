"""Records of finished tasks: what a task was when it was done, so that the same is not done again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from saga.batch.storage import identity
from saga.batch.task import Task
from saga.batch.work import Outcome
from saga.errors import SagaError
from saga.files.json_values import write_json
from saga.files.names import quoted_name
from saga.files.transaction import atomic_path


class Records:
    """A folder with a small JSON file for each finished task."""

    def __init__(self, folder: Path) -> None:
        """Takes the folder; it is made with the first record."""
        self.folder = folder

    def kept(self, task: Task, digest: str) -> dict[str, Any] | None:
        """Returns the record of a task whose result serves: same digest, and the outputs are as it left them."""
        try:
            record = json.loads(self._path(task).read_bytes())
            if record["digest"] != digest or not isinstance(record["seconds"], int | float):
                return None
            made: dict[str, str] = dict(record["outputs"])
        except (OSError, ValueError, KeyError, TypeError):  # none, or damaged: the task is done again
            return None
        if any(name not in made for name in task.outputs if name not in task.optional):
            return None
        same = all(identity(place) == made.get(name) for name, place in task.outputs.items())
        return record if same else None

    def write(self, task: Task, digest: str, outcome: Outcome) -> None:
        """Keeps that a task is done. Raises SagaError when it cannot be written."""
        with atomic_path(self._path(task)) as temporary:
            write_json(
                temporary,
                {
                    "task": task.name,
                    "digest": digest,
                    "seconds": outcome.seconds,
                    "host": outcome.host,
                    "peak_megabytes": outcome.peak_megabytes,
                    "outputs": dict(outcome.outputs),
                    "facts": dict(outcome.facts),
                },
            )

    def _path(self, task: Task) -> Path:
        return self.folder / f"{quoted_name(task.name)}.json"


def input_identities(task: Task) -> dict[str, str]:
    """Returns what tells the inputs of a task from other versions of them.

    Raises:
        SagaError: An input is not there, or its storage refuses.
    """
    found = {}
    for name, place in task.inputs.items():
        version = identity(place)
        if version is None and name not in task.optional:
            raise SagaError(
                f"{place}: expected the {name} of {task.name}, found nothing; look at its name, or put it back."
            )
        found[name] = version or ""
    return found
