"""A small scene with exact labels that every test may use. It is made once: do not change it."""

from __future__ import annotations

from pathlib import Path

import pytest

from saga.demo import DemoScene, make_scene, write_scene
from saga.scene import Scene, load_scene


@pytest.fixture(scope="session")
def tiny_demo() -> DemoScene:
    """The demo scene with about 4000 Gaussians and six views of 160 x 120: `labels`, `names`, `cameras`."""
    return make_scene(gaussians=4000, views=6, size=(160, 120))


@pytest.fixture(scope="session")
def tiny_folder(tiny_demo: DemoScene, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `tiny_demo`: scene.ply, labels.npy, objects.json, transforms.json, images, instances."""
    folder = tmp_path_factory.mktemp("tiny") / "scene"
    write_scene(tiny_demo, folder)
    return folder


@pytest.fixture(scope="session")
def tiny_scene(tiny_folder: Path) -> Scene:
    """`tiny_folder` as it loads: rows in the order of `tiny_demo.labels`, cameras with photographs."""
    return load_scene(tiny_folder / "scene.ply")
