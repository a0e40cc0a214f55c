"""What a request may be refused for beside a person's mistakes, each with its HTTP status."""

from __future__ import annotations

from saga.errors import EmptySelectionError, SagaError


class RequestError(SagaError):
    """A request that is refused; the message is one line."""

    status = 422


class OutsideError(RequestError):
    """A path that leads out of the folders that are served."""

    status = 403


class MissingError(RequestError):
    """There is nothing of that name."""

    status = 404


class ConflictError(RequestError):
    """Something is in the way as things stand: it may be asked again later, or otherwise."""

    status = 409


class TooLargeError(RequestError):
    """More was sent than is taken."""

    status = 413


class BusyError(RequestError):
    """Too many requests wait already."""

    status = 503


def status_of(error: SagaError) -> int:
    """Returns the HTTP status of an error; what was asked well, and has nothing to it, is 422 like what was not."""
    if isinstance(error, EmptySelectionError):
        return 422
    return error.status if isinstance(error, RequestError) else RequestError.status
