"""Mistakes in a command line are one line, and neither they nor help load torch."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest

from saga.cli.options import flattened
from saga.cli.parse import parse
from saga.cli.segment import segment
from saga.cli.train import train
from saga.errors import SagaError
from saga.query.config import QueryConfig

COMMANDS = ["batch", "train", "segment", "discover", "evaluate", "demo", "views"]


def read_train(*args: str) -> dict[str, Any]:
    call = parse(train, "saga-train", ["s.ply", *args])
    return call.keywords  # type: ignore[attr-defined,no-any-return]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("args", [["--help"], ["--no-such-option"]])
def test_help_and_a_wrong_option_load_no_torch(command: str, args: Sequence[str]) -> None:
    code = f"""
import sys
from saga.cli.{command} import main
sys.argv = ["saga", *{args!r}]
try:
    main()
except SystemExit as end:
    print("code", end.code, "torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == f"code {0 if args == ['--help'] else 2} False", done.stderr


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ("--iterations abc", "--iterations: expected a whole number, 0 or more, found 'abc'; see saga-train --help."),
        ("--iterations -1", "--iterations: expected a whole number, 0 or more, found '-1'; see"),
        ("--iterations nan", "found 'nan'"),
        ("--learning-rate 0", "--learning-rate: expected a number, above 0, found '0'; see"),
        ("--iterations", "--iterations: expected a value, found nothing; give it, see saga-train --help."),
        ("--device gpu", "--device: expected auto, cpu or cuda, found 'gpu'; give one of them."),
        ("--start middle", "--start: expected random or spectral, found 'middle'; give one of them."),
        ("--render-views -2", "--render-views: expected a whole number, 0 or more, found '-2'; see"),
        ("--iteration 3", "--iteration: expected an option of saga-train, found an unknown one; try --iterations"),
        ("--iteration=3", "--iteration: expected an option of saga-train, found an unknown one; try --iterations"),
        ("--zzzzzzzz", "--zzzzzzzz: expected an option of saga-train, found an unknown one; see saga-train --help."),
        ("images more", "saga-train: expected no further argument, found 'more'; see saga-train --help."),
    ],
)
def test_mistakes_are_one_line_in_one_form(args: str, expected: str) -> None:
    with pytest.raises(SagaError) as mistake:
        read_train(*args.split())
    assert expected in str(mistake.value)
    assert "\n" not in str(mistake.value) and "─" not in str(mistake.value)


def test_what_is_missing_is_named_and_a_misspelled_option_first() -> None:
    with pytest.raises(
        SagaError, match="^SCENE.ply: expected a value, found nothing; give it, see saga-train --help.$"
    ):
        parse(train, "saga-train", [])
    with pytest.raises(SagaError, match="^SCENE.ply: expected a value, found nothing"):
        parse(segment, "saga-segment", ["--view", "0.png"], {"config": flattened(QueryConfig)})
    with pytest.raises(SagaError, match="^--vew: expected an option of saga-segment, found an unknown one; try --view"):
        parse(segment, "saga-segment", ["s.ply", "--vew", "0.png"], {"config": flattened(QueryConfig)})


@pytest.mark.parametrize(
    ("args", "part"),
    [
        ("--epochs 3", "--epochs"),
        ("--iterations abc", "a whole number, 0 or more, found 'abc'"),
        ("--device gpu", "'gpu'"),
    ],
)
def test_mistakes_are_one_line_in_tyros_words_without_its_hook(
    monkeypatch: pytest.MonkeyPatch, args: str, part: str
) -> None:
    monkeypatch.setitem(sys.modules, "tyro._errors", None)
    with pytest.raises(SagaError) as mistake:
        read_train(*args.split())
    assert part in str(mistake.value) and str(mistake.value).endswith("see saga-train --help.")
    assert "\n" not in str(mistake.value) and "─" not in str(mistake.value) and "│" not in str(mistake.value)
