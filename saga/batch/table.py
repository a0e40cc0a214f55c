"""What a person sees of a batch that runs: a table on a terminal, a line for each task elsewhere."""

from __future__ import annotations

import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from saga.batch.events import Event, Watcher
from saga.batch.task import Task

_SETTLED = ("done", "kept", "failed", "not run")
_MOST_RUNNING, _MOST_TROUBLES = 16, 5


class Progress:
    """What is known of a batch from its events, and how long the rest takes."""

    def __init__(self, tasks: Sequence[Task], workers: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Starts the clock.

        Args:
            tasks: All tasks of the batch.
            workers: How many run at a time.
            clock: Tells seconds.
        """
        self.tasks = {task.name: task for task in tasks}
        self.workers, self._clock, self._began = max(1, workers), clock, clock()
        self.counts: Counter[str] = Counter()
        self.submitted: dict[str, float] = {}
        """When each task was handed to the engine, of those that have not settled; a pool begins at once."""
        self.troubles: deque[str] = deque(maxlen=_MOST_TROUBLES)
        self._seconds: dict[str, list[float]] = defaultdict(list)
        self._left = Counter(task.kind for task in tasks)

    def __call__(self, event: Event) -> None:
        """Takes an event."""
        if event.event == "submitted":
            self.submitted[event.task] = self._clock()
        if event.event == "retried":  # it waits in the line again
            self.submitted.pop(event.task, None)
        if event.event in ("failed", "retried", "not run"):
            self.troubles.append(f"{event.task}: {event.event}: {first_line(event.message)}")
        if event.event in _SETTLED:
            self.submitted.pop(event.task, None)
            self.counts[event.event] += 1
            kind = self.tasks[event.task].kind
            self._left[kind] -= 1
            if event.event == "done" and event.seconds is not None:
                self._seconds[kind].append(event.seconds)

    @property
    def settled(self) -> int:
        """How many tasks nothing more will happen to."""
        return sum(self.counts.values())

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return self._clock() - self._began

    def seconds_left(self) -> float | None:
        """Returns how long the rest takes by the mean of each kind of tasks; None before any has ended.

        Kinds of which none has ended take as long as the mean of all others. What tasks at work have done already
        is taken off.
        """
        known = {kind: sum(seconds) / len(seconds) for kind, seconds in self._seconds.items()}
        if not known:
            return None
        mean = sum(known.values()) / len(known)
        work = sum(count * known.get(kind, mean) for kind, count in self._left.items())
        now, at_work = self._clock(), sorted(self.submitted.values())[: self.workers]
        return max(0.0, work - sum(min(now - began, mean) for began in at_work)) / self.workers


def duration(seconds: float | None) -> str:
    """Returns a time as people say it, e.g. "3 min 20 s"."""
    if seconds is None:
        return "unknown"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{whole} s" if whole < 60 else f"{minutes} min {whole % 60} s" if not hours else f"{hours} h {minutes} min"


def counted(number: int, what: str) -> str:
    """Returns how many there are of something, e.g. "1 scene" or "20 scenes"."""
    return f"{number} {what}{'s' * (number != 1)}"


def first_line(message: str) -> str:
    """Returns a message without a traceback."""
    return message.partition("\n")[0]


@contextmanager
def shown(tasks: Sequence[Task], workers: int, where: str, say: Callable[[str], None]) -> Iterator[Watcher]:
    """Yields a watcher that shows a batch: a live table where standard error is a terminal, else a line for each task.

    Args:
        tasks: All tasks of the batch.
        workers: How many run at a time.
        where: Where they run, in words.
        say: Prints a line.
    """
    console, progress = Console(stderr=True), Progress(tasks, workers)
    if not console.is_terminal:

        def tell(event: Event) -> None:
            progress(event)
            line = _line(event, progress)
            if line:
                say(line)

        yield tell
        return
    with Live(get_renderable=lambda: _table(progress, where), console=console, refresh_per_second=4):
        yield progress


def _line(event: Event, progress: Progress) -> str:
    if event.event not in (*_SETTLED, "retried"):
        return ""
    took = f" in {duration(event.seconds)}" if event.seconds and event.event != "kept" else ""
    said = f": {first_line(event.message)}" if event.message else ""
    left = progress.seconds_left()
    rest = f", about {duration(left)} left" if left else ""
    return f"{event.task}: {event.event}{took}{said} ({progress.settled} of {len(progress.tasks)}{rest})"


def _table(progress: Progress, where: str) -> RenderableType:
    """Draws the table: how far all is, what runs, and what went wrong last."""
    total, done = len(progress.tasks), progress.settled
    left = progress.seconds_left()
    head = Table.grid(padding=(0, 2))
    counted = ", ".join(f"{progress.counts[state]} {state}" for state in _SETTLED if progress.counts[state])
    head.add_row(
        ProgressBar(total=max(1, total), completed=done, width=30),
        f"{done} of {total} tasks",
        counted,
        f"{duration(progress.elapsed)}, about {duration(left)} left",
    )
    body = Table(box=None, padding=(0, 2), title=where, title_justify="left", title_style="dim")
    for name, wide in (("at work", 50), ("step", 10), ("for", 10)):
        body.add_column(name, max_width=wide, no_wrap=True, overflow="ellipsis", style="", header_style="dim")
    first = sorted(progress.submitted.items(), key=lambda item: item[1])
    now = progress._clock()
    for name, began in first[: min(progress.workers, _MOST_RUNNING)]:
        body.add_row(Text(name), progress.tasks[name].kind, duration(now - began))
    troubles = [Text(line, style="red", no_wrap=True, overflow="ellipsis") for line in progress.troubles]
    return Group(head, body, *troubles)
