"""Whether what a command wrote is whole: judged with other readers than saga's own."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from plyfile import PlyData
from safetensors import safe_open

from saga.files.leftovers import is_leftover

KEPT = 1 << 20
"""Rows of a PLY that are counted at most."""


def target_of(name: str, arguments: list[str]) -> Path | None:
    """Returns where a command was told to write."""
    following = dict(zip(arguments, arguments[1:], strict=False))  # of an option that is repeated, the last
    return Path(following["--out"]) if "--out" in following else None


def problems_of(name: str, arguments: list[str]) -> list[str]:
    """Returns what is wrong with the results of a command that said that it did well."""
    out = target_of(name, arguments)
    if out is None or "--help" in arguments or "-h" in arguments:
        return []
    judge = {"train": _field, "segment": _segmentation, "discover": _objects, "check": _picture, "views": _pictures,
             "eval": _evaluation, "demo": _demo, "clean": _cleaning, "batch": _batch}[name]  # fmt: skip
    try:
        return [f"{out}: {problem}" for problem in judge(out)]
    except Exception as error:  # whatever a reader says of a file that is not whole
        return [f"{out}: cannot be read ({type(error).__name__}: {error})"]


def contents_of(out: Path) -> dict[str, Any] | None:
    """Returns what decides whether two results are the same, without times and paths; None where there is none.

    Args:
        out: A field, regions, a picture, or a folder of results.
    """
    if out.is_file():
        return {"": _content(out)}
    if not out.is_dir():
        return None
    timed = (".json", ".jsonl", ".md", ".csv", ".html")
    # What a killed command has begun with is no part of its result: a folder that grows has some of it inside.
    files = [path for path in sorted(out.rglob("*")) if path.is_file() and not any(map(is_leftover, path.parts))]
    return {
        str(path.relative_to(out)): _content(path)
        for path in files
        if path.suffix not in timed or path.name == "objects.json"
    }


def _content(path: Path) -> Any:
    if path.suffix not in (".saga", ".regions"):
        return path.read_bytes()
    with safe_open(path, "np") as file:  # its header has times
        return {name: file.get_tensor(name).tobytes() for name in file.keys()}  # noqa: SIM118


def last_frame(said: str) -> str:
    """Returns the last place of saga in a traceback, and the error, without what differs from run to run."""
    frames = re.findall(r'File "[^"]*/(saga/(?!testing)[^"]+)", line (\d+)', said)
    last = [line for line in said.splitlines() if re.match(r"\w[\w.]*(Error|Exception|Panic\w*)\b", line)]
    where = ":".join(frames[-1]) if frames else "?"
    return f"{where} {re.sub(r'0x[0-9a-f]+|[0-9]{3,}', 'N', (last or said.strip().splitlines() or [''])[-1])[:140]}"


def read_strictly(path: Path) -> Any:
    """Reads JSON; raises ValueError for numbers that JSON does not have."""

    def refuse(text: str) -> None:
        raise ValueError(f"{text} in {path}")

    return json.loads(path.read_bytes(), parse_constant=refuse)


def _rows(path: Path) -> int:
    return len(PlyData.read(str(path))["vertex"].data) if path.is_file() else 0


def _field(out: Path) -> list[str]:
    with safe_open(out, "np") as file:
        features = file.get_tensor("features")
    problems = [] if np.isfinite(features).all() else ["features that are not finite"]
    return problems if features.ndim == 2 and len(features) else [*problems, f"features {features.shape}"]


def _segmentation(out: Path) -> list[str]:
    if not (out / "report.json").is_file():  # levels in folders of their own, or the pictures to choose from
        inner = [folder for folder in (out / "part", out / "object", out / "group") if folder.is_dir()]
        return [problem for folder in inner for problem in _segmentation(folder)] if inner else _pictures(out)
    problems = []
    with np.load(out / "segmentation.npz") as file:
        mask, scores = file["mask"], file["scores"]
    object_, rest = (next(out.glob(f"{name}.*"), None) for name in ("object", "rest"))
    if {path.suffix for path in (object_, rest) if path} == {".ply"} and not (out / "split.json").exists():
        counted = [0 if path is None else _rows(path) for path in (object_, rest)]
        report = read_strictly(out / "report.json")
        if sum(counted) != len(mask) and "split" not in json.dumps(report):
            problems.append(f"{counted} rows of {len(mask)}")
    if np.isnan(scores).any():
        problems.append("scores that are no numbers")
    read_strictly(out / "report.json")
    pictures = list((out / "masks").glob("*.png"))
    if not pictures:
        problems.append("no masks")
    return problems + [problem for path in pictures for problem in _picture(path)]


def _objects(out: Path, reported: bool = True) -> list[str]:
    labels, names = np.load(out / "labels.npy"), read_strictly(out / "objects.json")
    if reported:
        read_strictly(out / "report.json")
    problems = _picture(out / "overview.png")
    if labels.min() < 0 or labels.max() > len(names):
        problems.append(f"labels from {labels.min()} to {labels.max()} of {len(names)} objects")
    written = {path.stem.partition(".")[0] for path in (out / "objects").iterdir()}
    return problems if written == set(names) else [*problems, f"objects {sorted(written)} of {sorted(names)}"]


def _cleaning(out: Path) -> list[str]:
    report, cleaned = read_strictly(out / "report.json"), out / "clean.ply"
    counted = sum(kind["count"] for kind in report["kinds"].values())
    problems = [] if counted == report["removed"] else [f"{counted} of kinds, {report['removed']} removed"]
    if cleaned.is_file() and _rows(cleaned) != report["gaussians"] - report["removed"]:
        problems.append(f"{_rows(cleaned)} rows of {report['gaussians']} without {report['removed']}")
    return problems + [problem for path in out.glob("preview-*.png") for problem in _picture(path)]


def _batch(out: Path) -> list[str]:
    with (out / "batch" / "summary.csv").open(newline="") as file:
        states = {row["task"]: row["state"] for row in csv.DictReader(file)}
    problems = [f"{task} is {state}" for task, state in states.items() if state not in ("done", "kept")]
    for folder in (each for each in out.iterdir() if each.name != "batch"):
        problems += [*_cleaning(folder / "clean"), *_field(folder / "scene.saga"), *_objects(folder / "all", False)]
        problems += [problem for each in (folder / "objects").iterdir() for problem in _segmentation(each)]
    return problems


def _picture(out: Path) -> list[str]:
    with Image.open(out) as image:
        return [] if np.asarray(image).size else ["an empty picture"]


def _pictures(out: Path) -> list[str]:
    pictures = list(out.rglob("*.png"))
    return [problem for path in pictures for problem in _picture(path)] if pictures else ["no pictures"]


def _evaluation(out: Path) -> list[str]:
    for path in [out / "results.json", *out.glob("scenes/*.json")]:
        read_strictly(path)
    return [] if (out / "table.md").is_file() or (out / "results.json").is_file() else ["no table"]


def _demo(out: Path) -> list[str]:
    return _field(out / "scene.saga") + _objects(out / "all", reported=False)
