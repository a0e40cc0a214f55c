"""What views have found, agreed on in 3D: scripted detections on the exact masks of a scene."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from saga.demo import DemoScene
from saga.errors import SagaError
from saga.methods import MaskPrompter
from saga.raster import DeviceScene
from saga.scene import Scene
from saga.words import Detections, ViewFinder

Script = Callable[[str, Callable[[str], np.ndarray]], list[tuple[np.ndarray, float]]]


class Scripted:
    """A detector that finds what a script says, view by view."""

    name = identity = "scripted"

    def __init__(self, scene: Scene, labels: dict[str, np.ndarray], names: dict[str, int], script: Script) -> None:
        self.scene, self.labels, self.names, self.script = scene, labels, names, script
        self.asked: list[str] = []
        self.boxes = False

    def detect(self, picture: np.ndarray, text: str) -> Detections:
        view = next(c.name for c in self.scene.cameras if np.array_equal(self.scene.image(c), picture))
        self.asked.append(view)
        shown = self.labels[view]
        found = [(m, s) for m, s in self.script(view, lambda thing: shown == self.names[thing]) if m.sum() > 8]
        masks = np.stack([m for m, _ in found]) if found else np.zeros((0, *shown.shape), bool)
        scores = np.array([s for _, s in found], np.float32)
        boxes = np.array([_box(m) for m in masks], np.float32).reshape(-1, 4)
        return Detections(boxes, scores, None if self.boxes else masks)


def _box(mask: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


@pytest.fixture(scope="session")
def instances(tiny_folder: Path) -> dict[str, np.ndarray]:
    from PIL import Image

    return {path.name: np.asarray(Image.open(path)) for path in sorted((tiny_folder / "instances").glob("*.png"))}


@pytest.fixture
def look(placed: DeviceScene, tiny_scene: Scene, tiny_demo: DemoScene, instances, tmp_path: Path):
    """look(script): the finder with a detector of that script."""

    def make(script: Script, **options: object) -> ViewFinder:
        detector = Scripted(tiny_scene, instances, tiny_demo.names, script)
        return ViewFinder(placed, detector, folder=tmp_path / "kept", progress=False, **options)

    return make


VIEWS = ["000.png", "001.png", "002.png", "003.png", "004.png", "005.png"]


def test_what_all_views_find_is_the_object(look, iou_with) -> None:
    answer = look(lambda view, of: [(of("ball"), 0.9)]).rank("beach ball")
    best = answer.matches[0]
    assert best.found and len(answer.found) == 1 and answer.equals == [best]
    assert best.score > 0.7 and best.facts["views"] == best.facts["showing"]
    assert iou_with(best.segmentation.mask, "ball") > 0.8
    assert best.picture.shape == (176, 176, 3)


def test_views_that_find_something_else_are_outvoted(look, iou_with) -> None:
    """One view takes the duck for it, surer than the others are of the ball."""
    wrong = {"001.png"}
    answer = look(lambda view, of: [(of("duck"), 0.99) if view in wrong else (of("ball"), 0.7)]).rank("ball")
    assert [match.found for match in answer.matches] == [True, False]
    assert iou_with(answer.matches[0].segmentation.mask, "ball") > 0.75
    assert answer.matches[0].facts["views"] == answer.matches[0].facts["showing"] - 1
    assert "001.png" not in answer.matches[0].facts["found_in"]


def test_a_detection_may_be_missing_in_views(look, iou_with) -> None:
    missing = set(VIEWS[::3])
    all_views = look(lambda view, of: [(of("lamp"), 0.9)]).rank("lamp").matches[0]
    answer = look(lambda view, of: [] if view in missing else [(of("lamp"), 0.9)]).rank("desk lamp")
    best = answer.matches[0]
    assert best.found and iou_with(best.segmentation.mask, "lamp") > 0.7
    assert best.facts["views"] == best.facts["showing"] - 2
    assert best.score < 0.8 * all_views.score


@pytest.mark.parametrize("finding", [{"002.png"}, {"002.png", "003.png"}])
def test_what_few_views_find_is_not_there(look, finding: set[str]) -> None:
    answer = look(lambda view, of: [(of("plant"), 0.99)] if view in finding else []).rank("strawberry")
    assert answer.found == [] and 'nothing like "strawberry"' in answer.verdict()
    assert [match.facts["views"] for match in answer.matches] == [len(finding)]


def test_where_no_view_finds_anything_nothing_is_there(look) -> None:
    answer = look(lambda view, of: []).rank("giraffe")
    assert list(answer.matches) == [] and "nothing in the scene" in answer.verdict()


def test_two_of_a_kind_are_two_objects(look, iou_with) -> None:
    answer = look(lambda view, of: [(of("ball"), 0.8), (of("duck"), 0.8)]).rank("toy")
    assert len(answer.found) == 2
    for thing in ("ball", "duck"):
        assert max(iou_with(match.segmentation.mask, thing) for match in answer.found) > 0.75


def test_masks_with_ragged_borders_agree(look, iou_with) -> None:
    from scipy.ndimage import binary_dilation, binary_erosion

    def script(view: str, of: Callable[[str], np.ndarray]) -> list[tuple[np.ndarray, float]]:
        change = binary_dilation if int(view[2]) % 2 else binary_erosion
        return [(change(of("ball"), iterations=1), 0.9)]

    best = look(script).rank("ball").matches[0]
    assert best.found and iou_with(best.segmentation.mask, "ball") > 0.7


def test_boxes_become_masks(look, placed, tiny_masks, iou_with) -> None:
    class Source:
        description = "exact masks"

        def masks(self, camera):
            return tiny_masks[camera.name]

        def features(self, camera):
            return None

    script = lambda view, of: [(of("ball"), 0.9)]  # noqa: E731
    finder = look(script, prompter=lambda: MaskPrompter(placed, Source()))
    finder.detector.boxes = True
    best = finder.rank("ball").matches[0]
    assert best.found and iou_with(best.segmentation.mask, "ball") > 0.75
    alone = look(script)
    alone.detector.boxes = True
    with pytest.raises(SagaError, match="makes masks of its boxes"):
        alone.rank("ball")


def test_each_view_is_looked_at_once_for_each_text(look) -> None:
    script = lambda view, of: [(of("ball"), 0.9)] if view != "003.png" else []  # noqa: E731
    first = look(script)
    one = first.rank("ball")
    again = look(script)
    other = again.rank("ball")
    assert len(first.detector.asked) == 6 and again.detector.asked == []
    assert (one.matches[0].segmentation.mask == other.matches[0].segmentation.mask).all()
    again.rank("duck")
    assert len(again.detector.asked) == 6


def test_an_interrupted_search_goes_on_where_it_stopped(look) -> None:
    def script(view: str, of: Callable[[str], np.ndarray]) -> list[tuple[np.ndarray, float]]:
        if view == "004.png" and stopping:
            raise KeyboardInterrupt
        return [(of("ball"), 0.9)]

    stopping = [True]
    with pytest.raises(KeyboardInterrupt):
        look(script).rank("ball")
    stopping.clear()
    finder = look(script)
    assert finder.rank("ball").found and sorted(finder.detector.asked) == ["004.png", "005.png"]
