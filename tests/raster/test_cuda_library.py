"""The CUDA library as it was built, on machines with nvcc and without a GPU too."""

from __future__ import annotations

import ctypes
import os
import re
import runpy
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch

from saga.native import bindings

ROOT = Path(__file__).parents[2]
PTX, MACHINE_CODE = 1, 2
CODES = [
    name for name, (result, _) in bindings._SIGNATURES.items() if result is ctypes.c_int and name != "saga_threads"
]

WORKSPACES = [name for name in bindings._SIGNATURES if name.endswith("_workspace")]


@pytest.fixture
def setup_script(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The functions of setup.py."""
    monkeypatch.setattr("setuptools.setup", lambda **_: None)
    return runpy.run_path(str(ROOT / "setup.py"))


@pytest.fixture
def library(setup_script: dict[str, Any]) -> ctypes.CDLL:
    """The CUDA library; may be missing only where it could not be built."""
    path = bindings.FOLDER / "libsaga_cuda.so"
    if not path.exists():
        wanted = os.environ.get("SAGA_CUDA") != "0" and setup_script["find_nvcc"]() is not None
        assert not wanted, f"nvcc is here, but {path.name} is not: run python setup.py build_ext --inplace"
        pytest.skip("no nvcc: the CUDA library is not built")
    return bindings.described(ctypes.CDLL(str(path)))


def fat_binaries(image: bytes) -> list[tuple[int, int]]:
    """(PTX or MACHINE_CODE, compute capability) of every piece of device code in a shared library."""
    found, at = [], image.find(struct.pack("<I", 0xBA55ED50))
    while at >= 0:
        _, _, header, size = struct.unpack_from("<IHHQ", image, at)
        piece, end = at + header, at + header + size
        while piece < end:
            kind, _, header, size = struct.unpack_from("<HHIQ", image, piece)
            found.append((kind, struct.unpack_from("<I", image, piece + 28)[0]))
            piece += header + size
        at = image.find(struct.pack("<I", 0xBA55ED50), end)
    return found


def test_every_kernel_is_compiled_for_every_architecture(library: ctypes.CDLL, setup_script: dict[str, Any]) -> None:
    """SAGA_CUDA_ARCHS narrows the build, and then has to be set for this test as well."""
    nvcc = setup_script["find_nvcc"]()
    asked = " ".join(setup_script["code_flags"](nvcc)) if nvcc else "sm_75 sm_80 sm_86 sm_89 sm_90"
    wanted = {int(arch) for arch in re.findall(r"sm_(\d+)", asked)}
    pieces = fat_binaries(Path(library._name).read_bytes())
    counts = {arch: pieces.count((MACHINE_CODE, arch)) for arch in wanted}
    newest = pieces.count((PTX, max(wanted)))
    assert newest > 1, pieces
    # The linker adds an empty piece of its own for one of them.
    assert all(newest <= count <= newest + 1 for count in counts.values()), (newest, counts)


def test_it_shows_the_c_interface_and_nothing_else(library: ctypes.CDLL) -> None:
    """A CUDA runtime that showed would be mixed up with PyTorch's."""
    tool = shutil.which("nm")
    if tool is None:
        pytest.skip("no nm")
    listed = subprocess.run([tool, "-D", "--defined-only", library._name], capture_output=True, text=True, check=True)
    shown = {line.split()[-1] for line in listed.stdout.splitlines()}
    assert shown == set(bindings._SIGNATURES)


def test_it_needs_neither_a_cuda_installation_nor_a_driver_to_load(library: ctypes.CDLL) -> None:
    tool = shutil.which("readelf")
    if tool is None:
        pytest.skip("no readelf")
    listed = subprocess.run([tool, "-d", library._name], capture_output=True, text=True, check=True).stdout
    needed = re.findall(r"NEEDED.*\[(.*)\]", listed)
    assert needed and not [name for name in needed if "cu" in name or "nv" in name], needed


def test_error_strings_are_sentences(library: ctypes.CDLL) -> None:
    assert library.saga_error_string(0) == b"no error"
    assert library.saga_error_string(1002) == b"out of memory"
    assert library.saga_error_string(1035) == b"the NVIDIA driver is missing or too old for this library"
    assert library.saga_error_string(1100) == library.saga_error_string(1101) == b"no CUDA device is available"


MEMORY = ctypes.create_string_buffer(1 << 20)


def some_arguments(name: str) -> list[Any]:
    """Valid sizes, and memory of the host in place of the device's: enough for a call that reaches no kernel."""
    address = ctypes.addressof(MEMORY)
    values: dict[Any, Any] = {
        bindings._CAMERA: ctypes.byref(bindings.CameraStruct(32, 32, 30, 30, 16, 16)),
        bindings._ROWS: ctypes.byref(bindings.RowsStruct(address, address, address)),
        ctypes.c_int64: 8, ctypes.c_int: 0, ctypes.c_float: 0.5, ctypes.c_double: 0.5, ctypes.c_void_p: address,
    }  # fmt: skip
    kinds = bindings._SIGNATURES[name][1]
    has_stream = kinds[-1] is ctypes.c_void_p
    return [*(values[kind] for kind in (kinds[:-1] if has_stream else kinds)), *([None] if has_stream else [])]


@pytest.mark.parametrize("name", CODES)
def test_without_a_gpu_every_call_fails_with_a_sentence(
    library: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    monkeypatch.setattr(bindings, "library", lambda device_type: library)
    said = "no CUDA device is available|the NVIDIA driver is missing or too old for this library"
    with pytest.raises(RuntimeError, match=rf"^{name}: ({said})$"):
        bindings.call("cuda", name, *some_arguments(name))


@pytest.mark.parametrize("name", WORKSPACES)
def test_a_workspace_is_a_size_or_an_error(library: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(bindings, "library", lambda device_type: library)
    try:
        size = bindings.workspace(torch.empty(0), name, *some_arguments(name)).numel()
    except RuntimeError as error:
        assert not torch.cuda.is_available()
        assert re.fullmatch(rf"{name}: [a-zA-Z -]+", str(error))  # noqa: PT017 (an answer is right as well)
    else:
        assert 0 <= size < 1 << 24


def test_without_nvcc_the_installation_says_what_is_missing(
    setup_script: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("SAGA_CUDA", raising=False)
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(setup_script["BuildError"], match=r"^no nvcc found \(CUDA_HOME, .*\); saga runs on the CPU\.$"):
        setup_script["build_cuda"](None, tmp_path / "libsaga_cuda.so", tmp_path)


def test_nvcc_is_taken_from_where_the_environment_says(
    setup_script: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    nvcc = fake_nvcc(tmp_path, "")
    monkeypatch.delenv("CUDA_PATH", raising=False)
    monkeypatch.setenv("CUDA_HOME", str(tmp_path))
    assert setup_script["find_nvcc"]() == str(nvcc)


def test_code_is_made_for_what_this_nvcc_knows(
    setup_script: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("SAGA_CUDA_ARCHS", raising=False)
    assert setup_script["CUDA_ARCHS"] == ("75", "80", "86", "89", "90")
    nvcc = str(fake_nvcc(tmp_path, "sm_80 sm_86 sm_120"))
    assert [flag.split("=")[-1] for flag in setup_script["code_flags"](nvcc)] == ["sm_80", "sm_86", "compute_86"]
    monkeypatch.setenv("SAGA_CUDA_ARCHS", "120")
    assert [flag.split("=")[-1] for flag in setup_script["code_flags"](nvcc)] == ["sm_120", "compute_120"]
    monkeypatch.setenv("SAGA_CUDA_ARCHS", "75;90")
    with pytest.raises(setup_script["BuildError"], match="compiles for none of 75, 90; saga runs on the CPU"):
        setup_script["code_flags"](nvcc)


def fake_nvcc(folder: Path, codes: str) -> Path:
    path = folder / "bin" / "nvcc"
    path.parent.mkdir()
    path.write_text(f"#!/bin/sh\nprintf '%s\\n' {codes}\n")
    path.chmod(0o755)
    return path
