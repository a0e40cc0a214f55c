"""SPIn-NeRF (multi-view segmentation): the mask of a reference view, carried to every annotated view.

Layout, as published (Mirzaei et al. 2023): one folder of masks a scene, called e.g. `orchids (llff)`, with
`<view>.png`, `<view>_cutout.png` and `<view>_pseudo.png`; only the first are true masks. The release has no
photographs: these, cameras and the trained scene are looked for in folders called as the mask folder without what
is in brackets (orchids), in DATA, DATA/scenes, DATA/nerf_llff_data, DATA/nerf_real_360 and the folder of
trained scenes.

Assumptions: `imageNNN.png` is the photograph with that number in the order of the names (counted from 0) unless a
photograph has that name; a leading `0_` or `1_` is passed over (Truck, lego). The reference view is the first
annotated one; it is judged too, as SA3D does.
"""

from __future__ import annotations

import re
from pathlib import Path

from saga.errors import SagaError
from saga.evaluate.cases import Case, PromptConfig, PromptKind, Task
from saga.evaluate.paths import DatasetPaths, subfolders
from saga.evaluate.prompts import mask_prompt
from saga.evaluate.truth import read_masks
from saga.scene import Scene

KINDS: tuple[PromptKind, ...] = ("mask",)
_NOT_TRUTH = ("_cutout", "_pseudo")


def scene_names(data: Path) -> list[str]:
    """Returns scenes with masks, by their short names."""
    return list(_annotations(data))


def open_case(paths: DatasetPaths, name: str, prompting: PromptConfig) -> Case:
    """Returns one scene. Raises SagaError for what is missing."""
    annotations = _annotations(paths.data)[name]
    scene, folder, seconds = paths.load(name)
    truth = read_masks(scene, [(_view(scene, path), path) for path in _masks(annotations)])
    if not truth:
        raise SagaError(f"{annotations}: every mask is empty; expected masks of the object.")
    reference = next(iter(truth))
    task = Task(name, name, [mask_prompt(reference, truth[reference])], truth)
    return Case(name, scene, paths.training_masks(scene, folder, name), [task], load_seconds=seconds)


def short_name(folder: str) -> str:
    """Returns `orchids` of `orchids (llff)`."""
    return re.sub(r"\s*\(.*\)$", "", folder)


def _annotations(data: Path) -> dict[str, Path]:
    """Returns folders of masks by the short names of their scenes."""
    folders = [data / name for name in subfolders(data, "holds no mask folders", "one folder per scene")]
    found = {short_name(folder.name): folder for folder in folders if _masks(folder)}
    if not found:
        raise SagaError(f"{data}: expected folders of masks, e.g. 'orchids (llff)/image000.png'; found none.")
    return found


def _masks(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.glob("*.png")) if not path.stem.endswith(_NOT_TRUTH)]


def _view(scene: Scene, path: Path) -> str:
    names = {camera.stem: camera.name for camera in scene.cameras}
    for stem in (path.stem, re.sub(r"^[01]_", "", path.stem)):
        if stem in names:
            return names[stem]
    number = re.fullmatch(r"image(\d+)", path.stem)
    if number is not None and int(number[1]) < len(scene.cameras):
        return scene.cameras[int(number[1])].name
    raise SagaError(f"{path}: no view of the scene has this name; expected one of {', '.join(sorted(names)[:3])}, ...")
