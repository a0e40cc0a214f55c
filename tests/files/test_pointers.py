"""Files that Git LFS did not fetch, wherever one is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from saga.errors import SagaError
from saga.masks.annotations.table import read_annotations
from saga.masks.formats import read_masks
from saga.scene import Gaussians
from saga.scene.colmap import read_colmap
from saga.scene.images import image_size
from saga.scene.json_file import read_json
from saga.scene.llff import read_llff

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
READERS: dict[str, Callable[[Path], object]] = {
    "scene.ply": Gaussians.read,
    "scene.ksplat": Gaussians.read,
    "transforms.json": read_json,
    "0001.jpg": image_size,
    "poses_bounds.npy": read_llff,
    "mask.png": read_masks,
    "mask.npy": read_masks,
    "mask.npz": read_masks,
    "annotations.xml": read_annotations,
    "images.bin": lambda path: read_colmap(path.parent),
}


@pytest.mark.parametrize("name", READERS)
def test_a_pointer_is_said_to_be_one(tmp_path: Path, name: str) -> None:
    if name == "images.bin":
        for other in ("cameras.bin", "points3D.bin"):
            (tmp_path / other).write_text(POINTER)
    (tmp_path / name).write_text(POINTER)
    with pytest.raises(SagaError, match="found a Git LFS pointer to it; fetch it with git lfs pull"):
        READERS[name](tmp_path / name)
