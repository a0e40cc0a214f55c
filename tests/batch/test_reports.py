"""What people and programs are told: the table, the estimate, and the summaries."""

from __future__ import annotations

import base64
import csv
import io
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from saga.batch import Event, Report, Task, TaskReport
from saga.batch.summary import summary_lines, write_summary
from saga.batch.table import Progress, _table, duration, shown


class Page(HTMLParser):
    """What a page shows, and what it would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text, self.sources, self.classes = "", [], []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes) -> None:
        given = dict(attributes)
        self.sources += [given[name] for name in ("src", "href") if name in given]
        self.classes += [given["class"]] if tag == "section" else []

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def report(tmp_path: Path) -> Report:
    """Two scenes: one is well and has a picture, the other failed."""
    picture = np.zeros((60, 2000, 3), np.uint8)
    picture[:, :1000] = 200, 30, 30
    (tmp_path / "mug").mkdir()
    Image.fromarray(picture).save(tmp_path / "mug" / "preview.png")
    train = Task("a/train", print, outputs={"out": str(tmp_path / "f")}, group="a", kind="train")
    mug = Task("a/objects/mug", print, outputs={"out": str(tmp_path / "mug")}, group="a", picture="out/preview.png")
    bad, behind = Task("<b>/train", print, group="<b>"), Task("<b>/objects/x", print, group="<b>")
    return Report(
        [
            TaskReport(train, "kept", seconds=3.0), TaskReport(mug, "done", 2, 1.5, "host", 700.0, "a doubt"),
            TaskReport(bad, "failed", 2, 0.5, message="scene.ply: expected <more>, found less.\nTraceback"),
            TaskReport(behind, "not run", message="waits for <b>/train"),
        ],
        tmp_path, 65.0,
    )  # fmt: skip


def test_the_table_for_programs(report: Report) -> None:
    write_summary(report)
    rows = list(csv.DictReader((report.folder / "summary.csv").open()))
    assert [row["state"] for row in rows] == ["kept", "done", "failed", "not run"]
    assert rows[1]["attempts"] == "2" and rows[1]["seconds"] == "1.5" and rows[1]["outputs"].endswith("mug")
    assert rows[2]["message"] == "scene.ply: expected <more>, found less."


def test_the_page_for_people_is_whole_in_itself(report: Report) -> None:
    write_summary(report)
    text = (report.folder / "summary.html").read_text()
    page = Page(text)

    assert "1 of 2 scenes well" in page.text
    assert "scene.ply: expected <more>, found less." in page.text and "Traceback" not in page.text
    assert page.classes == ["bad", ""]  # what went wrong comes first
    assert "objects/mug: a doubt" in page.text
    assert "waits for <b>/train" in page.text and "done, 2 attempts" in page.text
    (source,) = page.sources
    prefix = "data:image/jpeg;base64,"
    assert source.startswith(prefix) and "http" not in text
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(source.removeprefix(prefix)))))
    assert shown.shape[1] <= 740 and shown[5, 20, 0] > 150 and shown[5, -20].max() < 60


def test_pictures_that_are_gone_or_damaged_are_left_out(report: Report) -> None:
    (report.folder / "mug" / "preview.png").write_bytes(b"nothing")
    write_summary(report)
    assert Page((report.folder / "summary.html").read_text()).sources == []


def test_the_last_lines(report: Report) -> None:
    lines = summary_lines(report)
    assert lines[0] == "<b>/train: failed: scene.ply: expected <more>, found less."
    assert lines[-1].endswith("summary.html: 1 kept, 1 done, 1 failed, 1 not run, in 1 min 5 s")


def test_the_estimate_is_the_mean_of_each_kind() -> None:
    now = [100.0]
    tasks = [Task(f"{kind}{number}", print, kind=kind) for kind in ("train", "segment") for number in range(4)]
    progress = Progress(tasks, 2, clock=lambda: now[0])
    assert progress.seconds_left() is None
    for number in range(2):
        progress(Event("submitted", f"train{number}"))
        progress(Event("done", f"train{number}", seconds=30 + 20 * number))
    assert progress.seconds_left() == pytest.approx((2 * 40 + 4 * 40) / 2)  # nothing is known of segmentations
    progress(Event("done", "segment0", seconds=4))
    assert progress.seconds_left() == pytest.approx((2 * 40 + 3 * 4) / 2)
    progress(Event("submitted", "train2"))
    now[0] += 10
    assert progress.seconds_left() == pytest.approx((2 * 40 + 3 * 4 - 10) / 2)
    progress(Event("kept", "train3"))
    progress(Event("not run", "segment1"))
    assert progress.settled == 5
    assert progress.seconds_left() == pytest.approx((40 + 2 * 4 - 10) / 2)


def test_the_table_on_a_terminal() -> None:
    tasks = [Task(f"{scene}/train", print, kind="train") for scene in ("hall", "attic", "barn")]
    progress = Progress(tasks, 2)
    for event in (Event("submitted", "hall/train"), Event("submitted", "attic/train")):
        progress(event)
    progress(Event("failed", "hall/train", message="a.ply: expected [b]more[/b], found less.\nTraceback"))
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(_table(progress, "2 processes"))
    text = console.export_text()
    assert "1 of 3 tasks" in text and "1 failed" in text and "attic/train" in text and "2 processes" in text
    assert "hall/train: failed: a.ply: expected [b]more[/b], found less." in text and "Traceback" not in text


def test_lines_where_there_is_no_terminal() -> None:
    lines: list[str] = []
    tasks = [Task("a", print, kind="x"), Task("b", print, kind="x")]
    with shown(tasks, 1, "here", lines.append) as watcher:
        watcher(Event("began"))
        watcher(Event("submitted", "a"))
        watcher(Event("done", "a", seconds=2.0, message="a doubt"))
        watcher(Event("retried", "b", seconds=1.0, message="no luck\nTraceback"))
    assert lines == [
        "a: done in 2.0 s: a doubt (1 of 2, about 2.0 s left)",
        "b: retried in 1.0 s: no luck (1 of 2, about 2.0 s left)",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (59.6, "1 min 0 s"), (12, "12 s"), (3700, "1 h 1 min"), (None, "unknown")]
)
def test_times(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_a_kept_result_shows_its_picture_too(report: Report) -> None:
    tasks = [replace(each, state="kept") if each.state == "done" else each for each in report.tasks]
    write_summary(Report(tasks, report.folder, 1.0))
    assert len(Page((report.folder / "summary.html").read_text()).sources) == 1
