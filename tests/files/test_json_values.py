"""JSON that is written can be read by every reader of JSON, whatever a measurement came to."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open

from saga.files.json_values import json_text, write_json
from saga.train import FeatureField, TrainConfig

ROOT = Path(__file__).parent.parent.parent
IN_MEMORY = {
    "saga/files/json_values.py": "the one writer",
    "saga/evaluate/results_folder.py": "settings as they come back",
    "saga/train/checkpoint.py": "an identity as it comes back",
    "saga/train/identity.py": "a digest",
    "saga/masks/agreed.py": "digests",
    "saga/masks/cache.py": "digests",
    "saga/masks/scene/generator.py": "digests",
    "saga/masks/propagation/generator.py": "digests",
    "saga/batch/storage.py": "digests",
    "saga/batch/task.py": "digests",
    "saga/words/store.py": "digests",
    "saga/alignment/frames.py": "a message",
    "saga/scene/camera.py": "a name",
    "saga/viewer/front.py": "messages",
}
"""Modules that make text of JSON values, and what for, if not to write it."""


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def test_numbers_that_json_does_not_have_become_null(tmp_path: Path) -> None:
    values = {"a": math.nan, "b": [1.5, -math.inf, (2, math.inf)], "\ud800": "\udcff", "c": "ü"}
    expected = {"a": None, "b": [1.5, None, [2, None]], "\ud800": "\udcff", "c": "ü"}
    values |= {"d": np.float32("nan"), "e": np.array([1, 2]), "f": torch.tensor([0.5, math.inf])}
    expected |= {"d": None, "e": [1, 2], "f": [0.5, None]}
    write_json(tmp_path / "a.json", values)
    for text in (json_text(values), (tmp_path / "a.json").read_text(encoding="utf-8")):
        assert json.loads(text, parse_constant=_refuse) == expected


def test_the_header_of_a_field_is_json_where_a_loss_was_no_number(tmp_path: Path) -> None:
    report = {"losses": {"correspondence": math.nan}, "seconds": {"rows": 0.5}, "peak_memory_megabytes": 1.0}
    FeatureField(torch.zeros(4, 32), "digest", TrainConfig(), [], report=report).save(tmp_path / "a.saga")
    with safe_open(tmp_path / "a.saga", "pt") as file:
        header = json.loads(file.metadata()["saga"], parse_constant=_refuse)
    assert header["report"]["losses"] == {"correspondence": None}
    loaded = FeatureField.load(tmp_path / "a.saga").report
    assert loaded is not None and loaded["seconds"] == {"rows": 0.5}


def test_nobody_else_writes_json() -> None:
    writers = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "saga").rglob("*.py")
        if re.search(r"\bjson\.dumps?\(", path.read_text(encoding="utf-8"))
    }
    assert not writers - set(IN_MEMORY)
