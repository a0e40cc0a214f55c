"""Progress on standard error: one look for all long work."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_Item = TypeVar("_Item")
Watcher = Callable[[str, int, int], None]
"""Is told of work by its description, the steps that are done, and all; what it raises ends the work."""
_watcher: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


class Cancelled(KeyboardInterrupt):
    """Raised by a watcher to end long work, as Ctrl-C does: files stay whole, and training keeps its checkpoint."""


@contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Tells a watcher of the long work of a block in this thread, whether or not bars are shown."""
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


@cache
def _told_progress() -> type[Progress]:
    """Returns the class of bars that a watcher is told of too, shown or not; a click does without loading Rich."""
    from rich.progress import Progress

    class _ToldProgress(Progress):
        """A bar that a watcher is told of too, shown or not."""

        def advance(self, task_id: TaskID, advance: float = 1) -> None:
            super().advance(task_id, advance)
            self._tell(task_id)

        def update(self, task_id: TaskID, *args: Any, **changes: Any) -> None:
            super().update(task_id, *args, **changes)
            self._tell(task_id)

        def _tell(self, task_id: TaskID) -> None:
            watcher = _watcher.get()
            if watcher is not None:
                task = self._tasks[task_id]
                watcher(task.description, int(task.completed), int(task.total or 0))

    return _ToldProgress


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
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    figures = f"{{task.completed:.0f}}/{{task.total:.0f}} {unit}".rstrip()
    return _told_progress()(
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
