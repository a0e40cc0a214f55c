"""The errors a person can cause and mend."""


class SagaError(Exception):
    """A mistake in what the user gave.

    The message is one line that names the file, says what was expected, what was found and what
    to do. Command lines print it without a traceback and exit with code 2.
    """


class NoCamerasError(SagaError):
    """A scene comes without cameras: views can be made from the scene itself."""
