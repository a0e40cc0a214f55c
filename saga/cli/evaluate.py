"""saga-eval: how good the results are on a dataset, and what each setting is worth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import tyro

from saga.cli.options import (
    SAYS_DEFAULT,
    Assignments,
    Device,
    Lists,
    MethodName,
    NonNegative,
    OptionalPath,
    OptionalText,
    Positive,
    joined,
    numbers,
)
from saga.cli.run import run, say
from saga.config import PositiveInt, Seed, with_assignments
from saga.errors import SagaError
from saga.evaluate.protocols import protocol_names

if TYPE_CHECKING:
    _ProtocolName: TypeAlias = str
else:
    _ProtocolName = Literal[(*protocol_names(), "ablate")]


def evaluate(
    protocol: Annotated[_ProtocolName, tyro.conf.Positional],
    data: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DATA")],
    names: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[SCENE ...]")] = (),
    *,
    out: Path,
    method: MethodName = "saga",
    scenes: OptionalPath = None,
    fields: OptionalPath = None,
    masks: OptionalText = None,
    mask_cache: OptionalPath = None,
    images: OptionalText = None,
    sam: OptionalText = None,
    clicks: Annotated[Lists[str], tyro.conf.arg(metavar="INT ...")] = (),
    views: Positive = 2,
    prompt: Annotated[Literal["points", "scribble", "mask"] | None, SAYS_DEFAULT] = None,
    seeds: Annotated[Lists[str], tyro.conf.arg(metavar="INT ...")] = (),
    jitter: NonNegative = 0,
    alone: bool = True,
    query: Annotated[Assignments, tyro.conf.arg(name="set")] = (),
    train: Assignments = (),
    regions: bool = True,
    groups: Annotated[Lists[str], tyro.conf.arg(metavar="GROUP ...")] = (),
    device: Device = "auto",
) -> None:
    """Measure the quality of segmentations on a dataset.

    Writes results.json (every record, settings, versions), table.md and worst/*.png. An interrupted evaluation goes on
    where it stopped when its command is repeated.

    Args:
        protocol: Dataset and rules; folder takes any scene folder with labels or annotations; ablate compares settings
            on such folders.
        data: Folder of the dataset, one folder per scene.
        names: Scenes; all by default.
        out: Folder for the results.
        method: What is evaluated.
        scenes: Folder of the trained scenes: SCENE.ply, SCENE/scene.ply or SCENE/point_cloud/iteration_*/.
        fields: Folder of feature fields, SCENE-seedN.saga: used when there, else trained and kept there; fields in the
            results' folder by default.
        masks: Masks to train with: a folder's name in the scene's folder, classical, or own for those that training
            makes by default; masks_samlike by default when it is there, else own.
        mask_cache: Folder where masks that are made are kept, for further evaluations; masks in the results' folder by
            default.
        images: Name of the folder of photographs in the scene's folder.
        sam: Mask model, to make the masks with and to answer prompts with: a short name, a hub id, a folder or a file.
        clicks: Numbers of clicks to try; 1 by default.
        views: Views that an object is asked for in, one at a time.
        prompt: Kind of prompt, where the protocol leaves a choice.
        seeds: Seeds of training, one field each; two or more give a standard deviation; 0 by default.
        jitter: Random displacements of every click by up to 3 pixels; two or more give a standard deviation.
        alone: Also judge the selected Gaussians rendered by themselves.
        query: Values of the method's config by their names, e.g. ball_query=false.
        train: Values of the config of training by their names, e.g. iterations=300.
        regions: Judge with each scene's regions too; where a field is trained, they are made if they are not beside it.
        groups: Groups of ablations, of losses, post-processing, pixels, iterations, start, options and clicks; all by
            default.
        device: Where to compute.
    """
    from saga.evaluate import DatasetPaths, Preparation, PromptConfig, evaluate_dataset
    from saga.evaluate.ablation import GROUPS, ablate
    from saga.evaluate.results_folder import TABLE, WORST
    from saga.evaluate.tables import by_scene, overview
    from saga.methods.registry import config_class, method_class
    from saga.runtime.device import choose_device
    from saga.train import TrainConfig

    if groups and protocol != "ablate":
        raise SagaError(f"--groups: expected it with ablate only, found {protocol}; leave it out.")
    chosen = choose_device(device)
    paths = DatasetPaths(data, scenes, images, masks, sam, mask_cache, chosen)
    training = with_assignments(TrainConfig(), joined(train), "--train")
    asked = PromptConfig(prompt, numbers("--clicks", clicks, PositiveInt) or (1,), views, jitter)
    trains, drawn = method_class(method).needs_field, numbers("--seeds", seeds, Seed) or (0,)
    if not trains and (protocol == "ablate" or train or fields is not None):
        refused = "ablate" if protocol == "ablate" else "--train" if train else "--fields"
        raise SagaError(f"{refused}: expected a method that is trained, found --method {method}; leave it out.")
    config = with_assignments(config_class(method)(), joined(query), "--set")
    preparation = Preparation(method, config, training, (fields or out / "fields") if trains else None, sam, regions)
    if protocol == "ablate":
        some = joined(groups) or GROUPS
        say(ablate(paths, preparation, out, names, some, "folder", asked, drawn, chosen, alone, say=say))
        return
    results = evaluate_dataset(protocol, paths, preparation, out, names, asked, drawn, chosen, alone, say=say)
    say(overview("scene", by_scene(results)))
    say(f"{out / TABLE}: every object, and what it cost; {out / WORST}: the worst answers")


def main() -> None:
    """Runs saga-eval."""
    run(evaluate, "saga-eval")
