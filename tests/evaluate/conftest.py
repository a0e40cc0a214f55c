"""Small datasets in the layout of each protocol, and a method that knows the truth."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import binary_erosion

from saga.demo import DemoScene
from saga.errors import SagaError
from saga.evaluate import Prepared
from saga.export.rendering import render_color, render_labels
from saga.methods.base import DiscoveringMethod, ViewPrompt
from saga.query.report import Report
from saga.raster.device_scene import DeviceScene
from saga.scene import Scene

REFERENCE, TARGET = "000", "001"


@dataclass(frozen=True)
class Oracle:
    """Prepares a method that answers with the labeled object under the prompt, or with nothing, or with an error."""

    labels: np.ndarray  # [N]
    mode: str = "right"
    """ "right", "nothing" or "error"."""

    @property
    def settings(self) -> dict[str, Any]:
        return {"name": "oracle", "mode": self.mode}

    def prepare(self, name: str, scene: DeviceScene, masks: object, seed: int) -> Prepared:
        return Prepared(OracleMethod(scene, self), 0.25, {"seconds": {"steps": 1.0}})


class OracleMethod(DiscoveringMethod[Oracle]):
    """The method of an Oracle, which is its config."""

    def _segment(self, prompts: Sequence[ViewPrompt], report: Report) -> tuple[torch.Tensor, torch.Tensor]:
        if self.config.mode == "error":
            raise SagaError("nothing there")
        camera, asked = prompts[0].camera, prompts[0].parts
        seen = render_labels(self.device_scene, camera, self.config.labels)
        region = asked.mask if asked.mask is not None else asked.scribble
        under = seen[region] if region is not None else seen[asked.points[:, 1], asked.points[:, 0]]
        return self._found(np.bincount(under).argmax() if self.config.mode == "right" else -1)

    def _discover(self, report: Report) -> Iterable[tuple[torch.Tensor, torch.Tensor]]:
        return [self._found(label) for label in np.unique(self.config.labels)]

    def _found(self, label: int) -> tuple[torch.Tensor, torch.Tensor]:
        mask = torch.from_numpy(self.config.labels == label)
        return mask, mask.float()


@pytest.fixture(scope="session")
def oracle(tiny_demo: DemoScene) -> Oracle:
    return Oracle(tiny_demo.labels.astype(np.int64))


@pytest.fixture(scope="session")
def instances(tiny_folder: Path) -> dict[str, np.ndarray]:
    """Label map of each view, by stem."""
    return {path.stem: np.asarray(Image.open(path)) for path in sorted((tiny_folder / "instances").glob("*.png"))}


@pytest.fixture(scope="session")
def large(tiny_folder: Path, instances: dict[str, np.ndarray]) -> list[tuple[str, int]]:
    """The two objects that the reference and the target view show best: name and label."""
    names = json.loads((tiny_folder / "objects.json").read_text())
    area = {name: min((instances[v] == k).sum() for v in (REFERENCE, TARGET)) for name, k in names.items() if k > 0}
    return [(name, names[name]) for name in sorted(area, key=lambda name: -area[name])[:2]]


@pytest.fixture(scope="session")
def two_objects(tiny_folder: Path, large: list[tuple[str, int]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset with the tiny scene as `scene`, of which only two objects are asked for."""
    data = tmp_path_factory.mktemp("two")
    for path in tiny_folder.iterdir():
        if path.name != "objects.json":
            link(path, data / "scene" / path.name)
    (data / "scene" / "objects.json").write_text(json.dumps(dict(large)))
    return data


@pytest.fixture
def nvos(tiny_folder: Path, instances: dict[str, np.ndarray], large: list[tuple[str, int]], tmp_path: Path) -> Path:
    data = tmp_path / "nvos"
    link(tiny_folder, data / "nerf_llff_data" / "horns")
    for task, (_, label) in zip(("horns_center", "horns_left"), large, strict=True):
        inside = instances[REFERENCE] == label
        save(data / "llff/reference_image" / task / f"{REFERENCE}.JPG", np.zeros((3, 4), np.uint8))
        save(data / "llff/masks" / task / f"{TARGET}_mask.png", 255 * (instances[TARGET] == label))
        save(data / "llff/scribbles" / task / "pos_0_horns.png", 255 * binary_erosion(inside, iterations=2))
        save(data / "llff/scribbles" / task / "neg_0_horns.png", 255 * (instances[REFERENCE] == 0))
    return data


@pytest.fixture
def spin(tiny_folder: Path, instances: dict[str, np.ndarray], large: list[tuple[str, int]], tmp_path: Path) -> Path:
    data = tmp_path / "spin"
    link(tiny_folder, data / "scenes" / "fern")
    for number, (_, seen) in enumerate(instances.items()):
        for suffix in ("", "_cutout", "_pseudo"):
            drawn = seen == large[0][1] if suffix == "" else np.ones_like(seen)
            save(data / "fern (llff)" / f"image{number:03d}{suffix}.png", 255 * drawn)
    return data


@pytest.fixture
def lerf(tiny_folder: Path, instances: dict[str, np.ndarray], large: list[tuple[str, int]], tmp_path: Path) -> Path:
    data = tmp_path / "lerf"
    for part in ("images", "transforms.json", "scene.ply"):
        link(tiny_folder / part, data / "figurines" / part)
    novel = ["001", "003"]
    for stem in instances:
        if stem not in novel:
            save(data / "figurines/images_train" / f"{stem}.png", np.zeros((2, 2), np.uint8))
    for number, stem in enumerate(novel):
        for name, label in large:
            save(data / "figurines/test_mask" / str(number) / f"{name}.png", 255 * (instances[stem] == label))
    return data


@pytest.fixture
def replica(tiny_scene: Scene, tiny_folder: Path, tiny_demo: DemoScene, tmp_path: Path) -> Path:
    folder = tmp_path / "replica" / "office_0" / "Sequence_1"
    placed = DeviceScene(tiny_scene)
    poses = []
    for number, camera in enumerate(tiny_scene.cameras):
        wide = replace(camera, fx=80.0, fy=80.0, cx=80.0, cy=60.0)  # 90 degrees at 160 pixels
        save(folder / "rgb" / f"rgb_{5 * number}.png", render_color(placed, wide))
        labels = render_labels(placed, wide, tiny_demo.labels).astype(np.uint16)
        save(folder / "semantic_instance" / f"semantic_instance_{5 * number}.png", labels)
        poses += [np.linalg.inv(camera.world_to_camera).ravel()] * 5
    np.savetxt(folder / "traj_w_c.txt", np.array(poses[:-4]))
    link(tiny_folder / "scene.ply", tmp_path / "trained" / "office_0" / "scene.ply")
    return tmp_path / "replica"


def link(target: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    os.symlink(target, path)


def save(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture if picture.dtype == np.uint16 else picture.astype(np.uint8)).save(path)
