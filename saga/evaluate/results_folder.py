"""The folder of results: every scene that is finished stays, and all files change together."""

from __future__ import annotations

import hashlib
import json
import platform
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from saga.errors import SagaError
from saga.evaluate.records import SceneResult
from saga.evaluate.tables import report
from saga.files.json_values import json_text, write_json
from saga.files.reading import reading
from saga.files.transaction import staged_folder
from saga.scene.json_file import read_json
from saga.version import __version__

RESULTS, TABLE, WORST = "results.json", "table.md", "worst"
FORMAT_VERSION = 2
"""Version of results.json. Since 2, the settings of every method are called "config"."""
_KIND = "saga-eval"
_AGAIN = "the scene is evaluated again"


class ResultsFolder:
    """The folder of an evaluation's results: every finished scene stays, and all files change together.

    It holds `results.json` (settings, versions, every record), `table.md`, `scenes/<scene>.json` and
    `worst/<scene>.png`.
    """

    def __init__(self, out: Path, title: str, settings: dict[str, Any]) -> None:
        """Opens or makes the folder.

        Args:
            out: the folder.
            title: head of the table.
            settings: everything that decides the results, JSON values.

        Raises:
            SagaError: the folder holds something else, or results of other settings or of another version.
        """
        self.out, self._title = out, title
        self._settings = json.loads(json.dumps(settings))
        if is_results(out):
            self._refuse_others(read_json(out / RESULTS))
        else:
            with staged_folder(out, (RESULTS,), is_results) as stage:
                self._write(stage, [])

    def load(self, scene: str) -> SceneResult | None:
        """Returns the finished result of a scene, None when there is none or its PLY has changed since.

        A damaged file counts as none, which a warning says.
        """
        path = self.out / "scenes" / f"{scene}.json"
        if not path.is_file():
            return None
        try:
            with reading(path, "the results of a scene", _AGAIN):
                values = read_json(path, _AGAIN)
                if values["digest"] != _digest(values["result"]):
                    raise ValueError("figures that are not those that were written")
                result, stamp = SceneResult.from_json(values["result"]), values["ply"]
                unchanged = bool(stamp == _stamp(str(stamp["path"])))
        except SagaError as error:
            warnings.warn(str(error), stacklevel=2)
            return None
        return result if unchanged else None

    def save(
        self,
        finished: Sequence[SceneResult],
        ply: Path | None,
        sheet: np.ndarray,  # [h, w, 3] uint8
    ) -> None:
        """Adds the last of the finished scenes with its sheet of worst answers, and writes the summaries of all."""
        result = finished[-1]
        names = (f"scenes/{result.scene}.json", f"{WORST}/{result.scene}.png")
        with staged_folder(self.out, (RESULTS, TABLE, *names), is_results) as stage:
            self._write(stage, finished)
            for name in names:
                (stage / name).parent.mkdir()
            kept = result.as_json()
            write_json(stage / names[0], {"ply": _stamp(str(ply)), "digest": _digest(kept), "result": kept})
            Image.fromarray(sheet).save(stage / names[1])

    def summarize(self, finished: Sequence[SceneResult]) -> None:
        """Writes the summaries of some scenes."""
        with staged_folder(self.out, (RESULTS, TABLE), is_results) as stage:
            self._write(stage, finished)

    def _refuse_others(self, found: dict[str, Any]) -> None:
        version = found.get("version", 1)
        if version != FORMAT_VERSION:
            raise SagaError(
                f"{self.out / RESULTS}: expected version {FORMAT_VERSION}, found {version}; choose another --out, or "
                "delete it."
            )
        kept = found.get("settings")
        if kept != self._settings:
            others = ", ".join(_differences(kept, self._settings)) or "none"
            raise SagaError(
                f"{self.out}: holds results of other settings ({others}); choose another --out, or delete it."
            )

    def _write(self, stage: Path, finished: Sequence[SceneResult]) -> None:
        facts = {"kind": _KIND, "version": FORMAT_VERSION, "settings": self._settings, "versions": versions()}
        write_json(stage / RESULTS, facts | {"scenes": [result.as_json() for result in finished]})
        if finished:
            text = report(finished, self._title, self._settings | {"versions": versions()})
            (stage / TABLE).write_text(text, encoding="utf-8")


def versions() -> dict[str, str]:
    """Returns what results depend on beside their settings."""
    facts = {
        "saga": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
    }
    facts |= {"system": platform.platform(), "threads": str(torch.get_num_threads())}
    if torch.cuda.is_available():
        facts["gpu"] = torch.cuda.get_device_name()
    return facts


def is_results(folder: Path) -> bool:
    """Returns whether a folder holds results of an evaluation."""
    try:
        contents = read_json(folder / RESULTS)
    except SagaError:
        return False
    return isinstance(contents, dict) and contents.get("kind") == _KIND


def _digest(result: Any) -> str:
    return hashlib.sha256(json_text(result).encode()).hexdigest()


def _stamp(path: str) -> dict[str, Any]:
    """Tells one state of a file from another."""
    try:
        facts = Path(path).stat()
    except OSError:
        return {"path": path, "bytes": None, "modified": None}
    return {"path": path, "bytes": facts.st_size, "modified": facts.st_mtime_ns}


def _differences(one: Any, other: Any, prefix: str = "") -> list[str]:
    if not isinstance(one, dict) or not isinstance(other, dict):
        return [] if one == other else [f"{prefix.rstrip('.')} {one}"]
    keys = dict.fromkeys([*one, *other])
    return [line for key in keys for line in _differences(one.get(key), other.get(key), f"{prefix}{key}.")]
