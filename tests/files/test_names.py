"""Names that can name files anywhere, and never two the same."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saga.files.names import file_name, file_names


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("mug", "mug"),
        ("a b.c", "a b.c"),
        ("../../etc/passwd", "_._.._etc_passwd"),
        ("/absolute", "_absolute"),
        ("..", "_"),
        ("", "_"),
        ("nul", "_nul"),
        ("COM1.txt", "_COM1.txt"),
        ("a\0b", "a_b"),
        ("dot.", "dot"),
        ("\ud800x", "_x"),
    ],
)
def test_names(text: str, name: str) -> None:
    assert file_name(text) == name


@given(st.lists(st.text(max_size=300), max_size=8))
def test_names_are_safe_distinct_and_stay_in_their_folder(texts: list[str]) -> None:
    names = file_names(texts)
    assert set(names) == set(texts)
    folded = [unicodedata.normalize("NFC", name).casefold() for name in names.values()]
    assert len(set(folded)) == len(folded)
    for name in names.values():
        assert 0 < len(name.encode()) <= 255 and name not in (".", "..")
        assert Path("/out", name).parent == Path("/out") and "\0" not in name


def test_names_that_differ_in_case_or_normalization_get_numbers() -> None:
    names = file_names(["Mug", "mug", "caf\u00e9", "cafe\u0301"])
    assert list(names.values()) == ["Mug", "mug-2", "caf\u00e9", "cafe\u0301-2"]
