"""Where tasks run: the one thing that the runner asks of a pool, of Ray and of SLURM."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any, Literal, Protocol

from saga.batch.work import Outcome, Work
from saga.errors import SagaError

EngineName = Literal["pool", "ray", "slurm", "here"]


class WorkerLostError(SagaError):
    """A process that worked on a task ended without an answer; the task itself may be without fault."""


class Engine(Protocol):
    """Runs tasks. It knows nothing of files that make them wait for each other, of retries or of reports."""

    @property
    def description(self) -> str:
        """One line for people: where tasks run."""
        ...

    @property
    def workers(self) -> int:
        """How many tasks run at a time, as far as that is known."""
        ...

    @property
    def capacity(self) -> int | None:
        """How many tasks it is given at a time; None where it has a queue of its own, which takes all."""
        ...

    @property
    def threads(self) -> int:
        """Threads that each of them computes with; 0 where the engine leaves that to the libraries."""
        ...

    def submit(self, work: Work) -> Future[Outcome]:
        """Hands over a task whose inputs are there, and returns at once.

        The future has the outcome, or raises WorkerLostError; another worker will take further tasks.
        """
        ...

    def close(self) -> None:
        """Ends what still runs, lets it clean up, and gives back what was taken."""
        ...


class Here:
    """Runs each task in this process when it is handed over: for tests, and to look for faults with a debugger."""

    description, workers, capacity, threads = "this process", 1, 1, 0

    def submit(self, work: Work) -> Future[Outcome]:
        """Runs the task, and returns when it has ended."""
        future: Future[Outcome] = Future()
        future.set_result(work())
        return future

    def close(self) -> None:
        """Does nothing."""


def open_engine(
    name: EngineName,
    *,
    workers: int | None = None,
    threads: int | None = None,
    gpus: int = 0,
    address: str | None = None,
    folder: str = ".",
    options: Mapping[str, Any] | None = None,
) -> Engine:
    """Opens an engine by its name.

    Args:
        name: "pool" runs tasks in processes of this machine, "ray" on a cluster of Ray, "slurm" as jobs of SLURM, and
            "here" in this process, one after the other.
        workers: How many tasks run at a time; None asks the machine. Ray and SLURM know themselves.
        threads: Threads of each task; None divides the processor among the workers of the pool, and asks the others
            for one.
        gpus: GPUs of this machine that the workers of the pool share, or that each task of the others asks for.
        address: Of the cluster of Ray; None begins one on this machine.
        folder: Where SLURM's jobs and logs lie: shared by all machines.
        options: What SLURM is asked for, by submitit's names, e.g. {"slurm_partition": "gpu", "timeout_min": 60}.

    Raises:
        SagaError: An unknown name, a package is missing, or the cluster cannot be reached.
    """
    if name == "pool":
        from saga.batch.pool import ProcessPool

        return ProcessPool(workers, threads, gpus)
    if name == "ray":
        from saga.batch.ray_engine import RayEngine

        return RayEngine(address, threads or 1, gpus)
    if name == "slurm":
        from saga.batch.slurm import SlurmEngine

        return SlurmEngine(folder, threads or 1, gpus, options or {})
    if name == "here":
        return Here()
    raise SagaError(f"engine: expected pool, ray, slurm or here, found {name!r}; choose one of them.")
