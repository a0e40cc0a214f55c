"""Verifies the CUDA backend on a machine with a GPU, and measures it.

    python tests/gpu/verify.py [--scene SCENE.ply] [--steps tests parity sanitizer benchmarks]

Needs the extras `test` (with gsplat, which compiles its kernels at the first call) and nvcc. In this order: builds the
library, runs the suites on the GPU, compares with gsplat, runs every kernel under compute-sanitizer where that is
on the PATH, and, when all that has passed, runs the benchmarks and writes their tables into docs/performance.md.
Exit code 0: verified; 1: something failed, as said; 2: there is no GPU.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path
from typing import Literal, get_args

import torch
import tyro

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from saga.demo import make_scene, write_scene  # noqa: E402
from saga.native.bindings import cuda_obstacle  # noqa: E402
from saga.raster import BlendOperator, Geometry  # noqa: E402
from saga.scene import Camera, Gaussians, orbit_cameras  # noqa: E402

Step = Literal["tests", "parity", "sanitizer", "benchmarks"]
SUITES = ("raster", "postprocess", "query", "train")
DOCUMENT = ROOT / "docs" / "performance.md"
MARKERS = ("<!-- measured by tests/gpu/verify.py -->", "<!-- end of what it measured -->")
CHANNELS = 32
# Of values in [0, 1]. A weight that rounding moves across 1/255 changes a pixel by that much, and few pixels do.
LARGEST = 1e-2
MEAN = {True: 1e-5, False: 1e-3}  # exact or tf32
LIFT = {True: 1e-3, False: 3e-3}  # relative, of norms


class VerificationError(Exception):
    """Something is not as it should be."""


def main(scene: Path | None = None, steps: tuple[Step, ...] = get_args(Step)) -> None:
    """Verify the CUDA backend.

    Args:
        scene: a PLY to compare with gsplat on; saga's demo scene by default.
        steps: what to do.
    """
    if not torch.cuda.is_available():
        print("error: this verifies the CUDA backend and needs a GPU; PyTorch finds none.", file=sys.stderr)
        sys.exit(2)
    try:
        build()
        if "tests" in steps:
            run_tests()
        if "parity" in steps:
            compare(*(demo() if scene is None else given(scene)))
        if "sanitizer" in steps:
            sanitize()
        if "benchmarks" in steps:
            measure()
    except VerificationError as failure:
        print(f"NOT verified: {failure}", file=sys.stderr)
        sys.exit(1)
    print(f"verified on {torch.cuda.get_device_name()}: {', '.join(steps)}")


def run(*command: str, **environment: str) -> None:
    """A program of this checkout."""
    print(f"$ {shlex.join(command)}", flush=True)
    known = os.environ | {"PYTHONPATH": str(ROOT)} | environment
    if subprocess.run(command, cwd=ROOT, env=known).returncode != 0:
        raise VerificationError(f"{shlex.join(command)} failed, its messages are above")


def build() -> None:
    """The libraries of this checkout, in place."""
    run(sys.executable, "setup.py", "-q", "build_ext", "--inplace")
    obstacle = cuda_obstacle()
    if obstacle is not None:
        raise VerificationError(obstacle)


def run_tests() -> None:
    """The suites that have cases for the GPU; each must have run some of them."""
    with tempfile.TemporaryDirectory() as folder:
        for suite in SUITES:
            report = Path(folder) / f"{suite}.xml"
            run(sys.executable, "-m", "pytest", f"tests/{suite}", "-rs", f"--junitxml={report}")
            outcomes: Counter[str] = Counter()
            for case in ElementTree.parse(report).iter("testcase"):
                if "cuda" in case.get("name", "").partition("[")[2]:
                    outcomes["skipped" if case.find("skipped") is not None else "passed"] += 1
            print(f"tests/{suite}: {outcomes['passed']} cases on the GPU, {outcomes['skipped']} skipped")
            if outcomes["passed"] == 0:
                raise VerificationError(f"tests/{suite}: no case ran on the GPU")


def demo() -> tuple[Geometry, list[Camera]]:
    made = make_scene(views=4, size=(1920, 1080))
    return Geometry.from_gaussians(made.gaussians, "cuda"), made.cameras


def given(path: Path) -> tuple[Geometry, list[Camera]]:
    gaussians = Gaussians.read(path)
    return Geometry.from_gaussians(gaussians, "cuda"), orbit_cameras(gaussians, 4, 1920, 1080)


def compare(geometry: Geometry, cameras: list[Camera]) -> None:
    """Images and lifted values of 32 channels against gsplat's, in float32 and in tf32."""
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(len(geometry), CHANNELS, generator=generator).cuda()
    for camera in cameras:
        y = torch.rand(camera.height, camera.width, CHANNELS, generator=generator).cuda()
        peer = BlendOperator(geometry, camera, "gsplat")
        image, values = peer.render(x), peer.lift(y)
        for exact in (True, False):
            ours = BlendOperator(geometry, camera, "native", exact)
            difference = (ours.render(x) - image).abs()
            largest, mean = float(difference.max()), float(difference.mean())
            lifted = float((ours.lift(y) - values).norm() / values.norm())
            kind = "float32" if exact else "tf32"
            print(f"{camera.name}, {kind}: render differs by {largest:.1e} at most, {mean:.1e} on average;", end=" ")
            print(f"lift by {lifted:.1e} of its norm; {float(image.mean()):.3f} is the mean of the image")
            # Not-a-number compares as false.
            if not (largest <= LARGEST and mean <= MEAN[exact] and lifted <= LIFT[exact] and float(image.mean()) > 0):
                raise VerificationError(f"{camera.name}: {kind} results differ from gsplat's by more than rounding")


def sanitize() -> None:
    """Every kernel on small inputs, under memcheck and racecheck."""
    tool = shutil.which("compute-sanitizer")
    if tool is None:
        print("compute-sanitizer is not on the PATH: memory accesses and races are not checked")
        return
    small = (sys.executable, "tests/gpu/small_case.py", "cuda")
    for check in ("memcheck", "racecheck"):
        # Without PyTorch's pool of memory, so that what lies beyond an array is nobody's.
        run(tool, "--tool", check, "--error-exitcode", "1", *small, PYTORCH_NO_CUDA_MEMORY_CACHING="1")


def measure() -> None:
    """Runs the benchmarks and puts what they print between the markers of docs/performance.md."""
    with tempfile.TemporaryDirectory() as folder:
        write_scene(make_scene(), Path(folder) / "demo")
        printed = [
            output("benchmarks/raster.py", "--device", "cuda"),
            output("benchmarks/matching.py", "--device", "cuda"),
            output("benchmarks/postprocess.py", "--device", "cuda"),
            output("benchmarks/training.py", "demo", "--device", "cuda", within=Path(folder)),
            output("benchmarks/training.py", "demo", "--device", "cpu", within=Path(folder)),
        ]
    text = f"Measured on {torch.cuda.get_device_name()} by `python tests/gpu/verify.py`.\n\n" + "\n".join(printed)
    DOCUMENT.write_text(between_markers(DOCUMENT.read_text(), text))
    print(f"{DOCUMENT}: tables written")


def output(script: str, *arguments: str, within: Path = ROOT) -> str:
    """A command and what it prints, as a section of Markdown."""
    shown = shlex.join(["python", script, *arguments])
    print(f"$ {shown}", flush=True)
    command = [sys.executable, str(ROOT / script), *arguments]
    done = subprocess.run(
        command, cwd=within, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True
    )
    print(done.stdout)
    if done.returncode != 0:
        raise VerificationError(f"{shown} failed, its messages are above")
    return f"`{shown}`\n\n{done.stdout.strip()}\n"


def between_markers(document: str, text: str) -> str:
    """The document with the text in place of what stood between the markers."""
    start, end = (document.index(marker) for marker in MARKERS)
    return document[: start + len(MARKERS[0])] + f"\n{text.rstrip()}\n" + document[end:]


if __name__ == "__main__":
    tyro.cli(main)
