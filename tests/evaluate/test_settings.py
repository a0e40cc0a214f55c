"""Settings given as text."""

from __future__ import annotations

import pytest

from saga.errors import SagaError
from saga.evaluate.settings import with_settings
from saga.query import QueryConfig
from saga.train import TrainConfig


def test_values_take_the_type_of_their_field() -> None:
    config = with_settings(QueryConfig(), ["filter_deviations=1", "ball_query=false", "score_threshold=0.4"], "--set")
    assert (config.filter_deviations, config.ball_query, config.score_threshold) == (1.0, False, 0.4)
    assert with_settings(config, ["score_threshold=paper"], "--set").score_threshold == "paper"
    assert with_settings(TrainConfig(), ["iterations=250"], "--train").iterations == 250


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("ball_qery=false", ["--set ball_qery=false", "ball_query"]),
        ("ball_query", ["name=value"]),
        ("ball_query=perhaps", ["true or false", "'perhaps'"]),
        ("clusters=2.5", ["a whole number"]),
        ("filter_deviations=nan", ["a number"]),
        ("score_threshold=tight", ["a number or adaptive or paper"]),
    ],
)
def test_mistakes_are_named(text: str, parts: list[str]) -> None:
    with pytest.raises(SagaError) as mistake:
        with_settings(QueryConfig(), [text], "--set")
    for part in parts:
        assert part in str(mistake.value)
