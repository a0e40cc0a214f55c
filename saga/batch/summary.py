"""The summary of a batch: a CSV for programs, and a page with a contact sheet of each scene for people."""

from __future__ import annotations

import base64
import contextlib
import csv
import io
from datetime import datetime
from html import escape

from saga.batch.report import Report, TaskReport
from saga.batch.storage import join, read_bytes
from saga.batch.table import counted, duration, first_line
from saga.errors import SagaError
from saga.files.names import printable
from saga.files.transaction import atomic_path

COLUMNS = (
    "group", "task", "kind", "state", "attempts", "seconds", "host", "peak_megabytes", "message", "outputs",
)  # fmt: skip
_MOST_PICTURES = 12
"""Pictures of a scene: a page of hundreds of scenes is still opened."""
_WIDTH, _QUALITY = 370, 82
_COLORS = {"done": "#1a7f4b", "kept": "#5b6470", "failed": "#c02b2b", "not run": "#b26a00"}
_INK = "#23272e"
_STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.45 system-ui, Helvetica, Arial, sans-serif; color: #23272e; background: #fafaf8; margin: 0 auto;
  max-width: 1180px; padding: 24px; }
h1 { font-size: 22px; margin: 0 0 4px; } h2 { font-size: 17px; margin: 0; overflow-wrap: anywhere; }
p { margin: 4px 0; } .quiet { color: #5b6470; } .state { font-weight: 600; white-space: nowrap; }
.tally { display: flex; gap: 10px; flex-wrap: wrap; margin: 14px 0 20px; }
.tally span { background: #fff; border: 1px solid #dddcd6; border-radius: 8px; padding: 6px 14px; }
.tally b { font-size: 19px; margin-right: 5px; }
section { background: #fff; border: 1px solid #dddcd6; border-left: 5px solid #1a7f4b; border-radius: 8px;
  padding: 12px 16px; margin: 12px 0; }
section.bad { border-left-color: #c02b2b; } section.open { border-left-color: #b26a00; }
.head { display: flex; justify-content: space-between; gap: 16px; align-items: baseline; }
.sheet { display: flex; flex-wrap: wrap; gap: 10px; margin: 10px 0 4px; }
figure { margin: 0; width: 370px; } figure img { width: 100%; border-radius: 4px; display: block; }
figcaption { font-size: 12.5px; color: #5b6470; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; } td, th { text-align: left; padding: 3px 12px 3px 0;
  vertical-align: top; overflow-wrap: anywhere; } th { font-weight: 500; color: #5b6470; }
.wrong td { color: #c02b2b; }
.fixed { white-space: nowrap; width: 1%; }
details summary { cursor: pointer; color: #5b6470; font-size: 13.5px; margin-top: 6px; }
"""


def write_summary(report: Report) -> None:
    """Writes summary.csv and summary.html into the folder of a batch. Raises SagaError when they cannot be written."""
    with atomic_path(report.folder / "summary.csv") as temporary:
        temporary.write_text(_csv(report), encoding="utf-8", newline="")
    with atomic_path(report.folder / "summary.html") as temporary:
        temporary.write_text(_page(report), encoding="utf-8", errors="xmlcharrefreplace")


def _csv(report: Report) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for each in report.tasks:
        task = each.task
        writer.writerow(
            printable(str(value))
            for value in (
                task.group, task.name, task.kind, each.state, each.attempts, each.seconds, each.host,
                each.peak_megabytes, first_line(each.message), " ".join(task.outputs.values()),
            )
        )  # fmt: skip
    return text.getvalue()


def _page(report: Report) -> str:
    groups = report.groups()
    broken = [name for name, tasks in groups.items() if not all(each.is_well for each in tasks)]
    well = len(groups) - len(broken)
    title = (
        f"{counted(len(groups), 'scene')}, all is well"
        if not broken
        else f"{well} of {counted(len(groups), 'scene')} well"
    )
    tally = "".join(
        f'<span style="color:{_COLORS.get(state, _INK)}"><b>{count}</b>{escape(state)}</span>'
        for state, count in report.counts().items()
    )
    when = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")
    ordered = [*broken, *(name for name in groups if name not in set(broken))]
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
            f"<h1>{escape(title)}</h1>",
            f'<p class="quiet">{counted(len(report.tasks), "task")} in {duration(report.seconds)}, written {when} into '
            f"{escape(printable(str(report.folder)))}</p>",
            f'<div class="tally">{tally}</div>',
            *(_section(name, groups[name]) for name in ordered),
            "</body></html>\n",
        ]
    )


def _section(name: str, tasks: list[TaskReport]) -> str:
    """A scene: its pictures, what went wrong, and its steps."""
    wrong = [each for each in tasks if each.state in ("failed", "not run")]
    kind = "bad" if wrong else "" if all(each.is_well for each in tasks) else "open"
    seconds = sum(each.seconds for each in tasks if each.state == "done")
    said = f"{duration(seconds)} of work" if seconds else "results of an earlier run" if not kind else ""
    shown = [(each, made) for each in tasks if each.is_well and (made := _picture(each)) is not None]
    figures = "".join(
        f'<figure><img loading="lazy" alt="" src="data:image/jpeg;base64,{made}">'
        f"<figcaption>{escape(printable(_caption(each)))}</figcaption></figure>"
        for each, made in shown[:_MOST_PICTURES]
    )
    more = f'<p class="quiet">and {len(shown) - _MOST_PICTURES} more</p>' if len(shown) > _MOST_PICTURES else ""
    return "".join(
        [
            f'<section class="{kind}"><div class="head"><h2>{escape(printable(name))}</h2>',
            f'<span class="quiet">{said}</span></div>',
            _rows(wrong) if wrong else "",
            f'<div class="sheet">{figures}</div>{more}' if figures else "",
            f"<details><summary>{counted(len(tasks), 'step')}</summary>{_rows(tasks)}</details></section>",
        ]
    )


def _rows(tasks: list[TaskReport]) -> str:
    rows = []
    for each in tasks:
        wrong = ' class="wrong"' if each.state == "failed" else ""
        attempts = f", {each.attempts} attempts" if each.attempts > 1 else ""
        took = duration(each.seconds) if each.seconds else ""
        said = escape(printable(first_line(each.message)))
        state = f'<td class="state fixed" style="color:{_COLORS.get(each.state, _INK)}">{each.state}{attempts}</td>'
        name = f'<td class="fixed">{escape(printable(_short(each)))}</td>'
        rows.append(f'<tr{wrong}>{name}{state}<td class="fixed">{took}</td><td>{said}</td></tr>')
    return f"<table>{''.join(rows)}</table>"


def _caption(report: TaskReport) -> str:
    """Names a result, and says what is doubtful of it."""
    return _short(report) + (f": {first_line(report.message)}" if report.message else "")


def _short(report: TaskReport) -> str:
    """The name of a task without its scene's."""
    return report.task.name.removeprefix(f"{report.task.group}/")


def _picture(report: TaskReport) -> str | None:
    """Returns the picture of a result, small, as the base64 text of a JPEG; None where there is none."""
    from PIL import Image

    output, _, inside = report.task.picture.partition("/")
    if output not in report.task.outputs:
        return None
    with contextlib.suppress(SagaError, OSError, ValueError):
        data = read_bytes(join(report.task.outputs[output], *filter(None, inside.split("/"))))
        if data is None:
            return None
        with Image.open(io.BytesIO(data)) as opened:
            small = opened.convert("RGB")
        height = max(1, round(small.height * _WIDTH / small.width))
        # Twice as fine as it is shown, for screens that are.
        if small.width > 2 * _WIDTH:
            small = small.resize((2 * _WIDTH, 2 * height), Image.Resampling.BOX)
        made = io.BytesIO()
        small.save(made, "JPEG", quality=_QUALITY)
        return base64.b64encode(made.getvalue()).decode()
    return None


def summary_lines(report: Report) -> list[str]:
    """Returns what to print at the end: one line for each task that failed, and how many are in each state."""
    lines = [f"{each.task.name}: failed: {first_line(each.message)}" for each in report.of("failed")]
    states = ", ".join(f"{count} {state}" for state, count in report.counts().items())
    return [*lines, f"{report.folder / 'summary.html'}: {states}, in {duration(report.seconds)}"]
