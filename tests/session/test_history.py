"""Undo and redo against a plain list of all that was, whatever a person does."""

from __future__ import annotations

import tempfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from saga.errors import SagaError
from saga.scene import Gaussians, Scene
from saga.session import Bits, History, Session, State
from saga.session.state import combined

COUNT = 37
SETS = st.lists(st.booleans(), min_size=COUNT, max_size=COUNT).map(lambda each: np.array(each, bool))


def _scene() -> Scene:
    rng = np.random.default_rng(0)
    means, ones = rng.normal(size=(COUNT, 3)).astype(np.float32), np.ones(COUNT, np.float32)
    turned = rng.normal(size=(COUNT, 4)).astype(np.float32)
    return Scene(
        Gaussians.from_arrays(means, 0.1 * np.ones_like(means), turned, 0.5 * ones, np.zeros((COUNT, 1, 3))), []
    )


SCENE = _scene()


class Person(RuleBasedStateMachine):
    """Does anything in any order; a list of (selection, objects) says what should be there."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.file = Path(self.folder.name) / "scene.session"
        self.session = Session(SCENE, file=self.file)
        self.past = [(np.zeros(COUNT, bool), {})]
        self.now = 0

    def teardown(self) -> None:
        if hasattr(self, "session"):
            self.session.close()
            self.folder.cleanup()

    def _happened(self, selection: np.ndarray, objects: dict[str, np.ndarray]) -> None:
        present, known = self.past[self.now]
        same = known.keys() == objects.keys() and all((known[name] == objects[name]).all() for name in known)
        if not same or (present != selection).any():
            self.past[self.now + 1 :] = [(selection, objects)]
            self.now += 1
        self._check()

    def _check(self) -> None:
        selection, objects = self.past[self.now]
        assert (self.session.selection == selection).all()
        assert (self.session.state.selection.mask() == selection).all()
        assert [each.name for each in self.session.objects] == list(objects)
        assert all((each.bits.mask() == objects[each.name]).all() for each in self.session.objects)
        assert self.session.history.can_undo == (self.now > 0)
        assert self.session.history.can_redo == (self.now + 1 < len(self.past))

    @rule(mask=SETS, mode=st.sampled_from(["replace", "add", "subtract", "intersect"]))
    def select(self, mask: np.ndarray, mode: str) -> None:
        selection, objects = self.past[self.now]
        self.session.select(mask, mode)
        self._happened(combined(selection, mask, mode), objects)

    @rule()
    def invert(self) -> None:
        selection, objects = self.past[self.now]
        self.session.invert()
        self._happened(~selection, objects)

    @rule()
    def undo(self) -> None:
        self.session.undo()
        self.now = max(self.now - 1, 0)
        self._check()

    @rule()
    def redo(self) -> None:
        self.session.redo()
        self.now = min(self.now + 1, len(self.past) - 1)
        self._check()

    @precondition(lambda self: self.past[self.now][0].any())
    @rule()
    def save(self) -> None:
        selection, objects = self.past[self.now]
        name = self.session.save_object().name
        self._happened(selection, {**objects, name: selection})

    @precondition(lambda self: self.past[self.now][1])
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        selection, objects = self.past[self.now]
        name = data.draw(st.sampled_from(sorted(objects)))
        self.session.delete_objects([name])
        self._happened(selection, {key: value for key, value in objects.items() if key != name})

    @rule()
    def open_again(self) -> None:
        self.session.close()
        self.session = Session(SCENE, file=self.file)
        self._check()


TestPerson = Person.TestCase
TestPerson.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


def test_an_interrupted_program_leaves_what_was_done(tmp_path: Path):
    session = Session(SCENE, file=tmp_path / "s.session")
    session.select(np.arange(COUNT) < 5)
    session.save_object("five")
    session.file.flush()
    copy = tmp_path / "copy.session"  # what a power cut would leave
    copy.write_bytes((tmp_path / "s.session").read_bytes())
    again = Session(SCENE, file=copy)

    assert [each.name for each in again.objects] == ["five"] and len(again) == 5
    again.undo()
    again.undo()
    assert len(again) == 0 and again.objects == ()
    again.close()
    session.close()


def test_what_a_killed_program_left_goes_when_the_session_is_opened(tmp_path: Path):
    (tmp_path / ".saga-partial-s-0123abcd").mkdir()
    (tmp_path / ".saga-partial-s-0123abcd" / "lock").touch()
    Session(SCENE, file=tmp_path / "s.session").close()
    assert list(tmp_path.iterdir()) == []


def test_a_session_is_open_once(tmp_path: Path):
    first = Session(SCENE, file=tmp_path / "s.session")
    with pytest.raises(SagaError, match="no other program has open"):
        Session(SCENE, file=tmp_path / "s.session")
    first.close()
    Session(SCENE, file=tmp_path / "s.session").close()


@pytest.mark.parametrize("damage", ["cut", "another scene"])
def test_a_file_that_does_not_fit_is_put_aside(tmp_path: Path, damage: str):
    path = tmp_path / "s.session"
    session = Session(SCENE, file=path)
    session.select(np.arange(COUNT) < 5)
    session.close()
    content = path.read_bytes()
    if damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    else:
        path.write_bytes(content.replace(SCENE.gaussians.digest().encode(), b"0" * 64))
    with pytest.warns(UserWarning, match="kept as s-1.session"):
        again = Session(SCENE, file=path)

    assert len(again) == 0 and (tmp_path / "s-1.session").is_file()
    again.close()


@pytest.mark.parametrize("count", [8 * COUNT, 10**9, 0])
def test_bits_of_another_number_of_gaussians_are_refused(count: int):
    data = zlib.compress(bytes(min(count, 10**8) // 8))
    with pytest.raises(ValueError, match="another number"):
        Bits.read(COUNT, data)
    assert (Bits.read(COUNT, Bits.of(np.arange(COUNT) < 5).data).mask() == (np.arange(COUNT) < 5)).all()


def test_a_place_that_cannot_be_written_is_said_at_once(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SagaError, match="choose another"):
        Session(SCENE, file=tmp_path / "file" / "s.session")


def test_the_file_keeps_what_fits_around_the_present():
    rng = np.random.default_rng(0)
    states = [State(Bits.of(rng.random(10_000) < 0.5), done=str(number)) for number in range(20)]
    each = len(states[0].selection.data)
    kept = History(states, 10).last(5 * (each + 2100))

    assert kept.state is states[10] and 3 <= len(kept.states) <= 5


def test_a_slider_replaces_its_own_step_but_never_the_first():
    first, second, third = (State(Bits.of(np.arange(9) < size)) for size in range(3))
    history = History([first])
    history.record(second, instead=True)
    history.record(third, instead=True)

    assert history.states == (first, third)
