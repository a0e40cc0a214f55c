"""Strays that are put into a scene are proposed, each for a reason, and what belongs to it is not."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from saga.cleaning import KINDS, NAMES, Cleaning, Strengths, examine, likeness
from saga.cleaning.cleaning import _asked_twice
from saga.cleaning.evidence import gather
from saga.cleaning.kinds import claimed
from saga.cleaning.pictures import worth_of
from saga.config import ConfigError
from saga.demo import DemoScene, make_scene, write_scene
from saga.demo.strays import with_strays
from saga.errors import SagaError
from saga.raster import DeviceScene
from saga.scene import Gaussians, Scene, load_scene

STRAYS = 150


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[DemoScene, DeviceScene, Scene]:
    """A demo, the same with strays as what views show, and as it was, with photographs."""
    demo = make_scene(gaussians=8000, views=8, size=(160, 120), layout="room")
    folder = tmp_path_factory.mktemp("clean") / "scene"
    write_scene(demo, folder)
    known = load_scene(folder / "scene.ply")
    gaussians, kinds = with_strays(known, STRAYS, seed=3)
    demo.__dict__["kinds"] = kinds
    return demo, DeviceScene(Scene(gaussians, known.cameras), "cpu"), known


@pytest.fixture(scope="module")
def cleaning(made: tuple[DemoScene, DeviceScene, Scene]) -> Cleaning:
    return examine(made[1])


def kinds_of(made: tuple[DemoScene, DeviceScene, Scene]) -> np.ndarray:  # [N + STRAYS]
    kinds: np.ndarray = made[0].__dict__["kinds"]
    return kinds


def test_strays_are_proposed_and_the_scene_is_not(made, cleaning: Cleaning) -> None:
    removed, stray = cleaning.propose().removed.numpy(), kinds_of(made) > 0
    weight = cleaning.evidence.weight.numpy()
    assert removed[stray].mean() > 0.9
    assert stray[removed].mean() > 0.9  # a coarse plant in a coarse room loses a few leaves without photographs
    assert weight[removed & ~stray].sum() < 0.005 * weight[~stray].sum()


def test_photographs_speak_for_what_they_show_and_against_what_they_do_not(made, cleaning: Cleaning) -> None:
    _, placed, known = made
    stray = kinds_of(made) > 0
    asked = examine(placed, photographs=True)
    removed = asked.propose().removed
    assert removed.numpy()[stray].mean() > 0.9
    change = likeness(placed, known.cameras, removed)
    assert change.loss < -5  # strays are in no photograph
    # With every real Gaussian of one object taken for a stray, its photographs keep it.
    own = torch.from_numpy((made[0].labels == 1).astype(np.float32))
    doubtful = replace(cleaning.evidence, front=torch.cat([own, torch.zeros(STRAYS)]))
    doubtful = replace(doubtful, support=replace(doubtful.support, held=torch.zeros_like(doubtful.support.held)))
    worth = worth_of(placed, known.cameras, doubtful.front > 0)
    shown = doubtful.weight > 5
    assert float((worth[(doubtful.front > 0) & shown] > 0.5).float().mean()) > 0.8


def test_photographs_protect_floaters_and_no_haze(made, cleaning: Cleaning) -> None:
    # Any veil lowers the squared error of pictures that lie beside their photographs, as if these needed it.
    geometry, evidence = made[1].geometry, cleaning.evidence
    wanted, unwanted = (replace(evidence, worth=torch.full_like(evidence.worth, worth)) for worth in (5.0, -5.0))
    alone, needed, spoiling = (
        {kind.name: kind.score(each, geometry) for kind in KINDS} for each in (evidence, wanted, unwanted)
    )
    assert torch.equal(alone["haze"], needed["haze"])
    assert not bool(needed["floaters"].any())
    assert not bool(needed["spikes"].any())
    for kind in ("haze", "floaters", "spikes"):
        assert bool((spoiling[kind] >= alone[kind]).all())
        assert bool((spoiling[kind] > alone[kind]).any())
    # Parts of a surface that are not asked for together look wrong alone.
    firm = evidence.support.firm & (alone["floaters"] > 0)
    assert bool(firm.any())
    assert torch.equal(spoiling["floaters"][firm], alone["floaters"][firm])


def test_haze_that_photographs_seem_to_need_is_in_no_picture(monkeypatch) -> None:
    asked: list[torch.Tensor] = []

    def everything_is_needed(placed, cameras, candidates: torch.Tensor, progress) -> torch.Tensor:
        asked.append(candidates)
        return candidates * 5.0

    monkeypatch.setattr("saga.cleaning.cleaning.worth_of", everything_is_needed)
    scores = {"haze": torch.tensor([1.0, 0, 0]), "floaters": torch.tensor([0, 1.0, 0])}
    _asked_twice(SimpleNamespace(scene=SimpleNamespace(cameras=[])), scores, False)
    assert [each.tolist() for each in asked] == [[True, True, False], [True, False, False]]


def test_with_photographs_what_the_first_look_proposes_holds_up_nothing_in_the_second(made, monkeypatch) -> None:
    placed = DeviceScene(Scene(made[1].scene.gaussians, made[2].cameras[:2]), "cpu")
    strays: list[torch.Tensor | None] = []

    def seen(*args, **options):
        strays.append(args[4])
        return gather(*args, **options)

    monkeypatch.setattr("saga.cleaning.cleaning.gather", seen)
    found = examine(placed, photographs=True)
    first, second = strays
    assert first is None
    assert bool(second[kinds_of(made) > 0].any())
    assert not bool(found.evidence.support.held[second].any())
    strays.clear()
    examine(placed)
    assert strays == [None]


def test_nothing_is_taken_from_a_clean_scene(made) -> None:
    clean = DeviceScene(made[2], "cpu")
    found, asked = examine(clean), examine(clean, photographs=True)
    removed = found.propose().removed
    assert float(found.evidence.weight[removed].sum() / found.evidence.weight.sum()) < 0.002
    assert likeness(clean, made[2].cameras, asked.propose().removed).loss < 0.1


def test_each_kind_finds_its_own(made, cleaning: Cleaning) -> None:
    kinds, reason = kinds_of(made), cleaning.propose().reason.numpy()
    for stray, name in ((2, "spikes"), (3, "haze")):
        reasons = reason[(kinds == stray) & (reason > 0)]
        assert np.mean(reasons == 1 + NAMES.index(name)) > 0.6, name
    counts = cleaning.propose().counts
    assert sum(counts.values()) == np.count_nonzero(reason)
    assert [kind.name for kind in KINDS] == list(NAMES) == list(counts)


def test_what_no_view_sees_goes_and_hidden_surfaces_stay(made) -> None:
    known = made[2].gaussians
    behind = np.array([[0.0, -60, 0], [0, -61, 3], [1, -64, 0]])  # behind all cameras
    everything = _appended(known, behind, 0.02, 0.9)
    found = examine(DeviceScene(Scene(everything, made[2].cameras), "cpu"))
    reason = found.propose().reason.numpy()
    assert set(reason[-3:]) == {1 + NAMES.index("unseen")}
    assert np.count_nonzero(reason == 1 + NAMES.index("unseen")) <= 3 + 0.001 * len(known)
    most = found.propose(Strengths(unseen=1)).counts["unseen"]
    assert most >= int((found.evidence.peak == 0).sum()) > 3


def test_copies_go_and_the_first_of_them_stays(made) -> None:
    known = made[2].gaussians
    rows = np.arange(0, len(known), 100)
    arrays = (known.means, known.scales, known.quaternions, known.opacities, known.sh)
    twice = Gaussians.from_arrays(*(np.concatenate([array, array[rows]]) for array in arrays))
    found = examine(DeviceScene(Scene(twice, made[2].cameras), "cpu"))
    reason = found.propose().reason.numpy() == 1 + NAMES.index("duplicates")
    assert reason[len(known) :].all()
    assert not reason[: len(known)].any()
    assert found.propose(Strengths(duplicates=0)).counts["duplicates"] == 0


def test_planned_views_do_not_tell_of_haze_and_of_the_unseen(made) -> None:
    found = examine(made[1], planned=True)
    assert set(found.untold) == {"haze", "unseen"}
    assert found.propose(Strengths(1)).counts["haze"] == 0
    removed, kinds = found.propose().removed.numpy(), kinds_of(made)
    assert removed[(kinds == 1) | (kinds == 2)].mean() > 0.9


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=2), st.sampled_from([None, *NAMES]))
def test_more_strength_never_removes_fewer(cleaning: Cleaning, strengths: list[float], kind: str | None) -> None:
    less, more = (
        cleaning.propose(Strengths(value) if kind is None else Strengths(**{kind: value})).removed
        for value in sorted(strengths)
    )
    assert not bool((less & ~more).any())


@given(st.lists(st.floats(0, 1, width=32), min_size=1), st.floats(0, 1))
def test_a_strength_claims_the_highest_scores(scores: list[float], strength: float) -> None:
    values = torch.tensor(scores)
    taken = claimed(values, strength)
    assert not bool(claimed(values, 0.0).any())
    assert not bool(taken.any()) or bool(taken.all()) or float(values[taken].min()) > float(values[~taken].max())
    assert not bool(taken[values == 0].any())


def test_strength_zero_removes_nothing(cleaning: Cleaning) -> None:
    assert not bool(cleaning.propose(Strengths(0)).removed.any())


def test_strengths_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match="floaters"):
        Strengths(floaters=1.5)


def test_a_scene_without_views_is_refused(made) -> None:
    with pytest.raises(SagaError, match="views"):
        examine(DeviceScene(Scene(made[2].gaussians, []), "cpu"))


def test_a_scene_of_very_few_gaussians_is_looked_through(made) -> None:
    few = Gaussians.from_arrays(
        np.zeros((1, 3)), np.full((1, 3), 0.1), np.eye(4)[:1], np.full(1, 0.9), np.zeros((1, 1, 3))
    )
    found = examine(DeviceScene(Scene(few, made[2].cameras), "cpu"))
    assert found.propose().counts.keys() == set(NAMES)


def _appended(known: Gaussians, means: np.ndarray, scale: float, opacity: float) -> Gaussians:
    count = len(means)
    added = (
        means,
        np.full((count, 3), scale),
        np.tile([1.0, 0, 0, 0], (count, 1)),
        np.full(count, opacity),
        np.zeros((count, *known.sh.shape[1:])),
    )
    own = (known.means, known.scales, known.quaternions, known.opacities, known.sh)
    return Gaussians.from_arrays(*(np.concatenate([a, b.astype(np.float32)]) for a, b in zip(own, added, strict=True)))
