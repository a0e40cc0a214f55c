"""Loads the native backends and describes their C interface (cuda/saga.h) to ctypes."""

from __future__ import annotations

import ctypes
import functools
import warnings
from ctypes import POINTER, c_double, c_float, c_int, c_int32, c_int64, c_void_p
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from saga.scene.camera import Camera

FOLDER = Path(__file__).parent
TILE = 16
SPLAT = 8
MOST_NEIGHBORS = 32
"""Of a point, see saga_nearest_neighbors."""
MATCH_BLOCK = 16
"""Gaussians of a block of features, see saga_match."""
EXACT, DETERMINISTIC = 1, 2
LEAST_CAPABILITY = (7, 5)
"""The oldest GPUs that the CUDA library is compiled for."""


class CameraStruct(ctypes.Structure):
    """saga_camera."""

    _fields_ = [
        ("width", c_int32),
        ("height", c_int32),
        ("fx", c_float),
        ("fy", c_float),
        ("cx", c_float),
        ("cy", c_float),
        ("view", c_float * 16),
        ("slopes", c_float * 4),
    ]


class RowsStruct(ctypes.Structure):
    """saga_rows."""

    _fields_ = [("indptr", c_void_p), ("indices", c_void_p), ("weights", c_void_p)]


_CAMERA, _ROWS, _POINTER, _SIZE = POINTER(CameraStruct), POINTER(RowsStruct), c_void_p, c_int64
_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "saga_error_string": (ctypes.c_char_p, [c_int]),
    "saga_threads": (c_int, []),
    "saga_project": (c_int, [_CAMERA, _SIZE, *[_POINTER] * 8]),
    "saga_bin_workspace": (_SIZE, [_CAMERA, _SIZE, _SIZE]),
    "saga_bin": (c_int, [_CAMERA, _SIZE, *[_POINTER] * 3, _SIZE, *[_POINTER] * 4]),
    "saga_render": (c_int, [_CAMERA, *[_POINTER] * 3, _SIZE, *[_POINTER] * 2, c_int, _POINTER]),
    "saga_lift_workspace": (_SIZE, [_CAMERA, _SIZE, _SIZE, c_int]),
    "saga_lift": (c_int, [_CAMERA, _SIZE, *[_POINTER] * 3, _SIZE, *[_POINTER] * 2, c_int, *[_POINTER] * 2]),
    "saga_rows_count": (c_int, [_CAMERA, *[_POINTER] * 4, _SIZE, *[_POINTER] * 3]),
    "saga_rows_fill": (c_int, [_CAMERA, *[_POINTER] * 4, _SIZE, *[_POINTER] * 5]),
    "saga_surface_workspace": (_SIZE, [_SIZE]),
    "saga_surface": (c_int, [_CAMERA, _SIZE, *[_POINTER] * 7, _SIZE, *[_POINTER] * 5]),
    "saga_rows_render": (c_int, [_ROWS, _SIZE, _POINTER, _SIZE, *[_POINTER] * 3]),
    "saga_rows_lift_workspace": (_SIZE, [_SIZE, _SIZE]),
    "saga_rows_lift": (c_int, [_ROWS, _SIZE, _POINTER, _SIZE, _SIZE, *[_POINTER] * 4]),
    "saga_match": (c_int, [_SIZE, _SIZE, _POINTER, _SIZE, *[_POINTER] * 3]),
    "saga_rows_adam_workspace": (_SIZE, [_SIZE, _SIZE, _SIZE]),
    "saga_rows_adam": (c_int, [_ROWS, _SIZE, _POINTER, *[_SIZE] * 3, *[_POINTER] * 5, *[c_float] * 4, *[_POINTER] * 2]),
    "saga_neighbors_workspace": (_SIZE, [_SIZE]),
    "saga_nearest_distance": (c_int, [_SIZE, *[_POINTER] * 4]),
    "saga_nearest_neighbors": (c_int, [_SIZE, _POINTER, _SIZE, *[_POINTER] * 3]),
    "saga_mean_distance": (c_int, [_SIZE, _POINTER, _SIZE, *[_POINTER] * 3]),
    "saga_within_radius": (c_int, [_SIZE, _POINTER, _SIZE, _POINTER, c_double, *[_POINTER] * 3]),
    "saga_grow_region": (c_int, [_SIZE, _POINTER, c_double, *[_POINTER] * 3]),
}


@functools.cache
def library(device_type: str) -> ctypes.CDLL | None:
    """The native backend for "cpu" or "cuda", or None (with one warning) when it was not built."""
    path = FOLDER / f"libsaga_{device_type}.so"
    try:
        lib = ctypes.CDLL(str(path))
    except OSError as error:
        reason = str(error) if path.exists() else f"{path.name} was not built (no compiler at installation)"
        warnings.warn(f"saga runs on its slow PyTorch reference: {reason}.", stacklevel=3)
        return None
    return described(lib)


def described(lib: ctypes.CDLL) -> ctypes.CDLL:
    """Returns the library, with its functions' types told to ctypes."""
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    return lib


def workspace(tensor: Tensor, name: str, *arguments: Any, zero: bool = False) -> Tensor:
    """Returns the memory that the function `name` says it needs, on the tensor's device: uint8 [bytes].

    With `zero` it is 0; on the CPU, it then takes no memory where nothing is written.

    Raises:
        RuntimeError: the size is unknown, because the device could not be asked.
    """
    lib = library(tensor.device.type)
    assert lib is not None
    size = getattr(lib, name)(*arguments)
    if size < 0:
        raise RuntimeError(f"{name}: {lib.saga_error_string(-size).decode()}")
    if zero and tensor.device.type == "cpu":  # PyTorch's zeros are written
        return torch.from_numpy(np.zeros(size, np.uint8))
    return (torch.zeros if zero else torch.empty)(size, dtype=torch.uint8, device=tensor.device)


def cuda_available() -> bool:
    """Whether kernels of the CUDA library can run on PyTorch's current GPU."""
    return cuda_obstacle() is None


def cuda_obstacle() -> str | None:
    """Returns why no kernel of the CUDA library can run here, as a clause of a sentence; None when one can."""
    if torch.version.cuda is None:
        return "this PyTorch was built without CUDA"
    if not torch.cuda.is_available():
        return "PyTorch finds no GPU"
    if not (FOLDER / "libsaga_cuda.so").exists():
        return "saga was installed without its CUDA library, which takes nvcc"
    name, capability = torch.cuda.get_device_name(), torch.cuda.get_device_capability()
    if capability < LEAST_CAPABILITY:
        found, least = (".".join(map(str, version)) for version in (capability, LEAST_CAPABILITY))
        return f"{name} has compute capability {found}, and {least} is the least"
    try:
        block = torch.zeros(1, 1, MATCH_BLOCK, dtype=torch.float16, device="cuda")
        query, scores = torch.zeros(1, 1, device="cuda"), torch.empty(MATCH_BLOCK, device="cuda")
        addresses = pointer(block, torch.float16), 1, pointer(query), pointer(scores)
        call("cuda", "saga_match", 1, 1, *addresses, stream(block))
        torch.cuda.synchronize()
    except RuntimeError as error:
        return f"{name} runs no kernel of saga's CUDA library ({error})"
    return None


def call(device_type: str, name: str, *arguments: Any) -> None:
    """Calls a native function that returns an error code; RuntimeError when it is not 0."""
    lib = library(device_type)
    if lib is None:
        raise RuntimeError(f"saga's {device_type} library is not available")
    code = getattr(lib, name)(*arguments)
    if code != 0:
        raise RuntimeError(f"{name}: {lib.saga_error_string(code).decode()}")


def camera_struct(camera: Camera) -> CameraStruct:
    """Returns saga_camera of a Camera."""
    view = (c_float * 16)(*camera.world_to_camera.reshape(-1).tolist())
    slopes = (c_float * 4)(*camera.slopes)
    return CameraStruct(camera.width, camera.height, camera.fx, camera.fy, camera.cx, camera.cy, view, slopes)


def image_struct(width: int, height: int) -> CameraStruct:
    """Returns saga_camera for functions that read only the image size."""
    return CameraStruct(width, height)


def pointer(tensor: Tensor, dtype: torch.dtype = torch.float32) -> int:
    """Address of a dense tensor of the expected type."""
    assert tensor.dtype == dtype, f"expected {dtype}, found {tensor.dtype}"
    assert tensor.is_contiguous(), f"expected a dense tensor, found {tensor.shape} with strides {tensor.stride()}"
    return tensor.data_ptr()


def stream(tensor: Tensor) -> int | None:
    """Returns the current CUDA stream of a device tensor; None on the CPU."""
    return torch.cuda.current_stream(tensor.device).cuda_stream if tensor.is_cuda else None
