"""The processes of this machine: each with its own threads and its own GPU, replaced when one is killed."""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import threading
from concurrent.futures import Future
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from saga.batch.engine import WorkerLostError
from saga.batch.work import Outcome, Work, limit_threads
from saga.files.reading import memory_limit

_MEMORY_OF_A_WORKER = 4 << 30
"""Bytes of the machine's memory for each worker, where nobody says how many there are."""
_GRACE_SECONDS = 20
"""So long a worker may clean up after SIGTERM."""


class ProcessPool:
    """Processes that take tasks one at a time.

    A process that ends in the midst of a task, as one does that the system kills for its memory, loses this task alone,
    and another process takes its place. (A pool of `concurrent.futures` gives up all that was handed to it.)
    """

    def __init__(self, workers: int | None = None, threads: int | None = None, gpus: int = 0) -> None:
        """Starts the threads that wait for processes; these begin with their first task.

        Args:
            workers: Number of processes; None takes one for each GPU, or without any as many as there are cores, as
                long as each has 4 GB of memory.
            threads: Threads of each; None divides the cores among them.
            gpus: GPUs of this machine; each process sees one of them.
        """
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self.workers = workers or gpus or max(1, min(cores, memory_limit() // _MEMORY_OF_A_WORKER))
        self.threads = threads or max(1, cores // self.workers)
        processes, each = self.workers, self.threads
        self.description = f"{processes} process{'es' * (processes != 1)} of {each} thread{'s' * (each != 1)}"
        self.description += f" on {gpus} GPU{'s' * (gpus != 1)}" if gpus else ""
        self.capacity = self.workers
        self._queue: queue.SimpleQueue[tuple[Future[Outcome], Work] | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._slots = [_Slot(self.threads, number % gpus if gpus else None) for number in range(self.workers)]
        self._servers = [threading.Thread(target=self._serve, args=(slot,), daemon=True) for slot in self._slots]
        for server in self._servers:
            server.start()

    def submit(self, work: Work) -> Future[Outcome]:
        """Gives a task to a process that has none, or to the first that is done with its own."""
        future: Future[Outcome] = Future()
        self._queue.put((future, work))
        return future

    def close(self) -> None:
        """Ends all processes; those at work clean up first."""
        self._closing.set()
        for _ in self._servers:
            self._queue.put(None)
        for slot in self._slots:
            slot.ask_to_end()
        for slot in self._slots:
            slot.end()
        for server in self._servers:
            server.join()

    def _serve(self, slot: _Slot) -> None:
        while True:
            item = self._queue.get()
            if item is None or self._closing.is_set():
                return
            future, work = item
            try:
                future.set_result(slot.run(work))
            except BaseException as error:
                future.set_exception(error)


class _Slot:
    """The place of one process, which is started when it is needed."""

    def __init__(self, threads: int, gpu: int | None) -> None:
        self._threads, self._gpu = threads, gpu
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None
        self._lock, self._ended = threading.Lock(), False

    def run(self, work: Work) -> Outcome:
        """Returns how a task went. Raises WorkerLostError when the process ends before it has said so."""
        with self._lock:
            if self._ended:
                raise WorkerLostError("worker: ended before it began.")
            process, connection = self._started()
        try:
            connection.send(work)
            outcome: Outcome = connection.recv()
            return outcome
        except (EOFError, OSError):
            process.join()
            connection.close()
            self._process = None
            raise WorkerLostError(f"worker {process.pid}: {_end_of(process.exitcode)}.") from None

    def ask_to_end(self) -> None:
        with self._lock:
            self._ended, process = True, self._process
        if process is not None and process.is_alive():
            process.terminate()

    def end(self) -> None:
        process = self._process
        if process is not None:
            process.join(_GRACE_SECONDS)
            if process.is_alive():
                process.kill()
                process.join()

    def _started(self) -> tuple[BaseProcess, Connection]:
        if self._process is None or self._connection is None:
            context = multiprocessing.get_context("spawn")
            self._connection, other = context.Pipe()
            self._process = context.Process(target=_work, args=(other, self._threads, self._gpu), name="saga-batch")
            self._process.start()
            other.close()  # so that the end of the process is the end of the connection
        return self._process, self._connection


def _work(connection: Connection, threads: int, gpu: int | None) -> None:
    """Is the process: does one task after the other, until nobody has any."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the batch's, which ends its workers
    if gpu is not None:
        known = [each for each in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if each]
        os.environ["CUDA_VISIBLE_DEVICES"] = known[gpu] if gpu < len(known) else str(gpu)
    limit_threads(threads)
    threading.Thread(target=_end_with_the_batch, daemon=True).start()
    while True:
        try:
            work: Work = connection.recv()
            connection.send(work())
        except (EOFError, OSError, KeyboardInterrupt):
            return


def _end_with_the_batch() -> None:
    """Waits until the process that began this one has ended, killed as it may be, and ends this one."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def _end_of(code: int | None) -> str:
    """Says how a process ended."""
    if code is None or code >= 0:
        return f"ended with exit code {code}"
    name = signal.Signals(-code).name
    return f"was killed by {name}" + (", as the system does when memory is short" if name == "SIGKILL" else "")
