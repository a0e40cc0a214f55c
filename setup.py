"""Builds the native backends as plain shared libraries that ctypes loads.

They use neither the Python nor the PyTorch ABI, so one build serves every version of both. A missing
compiler never fails the installation: without a C++ compiler saga runs on its PyTorch reference, without
nvcc it runs on the CPU, and it says so.

SAGA_CUDA=0 leaves the CUDA library out. SAGA_CUDA_ARCHS="90" builds it for these compute capabilities only.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext
from setuptools.command.sdist import sdist

ROOT = Path(__file__).parent
CPU_FLAGS = ["-O3", "-std=c++17", "-fPIC", "-shared", "-fno-math-errno", "-fno-trapping-math"]
THREADS_FLAG = "-fopenmp"
CUDA_FLAGS = ["-O3", "-std=c++17", "-Xcompiler", "-fPIC"]
CUDA_LINK_FLAGS = ["-shared", "-cudart", "static", "-Xlinker", "--version-script=cuda/exports.map"]
CUDA_ARCHS = ("75", "80", "86", "89", "90")


def sources(folder: str, suffix: str) -> list[str]:
    """Returns the files of a folder with a suffix, sorted, relative to the root."""
    return sorted(str(path.relative_to(ROOT)) for path in (ROOT / folder).glob(f"*{suffix}"))


def headers() -> list[str]:
    """Returns the files that sources include or the linker reads."""
    suffixes = (".h", ".hpp", ".cuh", ".map")
    return [path for folder in ("cpu", "cuda") for suffix in suffixes for path in sources(folder, suffix)]


class BuildError(Exception):
    """A library cannot be built; the message is a line that says what is missing."""


class BuildNative(build_ext):
    """Compiles each extension with its own compiler into saga/native/<name>.so."""

    def get_ext_filename(self, fullname: str) -> str:
        """Returns the library's path; there is no tag of Python's ABI in it."""
        return os.path.join(*fullname.split(".")) + ".so"

    def build_extension(self, ext: Extension) -> None:
        """Builds one library; one that cannot be built is said and left out."""
        target = Path(self.get_ext_fullpath(ext.name))
        target.parent.mkdir(parents=True, exist_ok=True)
        # An older build must not pass for one that failed.
        target.unlink(missing_ok=True)
        try:
            if ext.name.endswith("_cuda"):
                build_cuda(ext, target, Path(self.build_temp).absolute() / "cuda")
            else:
                build_cpu(ext, target)
        except BuildError as error:
            print(f"saga: {target.name} is not built: {error}", file=sys.stderr)

    def copy_extensions_to_source(self) -> None:
        """Copies the libraries into the sources, for editable installations."""
        for ext in self.extensions:
            built = Path(self.build_lib) / self.get_ext_filename(ext.name)
            if built.exists():
                destination = ROOT / self.get_ext_filename(ext.name)
                destination.parent.mkdir(parents=True, exist_ok=True)
                # A process may be running the old library: replace the name, not the bytes.
                temporary = destination.with_suffix(".new")
                shutil.copy2(built, temporary)
                os.replace(temporary, destination)


class PlatformWheel(bdist_wheel):
    """Tags the wheel for the platform's libraries, and for every Python 3, whose ABI they do not use."""

    def get_tag(self) -> tuple[str, str, str]:
        """Returns the tags of Python, ABI and platform."""
        _, _, platform = super().get_tag()
        return "py3", "none", platform


class SourceWithHeaders(sdist):
    """Source distributions carry the headers too."""

    def make_distribution(self) -> None:
        """Adds the headers to the files of the distribution."""
        self.filelist.extend(headers())
        super().make_distribution()


def build_cpu(ext: Extension, target: Path) -> None:
    """Compiles the CPU library. Raises BuildError."""
    named = os.environ.get("CXX")
    found = shutil.which("c++") or shutil.which("g++")
    if not named and not found:
        raise BuildError("no C++ compiler found (CXX, c++, g++); saga will use its slow reference.")
    compiler = shlex.split(named) if named else [str(found)]
    # Wheels for another processor of the same system are asked for in this variable (macOS).
    flags = [*CPU_FLAGS, *shlex.split(os.environ.get("ARCHFLAGS", ""))]
    try:
        run([*compiler, *flags, THREADS_FLAG, *ext.sources, "-o", str(target)], "trying without OpenMP.")
    except BuildError as error:
        print(f"saga: {error}", file=sys.stderr)
        run([*compiler, *flags, *ext.sources, "-o", str(target)], "saga will use its slow reference.")
        print(f"saga: {target.name} is built without OpenMP and uses one thread.", file=sys.stderr)


def build_cuda(ext: Extension, target: Path, objects: Path) -> None:
    """Compiles every file in a process of its own, keeping the objects of unchanged files, and links them."""
    if os.environ.get("SAGA_CUDA") == "0":
        raise BuildError("SAGA_CUDA=0; saga runs on the CPU.")
    nvcc = find_nvcc()
    if nvcc is None:
        raise BuildError("no nvcc found (CUDA_HOME, CUDA_PATH, PATH, /usr/local/cuda); saga runs on the CPU.")
    compile_with = [nvcc, *CUDA_FLAGS, *code_flags(nvcc), "--threads", "0", "-c"]
    version = subprocess.run([nvcc, "--version"], capture_output=True).stdout
    shared = b"".join([shlex.join(compile_with).encode(), version, *((ROOT / h).read_bytes() for h in headers())])
    objects.mkdir(parents=True, exist_ok=True)

    def compiled(source: str) -> str:
        digest = hashlib.sha256(shared + (ROOT / source).read_bytes()).hexdigest()[:16]
        finished = objects / f"{Path(source).stem}-{digest}.o"
        if not finished.exists():
            for outdated in objects.glob(f"{Path(source).stem}-*.o"):
                outdated.unlink()
            partial = finished.with_suffix(".partial")
            run([*compile_with, source, "-o", str(partial)], "saga runs on the CPU.")
            os.replace(partial, finished)
        return str(finished)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        parts = list(pool.map(compiled, ext.sources))
    run([nvcc, *CUDA_LINK_FLAGS, *parts, "-o", str(target)], "saga runs on the CPU.")


def find_nvcc() -> str | None:
    """Returns the path of nvcc, or None."""
    homes = [os.environ[name] for name in ("CUDA_HOME", "CUDA_PATH") if os.environ.get(name)]
    places = [*(shutil.which("nvcc", path=str(Path(home) / "bin")) for home in homes), shutil.which("nvcc")]
    return next(filter(None, places), shutil.which("nvcc", path="/usr/local/cuda/bin"))


def code_flags(nvcc: str) -> list[str]:
    """Machine code for each architecture that this nvcc knows, and PTX of the newest for those to come."""
    listed = subprocess.run([nvcc, "--list-gpu-code"], capture_output=True, text=True).stdout
    wanted = re.findall(r"\d+", os.environ.get("SAGA_CUDA_ARCHS", "")) or CUDA_ARCHS
    archs = sorted({int(arch) for arch in wanted if f"sm_{arch}" in listed.split()})
    if not archs:
        raise BuildError(f"{nvcc} compiles for none of {', '.join(wanted)}; saga runs on the CPU.")
    machine = [f"-gencode=arch=compute_{arch},code=sm_{arch}" for arch in archs]
    return [*machine, f"-gencode=arch=compute_{archs[-1]},code=compute_{archs[-1]}"]


def run(command: list[str], consequence: str) -> None:
    """Runs a command. Raises BuildError, which names the consequence, when it fails."""
    print(shlex.join(command), flush=True)
    if subprocess.run(command, cwd=ROOT).returncode != 0:
        raise BuildError(f"{Path(command[0]).name} failed, its messages are above; {consequence}")


setup(
    ext_modules=[
        Extension("saga.native.libsaga_cpu", sources("cpu", ".cpp"), depends=headers()),
        Extension("saga.native.libsaga_cuda", sources("cuda", ".cu"), depends=headers()),
    ],
    cmdclass={"bdist_wheel": PlatformWheel, "build_ext": BuildNative, "sdist": SourceWithHeaders},
)
