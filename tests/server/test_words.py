"""Objects by words over HTTP, with a small model that is read from outside of the served folders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from fastapi.testclient import TestClient

from saga.errors import SagaError
from saga.server import Folders, Scenes, build_app
from saga.server.words import WordModel

from .conftest import Served, load


@pytest.fixture
def served(folder: Path, small_models: ModuleType, tmp_path: Path) -> Iterator[Served]:
    model = small_models.write_clip(tmp_path / "clip")
    scenes = Scenes(Folders([folder]), load, "cpu", text_model=str(model))
    with TestClient(build_app(scenes), base_url="http://127.0.0.1") as client:
        yield Served(client, folder, scenes)


def test_words_rank_all_objects_and_select_what_is_like_them(
    served: Served, toy: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = served.open()
    # With random weights nothing is sure of anything; but every file was read, every object seen, every word compared.
    unsure = served.post(f"{scene}/text", text="red mug")
    assert unsure["model"] == "clip" and len(unsure["ranking"]) > 3
    assert (served.folder / "scene.words").is_dir()
    monkeypatch.setattr(WordModel, "opened", lambda _: toy.ColorModel())
    found = served.post(f"{scene}/text", text="red toy")
    best = found["ranking"][0]
    assert best["found"] and best["gaussians"] == found["selection"]["selected"] > 0
    assert '"red toy"' in found["verdict"] and found["selection"]["answers"][0]["score"] == pytest.approx(
        best["score"], abs=1e-3
    )
    chosen = served.post(f"{scene}/answer", answer=1)
    assert chosen["selected"] == found["ranking"][1]["gaussians"]
    nothing = served.post(f"{scene}/text", text="giraffe")
    assert nothing["verdict"].startswith('nothing like "giraffe"') and nothing["ranking"][0]["rather"]
    assert not any(each["found"] for each in nothing["ranking"])
    assert nothing["selection"]["selected"] == chosen["selected"], "nothing changes"
    assert served.refused(422, "POST", f"{scene}/text", json={"text": "?!"}).startswith("text: expected a name")
    served.refused(422, "POST", f"{scene}/text", json={"text": "mug", "model": "/etc"})


def test_a_model_that_is_not_there(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(SagaError, match="none-such: expected a model of words"):
        Scenes(Folders([folder]), load, "cpu", text_model="none-such")
    monkeypatch.setattr("saga.words.open.find_model", lambda _: None)
    with pytest.raises(
        SagaError, match="siglip2: expected this model of words on this machine, found none; .*--text-model"
    ):
        WordModel(None, "cpu").opened()
