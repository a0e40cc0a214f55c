"""Tasks that workers of other processes can import, and short ways to make them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import saga
from saga.batch import Task

ROOT = Path(saga.__file__).parents[1]
"""Of the saga that is tested, with its native library."""
FUNCTIONS = Path(__file__).parent / "functions"


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The functions of tasks: `functions/batch_work.py`."""
    monkeypatch.syspath_prepend(FUNCTIONS)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(FUNCTIONS), str(ROOT), os.environ.get("PYTHONPATH", "")]))
    import batch_work

    yield batch_work
    sys.modules.pop("batch_work", None)


@pytest.fixture
def make(tmp_path: Path, work: ModuleType) -> Callable[..., Task]:
    """make(name, function name, inputs, **settings): a task that makes the file `name` in the test's folder."""

    def task(name: str, function: str = "write", inputs: tuple[str, ...] = (), **settings: object) -> Task:
        given = {f"in{number}": str(tmp_path / each) for number, each in enumerate(inputs)}
        kind = settings.pop("kind", "test")
        after = settings.pop("after", ())
        return Task(
            name, getattr(work, function), settings, given, {"out": str(tmp_path / name)}, after=after, kind=kind
        )

    return task
