"""Progress on standard error: one look for all long work."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

_Item = TypeVar("_Item")


class Tick:
    """Advances one task of a progress bar, one step per call."""

    def __init__(self, bar: Progress, description: str, total: int, completed: int = 0) -> None:
        """Adds a task of `total` steps, `completed` of which are done, to a bar."""
        self._bar, self._task = bar, bar.add_task(description, total=total, completed=completed)

    def __call__(self, steps: int = 1) -> None:
        """Records that further steps are done."""
        self._bar.advance(self._task, steps)

    def finish(self) -> None:
        """Shows the task as complete, whatever was counted."""
        total = self._bar.tasks[self._task].total
        self._bar.update(self._task, completed=total)


def progress_bar(enabled: bool = True, unit: str = "", transient: bool = False) -> Progress:
    """Returns a bar with steps done, elapsed time and an estimate of the time left; a context manager.

    Args:
        enabled: whether anything is shown.
        unit: what is counted, behind the figures.
        transient: whether the bar disappears when the work is done.
    """
    figures = f"{{task.completed:.0f}}/{{task.total:.0f}} {unit}".rstrip()
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn(figures),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not enabled,
        transient=transient,
    )


@contextmanager
def ticking(enabled: bool, description: str, total: int, unit: str = "", transient: bool = False) -> Iterator[Tick]:
    """Shows one task for the length of a block, which calls the tick once per step."""
    with progress_bar(enabled, unit, transient) as bar:
        yield Tick(bar, description, total)


def tracked(items: Sequence[_Item], enabled: bool, description: str, unit: str = "") -> Iterable[_Item]:
    """Yields the items of a sequence and shows how many are done; the bar disappears afterwards."""
    with ticking(enabled, description, len(items), unit, transient=True) as tick:
        for item in items:
            yield item
            tick()
