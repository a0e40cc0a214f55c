"""The methods by name, the envelope that they share, and a further method from one file of its own."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

import saga
from saga.errors import SagaError
from saga.export import ExportConfig
from saga.masks import ArrayMasks
from saga.methods import Method, config_class, method_class, method_names, open_method, register, registry
from saga.methods.base import DiscoveringMethod
from saga.query import Prompt
from saga.raster import DeviceScene
from saga.scene import Gaussians, Scene

FILE = Path(__file__).parent / "sphere_method.py"
VIEW = "000.png"
FACTS = ["view", "prompt", "further_prompts", "timings_ms", "counts", "thresholds", "losses", "warnings"]


@pytest.fixture
def sphere() -> Iterator[ModuleType]:
    """The module of the further method, whose import registers it."""
    spec = importlib.util.spec_from_file_location(FILE.stem, FILE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[FILE.stem] = module
    spec.loader.exec_module(module)
    yield module
    del registry._registered["sphere"], sys.modules[FILE.stem]


@pytest.mark.parametrize("name", registry.BUILTIN)
def test_every_method_of_the_package_has_a_config_and_a_class(name: str) -> None:
    config, method = config_class(name), method_class(name)
    assert issubclass(method, Method) and method.Config is config
    assert config() == config(), "defaults suffice"


def test_names_that_nobody_has_are_refused_with_those_there_are() -> None:
    for look_up in (config_class, method_class):
        with pytest.raises(SagaError, match="expected one of saga, sa3d, .* found 'sa4d'"):
            look_up("sa4d")


def test_a_method_refuses_what_it_cannot_work_with(tiny_scene: Scene) -> None:
    with pytest.raises(SagaError, match="expected a Sa3dConfig as config, found a QueryConfig"):
        open_method("sa3d", tiny_scene, config_class("saga")())
    for name in ("sa3d", "sanerf-hq", "sgisrf", "disconerf"):
        with pytest.raises(SagaError, match="masks: expected a scene that was read from a file.*give masks"):
            open_method(name, replace(tiny_scene, path=None))
    with pytest.raises(SagaError, match="expected features or regions of the scene"):
        open_method("saga", tiny_scene)


@pytest.mark.parametrize("name", [name for name in registry.BUILTIN if name != "saga"])
def test_without_masks_a_method_takes_those_that_the_scene_gives_itself(
    name: str, tiny_scene: Scene, tiny_masks: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    own, asked = ArrayMasks(tiny_masks), []
    monkeypatch.setattr("saga.masks.open_masks", lambda scene, **options: asked.append(scene) or own)
    config = config_class(name)(**({"iterations": 1} if name == "disconerf" else {}))
    opened = open_method(name, tiny_scene, config, progress=False)
    assert opened.masks is own and asked == [opened.device_scene]
    open_method(name, tiny_scene, config, masks=ArrayMasks(tiny_masks), progress=False)
    assert len(asked) == 1


def test_one_file_is_a_method(sphere: ModuleType, tiny_scene: Scene) -> None:
    assert method_names()[-1] == "sphere" and config_class("sphere") is sphere.SphereConfig
    opened = open_method("sphere", tiny_scene, sphere.SphereConfig(radius=0.2))
    found = opened.segment(VIEW, points=[(80, 60)])
    assert 0 < len(found) < len(tiny_scene.gaussians)
    assert found.report["thresholds"] == {"radius": 0.2} and "distances" in found.report["timings_ms"]
    assert found.report["counts"] == {"selected": len(found)}


def test_a_name_is_taken_once(sphere: ModuleType) -> None:
    for name in ("sphere", "saga"):
        with pytest.raises(SagaError, match=f"method {name}: expected a name that is free"):
            register(name, sphere.SphereConfig)(type("Other", (Method,), {}))
    register("sphere", sphere.SphereConfig)(sphere.Sphere)


def test_the_facts_are_the_same_whatever_the_method(sphere: ModuleType, tiny_scene: Scene) -> None:
    opened = open_method("sphere", tiny_scene)
    one = opened.segment(VIEW, points=[(80, 60)])
    two = opened.segment_prompts([Prompt("000", [(80, 60)]), Prompt("001.png", [(70, 60)])])
    assert list(one.report) == list(two.report) == FACTS
    assert one.report["further_prompts"] == []
    assert two.report["view"] == VIEW, "a view is reported by its camera's name"
    assert two.report["further_prompts"] == [{"view": "001.png", "prompt": {"points": [[70, 60]]}}]
    assert "Gaussians, from 000.png)" in repr(one) and len(repr(one)) < 80


def test_prompts_are_checked_before_the_method_sees_them(
    sphere: ModuleType, tiny_scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(sphere.Sphere, "_segment", lambda self, prompts, report: seen.append(prompts))
    opened = open_method("sphere", tiny_scene)
    wrong = {
        "at least one prompt": [],
        "no such view": [Prompt("nowhere.png", [(1, 1)])],
        "which is 160 x 120": [Prompt(VIEW, [(160, 1)])],
        "expected one of points": [Prompt(VIEW, negative=[(1, 1)])],
    }
    for said, prompts in wrong.items():
        with pytest.raises(SagaError, match=said):
            opened.segment_prompts(prompts)
    assert seen == []


def test_nothing_selected_is_said_and_invalid_gaussians_never_are(sphere: ModuleType, tiny_scene: Scene) -> None:
    nothing = open_method("sphere", tiny_scene, sphere.SphereConfig(radius=1e-9)).segment(VIEW, points=[(80, 60)])
    assert len(nothing) == 0 and nothing.report["warnings"] == [f"nothing was selected: {sphere.Sphere.advice}"]
    whole = tiny_scene.gaussians
    gaussians = Gaussians.from_arrays(whole.means, whole.scales, whole.quaternions, whole.opacities, whole.sh)
    gaussians.valid[::2] = False
    everything = open_method("sphere", replace(tiny_scene, gaussians=gaussians), sphere.SphereConfig(radius=1e6))
    found = everything.segment(VIEW, points=[(80, 60)])
    assert np.array_equal(found.mask, gaussians.valid) and found.report["warnings"] == []


def test_methods_share_a_scene_on_a_device(
    sphere: ModuleType, tiny_scene: Scene, tiny_masks: dict[str, np.ndarray]
) -> None:
    device_scene = DeviceScene(tiny_scene, "cpu")
    opened = [open_method(name, device_scene, masks=ArrayMasks(tiny_masks)) for name in ("sphere", "sa3d", "sgisrf")]
    assert all(each.device_scene is device_scene and each.scene is tiny_scene for each in opened)


def test_an_answer_saves_itself(sphere: ModuleType, tiny_scene: Scene, tmp_path: Path) -> None:
    found = open_method("sphere", tiny_scene).segment(VIEW, points=[(80, 60)])
    found.save(tmp_path / "object", config=ExportConfig(masks=False))
    assert np.array_equal(np.load(tmp_path / "object" / "segmentation.npz")["mask"], found.mask)
    assert len(Gaussians.read(tmp_path / "object" / "object.ply")) == len(found)
    assert isinstance(found.tensor.mask, torch.Tensor) and found.scores.dtype == np.float32


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder for PYTHONPATH in which the further method lies as if its package were installed."""
    shutil.copy(FILE, tmp_path)
    facts = tmp_path / "sphere-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: sphere\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(
        "[saga.methods]\nsphere = sphere_method:Sphere\nbroken = sphere_method:Cube\n"
    )
    return tmp_path


def _command(installed: Path, module: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """A command of saga in a process of its own."""
    paths = os.pathsep.join([str(installed), str(Path(saga.__file__).parents[1])])
    call = [sys.executable, "-c", f"from saga.cli.{module} import main; main()", *map(str, arguments)]
    return subprocess.run(
        call, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": paths, "COLUMNS": "160"}
    )


def test_commands_offer_a_method_of_another_package(installed: Path, tiny_folder: Path) -> None:
    scene = tiny_folder / "scene.ply"
    assert "--sphere.radius" in _command(installed, "segment", "--method", "sphere", "--help").stdout
    for module in ("segment", "evaluate"):
        assert "sgisrf,disconerf,sphere" in "".join(_command(installed, module, "--help").stdout.split())
    broken = _command(installed, "segment", scene, "--method", "broken", "--view", VIEW, "--points", "80,60")
    assert broken.returncode == 2 and "method broken: expected sphere_method:Cube" in broken.stderr


@pytest.mark.slow
def test_commands_run_a_method_of_another_package(installed: Path, tiny_folder: Path, tmp_path: Path) -> None:
    given = (tiny_folder / "scene.ply", "--method", "sphere", "--masks", tiny_folder / "instances", "--view", VIEW)
    out = tmp_path / "out"
    done = _command(installed, "segment", *given, "--points", "80,60", "--set", "radius=0.25", "--out", out)
    assert done.returncode == 0, done.stderr
    assert json.loads((out / "report.json").read_text())["thresholds"] == {"radius": 0.25}
    folder = shutil.copytree(tiny_folder, tmp_path / "data" / "scene")
    label = json.loads((folder / "objects.json").read_text())["ball"]
    (folder / "objects.json").write_text(json.dumps({"ball": label}))
    asked = ("folder", folder.parent, "--masks", "instances", "--views", 1, "--no-alone", "--out", tmp_path / "results")
    done = _command(installed, "evaluate", *asked, "--method", "sphere", "--set", "radius=0.25")
    assert done.returncode == 0, done.stderr
    kept = json.loads((tmp_path / "results" / "results.json").read_text())
    assert kept["settings"]["method"]["name"] == "sphere"
    assert kept["settings"]["method"]["config"] == {"radius": 0.25}
    assert kept["scenes"][0]["records"][0]["iou"] > 0.1


def test_those_that_need_no_prompt_say_so() -> None:
    names = [name for name in registry.BUILTIN if issubclass(method_class(name), DiscoveringMethod)]
    assert names == ["saga", "disconerf"]
    assert [name for name in registry.BUILTIN if hasattr(method_class(name), "discover")] == names


def test_the_documentation_has_a_row_for_every_method() -> None:
    page = (Path(__file__).parents[2] / "docs" / "methods.md").read_text(encoding="utf-8")
    table = page[page.index("| method |") : page.index("saga-segment scene.ply")]
    assert re.findall(r"^\| `([a-z0-9-]+)`", table, re.MULTILINE) == list(registry.BUILTIN)
