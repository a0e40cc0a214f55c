"""Rankings from embeddings that are known: order, certainty, nothing, ties."""

from __future__ import annotations

import numpy as np
import pytest

from saga.words.scoring import name, rank
from saga.words.vocabulary import NEUTRAL, recolored, rivals

MUG, PLATE, LAMP, CAT = np.eye(8)[:4]
REST = np.eye(8)[4:]
WORDS = ["w", "x", "y", "z"]


def _shown(*mixtures: np.ndarray) -> np.ndarray:
    rows = np.stack(mixtures)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_what_shows_the_query_in_most_crops_is_first() -> None:
    crops = [_shown(PLATE, PLATE), _shown(MUG, MUG, REST[0]), _shown(MUG, MUG, MUG), _shown(LAMP)]
    ranked = rank(crops, MUG, REST, WORDS, 20.0)
    assert [each.index for each in ranked[:2]] == [2, 1]
    assert ranked[0].found and ranked[0].probability > 0.99
    assert not ranked[2].found and not ranked[3].found
    assert ranked[1].likest == "w"


def test_nothing_is_found_where_other_words_fit_better_however_alike() -> None:
    """The cosine with the query is high, but that with a word beside it is higher."""
    crops = [_shown(0.9 * MUG + REST[1]), _shown(0.9 * MUG + 0.95 * REST[1])]
    ranked = rank(crops, MUG, REST, WORDS, 50.0)
    assert not any(each.found for each in ranked)
    assert ranked[0].index == 1 and ranked[0].likest == "x" and ranked[0].likest_probability > 0.5
    alone = rank(crops, MUG, REST[[0, 2, 3]], ["w", "y", "z"], 50.0)
    assert alone[0].found


def test_the_probability_does_not_depend_on_how_large_the_cosines_are_for_all() -> None:
    """Models have cosines around 0.1 or around 0.3: a part that all words share changes nothing."""
    common = np.zeros(9)
    common[8] = 1
    wide = [np.pad(each, (0, 1)) for each in (MUG, *REST)]
    crop = [_shown(np.pad(0.3 * MUG + 0.2 * REST[0], (0, 1)) + 2 * common)]
    plain = rank(crop, wide[0], np.stack(wide[1:]), WORDS, 30.0)[0]
    shifted = rank(crop, wide[0] + 0.5 * common, np.stack(wide[1:]) + 0.5 * common, WORDS, 30.0)[0]
    assert plain.log_odds == pytest.approx(shifted.log_odds)


def test_equals_are_told_by_how_the_crops_vary() -> None:
    clear = _shown(MUG + 0.1 * REST[0], MUG + 0.11 * REST[0])
    same = clear[::-1].copy()
    weaker = _shown(MUG + 0.5 * REST[0], MUG + 0.51 * REST[0])
    ranked = rank([clear, weaker, same], MUG, REST, WORDS, 20.0)
    assert {each.index for each in ranked if each.equal} == {0, 2}
    assert all(each.found for each in ranked)


def test_what_is_not_found_is_equal_to_nothing() -> None:
    ranked = rank([_shown(PLATE), _shown(PLATE)], MUG, REST, WORDS, 20.0)
    assert not any(each.equal for each in ranked)


def test_objects_that_no_view_shows_are_left_out() -> None:
    assert [each.index for each in rank([np.zeros((0, 8)), _shown(MUG)], MUG, REST, WORDS, 20.0)] == [1]


def test_names_are_given_where_they_fit_better_than_other_words() -> None:
    crops = [_shown(MUG), _shown(CAT + 0.2 * LAMP), _shown(PLATE + 0.8 * MUG), _shown(LAMP)]
    words = [*WORDS, "cat"]
    found = name(crops, ["mug", "plate"], np.stack([MUG, PLATE]), np.concatenate([REST, [CAT]]), words, 20.0)
    assert [each.name for each in found] == ["mug", None, "plate", None]
    assert found[1].likest == "cat"
    assert found[2].runner_up == "mug" and 0 < found[2].runner_up_probability < found[2].probability


def test_two_names_for_one_thing_do_not_take_each_other_below_the_threshold() -> None:
    crops = [_shown(MUG + 0.25 * REST[0])]
    cup = _shown(MUG + 0.05 * PLATE)[0]
    found = name(crops, ["mug", "cup"], np.stack([MUG, cup]), REST, WORDS, 10.0)[0]
    assert found.name in ("mug", "cup") and found.probability < 0.6 < found.total


def test_other_names_of_the_query_do_not_compete_with_it() -> None:
    words = ["a mug", "a dog", "a wolf", "a car"]
    rows = _shown(MUG, LAMP, LAMP + 0.5 * CAT, REST[0])
    assert rivals("cup", _shown(MUG + 0.1 * PLATE)[0], rows, words).tolist() == [False, True, True, True]
    assert rivals("plate", PLATE, rows, words).all()
    assert rivals("red mugs", PLATE, rows, words).tolist() == [False, True, True, True]


def test_a_color_competes_with_the_others() -> None:
    others = recolored("red mug")
    assert "blue mug" in others and "red mug" not in others and all(each.endswith(" mug") for each in others)
    assert recolored("a Grey cat")[0] == "a red cat" and "a gray cat" not in recolored("a Grey cat")
    assert recolored("mug") == [] and recolored("orange") == []


def test_the_neutral_words_are_many_and_different() -> None:
    assert len(set(NEUTRAL)) == len(NEUTRAL) > 100
    assert not any("\n" in word or "  " in word for word in NEUTRAL)
