"""The version of the package that is installed; pyproject.toml is where it is written."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("saga-splat")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"
