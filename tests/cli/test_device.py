"""--device: what runs where, and what a person hears when it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from saga.errors import SagaError
from saga.native import bindings
from saga.runtime.device import choose_device
from saga.train.trainer import Trainer


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """PyTorch claims a GPU that is too old; the CUDA library seems to be there."""
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Tesla V100")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (7, 0))
    monkeypatch.setattr(bindings, "FOLDER", tmp_path)
    (tmp_path / "libsaga_cuda.so").touch()


def test_cuda_without_a_gpu_is_a_mistake(saga_train, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    done = saga_train(folder / "scene.ply", "--device", "cuda")
    done.assert_mistake("--device cuda", "--device cpu", "GPU")
    assert not (folder / "scene.saga").exists()


def test_a_gpu_that_is_too_old_is_named(saga_train, folder: Path, gpu: None) -> None:
    done = saga_train(folder / "scene.ply", "--device", "cuda")
    done.assert_mistake("--device cuda", "Tesla V100", "7.0", "7.5", "--device cpu")


def test_a_missing_library_is_named(gpu: None) -> None:
    (bindings.FOLDER / "libsaga_cuda.so").unlink()
    with pytest.raises(SagaError, match="without its CUDA library.*nvcc"):
        choose_device("cuda")


def test_auto_says_why_a_gpu_is_left_alone(gpu: None) -> None:
    with pytest.warns(UserWarning, match="saga runs on the CPU.*7.0"):
        assert choose_device("auto") == "cpu"


def test_auto_without_a_gpu_is_the_cpu(monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == "cpu" and not recwarn.list


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (RuntimeError("saga_lift: out of memory"), "--device cpu"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"), "--cached-pixels"),
        (MemoryError(), "--cached-pixels"),
    ],
)
def test_short_memory_is_told_with_what_to_lower(
    saga_train, folder: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, advice: str
) -> None:
    def exhaust(self: Trainer) -> None:
        raise error

    monkeypatch.setattr(Trainer, "step", exhaust)
    done = saga_train(folder / "scene.ply", "--masks", folder / "instances", "--device", "cpu")
    done.assert_mistake("out of memory", advice)
    assert ("GPU" in done.err) is ("saga_lift" in str(error))
