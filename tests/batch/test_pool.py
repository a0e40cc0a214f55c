"""The processes of this machine: killed, interrupted, and told how many threads and which GPU they have."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from saga.batch import Task, run
from saga.batch.pool import ProcessPool

Make = Callable[..., Task]


def test_killed_workers_lose_their_own_task_alone(make: Make, tmp_path: Path) -> None:
    tasks = [
        make("killed", "die_until", tries=str(tmp_path / "t1")),
        make("poisoned", "die_until", tries=str(tmp_path / "t2"), times=9),
        make("behind", inputs=("poisoned",)),
        *(make(f"good{number}", "threads_at_import" if number % 2 else "threads") for number in range(4)),
    ]
    pool = ProcessPool(workers=2, threads=3)
    try:
        report = run(tasks, engine=pool, folder=tmp_path / "batch")
    finally:
        pool.close()
    found = {each.task.name: each for each in report.tasks}

    assert found["killed"].state == "done" and found["killed"].attempts == 2
    assert (tmp_path / "killed").read_text() == "survived"
    assert found["poisoned"].state == "failed" and "was killed by SIGKILL" in found["poisoned"].message
    assert found["behind"].state == "not run"
    assert [(tmp_path / f"good{number}").read_text() for number in range(4)] == ["3"] * 4


def test_an_interruption_ends_the_workers_and_they_clean_up(make: Make, tmp_path: Path) -> None:
    began = tmp_path / "began"

    def interrupt() -> None:
        while not began.exists() or not began.read_text():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    pool = ProcessPool(workers=1)
    watcher = threading.Thread(target=interrupt)
    watcher.start()
    with pytest.raises(KeyboardInterrupt):
        run([make("a", "wait", began=str(began))], engine=pool, folder=tmp_path / "batch")
    watcher.join()

    assert not (tmp_path / "half").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(int(began.read_text()), 0)


def test_the_processor_and_the_gpus_are_divided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(12)), raising=False)
    monkeypatch.setattr("saga.batch.pool.memory_limit", lambda: 9 << 30)
    made = [ProcessPool(), ProcessPool(workers=3), ProcessPool(gpus=4), ProcessPool(workers=5, threads=1)]
    for pool in made:
        pool.close()

    assert [(pool.workers, pool.threads) for pool in made] == [(2, 6), (3, 4), (4, 3), (5, 1)]
    assert [slot._gpu for slot in made[2]._slots] == [0, 1, 2, 3]
