"""What runs, what is kept, what is tried again, and what is left."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import pytest

from saga.batch import Task, WorkerLostError, run
from saga.batch.engine import Here
from saga.batch.work import Outcome, Work
from saga.errors import SagaError

Make = Callable[..., Task]


def states(report) -> dict[str, str]:
    return {each.task.name: each.state for each in report.tasks}


@pytest.fixture
def here(tmp_path: Path) -> Callable[..., object]:
    """here(tasks): runs tasks in this process."""
    return lambda tasks, **options: run(tasks, engine=Here(), folder=tmp_path / "batch", **options)


def test_results_go_from_task_to_task(make: Make, here, tmp_path: Path) -> None:
    report = here([make("a", text="1"), make("b", text="2"), make("c", inputs=("b", "a"), text="3")])

    assert report.is_well
    assert (tmp_path / "c").read_text() == "321"
    assert report.tasks[2].facts == {"letters": 3}


def test_what_is_finished_is_not_done_again(make: Make, here, tmp_path: Path) -> None:
    log = tmp_path / "log"
    tasks = [make("a", text="1", log=str(log)), make("b", inputs=("a",), log=str(log))]
    here(tasks)
    report = here(tasks)

    assert states(report) == {"a": "kept", "b": "kept"}
    assert report.is_well and report.tasks[1].facts == {"letters": 1} and report.tasks[1].host
    assert log.read_text().split() == ["a", "b"]


@pytest.mark.parametrize("change", ["settings", "function", "output", "damaged record", "version"])
def test_what_changed_is_done_again_and_all_behind_it(
    make: Make, here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work, change: str
) -> None:
    tasks = [make("a", text="1"), make("b", inputs=("a",)), make("other", text="5")]
    here(tasks)
    if change == "settings":
        tasks[0] = make("a", text="2")
    elif change == "function":
        tasks[0] = make("a", "threads")
    elif change == "output":
        (tmp_path / "a").write_text("somebody else's")
    elif change == "damaged record":
        (tmp_path / "batch" / "tasks" / "a.json").write_text('{"digest": ')
    else:
        monkeypatch.setattr("saga.batch.task.__version__", "another")
    report = here(tasks)

    other = "done" if change == "version" else "kept"
    assert states(report) == {"a": "done", "b": "done", "other": other}


def test_a_changed_input_is_noticed(make: Make, here, tmp_path: Path) -> None:
    (tmp_path / "given").write_text("old")
    tasks = [make("a", inputs=("given",)), make("b", text="1")]
    here(tasks)
    (tmp_path / "given").write_text("newer")

    assert states(here(tasks)) == {"a": "done", "b": "kept"}
    assert (tmp_path / "a").read_text() == "newer"


def test_a_failed_task_is_tried_again_and_then_given_up(make: Make, here, tmp_path: Path) -> None:
    lucky = make("lucky", "fail_until", tries=str(tmp_path / "t1"), times=2)
    unlucky = make("unlucky", "fail_until", tries=str(tmp_path / "t2"), times=9)
    report = here([lucky, unlucky], retries=2)

    assert states(report) == {"lucky": "done", "unlucky": "failed"}
    assert [each.attempts for each in report.tasks] == [3, 3]
    assert "expected luck" in report.tasks[1].message
    assert not report.is_well


def test_what_waits_for_a_failure_is_not_run_and_the_rest_is(make: Make, here, tmp_path: Path) -> None:
    tasks = [
        make("bad", "crash"), make("behind", inputs=("bad",)), make("far", inputs=("behind",)), make("good", text="1"),
        make("later", after=("bad",)),
    ]  # fmt: skip
    report = here(tasks, retries=0)

    assert states(report) == {
        "bad": "failed",
        "behind": "not run",
        "far": "not run",
        "good": "done",
        "later": "not run",
    }
    assert "ZeroDivisionError: a bug" in report.tasks[0].message
    assert "bad" in report.tasks[1].message
    assert not (tmp_path / "behind").exists()


def test_the_failure_of_a_batch_is_mended_by_running_it_again(make: Make, here, tmp_path: Path) -> None:
    tasks = [make("good", text="1"), make("bad", inputs=("given",)), make("behind", inputs=("bad",))]
    first = here(tasks)
    (tmp_path / "given").write_text("now")

    assert states(first) == {"good": "done", "bad": "failed", "behind": "not run"}
    assert "given: expected the in0 of bad, found nothing" in first.tasks[1].message
    assert states(here(tasks)) == {"good": "kept", "bad": "done", "behind": "done"}


def test_a_task_that_makes_nothing_has_failed(make: Make, here) -> None:
    report = here([make("a", "nothing")])
    assert states(report) == {"a": "failed"}
    assert "expected that it makes" in report.tasks[0].message


def test_optional_outputs_may_be_missing(make: Make, here) -> None:
    task = replace(make("a", "nothing"), optional=("out",))
    assert states(here([task])) == {"a": "done"}
    assert states(here([task])) == {"a": "kept"}


def test_an_interruption_leaves_what_is_done_and_the_same_call_goes_on(make: Make, tmp_path: Path) -> None:
    class Interrupted(Here):
        closed = False

        def submit(self, work: Work) -> Future[Outcome]:
            if work.task.name == "b":
                raise KeyboardInterrupt
            return super().submit(work)

        def close(self) -> None:
            self.closed = True

    tasks, engine = [make("a", text="1"), make("b", inputs=("a",)), make("c", inputs=("b",))], Interrupted()
    with pytest.raises(KeyboardInterrupt):
        run(tasks, engine=engine, folder=tmp_path / "batch")
    rows = list(csv.DictReader((tmp_path / "batch" / "summary.csv").open()))

    assert engine.closed
    assert [row["state"] for row in rows] == ["done", "submitted", "waiting"]
    report = run(tasks, engine=Here(), folder=tmp_path / "batch")
    assert states(report) == {"a": "kept", "b": "done", "c": "done"}


def test_a_lost_worker_costs_one_attempt(make: Make, tmp_path: Path) -> None:
    class Losing(Here):
        lost = 0

        def submit(self, work: Work) -> Future[Outcome]:
            self.lost += 1
            if self.lost > 1:
                return super().submit(work)
            future: Future[Outcome] = Future()
            future.set_exception(WorkerLostError("worker 7: was killed by SIGKILL."))
            return future

    report = run([make("a")], engine=Losing(), folder=tmp_path / "batch")
    assert report.is_well and report.tasks[0].attempts == 2
    events = [json.loads(line) for line in (tmp_path / "batch" / "events.jsonl").read_text().splitlines()]
    assert [event["event"] for event in events] == ["began", "submitted", "retried", "submitted", "done", "ended"]
    assert "SIGKILL" in events[2]["message"]


def test_events_are_added_line_by_line(make: Make, here, tmp_path: Path) -> None:
    here([make("a", text="1"), make("bad", "crash")], retries=0)
    path = tmp_path / "batch" / "events.jsonl"
    path.write_bytes(path.read_bytes() + b'{"event": "do')  # a run that was killed in the midst of a line
    here([make("a", text="1")])
    lines = path.read_text().splitlines()
    events = [json.loads(line) for line in lines if not line.endswith('"do')]

    assert [e["event"] for e in events if e.get("task") == "a"] == ["submitted", "done", "kept"]
    failure = next(e for e in events if e["event"] == "failed")
    assert failure["attempt"] == 1 and "Traceback" in failure["message"] and failure["process"]
    assert all("T" in e["time"] for e in events)


def test_the_first_scene_is_finished_first_and_failures_wait_behind_all(make: Make, here, tmp_path: Path) -> None:
    log = str(tmp_path / "log")
    tasks = [
        make("one", "fail_until", tries=str(tmp_path / "t"), times=1, log=log), make("two", inputs=("one",), log=log),
        make("three", log=log), make("four", inputs=("three",), log=log),
    ]  # fmt: skip
    here(tasks)
    assert Path(log).read_text().split() == ["three", "four", "one", "two"]


def test_a_second_batch_in_the_same_folder_is_refused(make: Make, tmp_path: Path) -> None:
    class Nested(Here):
        def submit(self, work: Work) -> Future[Outcome]:
            with pytest.raises(SagaError, match="no other batch runs in it"):
                run([], engine=Here(), folder=tmp_path / "batch")
            return super().submit(work)

    assert run([make("a")], engine=Nested(), folder=tmp_path / "batch").is_well


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([("a", ()), ("a", ())], "a name of its own for every task"),
        ([("a", ("b",)), ("b", ())], "waits for tasks before it, found 'b'"),
    ],
)
def test_tasks_that_do_not_fit_together_are_refused(make: Make, here, names, expected: str) -> None:
    with pytest.raises(SagaError, match=expected):
        here([make(name, after=after) for name, after in names])


def test_two_tasks_that_make_the_same_are_refused(make: Make, here) -> None:
    one = make("a")
    with pytest.raises(SagaError, match="outputs that no other task makes"):
        here([one, replace(one, name="b")])


def test_an_unknown_engine_is_refused(make: Make, tmp_path: Path) -> None:
    with pytest.raises(SagaError, match="expected pool, ray, slurm or here, found 'cloud'"):
        run([make("a")], engine="cloud", folder=tmp_path / "batch")  # type: ignore[arg-type]
