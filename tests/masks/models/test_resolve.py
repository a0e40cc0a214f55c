"""From a name, an id, a folder or a file to local files; the hub is a folder of its cache, or a stub of its library."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from saga.errors import SagaError
from saga.masks.models import MODELS, resolve_model
from saga.masks.models.resolve import find_model

hub = pytest.importorskip("huggingface_hub")
constants = pytest.importorskip("huggingface_hub.constants")
TINY = "facebook/sam2.1-hiera-tiny"


def fill(folder: Path, kind: str = "sam2_video") -> Path:
    """A folder of a model in the official layout; its weights are one number."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": kind}))
    (folder / "preprocessor_config.json").write_text("{}")
    save_file({"weight": np.ones(1000, np.float32)}, folder / "model.safetensors")
    return folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub, on a machine that may download, where nobody can be asked."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr("sys.stdin", open("/dev/null"))  # noqa: SIM115
    return tmp_path / "hub"


def keep(cache: Path, hub_id: str) -> Path:
    """A model as the hub's library keeps it."""
    place = cache / f"models--{hub_id.replace('/', '--')}"
    folder = fill(place / "snapshots" / ("a" * 40))
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text("a" * 40)
    return folder


def yes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda: "y")


def test_a_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    folder = fill(tmp_path / "mine")
    found = resolve_model(folder)
    assert (found.name, found.path, found.is_file) == ("mine", folder, False)


@pytest.mark.parametrize("given", ["sam2-tiny", TINY])
def test_a_kept_model_is_found_by_name_and_by_id_offline(
    cache: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    folder = keep(cache, TINY)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert resolve_model(given).path == folder
    found = find_model(given)
    assert found is not None and found.path == folder


def test_models_of_other_tasks_are_found_by_id(cache: Path) -> None:
    folder = keep(cache, "google/siglip2-base-patch16-224")
    assert resolve_model("google/siglip2-base-patch16-224").path == folder


@pytest.mark.parametrize("offline", [True, False])
def test_a_model_that_is_not_there_shows_what_to_copy(
    cache: Path, monkeypatch: pytest.MonkeyPatch, offline: bool
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
    with pytest.raises(SagaError) as caught:
        resolve_model("sam2-tiny")
    for fact in (
        f"hf download {TINY} --local-dir sam2.1-hiera-tiny",
        "sam2.1-hiera-tiny/ with config.json, preprocessor_config.json",
        "model.safetensors",
        "HF_HUB_OFFLINE" if offline else "nobody to ask",
    ):
        assert fact in str(caught.value)
    assert find_model("sam2-tiny") is None
    assert not cache.exists()


def test_a_no_downloads_nothing(cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    yes(monkeypatch)
    monkeypatch.setattr("builtins.input", lambda: "no")
    monkeypatch.setattr(hub, "snapshot_download", lambda *_, **kinds: (_ for _ in ()).throw(FileNotFoundError))
    with pytest.raises(SagaError, match="it was not downloaded"):
        resolve_model("sam2-tiny")
    question = capsys.readouterr().err
    assert TINY in question and "156 MB" in question and "Apache-2.0" in question


def test_only_what_a_model_needs_is_downloaded(cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    names = ["config.json", "model.safetensors", "pytorch_model.bin", "sam2.1_hiera_tiny.pt", "onnx/config.json"]
    asked: list[dict[str, object]] = []

    def download(hub_id: str, local_files_only: bool = False, **kinds: object) -> str:
        if local_files_only:
            raise FileNotFoundError
        asked.append({"id": hub_id, **kinds})
        return str(fill(tmp_path / "downloaded"))

    yes(monkeypatch)
    monkeypatch.setattr(hub, "snapshot_download", download)
    monkeypatch.setattr(hub.HfApi, "list_repo_files", lambda *_: names)
    assert resolve_model("sam2-tiny").path == tmp_path / "downloaded"
    allowed, ignored = asked[0]["allow_patterns"], asked[0]["ignore_patterns"]
    wanted = list(hub.utils.filter_repo_objects(names, allow_patterns=allowed, ignore_patterns=ignored))
    assert asked[0]["id"] == TINY and wanted == ["config.json", "model.safetensors"]


def test_an_interrupted_download_is_not_taken_for_a_model(cache: Path) -> None:
    folder = keep(cache, TINY)
    (folder / "model.safetensors").unlink()
    assert find_model("sam2-tiny") is None
    with pytest.raises(SagaError, match="nobody to ask"):
        resolve_model("sam2-tiny")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("GatedRepoError", "accept it at https://huggingface.co/facebook/sam3, run `hf auth login`"),
        ("RepositoryNotFoundError", "none of this name that may be read"),
        ("ConnectTimeout", "try again to go on where it stopped"),
    ],
)
def test_a_failed_download_says_why_in_a_line(
    cache: Path, monkeypatch: pytest.MonkeyPatch, error: str, expected: str
) -> None:
    def fail(*_: object) -> list[str]:
        raise type(error, (Exception,), {})("a long\nstory")

    yes(monkeypatch)
    monkeypatch.setattr(hub.HfApi, "list_repo_files", fail)
    with pytest.raises(SagaError) as caught:
        resolve_model("sam3")
    assert expected in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("lost", ["config.json", "preprocessor_config.json", "model.safetensors"])
def test_a_folder_says_what_it_lacks(tmp_path: Path, lost: str) -> None:
    folder = fill(tmp_path / "mine")
    (folder / lost).unlink()
    with pytest.raises(SagaError, match=f"mine: expected a model's folder, found no .*{lost}.*copy") as caught:
        resolve_model(folder)
    others = {"config.json", "preprocessor_config.json", "model.safetensors"} - {lost}
    assert not any(f"found no {name}" in str(caught.value) for name in others)


def test_parts_of_weights_are_looked_for(tmp_path: Path) -> None:
    folder = fill(tmp_path / "mine")
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    parts = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": parts}))
    with pytest.raises(SagaError, match="found no model-00002-of-00002.safetensors;"):
        resolve_model(folder)


@pytest.mark.parametrize("left", [0, 5, 40, -1])
def test_truncated_weights_are_noticed_before_they_are_loaded(tmp_path: Path, left: int) -> None:
    folder = fill(tmp_path / "mine")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:left])
    with pytest.raises(SagaError, match=r"model.safetensors: expected .*truncated"):
        resolve_model(folder)


def test_a_pointer_of_git_lfs_is_named(tmp_path: Path) -> None:
    folder = fill(tmp_path / "mine")
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    with pytest.raises(SagaError, match="Git LFS pointer"):
        resolve_model(folder)


def test_a_wrong_name_lists_the_nearest() -> None:
    with pytest.raises(SagaError, match="sam2-tinny: expected a mask model.*sam2-tiny"):
        resolve_model("sam2-tinny")


def test_the_table_of_names_needs_no_torch() -> None:
    code = "import sys; from saga.masks.models import MODELS, resolve_model; MODELS, resolve_model; "
    code += "print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.split() == ["False"]


def test_every_known_model_has_facts() -> None:
    for name, model in MODELS.items():
        assert model.name == name and model.megabytes > 0 and model.license
        assert model.is_file or model.source.count("/") == 1
        assert "\n" not in model.facts
