"""Where tracks are cut, and which pieces are joined."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from saga.masks.propagation.cutting import consistent_runs
from saga.masks.propagation.joining import joined, surface_overlaps


def between(kinds: list[int], like: float = 0.9, unlike: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """Overlaps of masks of things by their numbers, and full weights."""
    same = np.equal.outer(kinds, kinds)
    return np.where(same, like, unlike), np.ones(same.shape)


def test_one_thing_is_one_run() -> None:
    assert consistent_runs(*between([1] * 6), 0.55) == [[0, 1, 2, 3, 4, 5]]


def test_a_jump_is_cut_where_it_happens() -> None:
    assert consistent_runs(*between([1, 1, 1, 2, 2]), 0.55) == [[0, 1, 2], [3, 4]]


def test_a_slip_is_taken_out_and_both_sides_stay_together() -> None:
    assert consistent_runs(*between([1, 1, 1, 2, 1, 1, 1]), 0.55) == [[0, 1, 2, 4, 5, 6], [3]]


def test_drift_is_cut_though_neighbors_agree() -> None:
    steps = np.abs(np.subtract.outer(np.arange(9), np.arange(9)))
    runs = consistent_runs(np.clip(1 - 0.2 * steps, 0, 1), np.ones((9, 9)), 0.55)
    assert len(runs) > 1 and max(map(len, runs)) <= 5


def test_what_cannot_be_compared_is_not_cut() -> None:
    overlaps, _ = between([1, 1, 2, 2])
    assert consistent_runs(overlaps, np.zeros((4, 4)), 0.55) == [[0, 1, 2, 3]]
    assert consistent_runs(np.zeros((0, 0)), np.zeros((0, 0)), 0.55) == []


def test_runs_of_one_thing_are_joined_over_what_both_see() -> None:
    members = csr_matrix(np.array([[1, 1, 1, 0, 0, 0], [0, 1, 1, 1, 0, 0], [0, 0, 0, 0, 1, 1]], np.float32))
    sees = [np.array(row, bool) for row in ([1, 1, 1, 0, 1, 1], [0, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1])]
    overlaps, evidence = surface_overlaps(members, [np.packbits(row) for row in sees], np.ones(6, np.float32))
    assert overlaps[0, 1] == 1.0 and evidence[0, 1] > 0.6
    assert overlaps[0, 2] == overlaps[1, 2] == 0.0
    group = joined(overlaps * evidence, evidence, np.zeros((3, 3), bool), 0.6)
    assert group.tolist() == [0, 0, 1]


def test_surface_counts_by_how_much_of_it_is_seen() -> None:
    members = csr_matrix(np.array([[1, 1, 0], [1, 0, 1]], np.float32))
    everything = [np.packbits(np.ones(3, bool))] * 2
    overlaps, _ = surface_overlaps(members, everything, np.array([8, 1, 1], np.float32))
    assert overlaps[0, 1] == np.float32(0.8)


def test_without_evidence_nothing_is_joined() -> None:
    assert joined(np.ones((2, 2)), np.zeros((2, 2)), np.zeros((2, 2), bool), 0.6).tolist() == [0, 1]


def test_masks_that_a_model_told_apart_stay_apart() -> None:
    apart = np.zeros((3, 3), bool)
    apart[0, 1] = apart[1, 0] = True
    overlaps = np.array([[1, 0.9, 0.7], [0.9, 1, 0.8], [0.7, 0.8, 1]])
    assert joined(overlaps, np.ones((3, 3)), apart, 0.6).tolist() == [0, 1, 1]


def test_a_chain_of_parts_does_not_join_a_part_with_the_whole() -> None:
    overlaps = np.array([[1, 0.7, 0.1], [0.7, 1, 0.65], [0.1, 0.65, 1]])
    assert joined(overlaps, np.ones((3, 3)), np.zeros((3, 3), bool), 0.6).tolist() == [0, 0, 1]
