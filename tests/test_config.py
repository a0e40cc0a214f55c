"""Configs: what they take, what they refuse, and values given as text."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, fields
from typing import Annotated, Literal

import numpy as np
import pytest
from annotated_types import Ge, Gt, Le, MultipleOf

from saga.config import (
    Config,
    ConfigError,
    Fraction,
    Names,
    PositiveInt,
    describe,
    field_docs,
    field_types,
    fits,
    with_assignments,
)
from saga.masks.config import ClassicalConfig, SamConfig
from saga.masks.scene.config import SceneMaskConfig
from saga.methods.disconerf.config import DiscoNerfConfig
from saga.methods.sa3d.config import Sa3dConfig
from saga.methods.sanerf_hq.config import SanerfHqConfig
from saga.methods.sgisrf.config import SgisrfConfig
from saga.methods.sgisrf.trainer import SgisrfTraining
from saga.query.config import DiscoveryConfig, QueryConfig
from saga.regions.config import RegionConfig
from saga.train.config import TrainConfig

CONFIGS = [
    ClassicalConfig, DiscoNerfConfig, DiscoveryConfig, QueryConfig, RegionConfig, Sa3dConfig, SamConfig, SanerfHqConfig,
    SceneMaskConfig, SgisrfConfig, SgisrfTraining, TrainConfig,
]  # fmt: skip


@dataclass(frozen=True)
class Sample(Config):
    """One field of each kind."""

    count: PositiveInt = 3
    """How many."""
    share: Fraction = 0.5
    """How much of it,
    on two lines."""
    quantile: Annotated[float, Gt(0), Le(1)] = 1.0
    form: Literal["round", "square"] = "round"
    """Which form."""
    size: Annotated[float, Gt(0), Names({"small": 0.1, "large": 9.0})] | None = None
    limit: Literal["auto"] | float = "auto"
    side: Annotated[int, Ge(8), MultipleOf(8)] = 16
    on: bool = True


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"count": 0}, "count: expected a whole number, 1 or more, found 0; leave it out for the default, 3."),
        ({"count": 1.0}, "count: expected a whole number, 1 or more, found 1.0;"),
        ({"count": True}, "found True;"),
        ({"share": 1.01}, "share: expected a number from 0 to 1, found 1.01;"),
        ({"share": -0.01}, "found -0.01;"),
        ({"share": float("nan")}, "found nan;"),
        ({"share": "0.5"}, "found '0.5';"),
        ({"quantile": 0}, "quantile: expected a number, above 0 and 1 or less, found 0;"),
        ({"quantile": 1.5}, "found 1.5;"),
        ({"form": "oval"}, "form: expected round or square, found 'oval'; leave it out for the default, round."),
        ({"size": -1.0}, "size: expected small, large, a number, above 0 or none, found -1.0;"),
        ({"limit": float("inf")}, "limit: expected auto or a number, found inf;"),
        ({"side": 20}, "side: expected a whole number, 8 or more and a multiple of 8, found 20;"),
        ({"side": 0}, "found 0;"),
        ({"count": 10**400}, "count: expected a whole number, 1 or more, found 1000"),
        ({"limit": -(10**400)}, "limit: expected auto or a number, found -1000"),
        ({"on": 1}, "on: expected true or false, found 1;"),
    ],
)
def test_values_that_do_not_fit_are_refused_by_name(values: dict[str, object], expected: str) -> None:
    with pytest.raises(ConfigError) as mistake:
        Sample(**values)  # type: ignore[arg-type]
    assert expected in str(mistake.value)
    assert "\n" not in str(mistake.value)


def test_values_that_fit_are_taken() -> None:
    Sample(count=1, share=0, quantile=1, size=2, limit=-3.5, on=False)
    Sample(share=1, form="square", size=None, limit="auto")
    Sample(count=np.int64(2), share=np.float32(0.25))


@pytest.mark.parametrize("config", CONFIGS)
def test_every_field_of_every_config_has_a_type_a_fitting_default_and_a_sentence(config: type[Config]) -> None:
    kinds, docs = field_types(config), field_docs(config)
    for each in fields(config):  # type: ignore[arg-type]
        assert fits(each.default, kinds[each.name]), each.name
        assert describe(kinds[each.name])
        assert docs[each.name].endswith("."), each.name


@pytest.mark.parametrize("config", CONFIGS)
def test_numbers_that_are_none_are_refused_by_every_field(config: type[Config]) -> None:
    for each in fields(config):  # type: ignore[arg-type]
        if isinstance(each.default, int | float):
            with pytest.raises(ConfigError, match=f"^{each.name}: expected"):
                config(**{each.name: float("nan")})


def test_docs_are_those_below_the_fields() -> None:
    docs = field_docs(Sample)
    assert docs == {"count": "How many.", "share": "How much of it, on two lines.", "form": "Which form."}


def test_text_takes_the_type_of_its_field() -> None:
    config = with_assignments(
        QueryConfig(), ["filter_deviations=1", "ball_query=False", "score_threshold=0.4"], "--set"
    )
    assert (config.filter_deviations, config.ball_query, config.score_threshold) == (1.0, False, 0.4)
    assert with_assignments(config, ["score_threshold=paper"], "--set").score_threshold == "paper"
    assert with_assignments(config, ["granularity=part"], "--set").granularity == "part"
    assert with_assignments(QueryConfig(granularity="group"), ["granularity=none"], "--set").granularity is None
    assert with_assignments(TrainConfig(), ["iterations=250", "iterations=300"], "--train").iterations == 300


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("ball_qery=false", ["--set ball_qery=false: expected the name of a field of QueryConfig", "are ball_query,"]),
        ("ball_query", ["--set: expected name=value, found 'ball_query';"]),
        ("ball_query=perhaps", ["true or false", "'perhaps'", "default, True."]),
        ("clusters=2.5", ["a whole number, 1 or more", "'2.5'"]),
        ("clusters=0", ["--set clusters=0: expected a whole number, 1 or more, found '0'; leave it out"]),
        ("filter_deviations=nan", ["a number, 0 or more or none, found 'nan'"]),
        ("score_threshold=tight", ["adaptive, paper or a number, found 'tight'"]),
        ("granularity=huge", ["part, object, group or none, found 'huge'"]),
    ],
)
def test_text_that_does_not_fit_is_refused(text: str, parts: list[str]) -> None:
    with pytest.raises(ConfigError) as mistake:
        with_assignments(QueryConfig(), [text], "--set")
    for part in parts:
        assert part in str(mistake.value)


def test_configs_load_neither_torch_nor_numpy() -> None:
    modules = sorted({config.__module__ for config in CONFIGS if config is not SgisrfTraining})
    code = f"import sys, {', '.join(modules)}\nprint(sorted({{'numpy', 'torch'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
