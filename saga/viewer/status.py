"""What the page shows beside the scene, as JSON values."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from saga.cleaning import KINDS
from saga.methods import Segmenter
from saga.methods.registry import method_names
from saga.scene.format_names import ExportFormat
from saga.session import Session
from saga.session.preparing import what_is_missing
from saga.viewer.colors import score_range

if TYPE_CHECKING:
    from saga.viewer.viewer import Viewer

_BINS = 60


def status(viewer: Viewer) -> dict[str, Any]:
    """Returns the state of a viewer for its pages."""
    session = viewer.session
    with session.lock:
        state, asked, scene = session.state, session.question, session.scene
        answers = () if asked is None else asked.answers
        return {
            "kind": "state",
            "scene": "scene" if scene.path is None else scene.path.name,
            "path": "" if scene.path is None else str(scene.path),
            "digest": scene.gaussians.digest()[:12],
            "version": viewer.version,
            "count": len(scene.gaussians),
            "shown": len(viewer.display.shown) if viewer.display.is_partial else len(scene.gaussians),
            "selected": len(session),
            "done": state.done,
            "can_undo": session.history.can_undo,
            "can_redo": session.history.can_redo,
            "editing": state.editing,
            "objects": [
                {"name": each.name, "color": "#" + bytes(each.color).hex(), "count": len(each), "kind": each.kind}
                for each in state.objects
            ],
            "answers": [{"name": each.name, "score": each.score, "size": len(each.segmentation)} for each in answers],
            "chosen": -1 if asked is None else asked.chosen,
            "scores": _histogram(session),
            "strays": _strays(session),
            "see": viewer.seen,
            "only": viewer.only,
            "views": [camera.name for camera in scene.cameras],
            "method": viewer.method,
            "methods": list(method_names()),
            "method_text": _method_text(session),
            "can_prepare": bool(what_is_missing(session.method)) and scene.path is not None,
            "format": scene.gaussians.format,
            "formats": list(get_args(ExportFormat)),
            "written": viewer.written,
            "writes": viewer.folder is not None,
            "can_train": scene.path is not None,
            "given": viewer.given,
            "job": viewer.jobs.state,
            "method_ready": session.method is not None,
        }


def _strays(session: Session) -> list[dict[str, Any]] | None:
    if session.cleaning is None:
        return None
    counts = session.propose_strays().counts
    return [
        {
            "name": kind.name,
            "why": session.cleaning.untold.get(kind.name, kind.why),
            "told": kind.name in session.cleaning.scores,
            "color": "#" + bytes(kind.color).hex(),
            "strength": session.strengths.of(kind.name),
            "count": counts[kind.name],
        }
        for kind in KINDS
    ]


def _method_text(session: Session) -> str:
    method = session.method
    if method is None:
        return "This scene has no features and no regions yet: they are made once, in a minute or so."
    if not isinstance(method, Segmenter):
        return "It answers a prompt in seconds, and needs no training."
    if method.field is None:
        return "Regions of the scene answer; features make them better where there are photographs."
    if method.regions is None:
        return "Features answer; regions would give part, object and group."
    return "Features say what is alike, regions where things end."


def _histogram(session: Session) -> dict[str, Any] | None:
    asked, scores = session.question, session.scores
    if asked is None or scores is None or isinstance(session.method, Segmenter) and session.method.field is None:
        return None
    low, high, bins = _binned(_Scores(scores, session.scene.gaussians.valid))
    thresholds = asked.answer.segmentation.report.get("thresholds", {})
    value = asked.threshold if asked.threshold is not None else thresholds.get("score", low)
    return {"low": low, "high": high, "bins": list(bins), "value": float(np.clip(value, low, high))}


class _Scores:
    """Scores that equal the very same array, so that their histogram is made once."""

    def __init__(self, values: np.ndarray, valid: np.ndarray) -> None:  # [N], [N] bool
        self.values, self.valid = values, valid

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Scores) and other.values is self.values

    def __hash__(self) -> int:
        return id(self.values)


@lru_cache(1)
def _binned(scores: _Scores) -> tuple[float, float, tuple[int, ...]]:
    values = scores.values[scores.valid]
    low, high = score_range(values)
    counts, _ = np.histogram(np.clip(values, low, high), _BINS, (low, high))
    return low, high, tuple(int(count) for count in counts)
