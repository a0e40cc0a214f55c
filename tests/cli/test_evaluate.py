"""saga-eval: its results and the mistakes it names."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from saga.cli import evaluate

QUICK = (
    "--train",
    "iterations=60",
    "--train",
    "pixels=256",
    "--train",
    "cached_pixels=12000",
    "--no-regions",
    "--device",
    "cpu",
)


@pytest.fixture
def saga_eval(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """saga-eval with arguments: exit code, output, errors."""

    def command(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["saga-eval", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            evaluate.main()
        captured = capsys.readouterr()
        return int(end.value.code), captured.out, captured.err

    return command


def test_a_folder_is_evaluated_with_the_settings_given(saga_eval, one_object: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, text, errors = saga_eval(
        "folder", one_object, "scene", "--masks", "instances", "--views", 1, "--clicks", 1, 2,
        "--set", "filter_deviations=1.0", "--set", "ball_query=false", *QUICK, "--out", out,
    )  # fmt: skip
    assert code == 0, errors
    assert "| scene | 1 click |" in text
    assert "| scene | 2 clicks |" in text
    kept = json.loads((out / "results.json").read_text())
    method = kept["settings"]["method"]
    assert (method["config"]["filter_deviations"], method["config"]["ball_query"]) == (1.0, False)
    assert method["train"]["iterations"] == 60
    assert all("after_ball_query" not in record["details"]["counts"] for record in kept["scenes"][0]["records"])


@pytest.fixture
def one_object(tiny_folder: Path, tmp_path: Path) -> Path:
    """A dataset with the tiny scene as `scene`, of which only the ball is asked for."""
    folder = tmp_path / "data" / "scene"
    folder.mkdir(parents=True)
    for path in tiny_folder.iterdir():
        if path.name != "objects.json":
            (folder / path.name).symlink_to(path)
    label = json.loads((tiny_folder / "objects.json").read_text())["ball"]
    (folder / "objects.json").write_text(json.dumps({"ball": label}))
    return folder.parent


@pytest.mark.parametrize("method", ["sa3d", "sanerf-hq", "sgisrf", "disconerf"])
def test_every_method_can_be_evaluated(saga_eval, one_object: Path, tmp_path: Path, method: str) -> None:
    quick = ("--set", "iterations=60") if method in ("sanerf-hq", "disconerf") else ()
    out = tmp_path / "out"
    code, text, errors = saga_eval(
        "folder", one_object, "scene", "--method", method, "--masks", "instances", "--views", 1, *quick,
        "--device", "cpu", "--out", out,
    )  # fmt: skip
    assert code == 0, errors
    assert "| scene | 1 click |" in text
    kept = json.loads((out / "results.json").read_text())
    assert kept["settings"]["method"]["name"] == method
    assert kept["scenes"][0]["records"][0]["error"] is None
    assert bool(kept["scenes"][0]["decomposition"]) == (method == "disconerf")


def test_an_ablation_is_one_command(saga_eval, one_object: Path, tmp_path: Path) -> None:
    code, text, errors = saga_eval(
        "ablate", one_object, "scene", "--masks", "instances", "--views", 1, "--groups", "clicks",
        *QUICK, "--no-alone", "--out", tmp_path / "out",
    )  # fmt: skip
    assert code == 0, errors
    assert [f"| clicks | clicks | {sign}" for sign in "+-" if f"| clicks | clicks | {sign}" in text]
    assert "| 5 clicks |" in text


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("folder", "{data}", "sceen"), ["expected a scene of folder", "found scene"]),
        (("folder", "{data}/nowhere"), ["nowhere", "expected the folder of the dataset"]),
        (("nvos", "{data}"), ["masks of NVOS", "labels/llff/masks"]),
        (("replica", "{data}"), ["Sequence_1"]),
        (("lerf-mask", "{data}"), ["test_mask"]),
        (("spin-nerf", "{data}"), ["orchids (llff)"]),
        (("folder", "{data}", "--set", "ball=1"), ["--set ball=1", "ball_query"]),
        (("folder", "{data}", "--clicks", "0"), ["--clicks", "1 or more"]),
        (("folder", "{data}", "--groups", "losses"), ["--groups", "ablate"]),
        (("ablate", "{data}", "--method", "sa3d"), ["ablate", "a method that is trained", "sa3d"]),
        (("folder", "{data}", "--method", "sa3d", "--train", "seed=1"), ["--train", "sa3d"]),
        (("folder", "{data}", "--method", "sa3d", "--set", "clusters=1"), ["--set clusters=1", "nearest"]),
        (("folder", "{data}", "--prompt", "scribble"), ["--prompt scribble", "points and mask"]),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(saga_eval, tiny_folder, tmp_path, arguments, parts) -> None:
    given = [each.replace("{data}", str(tiny_folder.parent)) for each in arguments]
    code, _, errors = saga_eval(*given, "--out", tmp_path / "out", "--device", "cpu")
    assert code == 2, errors
    lines = [line for line in errors.splitlines() if line.startswith("error:")]
    assert len(lines) == 1
    for part in parts:
        assert part in lines[0]
    assert not (tmp_path / "out" / "table.md").exists()
