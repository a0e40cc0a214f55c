"""saga-eval: how good the results are on a dataset, and what each setting is worth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import tyro

from saga.cli.run import require_positive, run, say
from saga.errors import SagaError

_Repeated = tyro.conf.UseAppendAction[tuple[str, ...]]


def evaluate(
    protocol: Annotated[
        Literal["folder", "nvos", "spin-nerf", "lerf-mask", "replica", "mipnerf360", "ablate"], tyro.conf.Positional
    ],
    data: Annotated[Path, tyro.conf.Positional],
    names: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[SCENE ...]")] = (),
    *,
    out: Path,
    method: Literal["saga", "sa3d", "sanerf-hq", "sgisrf", "disconerf"] = "saga",
    scenes: Path | None = None,
    fields: Path | None = None,
    masks: str | None = None,
    mask_cache: Path | None = None,
    images: str | None = None,
    sam: str | None = None,
    clicks: tuple[int, ...] = (1,),
    views: int = 2,
    prompt: Literal["points", "scribble", "mask"] | None = None,
    seeds: tuple[int, ...] = (0,),
    jitter: int = 0,
    alone: bool = True,
    query: Annotated[_Repeated, tyro.conf.arg(name="set")] = (),
    train: _Repeated = (),
    groups: tuple[str, ...] = (),
    device: Literal["auto", "cpu", "cuda"] = "auto",
) -> None:
    """Measure the quality of segmentations on a dataset.

    Writes results.json (every record, settings, versions), table.md and worst/*.png. An interrupted evaluation goes on
    where it stopped when its command is repeated.

    Args:
        protocol: Dataset and rules; folder takes any scene folder with labels or annotations; ablate compares settings
            on such folders.
        data: Folder of the dataset, one folder a scene.
        names: Scenes; all by default.
        out: Folder for the results.
        method: What is evaluated: this toolkit's features, or one of the other methods.
        scenes: Folder of the trained scenes: SCENE.ply, SCENE/scene.ply or SCENE/point_cloud/iteration_*/.
        fields: Folder of feature fields, SCENE-seedN.saga: used when there, else trained and kept there; fields in the
            results' folder by default.
        masks: Masks to train with: a folder's name in the scene's folder, or classical; masks_samlike by default when
            it is there.
        mask_cache: Folder where masks that are made are kept, for further evaluations; masks in the results' folder by
            default.
        images: Name of the folder of photographs in the scene's folder.
        sam: Segment Anything checkpoint, to make the masks with and to answer prompts with.
        clicks: Numbers of clicks to try.
        views: Views that an object is asked for in, one at a time.
        prompt: Kind of prompt, where the protocol leaves a choice.
        seeds: Seeds of training, one field each; two or more give a standard deviation.
        jitter: Random displacements of every click by up to 3 pixels; two or more give a standard deviation.
        alone: Also judge the selected Gaussians rendered by themselves.
        query: Setting of the queries, or of the other method, name=value; may be repeated.
        train: Setting of the training, name=value; may be repeated.
        groups: Groups of ablations, of losses, post-processing, pixels, iterations, start, options and clicks; all by
            default.
        device: Where to compute.
    """
    from saga.config import with_assignments
    from saga.evaluate import DatasetPaths, Preparation, PromptConfig, evaluate_dataset
    from saga.evaluate.ablation import GROUPS, ablate
    from saga.evaluate.results_folder import TABLE, WORST
    from saga.evaluate.tables import by_scene, overview
    from saga.methods.registry import config_class
    from saga.runtime.device import choose_device
    from saga.train import TrainConfig

    for option, number in (*(("--clicks", count) for count in clicks), ("--views", views)):
        require_positive(option, number)
    if jitter < 0:
        raise SagaError(f"--jitter: expected 0 or more, found {jitter}.")
    if not clicks or not seeds:
        raise SagaError("--clicks and --seeds: expected at least one number each.")
    if groups and protocol != "ablate":
        raise SagaError(f"--groups: only ablate has groups; leave it out with {protocol}.")
    chosen = choose_device(device)
    paths = DatasetPaths(data, scenes, images, masks, sam, mask_cache, chosen)
    training = with_assignments(TrainConfig(), train, "--train")
    asked = PromptConfig(prompt, clicks, views, jitter)
    own = method == "saga"
    if not own and (protocol == "ablate" or train or fields is not None):
        refused = "ablate" if protocol == "ablate" else "--train" if train else "--fields"
        raise SagaError(f"{refused}: only --method saga has it; leave it out with {method}.")
    config = with_assignments(config_class(method)(), query, "--set")
    preparation = Preparation(method, config, training, (fields or out / "fields") if own else None, sam)
    if protocol == "ablate":
        say(ablate(paths, preparation, out, names, groups or GROUPS, "folder", asked, seeds, chosen, alone, say=say))
        return
    results = evaluate_dataset(protocol, paths, preparation, out, names, asked, seeds, chosen, alone, say=say)
    say(overview("scene", by_scene(results)))
    say(f"{out / TABLE}: every object, and what it cost; {out / WORST}: the worst answers")


def main() -> None:
    """Entry point of saga-eval."""
    run(evaluate, "saga-eval")
