"""Options are made of configs: names, docstrings, values, and lists that may be repeated."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import fields
from typing import Any

import pytest

from saga.cli.discover import discover
from saga.cli.evaluate import evaluate
from saga.cli.options import flattened, given, joined, prefixed
from saga.cli.parse import parse
from saga.cli.segment import segment
from saga.cli.train import train
from saga.config import field_docs
from saga.methods.registry import config_class
from saga.methods.sa3d.config import Sa3dConfig
from saga.query.config import DiscoveryConfig, QueryConfig
from saga.train.config import TrainConfig

SEGMENT = ["s.ply", "--view", "0.png"]


def read_segment(*args: str) -> dict[str, Any]:
    call = parse(segment, "saga-segment", [*SEGMENT, *args], {"config": flattened(QueryConfig)})
    return call.keywords  # type: ignore[attr-defined,no-any-return]


def read_train(*args: str) -> dict[str, Any]:
    call = parse(train, "saga-train", ["s.ply", *args])
    return call.keywords  # type: ignore[attr-defined,no-any-return]


def test_help_of_another_method_lists_its_config(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parse(segment, "saga-segment --method sa3d", ["--help"], {"config": prefixed(Sa3dConfig, "sa3d")})
    assert end.value.code == 0
    shown = capsys.readouterr().out
    for field in fields(Sa3dConfig):
        assert f"--sa3d.{field.name.replace('_', '-')}" in shown


def test_options_of_training_are_those_of_its_config() -> None:
    assert read_train()["config"] == TrainConfig()
    read = read_train(
        "--iterations", "5", "--pixels-per-view", "7", "--cached-pixels", "9", "--sam-guidance", "0",
        "--start", "random", "--correspondence-form", "paper", "--seed", "3", "--learning-rate", "1",
    )  # fmt: skip
    assert read["config"] == TrainConfig(
        iterations=5, pixels_per_view=7, cached_pixels=9, sam_guidance=0.0, start="random", correspondence_form="paper",
        seed=3, learning_rate=1.0,
    )  # fmt: skip


@pytest.mark.parametrize("config", [TrainConfig, QueryConfig])
def test_every_field_is_an_option_with_its_docstring(config: type, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        (read_train if config is TrainConfig else read_segment)("--help")
    shown = " ".join(capsys.readouterr().out.replace("│", " ").split())
    docs = field_docs(config)
    for field in fields(config):
        assert f"--{field.name.replace('_', '-')}" in shown
        assert docs[field.name] in shown


@pytest.mark.parametrize(
    ("args", "values"),
    [
        (["--threshold", "0.7"], {"score_threshold": 0.7}),
        (["--score-threshold", "paper"], {"score_threshold": "paper"}),
        (["--granularity", "part"], {"granularity": "part"}),
        (["--no-filter"], {"statistical_filter": False, "region_growing": False}),
        (["--no-ball-query", "--no-region-growing"], {"ball_query": False, "region_growing": False}),
        (["--clusters=3", "--ball_quantile", "1"], {"clusters": 3, "ball_quantile": 1.0}),
    ],
)
def test_options_of_a_query_are_those_of_its_config(args: list[str], values: dict[str, Any]) -> None:
    assert read_segment(*args)["config"] == QueryConfig(**values)


@pytest.mark.parametrize("option", ["points", "negative", "also", "also-negative", "set"])
@pytest.mark.parametrize("args", ["O a b c", "O a O b c", "O a O b O c", "O a b O c"])
def test_a_list_takes_several_values_and_can_be_repeated(option: str, args: str) -> None:
    read = read_segment(*args.replace("O", f"--{option}").split())
    name = "assignments" if option == "set" else option.replace("-", "_")
    assert joined(read[name]) == ("a", "b", "c")


def test_lists_of_an_evaluation_can_be_repeated() -> None:
    args = [
        "folder",
        "data",
        "a",
        "b",
        "--out",
        "o",
        "--clicks",
        "1",
        "3",
        "--clicks",
        "5",
        "--seeds",
        "1",
        "--seeds",
        "2",
    ]
    read = parse(evaluate, "saga-eval", args).keywords  # type: ignore[attr-defined]
    assert joined(read["clicks"]) == ("1", "3", "5") and joined(read["seeds"]) == ("1", "2")
    assert read["protocol"] == "folder" and read["names"] == ("a", "b")


def test_an_option_is_found_before_the_command_line_is_parsed() -> None:
    assert given("--method", ["a", "--method", "x"], "d") == "x"
    assert given("--method", ["--method=x", "--method", "y"], "d") == "y"
    assert given("--method", ["--method"], "d") == "" and given("--method", ["a"], "d") == "d"


@pytest.mark.parametrize("method", ["disconerf", "saga"])
def test_options_of_discovery_are_those_of_the_method(method: str) -> None:
    own = DiscoveryConfig if method == "saga" else config_class(method)
    option, value = ("--similarity", 0.5) if method == "saga" else ("--regularization", 0.5)
    call = parse(discover, "saga-discover", ["s.ply", "--method", method, option, "0.5"], {"config": flattened(own)})
    config = call.keywords["config"]  # type: ignore[attr-defined]
    assert config == own(**{option.strip("-"): value})


def test_a_reader_that_has_enough_is_no_error() -> None:
    """As `saga-segment --help | head -1`: the process ends as programs do whose output nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    words = [sys.executable, "-c", "from saga.cli.entry import segment; segment()", "--help"]
    done = subprocess.run(words, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")
