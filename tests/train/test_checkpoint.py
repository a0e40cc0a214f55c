"""The file of an interrupted run."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from saga.errors import SagaError
from saga.masks import ArrayMasks
from saga.scene import Gaussians, Scene
from saga.train import train
from saga.train.checkpoint import Checkpoint
from saga.train.trainer import Trainer


@pytest.fixture
def interrupted(tiny_scene, instances, quick, tmp_path, monkeypatch) -> Path:
    """The checkpoint of a run that stopped after three steps."""
    path, step = tmp_path / "run.checkpoint", Trainer.step

    def stop(trainer: Trainer) -> None:
        if trainer.iteration == 3:
            raise KeyboardInterrupt
        step(trainer)

    monkeypatch.setattr(Trainer, "step", stop)
    with pytest.raises(KeyboardInterrupt):
        train(tiny_scene, instances(), quick(), checkpoint=path, progress=False)
    monkeypatch.setattr(Trainer, "step", step)
    return path


DAMAGES = {
    "null": lambda meta, kept: (None, kept),
    "no iteration": lambda meta, kept: ({k: v for k, v in meta.items() if k != "iteration"}, kept),
    "iteration is text": lambda meta, kept: (meta | {"iteration": "3"}, kept),
    "losses": lambda meta, kept: (meta | {"losses": [1]}, kept),
    "no random state": lambda meta, kept: (meta, {k: v for k, v in kept.items() if k != "random"}),
    "one row for all": lambda meta, kept: (meta, kept | {"features": kept["features"][:1].clone()}),
    "other shape": lambda meta, kept: (meta, kept | {"features": kept["features"].reshape(-1, 16)}),
    "moments swapped": lambda meta, kept: (meta, kept | {"first": kept["second"], "second": kept["first"]}),
    "random state": lambda meta, kept: (meta, kept | {"random": torch.zeros(3, dtype=torch.uint8)}),
}


@pytest.fixture
def fresh(tiny_scene, instances, quick, monkeypatch) -> Trainer:
    """The trainer of a run that has not begun."""
    found: list[Trainer] = []

    def stop(trainer: Trainer) -> None:
        found.append(trainer)
        raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "step", stop)
    with pytest.raises(KeyboardInterrupt):
        train(tiny_scene, instances(), quick(), progress=False)
    return found[0]


def test_what_is_cut_off_is_as_good_as_none_and_what_is_something_else_is_refused(interrupted: Path, fresh: Trainer):
    with safe_open(interrupted, "pt") as file:
        whole = json.loads(file.metadata()["saga"])
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    checkpoint, before = Checkpoint(interrupted, whole["identity"]), fresh.features.clone()
    for damage in DAMAGES.values():
        metadata, kept = damage(whole, tensors)
        save_file(kept, interrupted, {"saga": json.dumps(metadata)})
        with pytest.raises(SagaError, match="run.checkpoint: expected the state of .* delete it"):
            checkpoint.restore(fresh)
        assert torch.equal(fresh.features, before) and fresh.iteration == 0
    for contents, said in ((b"", "truncated"), (b"\xff" * 1000, "truncated")):
        interrupted.write_bytes(contents)
        with pytest.warns(UserWarning, match=f"{said}.*the run starts afresh"):
            assert not checkpoint.restore(fresh)
    save_file({"features": torch.zeros(1)}, interrupted, {"saga": "[" * 100_000 + "]" * 100_000})
    with pytest.raises(SagaError, match="nested too deeply; delete it"):
        checkpoint.restore(fresh)
    save_file(tensors, interrupted, {"saga": json.dumps(whole)})
    assert checkpoint.restore(fresh) and fresh.iteration == 3


def _some_masks(masks: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: held[:-1] for name, held in masks.items()}


def test_what_is_no_file_in_its_place_is_refused_before_training(tiny_scene, instances, quick, tmp_path) -> None:
    folder, link = tmp_path / "folder", tmp_path / "link"
    folder.mkdir()
    link.symlink_to("nowhere")
    for place in (folder, link):
        with pytest.raises(SagaError, match=f"{place}: expected a file for the state .*; move it away"):
            train(tiny_scene, instances(), quick(), checkpoint=place, progress=False)
        assert place.is_symlink() == (place == link) and folder.is_dir()


@pytest.mark.parametrize("what", ["nothing", "masks", "features", "cameras", "settings", "scene"])
def test_only_the_state_of_the_same_run_is_gone_on_with(
    what, tiny_scene, tiny_masks, quick, tmp_path, monkeypatch
) -> None:
    sam = np.random.default_rng(0).normal(size=(256, 64, 64)).astype(np.float16)
    path, step = tmp_path / "run.checkpoint", Trainer.step

    def stop(trainer: Trainer) -> None:
        if trainer.iteration == 3:
            raise KeyboardInterrupt
        step(trainer)

    masks = ArrayMasks(tiny_masks, features=dict.fromkeys(tiny_masks, sam))
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", stop)
        with pytest.raises(KeyboardInterrupt):
            train(tiny_scene, masks, quick(), checkpoint=path, progress=False)
    scene, held, features, config = tiny_scene, tiny_masks, sam, quick()
    if what == "masks":
        held = _some_masks(tiny_masks)
    elif what == "features":
        features = sam + np.float16(0.5)
    elif what == "settings":
        config = quick(learning_rate=1e-3)
    elif what == "cameras":
        scene = Scene(scene.gaussians, [replace(scene.cameras[0], fx=scene.cameras[0].fx * 1.1), *scene.cameras[1:]])
    elif what == "scene":
        held = scene.gaussians
        sh = np.zeros((len(held), 1, 3), np.float32)
        moved = Gaussians.from_arrays(held.means + 0.01, held.scales, held.quaternions, held.opacities, sh)
        scene, held = Scene(moved, scene.cameras), tiny_masks
    masks = ArrayMasks(held, features=dict.fromkeys(held, features))
    alone = train(scene, masks, config, progress=False)
    named = {"nothing": None, "features": "other masks", "scene": "another scene"}.get(what, f"other {what}")
    said = nullcontext() if named is None else pytest.warns(UserWarning, match=f"of one with {named}; the run starts")
    with said:
        found = train(scene, masks, config, checkpoint=path, progress=False)
    assert torch.equal(found.features, alone.features) and not path.exists()


def test_what_a_killed_run_left_of_the_file_goes_with_it(interrupted: Path) -> None:
    (interrupted.parent / ".saga-partial-run-0123abcd").mkdir()
    (interrupted.parent / ".saga-partial-run-0123abcd" / "lock").touch()
    Checkpoint(interrupted, {}).remove()
    assert list(interrupted.parent.iterdir()) == []
