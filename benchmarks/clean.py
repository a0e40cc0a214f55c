"""How well strays that are put into a scene are found again, and what else goes.

    saga-demo --gaussians 60000 --scene room --out room
    python benchmarks/clean.py room DATA/flower... [--strays 2000] [--seeds 0 1] [--no-photographs]
    python benchmarks/clean.py --layouts table garden --capture handheld

Strays are those of saga/demo/strays.py: blobs, spikes and haze, a third each; those that a handheld demo has of its
own count as strays too. Precision is the share of strays in all that is proposed; what floats in a real capture counts
against it. Recall is of the strays that are put in. Lost is the share of the blended weight of the scene's own
Gaussians that goes. PSNR is against the photographs: with the strays before and after, and of the scene without strays
before and after what is proposed of it goes.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import tyro

from saga.cleaning import Likeness, Strengths, examine, likeness
from saga.demo import make_scene, write_scene
from saga.demo.names import CaptureName, LayoutName
from saga.demo.strays import KINDS, with_strays
from saga.evaluate.tables import table
from saga.raster import DeviceScene
from saga.scene import Scene, load_scene

HEADS = ["scene", "Gaussians", "precision", "recall", *KINDS, "lost", "PSNR, with strays", "PSNR, without", "s"]


def main(
    folders: tyro.conf.Positional[tuple[Path, ...]] = (),
    layouts: tuple[LayoutName, ...] = (),
    capture: CaptureName = "perfect",
    strays: int = 2000,
    seeds: tuple[int, ...] = (0,),
    strength: float = 0.5,
    photographs: bool = True,
) -> None:
    """Prints a row for each scene and seed."""
    rows = []
    for seed in seeds:
        for folder in folders:
            known = load_scene(folder / "scene.ply", folder / "images")
            floating = np.zeros(len(known.gaussians), bool)
            rows.append([folder.name, *_measured(known, floating, strays, seed, strength, photographs)])
            print("  ".join(rows[-1]), flush=True)
        for layout in layouts:
            made = make_scene(60_000, seed, layout=layout, capture=capture)
            floating = np.zeros(len(made.gaussians), bool) if made.floating is None else made.floating
            with tempfile.TemporaryDirectory() as folder:
                write_scene(made, folder)
                known = load_scene(Path(folder) / "scene.ply")
                rows.append([f"{layout}, {capture}", *_measured(known, floating, strays, seed, strength, photographs)])
            print("  ".join(rows[-1]), flush=True)
    print(f"\n{table(HEADS, rows)}")


def _measured(
    known: Scene,
    floating: np.ndarray,  # [N] bool
    strays: int,
    seed: int,
    strength: float,
    photographs: bool,
) -> list[str]:
    clean = DeviceScene(known, "cpu")
    gaussians, kinds = with_strays(clean, strays, seed)
    placed = DeviceScene(Scene(gaussians, known.cameras), "cpu")
    began = time.perf_counter()
    cleaning = examine(placed, photographs=photographs)
    seconds = time.perf_counter() - began
    removed = cleaning.propose(Strengths(strength)).removed
    added, gone = kinds > 0, removed.numpy()
    stray = added.copy()
    stray[: len(floating)] = floating
    weight = cleaning.evidence.weight.numpy().astype(np.float64)
    both = likeness(placed, known.cameras, removed)
    alone = likeness(clean, known.cameras, torch.from_numpy(gone[~added]))
    return [
        f"{len(gaussians):,}",
        _percent(stray[gone].mean()),
        _percent(gone[added].mean()),
        *(_percent(gone[kinds == number].mean()) for number in range(1, len(KINDS) + 1)),
        f"{100 * weight[gone & ~stray].sum() / weight[~stray].sum():.2f} %",
        _psnr(both),
        _psnr(alone),
        f"{seconds:.0f}",
    ]


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _psnr(change: Likeness) -> str:
    return f"{change.before:.2f}, {change.after:.2f}"


if __name__ == "__main__":
    tyro.cli(main)
