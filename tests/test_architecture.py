"""Dependencies point one way, as docs/architecture.md shows."""

from __future__ import annotations

import ast
import runpy
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
DRAWING = runpy.run_path(str(ROOT / "docs" / "architecture.py"))
FOUNDATIONS = {"config", "deferred", "errors", "version"}
"""Modules of the package itself that everything may use and that use nothing."""
ENTRANCE = "opening"
"""A module of the package itself that only commands and batches use."""
AIDS = {"testing"}
"""Modules of the package itself that only tests use."""


def _order() -> dict[str, float]:
    """The height of every package."""
    heights: dict[str, float] = {
        name: number for number, name in enumerate(name for layer in DRAWING["LAYERS"] for name in layer)
    }
    return heights | {ENTRANCE: heights["batch"] - 0.5}


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and package of each import of saga in a file, except those for type checkers alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    checking = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in checking:
            continue
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            modules = [node.module] if node.module != "saga" else [f"saga.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        else:
            continue
        yield from ((node.lineno, module.split(".")[1]) for module in modules if module.startswith("saga."))


def test_every_package_has_a_floor() -> None:
    packages = {path.parent.name for path in (ROOT / "saga").glob("*/__init__.py")}
    modules = {path.stem for path in (ROOT / "saga").glob("*.py")}

    assert packages | {ENTRANCE} == set(_order())
    assert modules == FOUNDATIONS | AIDS | {ENTRANCE, "__init__"}


def test_no_package_imports_from_a_floor_above_its_own() -> None:
    order = _order()
    wrong = []
    for path in sorted((ROOT / "saga").rglob("*.py")):
        inside = path.relative_to(ROOT / "saga")
        own = inside.parts[0] if len(inside.parts) > 1 else inside.stem
        if own in AIDS | {"__init__"}:
            continue
        height = order.get(own, -1)
        wrong += [
            f"{path.relative_to(ROOT)}:{line} imports saga.{package}"
            for line, package in _imports(path)
            if package not in FOUNDATIONS and package != own and order.get(package, len(order)) > height
        ]

    assert wrong == []


def test_the_picture_is_what_the_script_draws() -> None:
    assert (ROOT / "docs" / "architecture.svg").read_text(encoding="utf-8") == DRAWING["draw"]()
