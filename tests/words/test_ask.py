"""`segmenter.find`: objects of a scene by a text, from Python."""

from __future__ import annotations

from types import ModuleType

import pytest

from saga.methods import Segmenter
from saga.query import Segmentation


@pytest.fixture
def segmenter(tiny_scene, known_regions, known_field, things, monkeypatch: pytest.MonkeyPatch) -> Segmenter:
    """A segmenter that discovers the things of the scene, and counts how often."""
    opened = Segmenter(tiny_scene, known_field, device="cpu", regions=known_regions, progress=False)
    monkeypatch.setattr(opened, "searches", [], raising=False)

    def discover() -> list[Segmentation]:
        opened.searches.append(1)
        return list(things.values())

    monkeypatch.setattr(opened, "discover", discover)
    return opened


def test_the_best_come_first_with_what_is_known_of_them(segmenter, things, toy: ModuleType) -> None:
    model = toy.ColorModel()
    found = segmenter.find("yellow toy", model=model)
    assert (found[0].mask == things["duck"].mask).all()
    words = found[0].report["words"]
    assert words["rank"] == 1 and words["found"] and words["score"] > 0.5 and "ranking" not in words
    assert found[0].report["prompt"] == {"text": "yellow toy"}
    assert things["duck"].report == {"kind": "object"}
    scores = [each.report["words"]["score"] for each in found]
    assert scores == sorted(scores, reverse=True)
    assert len(segmenter.find("red toy", top=1, model=model)) == 1


def test_nothing_is_returned_when_nothing_is_like_it(segmenter, toy: ModuleType) -> None:
    assert segmenter.find("giraffe", model=toy.ColorModel()) == []


def test_objects_are_discovered_once_and_looked_at_once_for_each_model(segmenter, toy: ModuleType) -> None:
    model = toy.ColorModel()
    for text in ("red toy", "green toy", "yellow toy"):
        segmenter.find(text, model=model)
    assert len(segmenter.searches) == 1
    looks = len(model.seen)
    other = toy.ColorModel()
    other.identity = "colors-of-another-version"
    segmenter.find("red toy", model=other)
    assert len(segmenter.searches) == 1 and len(model.seen) == looks and len(other.seen) > 0
