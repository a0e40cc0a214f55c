"""Memory and time of the full-size mask models on this machine, with random weights: no download is needed.

One forward of the encoder and one batch of point prompts are measured, in time of the processor's one thread; the
automatic masks of an image are the encoder and 1,024 such points. Each model runs in a process of its own, so that its
peak memory is its own.

    python benchmarks/models.py                    # all names of the registry, the smallest first
    python benchmarks/models.py mobile sam2-tiny
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time

import numpy as np
import torch

from saga.masks import SamConfig
from saga.masks.models import MODELS
from saga.masks.models.automatic import batch_size
from saga.masks.models.random_weights import random_model

_HEIGHT, _WIDTH = 720, 960
_POINTS = 32 * 32


def measure(name: str) -> str:
    """Returns the row of one model: parameters, peak memory, seconds of the encoder and of a prompt, and an image."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = SamConfig(pred_iou_thresh=0.0, stability_score_thresh=0.0)
    model = random_model(name, torch.device("cpu"), config)
    image = np.random.default_rng(0).integers(0, 256, (_HEIGHT, _WIDTH, 3), dtype=np.uint8)
    start = time.process_time()
    encoded = model.encode(image)
    encoding = time.process_time() - start
    batch = batch_size(model)
    points = np.random.default_rng(1).uniform((0, 0), (_WIDTH, _HEIGHT), (batch, 2))
    times = []
    for _ in range(3):
        start = time.process_time()
        model.decode_points(encoded, points)
        times.append(time.process_time() - start)
    prompt = sorted(times)[1] / batch
    count = sum(part.numel() for part in model.model.parameters()) / 1e6  # type: ignore[attr-defined]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    whole = encoding + _POINTS * prompt
    return f"| `{name}` | {count:.1f} | {peak:.1f} | {encoding:.1f} | {prompt:.2f} | {whole / 60:.1f} |"


def main() -> None:
    """Prints a row for each model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="short names of models; all of them by default")
    parser.add_argument("--here", action="store_true", help="measure the one model in this process")
    given = parser.parse_args()
    if given.here:
        print(measure(given.names[0]), flush=True)
        return
    print("| model | million parameters | peak memory, GB | encoder, s | a prompt, s | automatic masks, min |")
    print("| --- | --- | --- | --- | --- | --- |", flush=True)
    for name in given.names or sorted(MODELS, key=lambda each: MODELS[each].megabytes):
        done = subprocess.run([sys.executable, __file__, name, "--here"])
        if done.returncode != 0:
            print(f"| `{name}` | failed with code {done.returncode} | | | | |", flush=True)


if __name__ == "__main__":
    main()
