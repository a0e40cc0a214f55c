"""How many wrong masks of a tracker are left after geometry has judged its tracks, on scenes with exact labels.

The tracker follows exact label maps and makes mistakes at random: it loses things, takes one for another, spreads over
a neighbor, or slides off. It is a stand-in: no official weights of a video model have been run.

    python benchmarks/propagation.py FOLDER --rate 0.05

FOLDER holds scene.ply, images, instances (PNGs of ids) and labels.npy, as `saga-demo` writes it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from saga.masks.propagation.choosing import masks_at
from saga.masks.propagation.config import PropagationConfig
from saga.masks.propagation.generator import PropagatedGenerator
from saga.masks.propagation.things import reach
from saga.raster import DeviceScene
from saga.scene import Scene, load_scene

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "masks" / "propagation"))
from trackers import ExactTracker, random_faults  # noqa: E402

RIGHT = 0.5
"""IoU with the exact mask of its thing from which a mask is right."""


class ExactMasks:
    """Gives keyframes their exact masks."""

    name, description, identity = "exact", "exact masks", {"exact": True}

    def __init__(self, scene: Scene, truth: dict[str, np.ndarray]) -> None:
        """Knows the photographs by their pixels."""
        self._known = {scene.image(camera).tobytes(): truth[camera.name] for camera in scene.cameras}

    def generate(self, image: np.ndarray) -> tuple[np.ndarray, None]:
        """Returns a mask for each thing that a photograph shows."""
        labels = self._known[image.tobytes()]
        shown = np.unique(labels[labels > 0])
        return labels[None] == shown[:, None, None], None


def is_right(mask: np.ndarray, exact: np.ndarray) -> bool:
    """Whether a mask is of a thing."""
    return bool((mask & exact).sum() >= RIGHT * max((mask | exact).sum(), 1))


def before(generator: PropagatedGenerator, truth: dict[str, np.ndarray]) -> tuple[int, int]:
    """Returns the wrong masks of the tracker, and all."""
    route, wrong, count = generator.route(), 0, 0
    names = [generator.cameras[view].name for view in route.views]
    for keyframe in route.keyframes:
        prompts = generator._read(keyframe, keyframe)
        labels = [int(np.bincount(truth[names[keyframe]][mask]).argmax()) for mask in prompts]
        for position in reach(route, keyframe):
            for label, mask in zip(labels, generator._read(keyframe, position), strict=True):
                if position != keyframe and mask.any():
                    count += 1
                    wrong += not is_right(mask, truth[names[position]] == label)
    return wrong, count


def after(generator: PropagatedGenerator, truth: dict[str, np.ndarray], labels: np.ndarray) -> dict[str, int]:
    """Returns wrong and all masks that were tracked and filled, and how many things in views have a right one."""
    things, route = generator.things(), generator.route()
    owners = [int(np.bincount(labels[row.indices]).argmax()) for row in things.members]
    found = {"tracked wrong": 0, "tracked": 0, "filled wrong": 0, "filled": 0, "seen with a right mask": 0, "seen": 0}
    for position, view in enumerate(route.views):
        exact = truth[generator.cameras[view].name]
        made = masks_at(generator.sights, route, things, position, generator._read, generator.config)
        right = set()
        for mask, number, filled in zip(made.masks, made.ids, made.filled, strict=True):
            kind = "filled" if filled else "tracked"
            good = is_right(mask, exact == owners[number - 1])
            found[kind] += 1
            found[f"{kind} wrong"] += not good
            right |= {owners[number - 1]} if good else set()
        seen = {int(label) for label in np.unique(exact[exact > 0]) if (exact == label).mean() >= 1e-3}
        found["seen"] += len(seen)
        found["seen with a right mask"] += len(seen & right)
    return found


def main() -> None:
    """Prints a line of a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rate", type=float, default=0.05, help="mistakes of each track in each photograph")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    scene = load_scene(asked.folder / "scene.ply", asked.folder / "images")
    truth = {
        camera.name: np.asarray(Image.open(asked.folder / "instances" / f"{Path(camera.name).stem}.png"))
        for camera in scene.cameras
    }
    tracker = ExactTracker(truth, random_faults(asked.seed, asked.rate))
    with tempfile.TemporaryDirectory() as folder:
        generator = PropagatedGenerator(
            DeviceScene(scene), Path(folder), ExactMasks(scene, truth), tracker, config=PropagationConfig()
        )
        things = generator.things()
        wrong, count = before(generator, truth)
        left = after(generator, truth, np.load(asked.folder / "labels.npy"))
    print(f"{asked.folder.name}, rate {asked.rate}: {things.members.shape[0]} things, {things.cut} cuts")
    print(f"  before: {wrong} of {count} masks wrong ({100 * wrong / max(count, 1):.1f} %)")
    for kind in ("tracked", "filled"):
        print(f"  after, {kind}: {left[f'{kind} wrong']} of {left[kind]} masks wrong")
    print(f"  things in views with a right mask: {left['seen with a right mask']} of {left['seen']}")


if __name__ == "__main__":
    main()
