"""The objects of the small scene as they are, and models to ask for them."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from saga.demo import DemoScene
from saga.query import Segmentation
from saga.raster import DeviceScene
from saga.scene import Scene


def _load(name: str) -> ModuleType:
    """Modules of this folder, which are no package."""
    path = Path(__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(f"words_{name}", path)
    assert spec is not None and spec.loader is not None
    module = sys.modules.setdefault(spec.name, importlib.util.module_from_spec(spec))
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def toy() -> ModuleType:
    """The module with the model that knows colors."""
    return _load("toy")


@pytest.fixture(scope="session")
def small_models() -> ModuleType:
    """The module that writes small models with random weights."""
    pytest.importorskip("transformers")
    return _load("small_models")


@pytest.fixture(scope="session")
def placed(tiny_scene: Scene) -> DeviceScene:
    return DeviceScene(tiny_scene, "cpu")


@pytest.fixture(scope="session")
def things(tiny_demo: DemoScene, placed: DeviceScene) -> dict[str, Segmentation]:
    """Every thing of the small scene, exactly, by its name."""
    found = {}
    for index, (name, label) in enumerate(tiny_demo.names.items()):
        mask = tiny_demo.labels == label
        report = {"kind": "object" if index else "support"}
        found[name] = Segmentation(mask, mask.astype(np.float32), report, placed)
    return found
