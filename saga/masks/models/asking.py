"""Nothing is downloaded unless a person at a terminal says yes."""

from __future__ import annotations

import sys

from saga.errors import SagaError


def ask(missing: str, facts: str, by_hand: str) -> None:
    """Asks whether to download something, and returns when the answer is yes.

    Args:
        missing: what is not there: a path or a name.
        facts: what would be downloaded, with its size and where from.
        by_hand: how a person gets it without the toolkit.

    Raises:
        SagaError: nobody can be asked, or the answer is no.
    """
    if not sys.stdin.isatty():
        raise SagaError(f"{missing}: expected the model there, found nothing, and nobody to ask; {by_hand}.")
    print(f"Download {facts}? [y/N] ", end="", file=sys.stderr, flush=True)
    if input().strip().lower() not in ("y", "yes"):
        raise SagaError(f"{missing}: expected the model there, found nothing, and it was not downloaded; {by_hand}.")
