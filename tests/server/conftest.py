"""The tiny demo in a folder that is served, with features and regions that are made from its labels."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")

from fastapi.testclient import TestClient

from saga.opening import load_scene
from saga.regions import SceneRegions
from saga.scene import Scene
from saga.server import Folders, Scenes, build_app
from saga.train import FeatureField

VIEW = "000.png"


def load(path: Path, images: Path | None, cameras: Path | None, note: Callable[[str], None]) -> Scene:
    """Loads a scene as the command does."""
    return load_scene(path, images, cameras, views=2, device="cpu", progress=False, say=note)


@dataclass
class Served:
    """A client, the folder that is served, and the scenes behind it."""

    client: TestClient
    folder: Path
    scenes: Scenes

    def post(self, address: str, /, **body: Any) -> Any:
        """Returns what a request with a JSON body is answered, which must go well."""
        answer = self.client.post(address, json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def refused(self, status: int, method: str, path: str, **options: Any) -> str:
        """Returns the line with which a request is refused."""
        answer = self.client.request(method, path, **options)
        assert answer.status_code == status, answer.text
        assert list(answer.json()) == ["error"]
        line: str = answer.json()["error"]
        assert line and "\n" not in line
        return line

    def open(self) -> str:
        """Opens the scene; returns its address."""
        return f"/scenes/{self.post('/scenes', path='scene.ply')['id']}"


@pytest.fixture
def folder(tiny_folder: Path, known_regions: SceneRegions, known_field: FeatureField, tmp_path: Path) -> Path:
    served = tmp_path / "served"
    served.mkdir()
    for name in ("scene.ply", "transforms.json"):
        shutil.copy(tiny_folder / name, served)
    shutil.copytree(tiny_folder / "images", served / "images")
    known_regions.save(served / "scene.regions")
    known_field.save(served / "scene.saga")
    return served


@pytest.fixture
def served(folder: Path) -> Iterator[Served]:
    scenes = Scenes(Folders([folder]), load, "cpu", most_scenes=2, most_waiting=2)
    with TestClient(build_app(scenes, most_bytes=100_000), base_url="http://127.0.0.1") as client:
        yield Served(client, folder, scenes)
