"""Names of files that are made of things that others named."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from saga.files.names import folded, printable, quoted_name, safe_name
from saga.scene.names import unique_stems

AWKWARD = [
    *("/", "..", ".", "", "//", "../../x.png", "/abs/x.png", "a\\b.png", "a\0b.png", "\udcff.png", "a\nb.png", "~root"),
    *(
        "x" * 5000,
        "é" * 200,
        "a/" * 300 + "b.png",
        "CON",
        "con.png",
        "aux.tar.gz",
        "COM1.jpg",
        "lpt\u00b9",
        "name.",
        " ",
    ),
    *(".hidden.png", 'a<b>:"|?*.png', "A.png", "a.png", "NUL/a.png", "Ａ.png", "_", "-", "%2E", "a b.png"),
]
TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=300)
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _is_safe(name: str) -> bool:
    devices = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in "0123456789¹²³")}
    return (
        0 < len(name.encode()) <= 200
        and not any(ord(mark) < 32 or mark in '<>:"/\\|?*\x7f' for mark in name)
        and name[0] != "."
        and name[-1] not in ". "
        and name.casefold().split(".")[0] not in devices
    )


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_names_become_safe_ones(name: str) -> None:
    assert _is_safe(safe_name(name)) and _is_safe(quoted_name(name))


@pytest.mark.parametrize("name", ["0003", "left_0003", "my photo (1)", "Küche", "1305.17", "object_001", "深度"])
def test_names_that_are_safe_stay(name: str) -> None:
    assert safe_name(name) == name


@given(st.lists(st.one_of(st.sampled_from(AWKWARD), TEXT), unique=True, max_size=12))
@QUICK
def test_files_of_views_are_safe_and_told_apart(names: list[str]) -> None:
    stems = unique_stems(names)
    assert list(stems) == names
    assert all(_is_safe(stem) for stem in stems.values())
    assert len({folded(stem) for stem in stems.values()}) == len(names)


@given(one=TEXT, other=TEXT)
@QUICK
def test_quoted_names_are_one_to_one_and_make_files(one: str, other: str, tmp_path: Path) -> None:
    assert (quoted_name(one) == quoted_name(other)) == (one == other)
    (tmp_path / f"{quoted_name(one)}.npz").touch()
    printable(one).encode()
