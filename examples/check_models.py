"""Check mask models on your machine: each is loaded, makes automatic masks and answers prompts on a picture of shapes.

    python examples/check_models.py mobile sam2-tiny hq-b     # asks before it downloads anything
    python examples/check_models.py path/to/folder path/to/checkpoint.pth
    python examples/check_models.py --list

The picture is made here, and what is where in it is known: a model with good weights finds the disk, the box and the
triangle, by points, by boxes, by a rough mask and on its own. The table at the end is made to be pasted into a report.
"""

from __future__ import annotations

import argparse
import platform
import resource
import sys
import time
from dataclasses import dataclass

import numpy as np

from saga.errors import SagaError
from saga.masks import MODELS, SamConfig, open_model
from saga.masks.models import MaskModel

HEIGHT, WIDTH = 240, 320
GOOD = 0.8
"""IoU with a shape from which on it counts as found."""


def picture() -> tuple[np.ndarray, dict[str, np.ndarray]]:  # [H, W, 3], {name: [H, W]}
    """A picture with three shapes on a shaded ground, uint8, and the mask of each, bool."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    shapes = {
        "disk": (x - 80) ** 2 + (y - 80) ** 2 <= 45**2,
        "box": (abs(x - 230) <= 55) & (abs(y - 75) <= 40),
        "triangle": (y >= 140) & (y <= 220) & (abs(x - 160) <= (y - 140) * 0.7),
    }
    image = np.stack([150 + x * 0.15, 150 + y * 0.15, np.full(x.shape, 140.0)], axis=2)
    for mask, color in zip(shapes.values(), ((200, 40, 40), (40, 70, 190), (235, 200, 40)), strict=True):
        image[mask] = np.array(color) * (0.85 + 0.15 * (x[mask] + y[mask])[:, None] / (HEIGHT + WIDTH))
    noise = np.random.default_rng(0).normal(0, 3, image.shape)
    return (image + noise).clip(0, 255).astype(np.uint8), shapes


@dataclass
class Row:
    """What was found of one model."""

    name: str
    kind: str = ""
    result: str = ""
    by_prompts: str = ""
    alone: str = ""
    features: str = ""
    seconds: str = ""
    gigabytes: str = ""

    def line(self) -> str:
        cells = (
            self.name, self.kind, self.result, self.by_prompts, self.alone, self.features, self.seconds, self.gigabytes
        )  # fmt: skip
        return f"| {' | '.join(cells)} |"


HEAD = (
    "| model | kind | result | shapes by prompts | shapes alone | features | "
    "load / encode / prompt / automatic, s | GB |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- |"
)


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / max(1, (one | other).sum()))


def check(name: str, device: str, points_per_side: int) -> Row:
    """Loads a model and tries everything that the toolkit asks of it."""
    row, clock = Row(name), [time.perf_counter()]

    def lap() -> float:
        clock.append(time.perf_counter())
        return clock[-1] - clock[-2]

    try:
        model = open_model(name, device, SamConfig(points_per_side=points_per_side))
        loading = lap()
        image, shapes = picture()
        model.encode(image)
        encoding = lap()
        found = [prompted(model, image, mask) for mask in shapes.values()]
        prompting = lap() / (3 * len(shapes))
        masks = model.automatic_masks(image)
        automatic = lap()
        features = model.features(image)
    except SagaError as error:
        row.result = f"not opened: {error}"
        return row
    alone = [max((iou(mask, each) for each in masks), default=0.0) for mask in shapes.values()]
    by_prompts, by_itself = sum(value >= GOOD for value in found), sum(value >= GOOD for value in alone)
    row.kind = model.model_type
    row.result = "good" if by_prompts == by_itself == len(shapes) else "**doubtful**"
    row.by_prompts = f"{by_prompts} of {len(shapes)}, worst IoU {min(found):.2f}"
    row.alone = f"{by_itself} of {len(shapes)} among {len(masks)}"
    row.features = "none" if features is None else "x".join(map(str, features.shape))
    row.seconds = " / ".join(f"{value:.2f}" for value in (loading, encoding, prompting, automatic))
    row.gigabytes = f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f}"
    return row


def prompted(model: MaskModel, image: np.ndarray, mask: np.ndarray) -> float:
    """Returns the worst IoU of what a point, a box and a rough mask of a shape find; the best of the answers counts."""
    rows, columns = np.nonzero(mask)
    center = np.array([[int(columns.mean()), int(rows.mean())]])
    box = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    answers = (
        model.candidates(image, center),
        model.candidates(image, box=box),
        model.candidates(image, center, box=box, mask=mask),
    )
    return min(max(iou(mask, each) for each in answer.masks) for answer in answers)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", help="short names, ids of the hub, folders or files")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--points-per-side", type=int, default=8, help="points along each side, for automatic masks")
    parser.add_argument("--list", action="store_true", help="print the short names, and end")
    given = parser.parse_args()
    if given.list or not given.models:
        print("\n".join(model.facts for model in MODELS.values()))
        return 0
    rows = []
    for name in given.models:
        print(f"checking {name} ...", file=sys.stderr, flush=True)
        rows.append(check(name, given.device, given.points_per_side))
    import torch

    try:
        from transformers import __version__ as library
    except ImportError:
        library = "not installed"
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() and given.device != "cpu" else "no GPU"
    versions = f"Python {platform.python_version()}, torch {torch.__version__}, transformers {library}"
    print(f"{platform.platform()}, {versions}, {gpu}")
    print(f"{WIDTH}x{HEIGHT}, {given.points_per_side}x{given.points_per_side} points for automatic masks\n")
    print(HEAD)
    print("\n".join(row.line() for row in rows))
    return 0 if all(row.result == "good" for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
