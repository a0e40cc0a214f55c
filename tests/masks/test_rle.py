"""COCO run-length encoding."""

from __future__ import annotations

import numpy as np
import pytest

from saga.masks import rle

# Written by pycocotools 2.0.11.
SMALL = "01:2HNO012004"
DISC = (
    "WY6g0`8:G8I6K4K6K4L4L4L4M2M4M2N2M4M2N2N2N2N2N2N2N2N2N2N2N2O0O2N2N2O0O2N2O0O2O0O2O0O2O0O2O000O2O0O2O000O2O"
    "00000O2O0000000O2O00000000000000000000000000000000000000000001N100000001N1000001N10001N101N10001N101N101N"
    "101N101N2N101N2N2N101N2N2N2N2N2N2N2N2N2N2N2N3L3N2N3L3N3L4L4L4L5J5L5J7H9Fjb;"
)


def test_compressed_counts_of_a_small_mask() -> None:
    expected = np.zeros((5, 7), dtype=bool)
    expected[1:4, 2:6] = True
    expected[2, 3] = False
    expected[0, 0] = True
    np.testing.assert_array_equal(rle.decode(SMALL, 5, 7), expected)


def test_compressed_counts_of_a_disc() -> None:
    y, x = np.mgrid[:300, :200]
    np.testing.assert_array_equal(rle.decode(DISC, 300, 200), (y - 150) ** 2 + (x - 90) ** 2 < 70**2)


def test_counts_run_down_the_columns() -> None:
    np.testing.assert_array_equal(rle.decode([1, 3, 2], 2, 3), [[0, 1, 0], [1, 1, 0]])


@pytest.mark.parametrize("counts", [[6], [0, 6], [2, 0, 4], [0, 0, 6]])
def test_runs_may_be_empty(counts: list[int]) -> None:
    expected = np.full((2, 3), counts == [0, 6])
    np.testing.assert_array_equal(rle.decode(counts, 2, 3), expected)


def test_compressed_and_plain_counts_agree() -> None:
    counts = rle.unpack_counts(DISC).tolist()
    np.testing.assert_array_equal(rle.decode(counts, 300, 200), rle.decode(DISC, 300, 200))


@pytest.mark.parametrize("counts", [[5], [-1, 7], "", "é", "\x7f", "o", [[1, 2], [3, 4]], "o" * 20 + "0"])
def test_malformed_counts(counts: str | list[int]) -> None:
    with pytest.raises(ValueError, match="run.length|can't encode|inhomogeneous|dimension|shape"):
        rle.decode(counts, 2, 3)
