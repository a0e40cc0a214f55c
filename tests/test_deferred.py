"""Modules that are known before they are loaded, in processes of their own."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAMS = {
    "known and not loaded": """
import sys, saga.train
assert "saga.train.trainer" in sys.modules and "torch" not in sys.modules
""",
    "what is set before it is loaded stays": """
import sys, saga.train
sys.modules["saga.train.trainer"]._CHECKPOINT_SECONDS = 0.0
from saga.train.trainer import _CHECKPOINT_SECONDS, train
from saga.train import train as same
assert _CHECKPOINT_SECONDS == 0.0 and train is same
""",
    "a field is loaded first": """
from saga.train import FeatureField
from saga.train.trainer import Trainer
""",
    "the operator is loaded first": """
import saga.train
from saga.raster import BlendOperator
""",
    "names that are not there": """
import sys, saga.train
trainer = sys.modules["saga.train.trainer"]
assert not hasattr(trainer, "__nothing__") and not hasattr(trainer, "nothing") and hasattr(trainer, "Trainer")
""",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_deferred_module(name: str) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAMS[name]], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
