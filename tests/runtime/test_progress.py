"""Work that somebody watches, with or without a bar on the screen."""

from __future__ import annotations

import pytest

from saga.runtime.progress import Cancelled, progress_bar, ticking, tracked, watched


@pytest.mark.parametrize("shown", [False, True])
def test_a_watcher_is_told_of_every_step(shown: bool) -> None:
    told: list[tuple[str, int, int]] = []
    with watched(lambda *step: told.append(step)):
        assert list(tracked("abc", shown, "letters")) == ["a", "b", "c"]
        with progress_bar(shown) as bar:
            bar.update(bar.add_task("steps", total=5), completed=4)

    assert told == [("letters", 1, 3), ("letters", 2, 3), ("letters", 3, 3), ("steps", 4, 5)]


def test_what_a_watcher_raises_ends_the_work_as_an_interruption_does() -> None:
    def cancel(description: str, done: int, total: int) -> None:
        if done == 2:
            raise Cancelled

    steps = []

    def work() -> None:
        with ticking(False, "work", 9) as tick:
            for number in range(9):
                steps.append(number)
                tick()

    with watched(cancel), pytest.raises(KeyboardInterrupt):
        work()

    assert steps == [0, 1]


def test_nobody_is_told_after_the_block() -> None:
    told: list[str] = []
    with watched(lambda description, done, total: told.append(description)):
        pass
    with ticking(False, "work", 1) as tick:
        tick()

    assert told == []
