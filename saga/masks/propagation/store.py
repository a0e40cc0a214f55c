"""What propagation has done so far, on disk: the route, keyframes, runs of the tracker, things; whole or not there."""

from __future__ import annotations

import json
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np
from scipy.sparse import csr_matrix

from saga.errors import SagaError
from saga.files.arrays import read_entry, read_npz
from saga.files.json_values import write_json
from saga.files.reading import reading
from saga.files.transaction import atomic_path
from saga.masks.packed import PackedMasks
from saga.masks.propagation.route import Route, Span
from saga.masks.propagation.things import Judged, Run, Things

_ADVICE = "remove the folder, and the masks are tracked again"
_Kept = TypeVar("_Kept")


class TrackStore:
    """A folder of tracked masks, read one view at a time, with the route they were tracked on and what came of it."""

    def __init__(self, folder: Path) -> None:
        """Opens a folder, which need not be there yet."""
        self.folder = folder

    def route(self, views: int) -> Route | None:
        """Returns the route on which masks were tracked; None where none was, or the file is damaged (warns).

        Args:
            views: how many views it goes through.
        """
        return self._kept(self.folder / "route.json", lambda path: _route(path, views))

    def write_route(self, route: Route) -> None:
        """Writes the route, before anything is tracked on it. Raises SagaError when the disk refuses."""
        with atomic_path(self.folder / "route.json") as temporary:
            write_json(temporary, route._asdict())

    def clear(self) -> None:
        """Removes what was tracked on a route that is not known any more."""
        for pattern in ("keyframe-*.npz", "tracked-*.npz", "judged-*.npz", "things.npz"):
            for path in self.folder.glob(pattern):
                path.unlink()

    def things(self, gaussians: int) -> Things | None:
        """Returns what geometry made of the tracks; None where that is not known, or the file is damaged (warns).

        Args:
            gaussians: how many the scene has.
        """
        return self._kept(self.folder / "things.npz", lambda path: _things(path, gaussians))

    def write_things(self, things: Things) -> None:
        """Writes what geometry made of the tracks. Raises SagaError when the disk refuses."""
        with atomic_path(self.folder / "things.npz") as temporary:
            arrays = _of_runs(things.runs) | {
                "owner": things.owner,
                "starts": things.members.indptr.astype(np.int64),
                "members": things.members.indices.astype(np.int64),
                "known": things.known,
            }
            np.savez_compressed(temporary, allow_pickle=False, **arrays)

    def judged(self, keyframe: int, gaussians: int) -> Judged | None:
        """Returns how the tracks of a keyframe were cut; None where that is not known, or the file is damaged."""
        return self._kept(self._judged(keyframe), lambda path: _judged(path, gaussians))

    def write_judged(self, keyframe: int, judged: Judged) -> None:
        """Writes how the tracks of a keyframe were cut. Raises SagaError when the disk refuses."""
        votes = judged.votes
        with atomic_path(self._judged(keyframe)) as temporary:
            arrays = _of_runs(judged.runs) | {
                "starts": votes.indptr.astype(np.int64),
                "members": votes.indices.astype(np.int64),
                "counts": votes.data,
                "known": judged.known,
            }
            np.savez_compressed(temporary, allow_pickle=False, **arrays)

    def _judged(self, keyframe: int) -> Path:
        return self.folder / f"judged-{keyframe:05d}.npz"

    def _kept(self, path: Path, read: Callable[[Path], _Kept]) -> _Kept | None:
        if not path.exists():
            return None
        try:
            with reading(path, "what propagation found", "it is found again"):
                return read(path)
        except SagaError as error:
            warnings.warn(str(error), stacklevel=4)
            return None

    def prompts_of(self, keyframe: int) -> Path:
        """Tells where the masks that a keyframe was given lie."""
        return self.folder / f"keyframe-{keyframe:05d}.npz"

    def path(self, span: Span) -> Path:
        """Tells where what the tracker found on one of its runs lies."""
        return self.folder / f"tracked-{span.keyframe:05d}-{'forward' if span.forward else 'back'}.npz"

    def holds(self, path: Path) -> bool:
        """Whether a file is there and whole; a damaged one counts as missing, with a warning."""
        if not path.exists():
            return False
        try:
            with reading(path, "tracked masks", "they are tracked again"), zipfile.ZipFile(path) as archive:
                if (damaged := archive.testzip()) is not None:
                    raise ValueError(f"{damaged} has another checksum")
        except SagaError as error:
            warnings.warn(str(error), stacklevel=3)
            return False
        return True

    def write_prompts(
        self,
        keyframe: int,
        masks: np.ndarray,  # [T, H, W] bool
    ) -> None:
        """Writes the masks of a keyframe. Raises SagaError when the disk refuses."""
        self._write(self.prompts_of(keyframe), iter([(keyframe, masks)]))

    def write(self, span: Span, masks: Iterator[np.ndarray]) -> None:
        """Writes what a run of the tracker yields, bool [T, H, W] a view; nothing is there before all is.

        Raises:
            SagaError: the disk refuses, or the tracker fails.
        """
        self._write(self.path(span), zip(span.positions, masks, strict=True))

    def read(self, path: Path, position: int) -> np.ndarray:  # [T, H, W]
        """Returns the masks at a position on the route, bool. Raises SagaError when the file is damaged."""
        with reading(path, "tracked masks", _ADVICE), zipfile.ZipFile(path) as archive:
            bits = read_entry(path, archive, archive.getinfo(f"{position}.npy"))
            height, width = read_entry(path, archive, archive.getinfo(f"{position}-size.npy")).tolist()
            if bits.dtype != np.uint8 or bits.ndim != 2 or bits.shape[1] != -(-height * width // 8):
                raise ValueError(f"masks of {bits.dtype} {list(bits.shape)} for {width}x{height}")
        return PackedMasks(np.ascontiguousarray(bits), (height, width)).masks().numpy()

    def _write(self, path: Path, masks: Iterator[tuple[int, np.ndarray]]) -> None:
        with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
            for position, at in masks:
                _add(archive, f"{position}", PackedMasks.pack(np.ascontiguousarray(at)).bits)
                _add(archive, f"{position}-size", np.array(at.shape[1:]))


def _add(archive: zipfile.ZipFile, name: str, array: np.ndarray) -> None:
    entry = zipfile.ZipInfo(f"{name}.npy")
    entry.compress_type = zipfile.ZIP_DEFLATED
    with archive.open(entry, "w", force_zip64=True) as file:
        np.lib.format.write_array(file, array, allow_pickle=False)


def _route(path: Path, views: int) -> Route:
    """Reads a route; call it inside `reading`."""
    kept = json.loads(path.read_text(encoding="utf-8"))
    route = Route(tuple(map(int, kept["views"])), bool(kept["closed"]), tuple(map(int, kept["keyframes"])))
    if sorted(route.views) != list(range(views)) or not set(route.keyframes) <= set(route.views):
        raise ValueError(f"a route through {len(route.views)} of {views} views")
    return route


def _of_runs(runs: list[Run]) -> dict[str, np.ndarray]:
    """Returns runs as arrays: keyframe, track and number of positions of each, and all positions."""
    positions = [position for run in runs for position in run.positions]
    numbers = [(run.keyframe, run.track, len(run.positions)) for run in runs]
    return {"runs": np.array(numbers, np.int64).reshape(-1, 3), "positions": np.array(positions, np.int64)}


def _runs(kept: Mapping[str, np.ndarray]) -> list[Run]:
    """Returns the runs of such arrays."""
    ends = np.cumsum(kept["runs"][:, 2])
    parts = np.split(kept["positions"], ends[:-1]) if len(ends) else []
    return [
        Run(int(keyframe), int(track), tuple(part.tolist()))
        for (keyframe, track, _), part in zip(kept["runs"], parts, strict=True)
    ]


def _judged(path: Path, gaussians: int) -> Judged:
    """Reads how tracks were cut; call it inside `reading`."""
    kept = read_npz(path)
    runs, known = _runs(kept), kept["known"]
    if len(kept["starts"]) != len(runs) + 1 or known.shape != (len(runs), -(-gaussians // 8)):
        raise ValueError(f"{len(runs)} runs, with {list(known.shape)} bytes of what is known")
    votes = csr_matrix((kept["counts"], kept["members"], kept["starts"]), shape=(len(runs), gaussians))
    votes.check_format()
    return Judged(runs, votes, known)


def _things(path: Path, gaussians: int) -> Things:
    """Reads things; call it inside `reading`."""
    kept = read_npz(path)
    runs = _runs(kept)
    starts, indices, known = kept["starts"], kept["members"], kept["known"]
    shape = (len(starts) - 1, gaussians)
    if kept["owner"].shape != (len(runs),) or known.shape != (shape[0], -(-gaussians // 8)) or known.dtype != np.uint8:
        raise ValueError(f"{shape[0]} things of {len(runs)} runs, with {list(known.shape)} bytes of what is known")
    members = csr_matrix((np.ones(len(indices), np.float32), indices, starts), shape=shape)
    members.check_format()
    return Things(runs, kept["owner"], members, known)
