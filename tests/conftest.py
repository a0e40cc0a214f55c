"""What every test may use: a small scene with exact labels (made once: do not change it), and the CUDA kernels."""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import importlib.util
import os
import platform
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import distance_transform_edt

from saga.demo import DemoScene, instances_as_masks, make_scene, write_scene
from saga.methods import Segmenter
from saga.native import bindings
from saga.regions import RegionConfig, SceneRegions
from saga.scene import Camera, Gaussians, Scene, load_scene
from saga.train import FeatureField, TrainConfig

ROOT = Path(__file__).parent.parent
EMULATOR = ROOT / "tests" / "gpu" / "emulator"
EMULATED_FLAGS = ("-O2", "-std=c++17", "-fPIC", "-ffp-contract=off", "-fno-strict-aliasing", "-D_FORTIFY_SOURCE=0")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Two processes share the default tests, where pytest-xdist is there; -n 0 runs them in one.

    Parts of the tests, or with other marks, run in one process: starting two would take longer, or too much memory.
    """
    option = config.option
    everything = [Path(argument).resolve() for argument in config.args] == [Path(__file__).parent]
    default = everything and option.markexpr == "not slow and not browser" and not option.collectonly
    watched = option.usepdb or option.capture == "no"
    two_cores = len(os.sched_getaffinity(0)) > 1 if hasattr(os, "sched_getaffinity") else False
    already = hasattr(config, "workerinput") or getattr(option, "numprocesses", 0) is not None
    if default and two_cores and not watched and not already:
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # each process has a core of its own
        option.numprocesses, option.dist = 2, "worksteal"


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Ctrl-C interrupts, as on a terminal, even where the tests run in the background and were told to ignore it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def tiny_demo() -> DemoScene:
    """The demo scene with about 4000 Gaussians and six views of 160 x 120: `labels`, `names`, `cameras`."""
    return make_scene(gaussians=4000, views=6, size=(160, 120))


@pytest.fixture(scope="session")
def tiny_folder(tiny_demo: DemoScene, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `tiny_demo`: scene.ply, labels.npy, objects.json, transforms.json, images, instances."""
    folder = tmp_path_factory.mktemp("tiny") / "scene"
    write_scene(tiny_demo, folder)
    return folder


@pytest.fixture(scope="session")
def tiny_scene(tiny_folder: Path) -> Scene:
    """`tiny_folder` as it loads: rows in the order of `tiny_demo.labels`, cameras with photographs."""
    return load_scene(tiny_folder / "scene.ply")


@pytest.fixture(scope="session")
def tiny_masks(tiny_folder: Path) -> dict[str, np.ndarray]:  # each [M, H, W] bool
    """View name -> the exact masks of the demo's instances in it: do not change them."""
    pictures = sorted((tiny_folder / "instances").glob("*.png"))
    return {picture.name: instances_as_masks(np.asarray(Image.open(picture))) for picture in pictures}


@pytest.fixture(scope="session")
def known_regions(tiny_scene: Scene, tiny_demo: DemoScene) -> SceneRegions:
    """Two cells of each thing, its lower and its upper half; regions are halves, things and pairs of things."""
    heights, labels = tiny_scene.gaussians.means[:, 2], tiny_demo.labels
    things = np.unique(labels)
    cells = np.zeros(len(labels), np.int32)
    for index, thing in enumerate(things):
        own = labels == thing
        cells[own] = 2 * index + (heights[own] > np.median(heights[own]))
    count = 2 * len(things)
    one, other = np.array(list(combinations(range(count), 2))).T
    same = one // 2 == other // 2
    members = [np.eye(count, dtype=bool), np.eye(count, dtype=bool).reshape(-1, 2, count).any(1)]
    pairs = members[1][:-1] | members[1][1:]
    return SceneRegions(
        scene_digest=tiny_scene.gaussians.digest(),
        config=RegionConfig(),
        cells=cells,
        shares=np.full(count, 0.8 / count, np.float32),
        members=np.concatenate([*members, pairs]),
        own=np.zeros(count + 2 * len(things) - 1, bool),
        borders=np.stack([one, other]).astype(np.int32),
        lengths=np.where(same, 20.0, 1.0).astype(np.float32),
        closed=np.where(same, 0.5, 0.95).astype(np.float32),
        boxes=np.tile(np.float32([[[0, 0, 0], [1, 1, 1]]]), (count, 1, 1)),
    )


@pytest.fixture(scope="session")
def known_field(tiny_scene: Scene, tiny_demo: DemoScene) -> FeatureField:
    """A feature of its own for each thing."""
    features = torch.nn.functional.one_hot(torch.from_numpy(tiny_demo.labels).long(), 32).float()
    report = {"given_masks": False}
    return FeatureField(
        features, tiny_scene.gaussians.digest(), TrainConfig(dimensions=32, scales=1), tiny_scene.cameras, None, report
    )


@pytest.fixture(scope="session")
def known_segmenter(tiny_scene: Scene, known_regions: SceneRegions, known_field: FeatureField) -> Segmenter:
    return Segmenter(tiny_scene, known_field, device="cpu", regions=known_regions)


@pytest.fixture(scope="session")
def middle_of(tiny_folder: Path, tiny_demo: DemoScene) -> Callable[..., tuple[int, int]]:
    """middle_of(name, view): the pixel (x, y) of a view (the first by default) farthest from the object's border."""

    def find(name: str, view: str = "000.png") -> tuple[int, int]:
        shown = np.asarray(Image.open(tiny_folder / "instances" / view)) == tiny_demo.names[name]
        y, x = np.unravel_index(distance_transform_edt(shown).argmax(), shown.shape)
        return int(x), int(y)

    return find


@pytest.fixture(scope="session")
def iou_with(tiny_demo: DemoScene) -> Callable[[np.ndarray, str], float]:
    """iou_with(mask, name): the overlap of a selection with an object, over their union."""

    def compare(mask: np.ndarray, name: str) -> float:
        truth = tiny_demo.labels == tiny_demo.names[name]
        return float((mask & truth).sum() / (mask | truth).sum())

    return compare


@pytest.fixture(scope="session")
def wall() -> Callable[..., Scene]:
    """Makes an opaque wall, at z = 4 by default, in front of the parallel cameras "a" and "b"."""
    return _wall


def _wall(z: float = 4.0, extra: tuple[tuple[float, float, float], ...] = ()) -> Scene:
    """An opaque wall at a depth in front of two parallel cameras, and single opaque Gaussians."""
    side = np.linspace(-3, 3, 61)
    means = np.stack([*np.meshgrid(side, side, indexing="ij"), np.full((61, 61), z)], -1).reshape(-1, 3)
    means = np.concatenate([means, np.asarray(extra, float).reshape(-1, 3)]).astype(np.float32)
    n = len(means)
    gaussians = Gaussians.from_arrays(
        means=means,
        scales=np.full((n, 3), 0.1, np.float32),
        quaternions=np.tile(np.array([1, 0, 0, 0], np.float32), (n, 1)),
        opacities=np.full(n, 0.99, np.float32),
        sh=np.zeros((n, 1, 3), np.float32),
    )
    moved = np.eye(4)
    moved[0, 3] = -0.5
    cameras = [Camera(name, 64, 48, 40, 40, 32, 24, pose) for name, pose in (("a", np.eye(4)), ("b", moved))]
    return Scene(gaussians, cameras)


@pytest.fixture(scope="session")
def emulated_cuda(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The CUDA library's sources, compiled for the CPU on an emulation of CUDA's threads.

    Pytest's cache keeps the library for the other process and later runs, until a source, the compiler or this changes.
    """
    compiler = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    if pytestconfig.pluginmanager.has_plugin("cacheprovider"):
        kept = pytestconfig.cache.mkdir("emulated-cuda")
    else:
        kept = tmp_path_factory.mktemp("emulated-cuda")
    library = kept / f"{_identity_of_emulated(compiler)}.so"
    with (kept / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one process compiles, the other waits for it
        if not library.exists():
            for outdated in kept.glob("*.so"):
                outdated.unlink()
            _compile_emulated(compiler, library, tmp_path_factory.mktemp("objects"))
    return bindings.described(ctypes.CDLL(str(library)))


def _identity_of_emulated(compiler: str) -> str:
    """A digest of all that the emulated library is made from."""
    version = subprocess.run([compiler, "--version"], capture_output=True, check=True).stdout
    digest = hashlib.sha256(repr((compiler, version, EMULATED_FLAGS, platform.machine())).encode())
    sources = [*(ROOT / "cuda").rglob("*"), *EMULATOR.rglob("*"), Path(__file__)]
    for source in sorted(path for path in sources if path.is_file()):
        content = source.read_bytes()
        digest.update(f"{source.relative_to(ROOT)} {len(content)} ".encode() + content)
    return digest.hexdigest()


def _compile_emulated(compiler: str, library: Path, folder: Path) -> None:
    """Compiles and links in a folder; the library is there as a whole or not at all."""

    def compiled(source: Path) -> str:
        target = str(folder / f"{source.stem}.o")
        flags = [*EMULATED_FLAGS, f"-I{EMULATOR}"]
        subprocess.run([compiler, *flags, "-x", "c++", "-c", str(source), "-o", target], check=True)
        return target

    with ThreadPoolExecutor(2) as pool:
        objects = list(pool.map(compiled, [*sorted((ROOT / "cuda").glob("*.cu")), EMULATOR / "emulator.cpp"]))
    linked = library.with_suffix(".linked")
    subprocess.run([compiler, "-shared", *objects, "-o", str(linked)], check=True)
    linked.replace(library)


@pytest.fixture
def emulated(emulated_cuda: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch) -> None:
    """CPU tensors go to the emulated CUDA library instead of the CPU library."""
    monkeypatch.setattr(bindings, "library", lambda device_type: emulated_cuda if device_type == "cpu" else None)


@pytest.fixture(params=["cpu", "emulated", "cuda"])
def native_device(request: pytest.FixtureRequest) -> str:
    """The device of each native library: the CPU's, the CUDA one emulated on the CPU, and the CUDA one."""
    if request.param == "emulated":
        request.getfixturevalue("emulated")
        return "cpu"
    require_native(request.param)
    return str(request.param)


@pytest.fixture(params=["cpu", "cuda"])
def device(request: pytest.FixtureRequest) -> str:
    """The devices a scene can be trained and queried on."""
    if request.param == "cuda":
        require_native("cuda")
    return str(request.param)


def require_native(device: str) -> None:
    """Skips the test where a device or its library is missing."""
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    if bindings.library(device) is None:
        pytest.skip(f"the {device} library is not built")


def _words_module(name: str) -> ModuleType:
    """Modules of tests/words, which are no package."""
    path = Path(__file__).parent / "words" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"words_{name}", path)
    assert spec is not None and spec.loader is not None
    module = sys.modules.setdefault(spec.name, importlib.util.module_from_spec(spec))
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def toy() -> ModuleType:
    """The module with the model that knows colors."""
    return _words_module("toy")


@pytest.fixture(scope="session")
def small_models() -> ModuleType:
    """The module that writes small models with random weights."""
    pytest.importorskip("transformers")
    return _words_module("small_models")
