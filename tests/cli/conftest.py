"""Commands run in this process, and a scene of one's own to run them on."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

import saga.demo
from saga.cli import check, clean, demo, discover, segment, train, views
from saga.train import TrainConfig

Command = Callable[..., "Outcome"]


@dataclass(frozen=True)
class Outcome:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def errors(self) -> list[str]:
        """Lines of standard error that report a mistake."""
        return [line for line in self.err.splitlines() if line.startswith("error:")]

    def assert_mistake(self, *parts: str) -> None:
        """One error line that has all the parts, code 2, no traceback."""
        assert self.code == 2, self.err
        assert len(self.errors) == 1, self.err
        assert "Traceback" not in self.err + self.out
        for part in parts:
            assert part in self.errors[0]


@pytest.fixture
def saga_train(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """saga-train with arguments."""
    return lambda *arguments: _run(train.main, "saga-train", arguments, monkeypatch, capsys)


@pytest.fixture
def saga_clean(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """saga-clean with arguments."""
    return lambda *arguments: _run(clean.main, "saga-clean", arguments, monkeypatch, capsys)


@pytest.fixture
def saga_segment(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """saga-segment with arguments."""
    return lambda *arguments: _run(segment.main, "saga-segment", arguments, monkeypatch, capsys)


@pytest.fixture
def saga_discover(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """saga-discover with arguments."""
    return lambda *arguments: _run(discover.main, "saga-discover", arguments, monkeypatch, capsys)


@pytest.fixture
def saga_check(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """saga-check with arguments."""
    return lambda *arguments: _run(check.main, "saga-check", arguments, monkeypatch, capsys)


@pytest.fixture
def saga_views(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """saga-views with arguments."""
    return lambda *arguments: _run(views.main, "saga-views", arguments, monkeypatch, capsys)


@pytest.fixture
def saga_demo(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """saga-demo with arguments, on few small views and trained briefly."""
    monkeypatch.setattr(saga.demo, "make_scene", partial(saga.demo.make_scene, views=4, size=(160, 120)))
    training = sys.modules["saga.train"]  # as an attribute of saga, the name is the function's
    monkeypatch.setattr(training, "TrainConfig", partial(TrainConfig, iterations=60))
    return lambda *arguments: _run(demo.main, "saga-demo", arguments, monkeypatch, capsys)


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    """A copy of the tiny scene that a test may spoil."""
    made = shutil.ignore_patterns("scene.masks", "scene.regions", "scene.saga")  # by tests of what is kept beside it
    return Path(shutil.copytree(tiny_folder, tmp_path / "scene", ignore=made))


@pytest.fixture(scope="session")
def trained(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tiny scene that the command trained, with its defaults but for the masks and few steps."""
    folder = Path(shutil.copytree(tiny_folder, tmp_path_factory.mktemp("trained") / "scene"))
    arguments = ["saga-train", folder / "scene.ply", "--masks", folder / "instances", "--iterations", 20]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [*map(str, arguments), "--device", "cpu"])
        with pytest.raises(SystemExit) as end:
            train.main()
    assert end.value.code == 0
    return folder


@pytest.fixture(scope="session")
def field(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A field of the tiny scene, trained briefly by the command, without regions beside it."""
    path = tmp_path_factory.mktemp("field") / "scene.saga"
    arguments = ["saga-train", tiny_folder / "scene.ply", "--masks", tiny_folder / "instances", "--out", path]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [*map(str, arguments), "--iterations", "150", "--no-regions", "--device", "cpu"])
        with pytest.raises(SystemExit) as end:
            train.main()
    assert end.value.code == 0
    return path


def _run(
    main: Callable[[], None],
    prog: str,
    arguments: tuple[object, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Outcome:
    monkeypatch.setattr(sys, "argv", [prog, *map(str, arguments)])
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        main()
    captured = capsys.readouterr()
    assert isinstance(end.value.code, int)
    return Outcome(end.value.code, captured.out, captured.err)
