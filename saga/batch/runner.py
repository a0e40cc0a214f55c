"""Runs the tasks of a batch: what is finished is kept, what fails is tried again, what waits for a failure is left."""

from __future__ import annotations

import heapq
import os
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from saga.batch.engine import Engine, EngineName, open_engine
from saga.batch.events import Event, EventLog, Kind, Watcher, now
from saga.batch.records import Records, input_identities
from saga.batch.report import Report, TaskReport
from saga.batch.task import Task, dependencies
from saga.batch.work import Outcome, Work
from saga.errors import SagaError
from saga.files.disk import writing

try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None  # type: ignore[assignment]


def run(
    tasks: Sequence[Task],
    *,
    engine: Engine | EngineName = "pool",
    folder: str | Path = "batch",
    retries: int = 1,
    staging: str | Path | None = None,
    watchers: Sequence[Watcher] = (),
    summarize: bool = True,
) -> Report:
    """Runs tasks, each once those that it waits for are done, and returns what became of them.

    A task whose result is there, made by the same function with the same settings from the same inputs, is not run
    again. Ctrl-C ends what runs; the same call goes on later.

    Args:
        tasks: The tasks, each after those that it waits for.
        engine: Where they run: an engine, which is left open when all has ended, or the name of one, which is opened
            with its defaults.
        folder: Where events.jsonl, summary.csv, summary.html and the records of finished tasks are kept.
        retries: How often a task that failed is tried again.
        staging: Folder of each machine for copies of what lies in storage; None takes one in the user's own cache.
        watchers: Are told of every event.
        summarize: Whether the summaries are written.

    Returns:
        What became of every task; failures raise nothing.

    Raises:
        SagaError: The tasks do not fit together, another batch runs in the folder, or it cannot be written.
    """
    folder, needed = Path(folder).absolute(), dependencies(tasks)
    with ExitStack() as stack:
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(_alone(folder))
            log = EventLog(folder / "events.jsonl")
        stack.callback(log.close)
        if isinstance(engine, str):
            engine = open_engine(engine, folder=str(folder / "jobs"))
            stack.callback(engine.close)
        batch = _Batch(tasks, needed, engine, Records(folder / "tasks"), retries, staging, [log, *watchers])
        try:
            batch.run()
        finally:
            report = Report(list(batch.reports.values()), folder, now() - batch.began)
            if summarize:
                from saga.batch.summary import write_summary

                write_summary(report)
    return report


class _Batch:
    """The state of a batch that runs."""

    def __init__(
        self,
        tasks: Sequence[Task],
        needed: dict[str, tuple[str, ...]],
        engine: Engine,
        records: Records,
        retries: int,
        staging: str | Path | None,
        watchers: Sequence[Watcher],
    ) -> None:
        self.reports = {task.name: TaskReport(task) for task in tasks}
        self.began, self._tasks = now(), tasks
        self._needed, self._engine, self._records, self._retries = needed, engine, records, retries
        self._behind: dict[str, list[str]] = {task.name: [] for task in tasks}
        for name, others in needed.items():
            for other in others:
                self._behind[other].append(name)
        self._order = {task.name: number for number, task in enumerate(tasks)}
        self._staging = str(staging or staging_folder())
        self._watchers = watchers
        self._ready: list[tuple[int, int, str]] = []
        """Attempts, number and digest of the tasks that wait for the engine alone; a heap."""
        self._running: dict[Future[Outcome], tuple[Task, str]] = {}

    def run(self) -> None:
        """Runs all tasks. Raises KeyboardInterrupt after it has ended what ran."""
        self._tell("began", message=f"{len(self.reports)} tasks, {self._engine.description}")
        try:
            self._begin(list(self.reports))
            self._hand_over()
            while self._running:
                for future in wait(self._running, return_when=FIRST_COMPLETED).done:
                    task, digest = self._running.pop(future)
                    self._begin(self._end(task, digest, future))
                self._hand_over()
        except BaseException as error:
            self._tell("interrupted", message=" ".join(f"{type(error).__name__} {error}".split()))
            self._engine.close()
            raise
        self._tell("ended", seconds=round(now() - self.began, 3))

    def _begin(self, names: Sequence[str]) -> None:
        """Hands over those of some tasks that wait for nothing more, or settles them; and then those behind them."""
        looked_at = deque(names)
        while looked_at:
            name = looked_at.popleft()
            if self.reports[name].state != "waiting":
                continue
            needed = [self.reports[other] for other in self._needed[name]]
            lost = [each.task.name for each in needed if each.state in ("failed", "not run")]
            if lost:
                self._settle(name, "not run", f"waits for {', '.join(lost)}")
            elif not all(each.is_well for each in needed) or not self._is_settled_at_once(self.reports[name].task):
                continue
            looked_at.extend(self._behind[name])

    def _is_settled_at_once(self, task: Task) -> bool:
        """Keeps the result of an earlier run, fails for want of an input, or hands the task over: then it is False."""
        report = self.reports[task.name]
        try:
            digest = task.digest(input_identities(task))
            record = self._records.kept(task, digest)
        except SagaError as error:
            self._settle(task.name, "failed", str(error))
            return True
        if record is None:
            self._make_ready(task, digest)
            return False
        report.seconds, report.host = float(record["seconds"]), str(record.get("host", ""))
        report.peak_megabytes, report.facts = float(record.get("peak_megabytes", 0)), record.get("facts", {})
        self._settle(task.name, "kept", _doubts(report.facts))
        return True

    def _make_ready(self, task: Task, digest: str) -> None:
        """Puts a task in the line: the first scene first, and what has failed already behind all others."""
        report = self.reports[task.name]
        report.state = "submitted"
        heapq.heappush(self._ready, (report.attempts, self._order[task.name], digest))

    def _hand_over(self) -> None:
        """Gives the engine as many tasks as it takes."""
        capacity = self._engine.capacity
        while self._ready and (capacity is None or len(self._running) < capacity):
            _, number, digest = heapq.heappop(self._ready)
            task = self._tasks[number]
            report = self.reports[task.name]
            report.attempts += 1
            self._tell("submitted", task, attempt=report.attempts)
            future = self._engine.submit(Work(task, self._staging, self._engine.threads))
            self._running[future] = task, digest

    def _end(self, task: Task, digest: str, future: Future[Outcome]) -> list[str]:
        """Takes an outcome; returns the tasks that may begin now."""
        error = future.exception()
        outcome = future.result() if error is None else Outcome(error=" ".join(f"{error}".split()))
        report = self.reports[task.name]
        report.seconds, report.host, report.facts = outcome.seconds, outcome.host, outcome.facts
        report.peak_megabytes = outcome.peak_megabytes
        if not outcome.error:
            self._records.write(task, digest, outcome)
            self._settle(task.name, "done", _doubts(outcome.facts), outcome)
        elif report.attempts <= self._retries:
            self._tell("retried", task, outcome, report.attempts, outcome.error + _trace(outcome))
            self._make_ready(task, digest)
            return []
        else:
            report.message = outcome.error
            self._settle(task.name, "failed", outcome.error + _trace(outcome), outcome)
        return self._behind[task.name]

    def _settle(self, name: str, state: Kind, message: str = "", outcome: Outcome | None = None) -> None:
        report = self.reports[name]
        report.state = state  # type: ignore[assignment]
        report.message = report.message or message
        attempt = None if state in ("kept", "not run") else report.attempts
        self._tell(state, report.task, outcome, attempt, message)

    def _tell(
        self,
        event: Kind,
        task: Task | None = None,
        outcome: Outcome | None = None,
        attempt: int | None = None,
        message: str = "",
        seconds: float | None = None,
    ) -> None:
        named = "" if task is None else task.name
        if outcome is not None:
            seconds = outcome.seconds
        host, process = ("", None) if outcome is None else (outcome.host, outcome.process or None)
        told = Event(event, named, seconds, attempt, message, host, process, now())
        for watcher in self._watchers:
            watcher(told)


def staging_folder() -> Path:
    """Returns the folder in the user's cache (XDG_CACHE_HOME, or ~/.cache) for copies of what lies in storage."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "saga" / "staged"


def _doubts(facts: Mapping[str, Any]) -> str:
    """Returns what a command warned of."""
    return "; ".join(map(str, facts.get("warnings", ())))


def _trace(outcome: Outcome) -> str:
    return f"\n{outcome.trace}" if outcome.trace else ""


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Raises SagaError when another batch runs in the folder."""
    if fcntl is None:
        yield
        return
    with (folder / ".lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SagaError(
                f"{folder}: expected that no other batch runs in it, found one; wait for it, or choose another folder."
            ) from None
        except OSError:  # a file system without locks
            pass
        yield
