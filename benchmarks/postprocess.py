"""Post-processing of a selection in a scene of 2.5 million Gaussians, against exact searches with scipy or Open3D.

    python benchmarks/postprocess.py [--against exact|open3d] [--device cpu|cuda] [--folder FOLDER]
        [--targets 7000 50000 464000] [--clock elapsed|processor]

FOLDER holds a scene.ply and its labels.npy (0 = background), tiled until the scene is large enough; without
one, a cloud of noisy spheres on a floor serves. Times are the best of several runs; the searches
compared with run once, on the CPU: exact ones with scipy's k-d tree, or Open3D's, which the paper has. Agreement is the
share of points with the same verdict.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

import gpu
import numpy as np
import torch
import tyro
from torch import Tensor

from saga.postprocess import ball_query, grow_region, nearest_neighbor_distance, open3d, reference, statistical_filter
from saga.postprocess.neighbors import reach_of
from saga.scene import Gaussians
from saga.scene.point_cloud import import_open3d

SCENE_SIZE = 2_500_000
RUNS = 5
NOISE = 0.01  # share of a target that is scattered over its surroundings
now: Callable[[], float] = time.perf_counter
CAPTURE = Path(__file__).resolve().parents[2] / "shared" / "data" / "composite"


T = TypeVar("T")


class Peer(NamedTuple):
    """The searches that saga's are compared with; each takes what saga's took, with the radius that it found."""

    filter: Callable[[Tensor], Tensor]
    nearest: Callable[[Tensor], Tensor]
    growing: Callable[[Tensor, Tensor, float], Tensor]
    ball: Callable[[Tensor, Tensor, float], Tensor]


def open3d_nearest(
    points: Tensor,  # [n, 3]
) -> Tensor:  # [n]
    """Distances to the nearest other points, by Open3D."""
    return torch.from_numpy(np.asarray(open3d.cloud_of(points).compute_nearest_neighbor_distance())).float()


PEERS = {
    "exact": Peer(
        lambda points: statistical_filter(points, exact=True),
        reference.nearest_distance,
        lambda points, seeds, radius: reference.grow_region(points, seeds, reach_of(radius)),
        lambda scene, members, radius: reference.within_radius(scene[members], scene, members, reach_of(radius)),
    ),
    "open3d": Peer(
        open3d.statistical_filter,
        open3d_nearest,
        lambda points, seeds, radius: open3d.grow_region(points, seeds, radius)[0],
        lambda scene, members, radius: open3d.ball_query(scene, members, radius)[0],
    ),
}


class Line(NamedTuple):
    """One line of the table; times in seconds."""

    points: int
    stage: str
    ours: float
    peer: float
    agreement: float | None


def main(
    device: Literal["cpu", "cuda"] = "cpu",
    folder: Path | None = None,
    targets: tuple[int, ...] = (7000, 50_000, 464_000),
    against: Literal["exact", "open3d"] = "exact",
    clock: Literal["elapsed", "processor"] = "elapsed",
) -> None:
    """Prints the table; the processor's time, of all threads, is for machines that others use as well."""
    global now
    now = {"elapsed": time.perf_counter, "processor": time.process_time}[clock]
    if device == "cuda":
        gpu.require()
    if folder is None and CAPTURE.exists():
        folder = CAPTURE
    if against == "open3d":
        import_open3d("--against open3d")  # now, and not within a time
    points, labels = procedural() if folder is None else capture(folder)
    scene, objects = tile(points, labels)
    where = torch.cuda.get_device_name() if device == "cuda" else f"{torch.get_num_threads()} threads"
    print(f"scene: {len(scene)} points of {folder or 'noisy spheres'}, {where}, {clock} time\n")
    print(f"| points | stage | ms | {against} ms | ratio | agreement |\n| ---: | --- | ---: | ---: | ---: | ---: |")
    for count in targets:
        clean, selected = select(scene, objects, count)
        peer = PEERS[against]
        filtering = measure_filter(scene[clean], "statistical filter, no mistakes", device, peer)
        for line in [filtering, *measure(scene, selected, device, peer)]:
            print(row(line), flush=True)


def capture(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Positions [n, 3] and labels [n] of a scene."""
    return Gaussians.read(folder / "scene.ply").means, np.load(folder / "labels.npy")


def procedural() -> tuple[np.ndarray, np.ndarray]:
    """Returns points [500000, 3] in noisy shells, and the label of each [500000]."""
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(500_000, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    labels = rng.integers(0, 5, len(directions))
    centers = np.array([[0, 0, 0], [1, 0, 1], [-1, 0, 1], [1, 0, -1], [-1, 0, -1]])
    spread = rng.normal(0.5, 0.01, (len(directions), 1))
    points = np.where(labels[:, None] > 0, centers[labels] + spread * directions, 2 * directions * [1, 0.01, 1])
    return points.astype(np.float32), labels


def tile(
    points: np.ndarray,  # [n, 3]
    labels: np.ndarray,  # [n]
) -> tuple[Tensor, Tensor]:
    """Copies side by side, in one shuffled scene [N, 3]; marks the objects of the first copy, bool [N]."""
    copies = -(-SCENE_SIZE // len(points))
    width = points[:, 0].max() - points[:, 0].min()
    scene = np.concatenate([points + np.array([width * i, 0, 0], np.float32) for i in range(copies)])[:SCENE_SIZE]
    objects = np.zeros(len(scene), dtype=bool)
    objects[: len(labels)] = labels > 0
    order = np.random.default_rng(0).permutation(len(scene))
    return torch.from_numpy(scene[order]), torch.from_numpy(objects[order])


def select(
    scene: Tensor,  # [N, 3]
    objects: Tensor,  # [N] bool
    count: int,
) -> tuple[Tensor, Tensor]:
    """The objects' points nearest to one of them, bool [N], and the same with mistakes: some scattered ones."""
    candidates = objects.nonzero().squeeze(1)
    distances = (scene[candidates] - scene[candidates[0]]).square().sum(1)
    clean = torch.zeros(len(scene), dtype=torch.bool)
    clean[candidates[distances.argsort()[: int(count * (1 - NOISE))]]] = True
    low, high = scene[objects].aminmax(dim=0)
    around = (((scene >= low) & (scene <= high)).all(1) & ~clean).nonzero().squeeze(1)
    selected = clean.clone()
    selected[around[: count - int(clean.sum())]] = True  # the scene is shuffled
    return clean, selected


def measure_filter(
    target: Tensor,  # [n, 3]
    stage: str,
    device: str,
    peer: Peer,
) -> Line:
    """Measures the statistical filter against the exact one."""
    moved = target.to(device)
    ours, keep = timed(lambda: statistical_filter(moved))
    theirs, expected = timed(lambda: peer.filter(target), 1)
    return Line(len(target), stage, ours, theirs, share(keep.cpu() == expected))


def measure(
    scene: Tensor,  # [N, 3]
    selected: Tensor,  # [N] bool
    device: str,
    peer: Peer,
) -> list[Line]:
    """Measures every stage on one selection."""
    target = scene[selected]
    count = len(target)
    # What a mask would validate: a third of the selection, on one side of it.
    seeds = (target[:, 0] <= target[:, 0].median()) & (torch.arange(count) % 3 > 0)

    filtering = measure_filter(target, "statistical filter", device, peer)
    moved, moved_scene, moved_seeds = target.to(device), scene.to(device), seeds.to(device)
    nearest, distances = timed(lambda: nearest_neighbor_distance(moved))
    nearest_peer, distances_peer = timed(lambda: peer.nearest(target), 1)
    growing, (region, reach) = timed(lambda: grow_region(moved, moved_seeds))
    growing_peer, region_peer = timed(lambda: peer.growing(target, seeds, reach), 1)
    members = selected.clone()
    members[selected] = statistical_filter(target)
    moved_members = members.to(device)
    query, (joined, radius) = timed(lambda: ball_query(moved_scene, moved_members))
    query_peer, joined_peer = timed(lambda: peer.ball(scene, members, radius), 1)
    near = torch.isclose(distances.cpu(), distances_peer, rtol=1e-6, atol=0)
    return [
        filtering,
        Line(count, "nearest neighbor", nearest, nearest_peer, share(near)),
        Line(count, "region growing", growing, growing_peer, share(region.cpu() == region_peer)),
        Line(count, "ball query", query, query_peer, share(joined.cpu() == joined_peer)),
        Line(count, "points prompt: filter, ball", filtering.ours + query, filtering.peer + query_peer, None),
        Line(count, "mask prompt: growing, ball", growing + query, growing_peer + query_peer, None),
    ]


def timed(run: Callable[[], T], runs: int = RUNS) -> tuple[float, T]:
    """Seconds of the fastest run, and its result."""
    best = float("inf")
    for _ in range(runs):
        start = now()
        result = run()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        best = min(best, now() - start)
    return best, result


def share(same: Tensor) -> float:
    """Returns the share of entries that are true."""
    return float(same.float().mean())


def row(line: Line) -> str:
    """Returns one row of the table, in Markdown."""
    agreement = "" if line.agreement is None else f"{100 * line.agreement:.2f} %"
    times = f"{1e3 * line.ours:.1f} | {1e3 * line.peer:.0f} | {line.peer / line.ours:.0f}x"
    return f"| {line.points} | {line.stage} | {times} | {agreement} |"


if __name__ == "__main__":
    tyro.cli(main)
