"""Steps of a scene that no command does alone: a share of its masks, its structure, and all objects in one folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from saga.batch.task import Places
from saga.config import from_values
from saga.errors import SagaError

if TYPE_CHECKING:
    from saga.scene import Scene


def extract_masks(
    places: Places, *, share: Sequence[int], loading: Mapping[str, Any], sam: str | None = None, propagate: bool = False
) -> dict[str, Any]:
    """Makes the masks of a share of a scene's views, into the folder `cache`.

    Args:
        places: `scene`, `cache` and, where they are given, `images`, `cameras`, `align` and `sam`.
        share: k and n: of every n views the k-th.
        loading: As `load` has it.
        sam: Name of a mask model; a file of one is in `places`.
        propagate: Whether a video model carries masks from view to view.

    Raises:
        SagaError: As `saga.masks.open.make_masks`.
    """
    from saga.masks import make_masks
    from saga.runtime.device import choose_device

    device, model = choose_device(loading.get("device", "auto")), places.get("sam", sam)
    part = (int(share[0]), int(share[1]))
    count = make_masks(load(places, loading), part, model, places["cache"], device, False, propagate)
    return {"views": count}


def find_structure(places: Places, *, loading: Mapping[str, Any]) -> dict[str, Any]:
    """Finds the supports of a scene and what stands on them, which masks of its views are made from.

    Args:
        places: As `extract_masks` has it.
        loading: As `load` has it.

    Raises:
        SagaError: A photograph cannot be read.
    """
    from saga.masks import scene_generator
    from saga.raster import DeviceScene
    from saga.runtime.device import choose_device

    placed = DeviceScene(load(places, loading), choose_device(loading.get("device", "auto")))
    found = scene_generator(placed, places["cache"]).structure(progress=False)
    return {"structure": found.description or "no support"}


def export_objects(
    places: Places,
    *,
    names: Sequence[str],
    loading: Mapping[str, Any],
    export: Mapping[str, Any],
) -> dict[str, Any]:
    """Writes the objects of a scene, each of which has a folder of its own already, into one: `out`.

    Args:
        places: `scene`, `out`, the folder of each object by its name with "object:" before it, and, where they are
            given, `images`, `cameras` and `align`.
        names: Of the objects, in the order of their numbers.
        loading: As `load` has it.
        export: Values of `saga.export.ObjectsConfig`, as `saga.config.from_values` has them.

    Raises:
        SagaError: As `saga.export.write_objects`.
    """
    from saga.export import ObjectsConfig, write_objects
    from saga.files.arrays import read_npz
    from saga.query import Segmentation
    from saga.raster import DeviceScene
    from saga.runtime.device import choose_device
    from saga.scene.json_file import read_json

    scene = load(places, loading)
    found = {}
    for name in names:
        folder = places[f"object:{name}"]
        arrays = read_npz(folder / "segmentation.npz", ("mask", "scores"), "a segmentation", "segment it again")
        if any(arrays[each].shape != (len(scene.gaussians),) for each in ("mask", "scores")):
            raise SagaError(
                f"{folder}: expected the object of {scene.path}, found one of another scene; segment it again."
            )
        found[name] = Segmentation(arrays["mask"], arrays["scores"], read_json(folder / "report.json"), scene)
    placed = DeviceScene(scene, choose_device(loading.get("device", "auto")))
    write_objects(found, placed, places["out"], from_values(ObjectsConfig, export, "export"))
    return {"objects": len(found)}


def load(places: Places, loading: Mapping[str, Any]) -> Scene:
    """Loads a scene as the commands do.

    Args:
        places: `scene` and, where they are given, `images`, `cameras` and `align`, the file of a frame.
        loading: `device`, `align`, and `views` and `seed` of the views that are made where there are none.

    Raises:
        SagaError: As `saga.opening.load_scene`.
    """
    from saga.opening import load_scene

    return load_scene(
        places["scene"],
        places.get("images"),
        places.get("cameras"),
        align_frames=places.get("align", loading.get("align", "auto")),
        views=loading.get("views", 0),
        seed=loading.get("seed", 0),
        device=loading.get("device", "auto"),
        progress=False,
    )
