"""Importing saga: what it loads, what it changes, and the names it offers."""

from __future__ import annotations

import importlib
import subprocess
import sys
from importlib.metadata import version

import pytest

import saga

PACKAGES = [
    "saga", "saga.assets", "saga.batch", "saga.cleaning", "saga.demo", "saga.evaluate", "saga.export",
    "saga.masks", "saga.methods",
    "saga.methods.disconerf", "saga.methods.sa3d", "saga.methods.sanerf_hq", "saga.methods.sgisrf",
    "saga.postprocess", "saga.query", "saga.raster", "saga.scene", "saga.server", "saga.session",
    "saga.train", "saga.viewer",
]  # fmt: skip
CONFIGS = [
    "saga.assets.config",
    "saga.cleaning.strengths", "saga.masks.config", "saga.query.config", "saga.train.config", "saga.methods.registry",
    "saga.methods.sa3d.config",
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


def test_importing_saga_and_its_configs_loads_no_torch() -> None:
    code = f"""
import sys
import {", ".join([*PACKAGES, *CONFIGS])}
saga.TrainConfig, saga.QueryConfig, saga.SagaError, saga.__version__
print(sorted({{"numpy", "torch"}} & set(sys.modules)))
"""
    assert _run(code).split() == ["[]"]


def test_what_a_click_loads_has_neither_scipy_nor_rich_in_it() -> None:
    """Each takes a tenth of a click by command, and most clicks have no use for it."""
    code = """
import sys
import saga.methods.saga, saga.export, saga.cli.segment
saga.methods.saga.Segmenter, saga.export.write_segmentation
print(sorted({"rich", "scipy.ndimage", "scipy.spatial", "scipy.sparse", "sklearn", "transformers"} & set(sys.modules)))
"""
    assert _run(code).split() == ["[]"]


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("os.environ.pop('OMP_WAIT_POLICY', None)", "{'OMP_WAIT_POLICY': 'PASSIVE'}"),
        ("os.environ['OMP_WAIT_POLICY'] = 'ACTIVE'", "{}"),
        ("os.environ.pop('OMP_WAIT_POLICY', None); import torch", "{}"),
    ],
)
def test_importing_saga_lets_waiting_threads_sleep_and_changes_nothing_else(before: str, expected: str) -> None:
    code = f"""
import os
{before}
old = dict(os.environ)
import saga, saga.train, saga.query
print(dict(os.environ.items() - old.items()), set(old) - set(os.environ))
"""
    assert _run(code).strip() == f"{expected} set()"


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


def test_what_is_optional_is_not_imported_with_the_package() -> None:
    """Every module but those that are a mask model imports where no extra is installed."""
    models = {f"saga.masks.models.{name}" for name in ("automatic", "file_layout", "file_model", "hub_model")}
    optional = (
        "huggingface_hub",
        "transformers",
        "segment_anything",
        "timm",
        "torchvision",
        "open3d",
        "gsplat",
        "gaussforge",
        "pxr",
        "fastapi",
        "pydantic",
        "starlette",
        "uvicorn",
        "viser",
        "websockets",
        "imageio_ffmpeg",
        "ray",
        "submitit",
    )
    code = f"""
import importlib, pkgutil, sys
for name in {optional}:
    sys.modules[name] = None
import saga
for module in pkgutil.walk_packages(saga.__path__, "saga."):
    if module.name not in {models} and "libsaga" not in module.name:
        importlib.import_module(module.name)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
