"""Importing saga: what it loads, what it changes, and the names it offers."""

from __future__ import annotations

import importlib
import subprocess
import sys
from importlib.metadata import version

import pytest

import saga

PACKAGES = [
    "saga", "saga.demo", "saga.evaluate", "saga.export", "saga.masks", "saga.methods", "saga.methods.disconerf",
    "saga.methods.sa3d", "saga.methods.sanerf_hq", "saga.methods.sgisrf", "saga.postprocess", "saga.query",
    "saga.raster", "saga.scene", "saga.train",
]  # fmt: skip
CONFIGS = [
    "saga.masks.config", "saga.query.config", "saga.train.config", "saga.methods.registry", "saga.methods.sa3d.config",
    "saga.methods.sanerf_hq.config", "saga.methods.sgisrf.config", "saga.methods.disconerf.config",
]  # fmt: skip


def _run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("package", PACKAGES)
def test_every_name_a_package_offers_is_there(package: str) -> None:
    module = importlib.import_module(package)
    assert module.__all__
    for name in module.__all__:
        assert getattr(module, name) is not None


def test_importing_saga_and_its_configs_loads_no_torch_and_changes_no_environment() -> None:
    code = f"""
import os, sys
before = dict(os.environ)
import {", ".join([*PACKAGES, *CONFIGS])}
saga.TrainConfig, saga.QueryConfig, saga.SagaError, saga.__version__
print(sorted({{"numpy", "torch"}} & set(sys.modules)), dict(os.environ) == before)
"""
    assert _run(code).split() == ["[]", "True"]


def test_train_is_the_function_although_a_package_has_its_name() -> None:
    code = """
import saga
import saga.train.config
from saga.train import TrainConfig
print(saga.train.__name__, callable(saga.train), saga.TrainConfig is TrainConfig)
"""
    assert _run(code).split() == ["train", "True", "True"]


def test_the_version_is_that_of_the_package() -> None:
    assert saga.__version__ == version("saga-splat")
