"""Builds the native backends as plain shared libraries that ctypes loads.

They use neither the Python nor the PyTorch ABI, so one build serves every version of both. A missing
compiler never fails the installation: saga then runs on its PyTorch reference and says so.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.sdist import sdist

ROOT = Path(__file__).parent
CPU_FLAGS = ["-O3", "-std=c++17", "-fPIC", "-shared", "-fopenmp", "-fno-math-errno", "-fno-trapping-math"]


def sources(folder: str, suffix: str) -> list[str]:
    return sorted(str(path.relative_to(ROOT)) for path in (ROOT / folder).glob(f"*{suffix}"))


def headers() -> list[str]:
    return [path for folder in ("cpu", "cuda") for suffix in (".h", ".hpp", ".cuh") for path in sources(folder, suffix)]


class BuildNative(build_ext):
    """Compiles each extension with its own compiler into saga/_native/<name>.so."""

    def get_ext_filename(self, fullname: str) -> str:
        return os.path.join(*fullname.split(".")) + ".so"

    def build_extension(self, ext: Extension) -> None:
        compiler = cpu_compiler()
        target = Path(self.get_ext_fullpath(ext.name))
        if compiler is None:
            print(f"saga: no C++ compiler found (CXX, c++, g++): {target.name} is not built.", file=sys.stderr)
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        command = [*compiler, *CPU_FLAGS, *ext.sources, "-o", str(target)]
        print(shlex.join(command))
        if subprocess.run(command, cwd=ROOT).returncode != 0:
            print(f"saga: {target.name} could not be built: saga will use its slow reference.", file=sys.stderr)

    def copy_extensions_to_source(self) -> None:
        for ext in self.extensions:
            built = Path(self.build_lib) / self.get_ext_filename(ext.name)
            if built.exists():
                destination = ROOT / self.get_ext_filename(ext.name)
                destination.parent.mkdir(parents=True, exist_ok=True)
                # A process may be running the old library: replace the name, not the bytes.
                temporary = destination.with_suffix(".new")
                shutil.copy2(built, temporary)
                os.replace(temporary, destination)


class SourceWithHeaders(sdist):
    """Source distributions carry the headers too."""

    def make_distribution(self) -> None:
        self.filelist.extend(headers())
        super().make_distribution()


def cpu_compiler() -> list[str] | None:
    named = os.environ.get("CXX")
    if named:
        return shlex.split(named)
    found = shutil.which("c++") or shutil.which("g++")
    return [found] if found else None


setup(
    ext_modules=[Extension("saga._native.libsaga_cpu", sources("cpu", ".cpp"), depends=headers())],
    cmdclass={"build_ext": BuildNative, "sdist": SourceWithHeaders},
)
