"""saga-view as a command: what it says, what it serves, and how it ends."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from saga.cli.view import _chosen, view
from saga.errors import SagaError
from saga.regions import SceneRegions
from saga.scene import load_scene

START = "from saga.cli.entry import view; view()"


def _environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "200", **more}


def test_the_help_loads_no_torch_and_no_viser():
    code = f"""
import sys
sys.argv = ["saga-view", "--help"]
try:
    {START.replace("; ", chr(10) + "    ")}
except SystemExit:
    print(sorted({{"torch", "viser"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=_environment())
    assert done.stdout.strip().endswith("[]"), done.stderr
    assert "--most-shown" in done.stdout


def test_without_viser_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tiny_folder: Path):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "viser" else real(name, *a))
    with pytest.raises(SagaError, match=r'viser, found none; install it: pip install "saga-splat\[viewer\]"'):
        view(tiny_folder / "scene.ply")


def test_it_serves_until_it_is_ended_and_the_session_is_kept(
    tiny_folder: Path, known_regions: SceneRegions, tmp_path: Path
):
    pytest.importorskip("viser")
    for name in ("scene.ply", "transforms.json", "images"):
        (tmp_path / name).symlink_to(tiny_folder / name)
    known_regions.save(tmp_path / "scene.regions")
    command = [sys.executable, "-c", START, str(tmp_path / "scene.ply"), "--port", "0", "--device", "cpu"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=_environment()) as process:
        assert process.stdout is not None
        line = next(line for line in process.stdout if "Open http" in line)
        with urllib.request.urlopen(line.split("Open ")[1].split()[0], timeout=20) as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 143
    assert not list(tmp_path.glob(".*lock")) and load_scene(tmp_path / "scene.ply").path is not None


def test_the_demo_is_written_once_and_asked_for_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("saga.cli.view._DEMO_SIZE", 3000)
    written = _chosen(None, True)
    assert len(load_scene(written).gaussians) > 1000 and (tmp_path / "saga-demo-scene" / "images").is_dir()
    before = written.stat().st_mtime_ns
    assert _chosen(None, True) == written and written.stat().st_mtime_ns == before
    for scene, demo in ((written, True), (None, False)):
        with pytest.raises(SagaError, match="give one"):
            _chosen(scene, demo)
