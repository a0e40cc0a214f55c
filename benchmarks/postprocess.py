"""Post-processing of a selection in a scene of 2.5 million Gaussians, against exact searches with scipy.

    python benchmarks/postprocess.py [--device cpu|cuda] [--folder FOLDER] [--targets 7000 50000 464000]

FOLDER holds a scene.ply and its labels.npy (0 = background), tiled until the scene is large enough; without
one, a cloud of noisy spheres on a floor serves. Times are the best of several runs; the exact
search runs once, on the CPU. Agreement is the share of points with the same verdict. The statistical filter's exact
search is what Open3D's `remove_statistical_outlier` computes, at about the same speed.
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

from saga.postprocess import ball_query, grow_region, nearest_neighbor_distance, reference, statistical_filter
from saga.postprocess.neighbors import reach_of
from saga.scene import Gaussians

SCENE_SIZE = 2_500_000
RUNS = 5
NOISE = 0.01  # share of a target that is scattered over its surroundings
CAPTURE = Path(__file__).resolve().parents[2] / "shared" / "data" / "composite"


T = TypeVar("T")


class Line(NamedTuple):
    """One line of the table; times in seconds."""

    points: int
    stage: str
    ours: float
    exact: float
    agreement: float | None


def main(
    device: Literal["cpu", "cuda"] = "cpu",
    folder: Path | None = None,
    targets: tuple[int, ...] = (7000, 50_000, 464_000),
) -> None:
    """Prints the table."""
    if device == "cuda":
        gpu.require()
    if folder is None and CAPTURE.exists():
        folder = CAPTURE
    points, labels = procedural() if folder is None else capture(folder)
    scene, objects = tile(points, labels)
    where = torch.cuda.get_device_name() if device == "cuda" else f"{torch.get_num_threads()} threads"
    print(f"scene: {len(scene)} points of {folder or 'noisy spheres'}, {where}\n")
    print("| points | stage | ms | exact ms | ratio | agreement |\n| ---: | --- | ---: | ---: | ---: | ---: |")
    for count in targets:
        clean, selected = select(scene, objects, count)
        filtering = measure_filter(scene[clean], "statistical filter, no mistakes", device)
        for line in [filtering, *measure(scene, selected, device)]:
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
) -> Line:
    """Measures the statistical filter against the exact one."""
    moved = target.to(device)
    ours, keep = timed(lambda: statistical_filter(moved))
    exact, expected = timed(lambda: statistical_filter(target, exact=True), 1)
    return Line(len(target), stage, ours, exact, share(keep.cpu() == expected))


def measure(
    scene: Tensor,  # [N, 3]
    selected: Tensor,  # [N] bool
    device: str,
) -> list[Line]:
    """Measures every stage on one selection."""
    target = scene[selected]
    count = len(target)
    # What a mask would validate: a third of the selection, on one side of it.
    seeds = (target[:, 0] <= target[:, 0].median()) & (torch.arange(count) % 3 > 0)

    filtering = measure_filter(target, "statistical filter", device)
    moved, moved_scene, moved_seeds = target.to(device), scene.to(device), seeds.to(device)
    nearest, distances = timed(lambda: nearest_neighbor_distance(moved))
    nearest_exact, distances_exact = timed(lambda: reference.nearest_distance(target), 1)
    growing, (region, radius) = timed(lambda: grow_region(moved, moved_seeds))
    growing_exact, region_exact = timed(lambda: reference.grow_region(target, seeds, reach_of(radius)), 1)
    members = selected.clone()
    members[selected] = statistical_filter(target)
    moved_members = members.to(device)
    query, (joined, radius) = timed(lambda: ball_query(moved_scene, moved_members))
    reach = reach_of(radius)
    query_exact, joined_exact = timed(lambda: reference.within_radius(scene[members], scene, members, reach), 1)
    near = torch.isclose(distances.cpu(), distances_exact, rtol=1e-6, atol=0)
    return [
        filtering,
        Line(count, "nearest neighbor", nearest, nearest_exact, share(near)),
        Line(count, "region growing", growing, growing_exact, share(region.cpu() == region_exact)),
        Line(count, "ball query", query, query_exact, share(joined.cpu() == joined_exact)),
        Line(count, "points prompt: filter, ball", filtering.ours + query, filtering.exact + query_exact, None),
        Line(count, "mask prompt: growing, ball", growing + query, growing_exact + query_exact, None),
    ]


def timed(run: Callable[[], T], runs: int = RUNS) -> tuple[float, T]:
    """Seconds of the fastest run, and its result."""
    best = float("inf")
    for _ in range(runs):
        start = time.perf_counter()
        result = run()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - start)
    return best, result


def share(same: Tensor) -> float:
    """Returns the share of entries that are true."""
    return float(same.float().mean())


def row(line: Line) -> str:
    """Returns one row of the table, in Markdown."""
    agreement = "" if line.agreement is None else f"{100 * line.agreement:.2f} %"
    times = f"{1e3 * line.ours:.1f} | {1e3 * line.exact:.0f} | {line.exact / line.ours:.0f}x"
    return f"| {line.points} | {line.stage} | {times} | {agreement} |"


if __name__ == "__main__":
    tyro.cli(main)
