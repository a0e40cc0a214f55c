"""Jobs by submitit, whose local executor runs each as a process of this machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from saga.batch import Task, run
from saga.errors import SagaError

pytest.importorskip("submitit", reason='submitit is not installed: pip install "saga-splat[slurm]"')

from saga.batch.slurm import SlurmEngine  # noqa: E402


@pytest.mark.slow
def test_jobs_are_submitted_and_one_that_is_killed_is_tried_again(make: Callable[..., Task], tmp_path: Path) -> None:
    engine = SlurmEngine(tmp_path / "jobs", threads=1, options={"cluster": "local", "timeout_min": 5})
    tasks = [
        make("a", "threads"), make("b", inputs=("a",), text="b"),
        make("killed", "die_until", tries=str(tmp_path / "t1")), make("crashed", "crash"),
    ]  # fmt: skip
    try:
        report = run(tasks, engine=engine, folder=tmp_path / "batch")
    finally:
        engine.close()
    found = {each.task.name: each for each in report.tasks}

    assert (tmp_path / "b").read_text() == "b1"
    assert (found["killed"].state, found["killed"].attempts) == ("done", 2)
    assert found["crashed"].state == "failed" and "ZeroDivisionError: a bug" in found["crashed"].message
    assert "jobs of submitit" in engine.description


def test_without_slurm_or_with_an_unknown_option_it_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SagaError, match="^slurm: "):
        SlurmEngine(tmp_path / "jobs")
    with pytest.raises(SagaError, match="^slurm: .*patience"):
        SlurmEngine(tmp_path / "jobs", options={"cluster": "local", "patience": 3})
