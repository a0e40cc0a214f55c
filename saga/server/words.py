"""The model of words that all scenes share."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from saga.words import Detector, TextImageModel
from saga.words.open import open_model, open_without_asking


class WordModel:
    """A model of words that is read when the first text is asked for."""

    def __init__(self, given: str | None, device: str) -> None:
        """Takes a model, as `saga.words.open_model` has it; None takes the recommended one.

        Raises:
            SagaError: one was given and is not there; a download is asked about at a terminal.
        """
        self._given, self._device, self._lock = given, device, threading.Lock()
        self._model: TextImageModel | Detector | None = None
        if given is not None:
            open_model(given, device)

    def opened(self) -> TextImageModel | Detector:
        """Returns the model. Raises SagaError where it is not on this machine, or is none."""
        with self._lock:
            if self._model is None:
                # Threads that answer requests read nothing outside of the served folders, where models do not lie.
                with ThreadPoolExecutor(1, "saga-words") as outside:
                    self._model = outside.submit(open_without_asking, self._given, self._device).result()
            return self._model
