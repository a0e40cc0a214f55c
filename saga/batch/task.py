"""A task: a function with declared inputs and outputs, that runs when its inputs are there and the same never twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from saga.errors import SagaError
from saga.version import __version__

Places = Mapping[str, Path]
"""Where the inputs, caches and outputs of a task are on this machine, by their names."""


@dataclass(frozen=True)
class Task:
    """One step of a batch."""

    name: str
    """Tells it from all others, e.g. "kitchen/train"."""
    function: Callable[..., Mapping[str, Any] | None]
    """Is called as `function(places, **settings)` in a process of the engine, and may return facts that JSON can hold.
    It has to be importable there: a function of a module. It writes each output whole or not at all."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments, as JSON values."""
    inputs: Mapping[str, str] = field(default_factory=dict)
    """Files and folders that decide the result, paths or URLs, by the names that `places` has for them."""
    outputs: Mapping[str, str] = field(default_factory=dict)
    """Files and folders that the task makes, paths or URLs."""
    optional: Sequence[str] = ()
    """Names of outputs that need not be there afterwards, and of inputs that need not be there before."""
    caches: Mapping[str, str] = field(default_factory=dict)
    """Folders that several tasks fill, paths or URLs. What is in them saves work and never decides a result."""
    after: Sequence[str] = ()
    """Names of tasks to wait for, beside those that make the inputs."""
    group: str = ""
    """What the task is a part of, e.g. the scene; reports are arranged by it."""
    kind: str = ""
    """Tasks of a kind are expected to take as long as each other."""
    picture: str = ""
    """A picture of the result for people: a path that begins with the name of an output, e.g. "out/preview.png"."""

    def digest(
        self,
        identities: Mapping[str, str],
    ) -> str:
        """Returns what tells whether the result is still that of the task.

        Args:
            identities: What tells each input from another version of it, by its name.
        """
        function = f"{self.function.__module__}:{self.function.__qualname__}"
        facts = [__version__, function, self.settings, dict(identities), sorted(self.outputs)]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def dependencies(tasks: Sequence[Task]) -> dict[str, tuple[str, ...]]:
    """Returns the names of the tasks that each task waits for.

    Args:
        tasks: All tasks of the batch, each after those that it waits for.

    Raises:
        SagaError: Two tasks have one name or one output, or one waits for a task that does not come before it.
    """
    makers: dict[str, str] = {}
    found: dict[str, tuple[str, ...]] = {}
    for task in tasks:
        if task.name in found:
            raise SagaError(f"{task.name}: expected a name of its own for every task, found two; give another.")
        needed = [makers[place] for place in task.inputs.values() if place in makers]
        for name in task.after:
            if name not in found:
                raise SagaError(
                    f"{task.name}: expected that it waits for tasks before it, found {name!r}; reorder them."
                )
        found[task.name] = tuple(dict.fromkeys([*needed, *task.after]))
        for place in task.outputs.values():
            if place in makers:
                raise SagaError(
                    f"{task.name}: expected outputs that no other task makes, found {place}, which {makers[place]} "
                    "makes too; choose another place."
                )
            makers[place] = task.name
    return found
