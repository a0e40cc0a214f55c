"""Ray: tasks on the machines of a cluster, which Ray itself chooses."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from saga.batch.engine import WorkerLostError
from saga.batch.work import Outcome, Work
from saga.errors import SagaError

_GRACE_SECONDS = 20
"""So long tasks may clean up when the batch is interrupted."""


class RayEngine:
    """A cluster of Ray, or one of this machine alone.

    Each task asks for its threads as CPUs, and for GPUs; tasks are spread over the machines. Only descriptions and
    reports go through Ray: scenes and results are files on storage that all machines see. saga has to be installed on
    all of them.
    """

    capacity = None

    def __init__(self, address: str | None = None, threads: int = 1, gpus: int = 0) -> None:
        """Connects to a cluster.

        Args:
            address: Of its head, such as "auto", "10.0.0.5:6379" or "ray://10.0.0.5:10001"; None begins a cluster on
                this machine.
            threads: CPUs that a task asks for, and threads that it computes with.
            gpus: GPUs that a task asks for.

        Raises:
            SagaError: Ray is not installed, there is no cluster at the address, or it lacks what a task asks for.
        """
        try:
            ray: Any = importlib.import_module("ray")
        except ImportError as error:
            raise SagaError('ray: expected the package ray, found none; pip install "saga-splat[ray]".') from error
        self._ray, self.threads = ray, threads
        self._references: dict[Any, Future[Outcome]] = {}
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, include_dashboard=False)
        except Exception as error:  # of several kinds, by how the cluster is not there
            raise SagaError(
                f"--address {address}: expected a cluster of Ray, found none ({' '.join(str(error).split())[:160]}); "
                "start one with `ray start`, or mend the address."
            ) from error
        found = ray.cluster_resources()
        self.workers = int(min(found.get("CPU", 0) // threads, found.get("GPU", 0) // gpus if gpus else float("inf")))
        if self.workers < 1:
            self.close()
            raise SagaError(
                f"ray: expected {threads} CPUs and {gpus} GPUs for a task, found {found.get('CPU', 0):g} and "
                f"{found.get('GPU', 0):g} in all; ask for less."
            )
        machines = len({node["NodeID"] for node in ray.nodes() if node["Alive"]})
        self.description = f"Ray on {machines} machine{'s' * (machines != 1)}, {self.workers} tasks at a time"
        # Whether a task is tried again is the batch's business, which says so.
        options = {"num_cpus": threads, "num_gpus": gpus, "max_retries": 0, "scheduling_strategy": "SPREAD"}
        self._remote = ray.remote(**options)(_do)

    def submit(self, work: Work) -> Future[Outcome]:
        """Hands a task to Ray."""
        future: Future[Outcome] = Future()
        try:
            reference = self._remote.remote(work)
        except Exception as error:
            raise _lost_cluster(error) from error
        self._references[reference] = future
        reference.future().add_done_callback(self._taker(reference, future))
        return future

    def close(self) -> None:
        """Ends what still runs, and leaves the cluster; one that was begun for the batch ends."""
        if not self._ray.is_initialized():
            return
        references = list(self._references)
        try:
            for reference in references:
                self._ray.cancel(reference)
            if references:
                self._ray.wait(references, num_returns=len(references), timeout=_GRACE_SECONDS)
        except Exception:  # the cluster is gone, and all tasks with it
            logging.getLogger(__name__).debug("no cluster to cancel tasks of", exc_info=True)
        self._ray.shutdown()

    def _taker(self, reference: Any, future: Future[Outcome]) -> Callable[[Future[Outcome]], None]:
        def take(done: Future[Outcome]) -> None:
            self._references.pop(reference, None)
            error = done.exception()
            if error is None:
                future.set_result(done.result())
            else:
                future.set_exception(_as_lost(error, self._ray))

        return take


def _do(work: Work) -> Outcome:
    return work()


def _as_lost(error: BaseException, ray: Any) -> BaseException:
    """Returns what a task's error is for the runner: a lost worker, or the error itself."""
    if isinstance(error, ray.exceptions.RayError) and not isinstance(error, ray.exceptions.RayTaskError):
        words = " ".join(str(error).split())
        return WorkerLostError(f"worker of Ray: lost ({type(error).__name__}: {words[:200]}).")
    return error


def _lost_cluster(error: BaseException) -> SagaError:
    words = " ".join(str(error).split())
    return SagaError(
        f"ray: expected the cluster to take tasks, found that it does not ({type(error).__name__}: {words[:160]}); "
        "start it again, and give the same command again."
    )
