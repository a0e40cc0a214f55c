"""Choosing a device, and waiting for it."""

from __future__ import annotations

import warnings

import torch

from saga.errors import SagaError
from saga.native.bindings import cuda_obstacle


def choose_device(device: str = "auto") -> str:
    """Returns "cuda" or "cpu"; "auto" takes CUDA when kernels of the installed library can run on PyTorch's GPU.

    Any other device that PyTorch knows, such as "cuda:1", is returned as it is.

    Raises:
        SagaError: "cuda" where no kernel can run.
    """
    if device not in ("auto", "cuda"):
        return device
    obstacle = cuda_obstacle()
    if obstacle is None:
        return "cuda"
    if device == "cuda":
        raise SagaError(
            f"--device cuda: {obstacle}; use --device cpu, or install saga with nvcc, and PyTorch with CUDA, "
            "on a machine with an NVIDIA GPU of compute capability 7.5 or newer."
        )
    if torch.cuda.is_available():
        warnings.warn(f"there is a GPU, but saga runs on the CPU: {obstacle}.", stacklevel=2)
    return "cpu"


def synchronize(device: str | torch.device) -> None:
    """Waits for a GPU, so that a clock read next has seen its work; returns at once on the CPU."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)
