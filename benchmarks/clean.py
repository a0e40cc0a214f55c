"""How well strays that are put into a scene are found again, and what else goes.

    saga-demo --gaussians 60000 --scene room --out room
    python benchmarks/clean.py room DATA/flower... [--strays 2000] [--seeds 0 1] [--no-photographs]
    python benchmarks/clean.py --layouts table garden --capture handheld
    python benchmarks/clean.py DATA/fox... --held-out 3

Strays are those of saga/demo/strays.py: blobs, spikes and haze, a third each; those that a handheld demo has of its
own count as strays too. Precision is the share of strays in all that is proposed; what floats in a real capture counts
against it. Recall is of the strays that are put in. Lost is the share of the blended weight of the scene's own
Gaussians that goes. PSNR is against the photographs: with the strays before and after, and of the scene without strays
before and after what is proposed of it goes.

In a real capture nobody knows what of its own should stay. With --held-out n every n-th photograph is kept from the
cleaning, and PSNR is over these alone. Of the scene's own that goes, they miss what shows where, around the pixel, the
picture without it is farther from the photograph than with it by more than 3 of 255; where it leaves a hole, a
background of black or white, whichever comes, counts as an error. Missed is the share of the blended weight that goes
and is missed there, as a share of all: surface. The rest of what goes is a stray of the scene's own, or doubles what
shows the same behind it. Right is the share of all proposed Gaussians of which less than half of the weight is missed.
What is all of one color, and looks the same at any depth, no photograph misses.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import tyro
from torch import Tensor

from saga.cleaning import Likeness, Strengths, examine, likeness
from saga.cleaning.pictures import matched, photograph_of, rendered
from saga.demo import make_scene, write_scene
from saga.demo.names import CaptureName, LayoutName
from saga.demo.strays import KINDS, with_strays
from saga.evaluate.tables import table
from saga.raster import DeviceScene
from saga.scene import Camera, Scene, load_scene

HEADS = ["scene", "Gaussians", "precision", "recall", *KINDS, "lost", "PSNR, with strays", "PSNR, without", "s"]
JUDGED = ["own that go", "missed of them", "right", "missed"]
MISSED, WINDOW = 3 / 255, 5
"""Rise of the error of a picture, root of the mean square over a window of so many pixels, that counts."""


def main(
    folders: tyro.conf.Positional[tuple[Path, ...]] = (),
    layouts: tuple[LayoutName, ...] = (),
    capture: CaptureName = "perfect",
    strays: int = 2000,
    seeds: tuple[int, ...] = (0,),
    strength: float = 0.5,
    photographs: bool = True,
    held_out: int = 0,
) -> None:
    """Prints a row for each scene and seed."""
    rows = []
    for seed in seeds:
        for folder in folders:
            known = load_scene(folder / "scene.ply", folder / "images")
            floating = np.zeros(len(known.gaussians), bool)
            rows.append([folder.name, *_measured(known, floating, strays, seed, strength, photographs, held_out)])
            print("  ".join(rows[-1]), flush=True)
        for layout in layouts:
            made = make_scene(60_000, seed, layout=layout, capture=capture)
            floating = np.zeros(len(made.gaussians), bool) if made.floating is None else made.floating
            with tempfile.TemporaryDirectory() as folder:
                write_scene(made, folder)
                known = load_scene(Path(folder) / "scene.ply")
                rows.append(
                    [f"{layout}, {capture}", *_measured(known, floating, strays, seed, strength, photographs, held_out)]
                )
            print("  ".join(rows[-1]), flush=True)
    print(f"\n{table(HEADS + (JUDGED if held_out else []), rows)}")


def _measured(
    known: Scene,
    floating: np.ndarray,  # [N] bool
    strays: int,
    seed: int,
    strength: float,
    photographs: bool,
    held_out: int,
) -> list[str]:
    clean = DeviceScene(known, "cpu")
    gaussians, kinds = with_strays(clean, strays, seed)
    judges = known.cameras[1::held_out] if held_out else known.cameras
    shown = [camera for camera in known.cameras if not held_out or camera not in judges]
    placed = DeviceScene(Scene(gaussians, shown), "cpu")
    began = time.perf_counter()
    cleaning = examine(placed, photographs=photographs)
    seconds = time.perf_counter() - began
    removed = cleaning.propose(Strengths(strength)).removed
    added, gone = kinds > 0, removed.numpy()
    stray = added.copy()
    stray[: len(floating)] = floating
    weight = cleaning.evidence.weight.numpy().astype(np.float64)
    both = likeness(DeviceScene(Scene(gaussians, known.cameras), "cpu"), judges, removed)
    alone = likeness(clean, judges, torch.from_numpy(gone[~added]))
    return [
        f"{len(gaussians):,}",
        _percent(stray[gone].mean()),
        _percent(gone[added].mean()),
        *(_percent(gone[kinds == number].mean()) for number in range(1, len(KINDS) + 1)),
        f"{100 * weight[gone & ~stray].sum() / weight[~stray].sum():.2f} %",
        _psnr(both),
        _psnr(alone),
        f"{seconds:.0f}",
        *(_judged(clean, judges, gone, added) if held_out else []),
    ]


def _judged(
    clean: DeviceScene,
    judges: Sequence[Camera],
    gone: np.ndarray,  # [N + strays] bool
    added: np.ndarray,  # [N + strays] bool
) -> list[str]:
    """Says how many of the scene's own go, how many of them photographs miss, and which share of what goes is right."""
    removed = torch.from_numpy(gone[~added])
    weight, missed = torch.zeros(2, len(removed), dtype=torch.float64)
    for camera in judges:
        lifted = clean.operator(camera).lift(
            torch.stack([torch.ones(camera.height, camera.width), _misses(clean, camera, removed)], -1)
        )
        weight += lifted[:, 0]
        missed += lifted[:, 1]
    wrong = int((removed & (missed > weight / 2)).sum())
    return [
        f"{int(removed.sum()):,}",
        f"{wrong:,}",
        _percent(1 - wrong / max(1, gone.sum())),
        f"{100 * float(missed[removed].sum() / weight.sum()):.2f} %",
    ]


def _misses(
    clean: DeviceScene,
    camera: Camera,
    removed: Tensor,  # [N] bool
) -> Tensor:  # [H, W]
    """Tells where a photograph is farther from a view when something is removed, 1 there and 0 elsewhere."""
    target = photograph_of(clean, camera)
    whole, rest = (rendered(clean, camera, shown) for shown in (torch.ones_like(removed), ~removed))
    before, gain = matched(whole, target)
    opened = (whole[..., 3] - rest[..., 3]).clamp_min(0)
    # What is behind a hole is black or white: half of each, whose errors differ from that of gray by a variance.
    after = before + (rest - whole)[..., :3] * gain + 0.5 * opened[..., None]
    errors = [(before - target).square().mean(-1), (after - target).square().mean(-1) + 0.25 * opened.square()]
    pool = torch.nn.AvgPool2d(WINDOW, stride=1, padding=WINDOW // 2, count_include_pad=False)
    roots = [pool(error[None, None])[0, 0].sqrt() for error in errors]
    return (roots[1] - roots[0] > MISSED).float()


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _psnr(change: Likeness) -> str:
    return f"{change.before:.2f}, {change.after:.2f}"


if __name__ == "__main__":
    tyro.cli(main)
