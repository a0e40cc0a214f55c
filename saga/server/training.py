"""Training by request: features and regions of an open scene, beside the prompts that are answered meanwhile."""

from __future__ import annotations

from pathlib import Path

from saga.errors import SagaError
from saga.masks import MaskSource, open_masks
from saga.server.bodies import TrainBody, TrainingAnswer
from saga.server.folders import Folders
from saga.server.problems import ConflictError, RequestError
from saga.session import Session
from saga.session.jobs import Jobs
from saga.session.preparing import prepare
from saga.train import TrainConfig


class Training:
    """The training of one scene: at most one at a time, in a thread of its own, which can be cancelled."""

    def __init__(self, session: Session, folders: Folders) -> None:
        """Takes the session whose prompts the result is to answer, and the folders that training keeps to."""
        self._session, self._folders = session, folders
        self._ended = TrainingAnswer("none", "nothing was trained since the scene was opened", 0, 0)
        self._jobs = Jobs(lambda: None, lambda *_: None)

    def start(self, body: TrainBody) -> TrainingAnswer:
        """Begins to train. Raises RequestError for masks that cannot be had, ConflictError while it is at work."""
        if body.masks is not None and body.sam is not None:
            raise RequestError("masks: expected masks or a checkpoint, found both; give one of them.")
        masks = None if body.masks is None else self._folders.existing(body.masks)
        sam = None if body.sam is None else self._folders.existing(body.sam)
        config = TrainConfig() if body.iterations is None else TrainConfig(iterations=body.iterations)

        def work() -> str:
            self._folders.guard_this_thread()
            placed, source = self._session.placed, self._source(masks, sam)
            self._session.use(prepare(placed, source, config, anew=True))
            return "features and regions are made, and answer from now on"

        try:
            self._jobs.start("making features and regions", work)
        except SagaError as error:
            raise ConflictError(str(error)) from error
        return self.state()

    def state(self) -> TrainingAnswer:
        """Returns how far it is, or how it ended."""
        running, ended = self._jobs.state, self._jobs.ended
        if running is not None:
            return TrainingAnswer("running", running["text"], running["done"], running["total"])
        return self._ended if ended is None else TrainingAnswer(ended[0], ended[1], 0, 0)

    def cancel(self) -> TrainingAnswer:
        """Ends it at its next step, and waits a moment for that; a later one goes on from its last checkpoint."""
        self._jobs.cancel()
        self._jobs.wait(10)
        return self.state()

    def _source(self, masks: Path | None, sam: Path | None) -> MaskSource | None:
        if masks is None and sam is None:
            return None
        placed = self._session.placed
        return open_masks(placed, masks, sam, device=str(placed.device), progress=False, join=True)
