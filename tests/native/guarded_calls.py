"""Calls every function of the CPU library on arrays of random sizes that lie between pages nobody may touch.

    python tests/native/guarded_calls.py EXAMPLES

A read or a write past either end of any array kills the process. What is called is printed before it is, so that the
last line names the culprit; "done" is printed at the end.
"""

from __future__ import annotations

import ctypes
import faulthandler
import mmap
import sys
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from saga.native import bindings, host
from saga.scene import Camera

PAGE = mmap.PAGESIZE
_ALIGNED = 64
"""Bytes that workspaces are aligned to, as PyTorch's allocator does."""
_libc = ctypes.CDLL(None, use_errno=True)


class Guarded:
    """Makes arrays that end where memory ends, or begin where it begins; the pages around them are out of bounds."""

    def __init__(self, at_end: bool) -> None:
        self.at_end = at_end
        self._kept: list[Any] = []

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Returns a copy of an array between guard pages."""
        values = np.ascontiguousarray(values)
        copy = np.frombuffer(self._memory(values.nbytes, values.itemsize), values.dtype).reshape(values.shape)
        copy[...] = values
        return copy

    def workspace(self, size: int) -> int:
        """Returns the address of uninitialized memory between guard pages."""
        assert size >= 0
        return ctypes.addressof(self._memory(size, _ALIGNED))

    def _memory(self, size: int, alignment: int) -> Any:
        pages = max(1, -(-size // PAGE))
        memory = mmap.mmap(-1, (pages + 2) * PAGE)
        begin = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        for guard in (begin, begin + (pages + 1) * PAGE):
            assert _libc.mprotect(ctypes.c_void_p(guard), ctypes.c_size_t(PAGE), 0) == 0
        offset = PAGE + ((pages * PAGE - size) // alignment * alignment if self.at_end else 0)
        part = (ctypes.c_char * size).from_buffer(memory, offset)
        self._kept.append((memory, part))
        return part


def _address(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])


class Library:
    """The CPU library, with arrays for pointers."""

    def __init__(self) -> None:
        found = bindings.library("cpu")
        assert found is not None, "the CPU library is not built"
        self._library = found

    def __call__(self, name: str, *arguments: Any) -> int:
        print(name, *(f"{a.dtype}{list(a.shape)}" if isinstance(a, np.ndarray) else a for a in arguments), flush=True)
        plain = [_address(a) if isinstance(a, np.ndarray) else a for a in arguments]
        called = host.function(name) if name in host.SIGNATURES else getattr(self._library, name)
        result: int = called(*plain)
        if not name.endswith("_workspace"):
            assert result == 0, (name, result)
        return result


def _raster(call: Library, guarded: Guarded, rng: np.random.Generator, n: int, size: tuple[int, int], c: int) -> None:
    width, height = size
    view = np.eye(4, dtype=np.float32)
    camera = bindings.camera_struct(Camera("", width, height, 20, 20, width / 2, height / 2, view))
    pointer = ctypes.byref(camera)
    means = guarded(rng.normal(0, 2, (n, 3)).astype(np.float32) + np.array([0, 0, 3], np.float32))
    quaternions = rng.normal(size=(n, 4)).astype(np.float32)
    quaternions = guarded(quaternions / np.linalg.norm(quaternions, axis=1, keepdims=True))
    scales = guarded(rng.uniform(0.001, 0.8, (n, 3)).astype(np.float32))
    opacities = guarded(rng.uniform(0, 1, n).astype(np.float32))
    splats, depths = guarded(np.zeros((n, 8), np.float32)), guarded(np.zeros(n, np.float32))
    counts = guarded(np.zeros(n, np.int32))
    call("saga_project", pointer, n, means, quaternions, scales, opacities, splats, depths, counts, None)
    members, mask = guarded(rng.integers(0, 2, n, np.uint8)), guarded(np.zeros((height, width), np.uint8))
    call("saga_majority", pointer, n, means, quaternions, scales, opacities, members, mask)
    sides, least = guarded(rng.normal(size=(5, 4)).astype(np.float32)), guarded(rng.normal(size=5).astype(np.float32))
    call("saga_reaching", n, means, scales, sides, least, guarded(np.zeros(n, np.uint8)))
    m, tiles = int(counts.sum()), -(-width // bindings.TILE) * -(-height // bindings.TILE)
    offsets, ids = guarded(np.zeros(tiles + 1, np.int64)), guarded(np.zeros(m, np.int32))
    space = guarded.workspace(call("saga_bin_workspace", pointer, n, m))
    call("saga_bin", pointer, n, splats, depths, counts, m, offsets, ids, space, None)
    x, image = guarded(rng.normal(size=(n, c)).astype(np.float32)), guarded(np.zeros((height, width, c), np.float32))
    call("saga_render", pointer, splats, offsets, ids, c, x, image, 0, None)
    space = guarded.workspace(call("saga_lift_workspace", pointer, n, c, 0))
    call("saga_lift", pointer, n, splats, offsets, ids, c, image, x, 0, space, None)
    pixels, runs = _pixels(rng, width, height)
    pixels, runs = guarded(pixels), guarded(runs)
    p = len(pixels)
    entries = guarded(np.zeros(p, np.int32))
    tiled = (pointer, splats, offsets, ids, pixels, len(runs) - 1, runs)
    call("saga_rows_count", *tiled, entries, None)
    indptr = guarded(np.concatenate([[0], np.cumsum(entries)]).astype(np.int64))
    indices, weights = guarded(np.zeros(indptr[-1], np.int32)), guarded(np.zeros(indptr[-1], np.float32))
    call("saga_rows_fill", *tiled, indptr, indices, weights, None)
    depth, alpha = guarded(np.zeros(p, np.float32)), guarded(np.zeros(p, np.float32))
    space = guarded.workspace(call("saga_surface_workspace", n))
    geometry = (n, means, quaternions, scales, splats, offsets, ids, pixels, len(runs) - 1, runs)
    call("saga_surface", pointer, *geometry, depth, alpha, space, None)
    _training(call, guarded, rng, n, c, (indptr, indices, weights))


def _pixels(rng: np.random.Generator, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Random pixels tile by tile, int32 [p, 2], and where the runs of one tile begin and end, int64 [r + 1]."""
    pixels = np.stack([rng.integers(0, width, 9), rng.integers(0, height, 9)], 1)
    tile = pixels[:, 1] // bindings.TILE * -(-width // bindings.TILE) + pixels[:, 0] // bindings.TILE
    order = np.argsort(tile, kind="stable")
    starts = np.flatnonzero(np.concatenate([[True], np.diff(tile[order]) != 0]))
    return pixels[order].astype(np.int32), np.append(starts, len(pixels)).astype(np.int64)


def _training(
    call: Library, guarded: Guarded, rng: np.random.Generator, n: int, c: int, arrays: tuple[np.ndarray, ...]
) -> None:
    rows = ctypes.byref(bindings.RowsStruct(*(_address(array) for array in arrays)))
    chosen = guarded(rng.integers(0, len(arrays[0]) - 1, 5))
    x, y = guarded(rng.normal(size=(n, c)).astype(np.float32)), guarded(rng.normal(size=(5, c)).astype(np.float32))
    call("saga_rows_render", rows, 5, chosen, c, x, y, None)
    space = guarded.workspace(call("saga_rows_lift_workspace", n, c))
    call("saga_rows_lift", rows, 5, chosen, n, c, y, x, space, None)
    first, second, steps = (
        guarded(np.zeros(shape, kind)) for shape, kind in (((n, c), "f4"), ((n, c), "f4"), (n, "i4"))
    )
    most = len(np.unique(np.concatenate([_entries(arrays, row) for row in chosen])))
    space = guarded.workspace(call("saga_rows_adam_workspace", n, c, most))  # new pages are zero
    settings = (0.01, 0.9, 0.999, 1e-8)
    call("saga_rows_adam", rows, 5, chosen, n, c, most, y, x, first, second, steps, *settings, space, None)


def _entries(arrays: tuple[np.ndarray, ...], row: int) -> np.ndarray:
    return arrays[1][arrays[0][row] : arrays[0][row + 1]]


def _queries(call: Library, guarded: Guarded, rng: np.random.Generator, blocks: int, c: int, q: int) -> None:
    features = guarded(rng.normal(size=(blocks, c, bindings.MATCH_BLOCK)).astype(np.float16).view(np.uint16))
    scores = guarded(np.zeros(blocks * bindings.MATCH_BLOCK, np.float32))
    call("saga_match", blocks, c, features, q, guarded(rng.normal(size=(q, c)).astype(np.float32)), scores, None)


def _searches(call: Library, guarded: Guarded, rng: np.random.Generator, n: int, q: int, same: bool) -> None:
    points = guarded(np.zeros((n, 3), np.float32) if same else rng.normal(size=(n, 3)).astype(np.float32))
    space = guarded.workspace(call("saga_neighbors_workspace", n))
    distances = guarded(np.zeros(n, np.float32))
    call("saga_nearest_distance", n, points, distances, space, None)
    if n > 0:
        k = int(rng.integers(1, min(n, bindings.MOST_NEIGHBORS) + 1))
        found = guarded(np.zeros((n, k), np.int32))
        call("saga_nearest_neighbors", n, points, k, found, space, None)
        mutual, places = guarded(np.zeros((n, k), np.uint8)), guarded(np.arange(n))
        call("saga_mutual_neighbors", n, k, found, mutual)
        starts = guarded(np.concatenate([[0], mutual.sum(1).cumsum()]).astype(np.int64))
        call("saga_mutual_lists", n, k, found, mutual, places, starts, guarded(np.zeros(starts[-1], np.int32)))
        call("saga_mean_distance", n, points, int(rng.integers(1, n + 1)), distances, space, None)
    queries, within = guarded(rng.normal(size=(q, 3)).astype(np.float32)), guarded(np.zeros(q, np.uint8))
    call("saga_within_radius", n, points, q, queries, 0.5, within, space, None)
    call("saga_grow_region", n, points, 0.5, guarded((rng.random(n) < 0.2).astype(np.uint8)), space, None)


def _merging(call: Library, guarded: Guarded, rng: np.random.Generator, count: int, bins: int, views: int) -> None:
    leaves, nodes = max(1, count), 2 * max(1, count) - 1
    shapes = ((), (), (3,), (bins,), (4, views), (views,))
    arrays = [guarded(rng.uniform(0.1, 1, (nodes, *shape))) for shape in shapes]
    one, other = np.triu_indices(leaves, 1)
    kept = rng.random(len(one)) < 0.5
    pairs = guarded(np.stack([one, other], 1)[kept].astype(np.int64))
    measures = guarded(rng.uniform(0.1, 1, (len(pairs), 3)))
    results = [guarded(np.zeros((nodes, *shape))) for shape in ((), (2,), (2,))]
    children, found = guarded(np.zeros((leaves - 1, 2), np.int64)), guarded(np.zeros(1, np.int64))
    costs = ctypes.byref(host.MergeCosts(*[0.5] * len(host.MergeCosts._fields_)))
    call("saga_merge", leaves, bins, views, len(pairs), costs, *arrays, pairs, measures, children, *results, found)


def _pictures(call: Library, guarded: Guarded, rng: np.random.Generator, size: tuple[int, int], radius: int) -> None:
    width, height = size
    image = guarded(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))
    kernel = guarded(rng.uniform(0, 1, 2 * radius + 1).astype(np.float32))
    lab, gradient = guarded(np.zeros((height, width, 3), "f4")), guarded(np.zeros((height, width), "f4"))
    call("saga_color_edges", height, width, image, radius, kernel, lab, gradient)


def main(examples: int) -> None:
    """Calls everything so many times."""
    faulthandler.enable()
    call, counts = Library(), st.integers(0, 90)

    @settings(
        max_examples=examples, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(
        st.integers(0, 1 << 30),
        st.booleans(),
        counts,
        st.integers(1, 70),
        st.integers(1, 50),
        st.integers(1, 37),
        counts,
    )
    def everything(seed: int, at_end: bool, n: int, width: int, height: int, channels: int, others: int) -> None:
        rng, guarded = np.random.default_rng(seed), Guarded(at_end)
        _raster(call, guarded, rng, n, (width, height), channels)
        _queries(call, guarded, rng, others, channels, 1 + n % 5)
        _searches(call, guarded, rng, n, others, same=seed % 7 == 0)
        _pictures(call, guarded, rng, (width, height), n % 5)
        _merging(call, guarded, rng, others, channels, 1 + n % 11)

    everything()
    print("done", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
