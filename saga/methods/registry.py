"""The methods by name; importing this module loads none of them, and no torch.

A method of the package is a folder and one line of `BUILTIN`; a method of someone else is a class with `register`:

    @register("threshold", ThresholdConfig)
    class Threshold(Method[ThresholdConfig]): ...

`open_method` knows it as soon as its module has been imported. The commands know it when its package says where it is,
by an entry point in pyproject.toml:

    [project.entry-points."saga.methods"]
    threshold = "my_package.threshold:Threshold"
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from saga.errors import SagaError

if TYPE_CHECKING:
    from saga.masks import MaskModel, MaskSource
    from saga.methods.base import Method
    from saga.raster.device_scene import DeviceScene
    from saga.regions import SceneRegions
    from saga.scene import Scene
    from saga.train import FeatureField

BUILTIN = {
    "saga": ("saga.query.config:QueryConfig", "saga.methods.saga.segmenter:Segmenter"),
    "sa3d": ("saga.methods.sa3d.config:Sa3dConfig", "saga.methods.sa3d.method:Sa3d"),
    "sanerf-hq": ("saga.methods.sanerf_hq.config:SanerfHqConfig", "saga.methods.sanerf_hq.method:SanerfHq"),
    "sgisrf": ("saga.methods.sgisrf.config:SgisrfConfig", "saga.methods.sgisrf.segmenter:Sgisrf"),
    "disconerf": ("saga.methods.disconerf.config:DiscoNerfConfig", "saga.methods.disconerf.slots:ObjectSlots"),
}
"""Name of each method of the package: its config, in a module without torch, and its class."""

_registered: dict[str, tuple[type[Any], type[Any]]] = {}

_Class = TypeVar("_Class", bound=type)


def register(name: str, config: type[Any]) -> Callable[[_Class], _Class]:
    """Makes a further method known by a name; a class decorator.

    Args:
        name: what `open_method` and the commands call the method.
        config: the class of its config.

    Raises:
        SagaError: the name is taken by a class of another name.
    """

    def decorate(method: _Class) -> _Class:
        taken = _registered.get(name)
        if name in BUILTIN or (taken is not None and taken[1].__qualname__ != method.__qualname__):
            raise SagaError(f"method {name}: expected a name that is free, found one that is taken; choose another.")
        method.Config = config  # type: ignore[attr-defined]
        _registered[name] = (config, method)
        return method

    return decorate


def method_names() -> tuple[str, ...]:
    """Returns the names of all methods: first those of the package, then those registered and those of entry points."""
    return tuple(dict.fromkeys((*BUILTIN, *_registered, *_entry_points())))


def config_class(name: str) -> type[Any]:
    """Returns the class of a method's config. Raises SagaError for an unknown name."""
    return _loaded(name, 0)


def method_class(name: str) -> type[Any]:
    """Returns a method's class. Raises SagaError for an unknown name."""
    return _loaded(name, 1)


def open_method(
    name: str,
    scene: Scene | DeviceScene,
    config: Any = None,
    *,
    masks: MaskSource | None = None,
    sam: MaskModel | None = None,
    field: FeatureField | None = None,
    device: str = "auto",
    progress: bool = True,
    regions: SceneRegions | Literal[False] | None = None,
) -> Method[Any]:
    """Opens a method on a scene, ready for prompts.

    Args:
        name: one of `method_names()`.
        scene: the scene, or the scene on a device, which methods then share.
        config: the method's config; None takes its defaults.
        masks: masks of the views, which a method that needs some chooses among or learns from; those that the scene
            gives itself by default.
        sam: Segment Anything, which then makes the masks of prompts.
        field: features of the scene, for a method that answers from them.
        device: "auto", "cpu" or "cuda"; the one of a scene that is on a device already counts.
        progress: whether long work shows a progress bar.
        regions: regions of the scene; those in the file beside it by default, and none with False.

    Raises:
        SagaError: an unknown name, the config of another method, or something missing that the method needs.
    """
    expected = config_class(name)
    config = expected() if config is None else config
    if not isinstance(config, expected):
        raise SagaError(
            f"method {name}: expected a {expected.__name__} as config, found a {type(config).__name__}; give its own."
        )
    opened: Method[Any] = method_class(name)(
        scene, config=config, masks=masks, sam=sam, field=field, device=device, progress=progress, regions=regions
    )
    return opened


def _loaded(name: str, which: int) -> type[Any]:
    if name not in BUILTIN and name not in _registered and name in _entry_points():
        _load(_entry_points()[name])
    if name in _registered:
        return _registered[name][which]
    if name not in BUILTIN:
        raise SagaError(f"method: expected one of {', '.join(method_names())}, found {name!r}; choose one of them.")
    module, _, attribute = BUILTIN[name][which].partition(":")
    found: type[Any] = getattr(import_module(module), attribute)
    return found


@lru_cache
def _entry_points() -> dict[str, EntryPoint]:
    """Returns the methods that other packages say they have, by name."""
    return {each.name: each for each in entry_points(group="saga.methods") if each.name not in BUILTIN}


def _load(point: EntryPoint) -> None:
    """Imports the module of an entry point, which registers the method. Raises SagaError when it does not."""
    try:
        point.load()
    except (ImportError, AttributeError) as error:
        raise SagaError(
            f"method {point.name}: expected {point.value}, found that it cannot be loaded ({error}); "
            "install its package again, or remove it."
        ) from error
    if point.name not in _registered:
        raise SagaError(
            f"method {point.name}: expected a class with @register in {point.value}, found none of this name; "
            "update its package, or remove it."
        )
