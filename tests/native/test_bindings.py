"""The types that ctypes is told against the C header that the libraries are compiled from."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from saga.native import bindings, host

ROOT = Path(__file__).parents[2]
HEADER = (ROOT / "cuda" / "saga.h").read_text()
HOST = (ROOT / "cpu" / "host.h").read_text()
SCALARS: dict[str, Any] = {
    "int": ctypes.c_int,
    "int32_t": ctypes.c_int32,
    "int64_t": ctypes.c_int64,
    "float": ctypes.c_float,
    "double": ctypes.c_double,
}
STRUCTS: dict[str, Any] = {"saga_camera": bindings.CameraStruct, "saga_rows": bindings.RowsStruct}
HOST_STRUCTS: dict[str, Any] = {"saga_merge_costs": host.MergeCosts}


def without_comments(text: str) -> str:
    return re.sub(r"/\*.*?\*/", " ", text, flags=re.DOTALL)


def ctype(declaration: str, is_result: bool = False) -> Any:
    """The ctypes type of a parameter, with its name, or of a result."""
    words = declaration.replace("*", " * ").replace("const", " ").split()
    if "*" not in words:
        return SCALARS[words[0]]
    if words[0] in STRUCTS | HOST_STRUCTS:
        return ctypes.POINTER((STRUCTS | HOST_STRUCTS)[words[0]])
    return ctypes.c_char_p if is_result and words[0] == "char" else ctypes.c_void_p


def prototypes(header: str) -> dict[str, tuple[Any, list[Any]]]:
    """Result and parameters of each function of the header."""
    found = {}
    pattern = r"^((?:const )?\w+ \*?)(saga_\w+)\(([^)]*)\);"
    for result, name, parameters in re.findall(pattern, without_comments(header), re.MULTILINE):
        listed = [] if parameters.strip() == "void" else parameters.split(",")
        found[name] = (ctype(result, is_result=True), [ctype(parameter) for parameter in listed])
    return found


def constants(header: str) -> dict[str, int]:
    return {name: int(value) for name, value in re.findall(r"#define SAGA_(\w+) (\d+)\b", without_comments(header))}


def fields(header: str, struct: str) -> list[tuple[str, Any]]:
    """Names and types of a structure of the header."""
    matched = re.search(rf"typedef struct \{{([^}}]*)\}} {struct};", without_comments(header))
    assert matched is not None
    found: list[tuple[str, Any]] = []
    for declaration in filter(None, (line.strip() for line in matched[1].split(";"))):
        kind, names = re.fullmatch(r"((?:const )?\w+ )(.*)", declaration, re.DOTALL).groups()  # type: ignore[union-attr]
        for name in names.split(","):
            array = re.search(r"\[(\d+)\]", name)
            one = ctype(kind + "*") if "*" in name else ctype(kind)
            found.append((re.sub(r"[*\s]|\[\d+\]", "", name), one * int(array[1]) if array else one))
    return found


def test_every_function_has_the_types_of_the_header() -> None:
    expected = prototypes(HEADER)
    # The parser has missed none: each name that is followed by a parenthesis is one of them.
    assert len(expected) == len(set(re.findall(r"\b(saga_\w+)\(", without_comments(HEADER)))) > 20
    assert bindings._SIGNATURES.keys() == expected.keys()
    for name, (result, parameters) in bindings._SIGNATURES.items():
        assert (name, result, parameters) == (name, *expected[name])


def test_every_function_of_the_host_has_the_types_of_its_header() -> None:
    expected = prototypes(HOST)
    assert len(expected) == len(set(re.findall(r"\b(saga_\w+)\(", without_comments(HOST)))) > 0
    assert host.SIGNATURES.keys() == expected.keys()
    for name, parameters in host.SIGNATURES.items():
        assert (name, ctypes.c_int, parameters) == (name, *expected[name])


def test_structures_have_the_fields_of_the_header() -> None:
    for header, structs in ((HEADER, STRUCTS), (HOST, HOST_STRUCTS)):
        for name, struct in structs.items():
            assert list(struct._fields_) == fields(header, name)


@pytest.mark.parametrize("name", ["TILE", "SPLAT", "MOST_NEIGHBORS", "MATCH_BLOCK", "EXACT", "DETERMINISTIC"])
def test_constants_are_those_of_the_header(name: str) -> None:
    assert getattr(bindings, name) == constants(HEADER)[name]


def test_swapped_parameters_of_the_header_are_seen() -> None:
    changed = HEADER.replace(
        "int64_t c, const float *x, float *out, int flags", "int64_t c, const float *x, int flags, float *out"
    )
    assert changed != HEADER
    assert prototypes(changed)["saga_render"] != bindings._SIGNATURES["saga_render"]
    assert prototypes(changed)["saga_lift"] == bindings._SIGNATURES["saga_lift"]


def test_tile_counts_of_another_projection_are_refused_and_nothing_is_written() -> None:
    if bindings.library("cpu") is None:
        pytest.skip("the cpu library is not built")
    camera, splats = bindings.image_struct(64, 48), torch.zeros(3, bindings.SPLAT)
    splats[:] = torch.tensor([32.0, 24, 1, 0, 1, 0.9, 20, 20])  # in the middle, over several tiles
    depths, counts = torch.ones(3), torch.ones(3, dtype=torch.int32)
    offsets, ids = torch.zeros(4 * 3 + 1, dtype=torch.int64), torch.full((100,), -1, dtype=torch.int32)
    space = bindings.workspace(splats, "saga_bin_workspace", ctypes.byref(camera), 3, 3)
    arrays = [tensor.data_ptr() for tensor in (offsets, ids, space)]
    inputs = [tensor.data_ptr() for tensor in (splats, depths, counts)]
    with pytest.raises(RuntimeError, match="saga_bin"):
        bindings.call("cpu", "saga_bin", ctypes.byref(camera), 3, *inputs, 3, *arrays, None)
    assert bool((ids == -1).all())
