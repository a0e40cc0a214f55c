"""Every method on every scene, in one table, and the ablations that the papers report.

    saga-demo --out scenes/demo && python benchmarks/methods.py scenes --out methods [--scenes demo] [--ablations]

SCENES is a folder of scene folders as `saga-eval folder` reads them. Each method answers the same clicks with the same
masks, as one `saga-eval` command in a process of its own, so that peak memory is the method's; commands that finished
are not repeated. The best of each column of a scene is bold. "prepare" is what comes before the first prompt: training,
discovery, or nothing; masks that are made from the photographs are made before.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro

from saga import load_scene
from saga.evaluate.records import SceneResult
from saga.evaluate.tables import by_scene, percent, table
from saga.masks import open_masks

METHODS = ("saga", "sa3d", "sanerf-hq", "sgisrf", "disconerf")


@dataclass(frozen=True)
class Ablation:
    """One change against a method's defaults."""

    method: str
    name: str
    settings: tuple[str, ...]


ABLATIONS = (
    Ablation("sa3d", "no confidence decay (table 5)", ("decay=false",)),
    Ablation("sa3d", "no negative term", ("negative_weight=0",)),
    Ablation("sa3d", "single view (tables 2 and 3)", ("propagate=false",)),
    Ablation("sa3d", "a tenth of the views (table 4)", ("views=4",)),
    Ablation("sa3d", "rejection below 0.3 (table 6)", ("rejection=0.3",)),
    Ablation("sa3d", "two passes (appendix B)", ("passes=2",)),
    Ablation("sanerf-hq", "no ray-pair RGB loss (table 3)", ("rgb_weight=0",)),
    Ablation("disconerf", "no matching (section 4.2)", ("matching=false",)),
    Ablation("disconerf", "no regularization (section 4.2)", ("regularization=0",)),
    Ablation("sgisrf", "no guidance propagation (table 1)", ("propagation=false",)),
    Ablation("sgisrf", "no refinement (table 1)", ("refinement=false",)),
    Ablation("sanerf-hq", "logits not averaged", ("smooth_every=0", "learning_rate=0.02")),
    Ablation("sanerf-hq", "the same, no ray-pair RGB loss", ("smooth_every=0", "learning_rate=0.02", "rgb_weight=0")),
)


@dataclass(frozen=True)
class Row:
    """What one method reached on one scene."""

    method: str
    scene: str
    values: dict[str, float | None]


HIGHER = ("mIoU", "accuracy", "boundary IoU", "3D IoU", "decomposition IoU")
LOWER = ("prepare s", "query s", "peak MB")
LEAST = 1e-9


def main(
    scenes: tyro.conf.Positional[Path],
    out: Path = Path("methods"),
    names: Annotated[tuple[str, ...], tyro.conf.arg(name="scenes")] = (),
    methods: tuple[str, ...] = METHODS,
    ablations: bool = False,
    clicks: int = 1,
    views: int = 2,
    masks: str | None = None,
    fields: Path | None = None,
    device: str = "cpu",
) -> None:
    """Writes methods.md, and ablations.md when asked for, into `out`; prints them too."""
    found = names or tuple(sorted(path.name for path in scenes.iterdir() if (path / "scene.ply").is_file()))
    common = ["--clicks", str(clicks), "--views", str(views), "--device", device, "--no-alone"]
    common += ["--mask-cache", str(out / "masks")]
    given = [] if masks is None else ["--masks", masks]
    own = [] if fields is None else ["--fields", str(fields)]

    def measured(method: str, scene: str, label: str, settings: Sequence[str] = ()) -> Row:
        folder = out / f"{scene}-{method}{label}"
        extra = own if method == "saga" else []
        # A scene that saga-demo wrote comes with exact masks.
        exact = ["--masks", "instances"] if masks is None and not _has_masks(scenes / scene) else []
        chosen = [part for setting in settings for part in ("--set", setting)]
        command = ["folder", str(scenes), scene, "--method", method, "--out", str(folder)]
        _evaluate([*command, *common, *given, *exact, *extra, *chosen])
        return _row(method + label.replace("-", " "), scene, folder)

    for scene in found:
        _make_masks(scenes / scene, out / "masks" / f"{scene}.masks", device)
    rows = [measured(method, scene, "") for scene in found for method in methods]
    text = f"# Methods\n\n{_table(rows)}\n"
    (out / "methods.md").write_text(text, encoding="utf-8")
    print(text)
    if ablations:
        changed = []
        for number, each in enumerate(ABLATIONS):
            if each.method in methods:
                for scene in found:
                    base = next(row for row in rows if (row.method, row.scene) == (each.method, scene))
                    changed.append((each, base, measured(each.method, scene, f"-{number}", each.settings)))
        text = f"# Ablations\n\n{_ablation_table(changed)}\n"
        (out / "ablations.md").write_text(text, encoding="utf-8")
        print(text)


def _evaluate(arguments: list[str]) -> None:
    code = "import sys; from saga.cli.evaluate import main; sys.argv[0] = 'saga-eval'; main()"
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, stdout=subprocess.DEVNULL)


def _make_masks(folder: Path, cache: Path, device: str) -> None:
    """Masks of a scene that comes without any, so that no method pays for them."""
    if not (folder / "masks_samlike").exists() and not (folder / "objects.json").is_file():
        open_masks(load_scene(folder / "scene.ply", folder / "images"), None, None, cache, device)


def _has_masks(folder: Path) -> bool:
    return (folder / "masks_samlike").exists() or not (folder / "objects.json").is_file()


def _row(method: str, scene: str, folder: Path) -> Row:
    kept = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    result = SceneResult.from_json(next(each for each in kept["scenes"] if each["scene"] == scene))
    summary = by_scene([result])[0]
    run: dict[str, Any] = result.runs[0]
    peaks = [part.get("process", 0.0) for part in run["peak_megabytes"].values()]
    cut = [each.area_weighted_iou for each in result.decomposition]
    values: dict[str, float | None] = {
        "mIoU": summary.iou,
        "accuracy": summary.accuracy,
        "boundary IoU": summary.boundary_iou,
        "3D IoU": summary.solid_iou,
        "decomposition IoU": float(np.mean(cut)) if cut else None,
        "prepare s": run["prepare_seconds"],
        "query s": summary.milliseconds / 1e3,
        "peak MB": max(peaks),
    }
    return Row(method, scene, values)


def _table(rows: Sequence[Row]) -> str:
    lines = []
    for scene in dict.fromkeys(row.scene for row in rows):
        own = [row for row in rows if row.scene == scene]
        lines += [[scene, row.method, *(_cell(row, name, own) for name in (*HIGHER, *LOWER))] for row in own]
    return table(("scene", "method", *HIGHER, *LOWER), lines)


def _cell(row: Row, name: str, among: Iterable[Row]) -> str:
    value = row.values[name]
    if value is None:
        return ""
    text = percent(value) if name in HIGHER else f"{value:.0f}" if name == "peak MB" else f"{value:.2f}"
    known = [other for each in among if (other := each.values[name]) is not None]
    best = max(known) if name in HIGHER else min(known)
    return f"**{text}**" if abs(value - best) < LEAST else text


def _ablation_table(changed: Sequence[tuple[Ablation, Row, Row]]) -> str:
    heads = ("method", "change", "scene", *(f"{name}, change" for name in HIGHER), "query s")
    lines = []
    for ablation, base, row in changed:
        differences = [(row.values[name], base.values[name]) for name in HIGHER]
        cells = ["" if new is None or old is None else f"{100 * (new - old):+.1f}" for new, old in differences]
        lines.append([ablation.method, ablation.name, row.scene, *cells, f"{row.values['query s'] or 0:.2f}"])
    return table(heads, lines)


if __name__ == "__main__":
    tyro.cli(main)
