"""The errors a person can cause and mend."""

import re


class SagaError(Exception):
    """A mistake in what the user gave.

    The message is one line that names the file, says what was expected, what was found and what
    to do. Command lines print it without a traceback and exit with code 2.
    """

    def __init__(self, message: str) -> None:
        """Takes the message; line ends in it become spaces, and what no terminal shows becomes a question mark."""
        line = re.sub(r"\s*[\n\r\t]\s*", " ", message)
        super().__init__(re.sub("[\x00-\x1f\x7f\ud800-\udfff]+", "?", line))


class EmptySelectionError(SagaError):
    """Nothing was selected, so there is nothing to write. Command lines exit with code 3, and write nothing."""


class FrameMismatchError(SagaError):
    """The photographs of a scene show something else than the scene does from their cameras, in every frame tried."""


class NoCamerasError(SagaError):
    """A scene comes without cameras: views can be made from the scene itself."""
