"""SLURM: each task a job of its own, which submitit submits and looks after."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from saga.batch.engine import WorkerLostError
from saga.batch.work import Outcome, Work
from saga.errors import SagaError

_POLL_SECONDS = {"slurm": 10.0, "local": 0.2, "debug": 0.0}
"""So often jobs are looked at: SLURM's accounting is shared by all users."""


class SlurmEngine:
    """Jobs of SLURM. submitit keeps their scripts, logs and answers in a folder that all machines see."""

    capacity = None

    def __init__(
        self,
        folder: str | Path,
        threads: int = 1,
        gpus: int = 0,
        options: Mapping[str, Any] | None = None,
        cluster: str | None = None,
    ) -> None:
        """Prepares the executor; nothing is submitted.

        Args:
            folder: Of the jobs' files.
            threads: Processors that a job asks for, and threads that it computes with.
            gpus: GPUs that a job asks for.
            options: What a job asks for besides, by submitit's names, e.g. {"slurm_partition": "gpu",
                "timeout_min": 60, "slurm_array_parallelism": 32}.
            cluster: "slurm"; "local" runs each job as a process of this machine. None takes SLURM.

        Raises:
            SagaError: submitit is not installed, there is no SLURM here, or it has no such option.
        """
        try:
            import submitit
        except ImportError as error:
            raise SagaError(
                'slurm: expected the package submitit, found none; pip install "saga-splat[slurm]".'
            ) from error
        asked = dict(options or {})
        self._cluster = str(cluster or asked.pop("cluster", "slurm"))
        self.threads = threads
        try:
            self._executor = submitit.AutoExecutor(folder=str(folder), cluster=self._cluster)
            parameters = {"name": "saga-batch", "cpus_per_task": threads, "gpus_per_node": gpus or None, **asked}
            self._executor.update_parameters(**{name: value for name, value in parameters.items() if value is not None})
        except Exception as error:  # of several kinds: no SLURM, an unknown option
            raise SagaError(f"slurm: {' '.join(str(error).split())[:200]}; see docs/batch.md.") from error
        self.workers = int(asked.get("slurm_array_parallelism", 1))
        self.description = f"jobs of {'SLURM' if self._cluster == 'slurm' else 'submitit on this machine'}"
        self._jobs: dict[Any, Future[Outcome]] = {}
        self._lock, self._closing = threading.Lock(), threading.Event()
        self._watcher: threading.Thread | None = None

    def submit(self, work: Work) -> Future[Outcome]:
        """Submits a job."""
        future: Future[Outcome] = Future()
        try:
            job = self._executor.submit(work)
        except Exception as error:
            raise SagaError(
                f"slurm: expected that it takes a job, found that it does not ({' '.join(str(error).split())[:160]}); "
                "give the same command again later."
            ) from error
        with self._lock:
            self._jobs[job] = future
            if self._watcher is None:
                self._watcher = threading.Thread(target=self._watch, daemon=True)
                self._watcher.start()
        return future

    def close(self) -> None:
        """Cancels the jobs that have not ended."""
        self._closing.set()
        if self._watcher is not None:
            self._watcher.join()
        while self._jobs:
            self._jobs.popitem()[0].cancel()

    def _watch(self) -> None:
        while not self._closing.wait(_POLL_SECONDS.get(self._cluster, 10.0)):
            with self._lock:
                jobs = list(self._jobs.items())
            for job, future in jobs:
                if job.done():
                    _settle(job, future)
                    with self._lock:
                        del self._jobs[job]


def _settle(job: Any, future: Future[Outcome]) -> None:
    """Takes the answer of a job that has ended; one that left none was killed, or ran out of its time."""
    try:
        future.set_result(job.result())
    except Exception as error:
        last = " ".join(str(error).split())[-300:]
        future.set_exception(WorkerLostError(f"job {job.job_id}: ended without an answer, {job.state} ({last})."))
