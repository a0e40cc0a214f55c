"""What mkdocs does beyond its plugins: pages that live elsewhere in the repository, and the names that packages export.

A page `<!-- page: FILE -->` is that file of the repository, so that nothing is written twice. A line
`::: all of PACKAGE` becomes the documentation of each name that the package exports, and a line `::: table of methods`
a table of the registry of methods.
"""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
"""Files of the repository that are pages of the site."""


def on_page_markdown(markdown: str, *, config: Any, **_: Any) -> str:
    """Fills a page in before it is rendered."""
    included = re.fullmatch(r"<!-- page: (\S+) -->\s*", markdown)
    if included:
        text = (ROOT / included[1]).read_text(encoding="utf-8")
        return re.sub(r"\]\(([^)\s]+)\)", lambda link: f"]({_on_site(link[1], config['repo_url'])})", text)
    markdown = re.sub(r"^::: table of methods$", lambda _: _methods(), markdown, flags=re.MULTILINE)
    return re.sub(r"^::: all of (\S+)$", lambda line: _exported(line[1]), markdown, flags=re.MULTILINE)


def _on_site(target: str, repository: str) -> str:
    """A link of a file in the repository's root, as a link of a page in the site's root."""
    if re.match(r"[a-z]+:|#", target):
        return target
    path, mark, anchor = target.partition("#")
    if path in PAGES:
        return PAGES[path] + mark + anchor
    if path.startswith("docs/"):
        return path.removeprefix("docs/") + mark + anchor
    if not (ROOT / path).exists():
        raise FileNotFoundError(f"{path}: expected a file of the repository, found none; correct the link.")
    return f"{repository}/blob/main/{target}"


def _exported(package: str) -> str:
    """The names of a package that are defined in it, classes first; those of other packages are on these' pages."""
    module = importlib.import_module(package)
    own = [name for name in module.__all__ if _home(module, name).startswith(package)]
    return "\n\n".join(f"::: {package}.{name}" for name in sorted(own, key=lambda name: (name[0].islower(), name)))


def _home(module: Any, name: str) -> str:
    """The module where a class or function is defined; for other values, the one that exports it."""
    return getattr(getattr(module, name), "__module__", module.__name__)


def _methods() -> str:
    registry = importlib.import_module("saga.methods.registry")
    lines = ["| name | class | what it does | settings |", "| --- | --- | --- | --- |"]
    for name in registry.method_names():
        method, config = registry.method_class(name), registry.config_class(name)
        summary = str(method.__doc__).partition("\n")[0]
        lines.append(f"| `{name}` | {_reference(method)} | {summary} | {_reference(config)} |")
    return "\n".join(lines)


def _reference(definition: type) -> str:
    return f"[{definition.__name__}][{definition.__module__}.{definition.__qualname__}]"
