"""The errors a person can cause and mend."""


class SagaError(Exception):
    """A mistake in what the user gave.

    The message is one line that names the file, says what was expected, what was found and what
    to do. Command lines print it without a traceback and exit with code 2.
    """


class EmptySelectionError(SagaError):
    """Nothing was selected, so there is nothing to write. Command lines exit with code 3, and write nothing."""


class NoCamerasError(SagaError):
    """A scene comes without cameras: views can be made from the scene itself."""
