"""Clicks, drawing, sets and objects, from the views of a scene and from cameras that are none of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt
from skimage.measure import find_contours

from saga.demo import DemoScene
from saga.errors import SagaError
from saga.methods import Segmenter
from saga.query import Prompt
from saga.raster import DeviceScene
from saga.scene import Camera, Scene, load_scene
from saga.session import Session, shapes
from saga.train import FeatureField

VIEW = "000.png"
Middle = Callable[..., tuple[int, int]]
Iou = Callable[[np.ndarray, str], float]


def test_a_click_selects_the_object_then_its_group_and_its_part(session: Session, middle_of: Middle, iou_with: Iou):
    pixel = middle_of("ball")
    first = session.click(VIEW, pixel)
    assert first.answers[first.chosen].name == "object"
    assert iou_with(session.selection, "ball") == 1
    sizes = {len(session): "object"}
    for _ in range(2):
        outcome = session.click(VIEW, (pixel[0] + 1, pixel[1]))
        sizes[len(session)] = outcome.answers[outcome.chosen].name

    assert [sizes[size] for size in sorted(sizes)] == ["part", "object", "group"]
    assert outcome.answers[outcome.chosen].name == "part"  # after the largest comes the least
    session.click(VIEW, pixel)
    assert iou_with(session.selection, "ball") == 1


def test_a_click_elsewhere_asks_anew(session: Session, middle_of: Middle, iou_with: Iou):
    session.click(VIEW, middle_of("ball"))
    session.click(VIEW, middle_of("mug"))
    assert iou_with(session.selection, "mug") == 1


def test_a_free_camera_answers_as_a_photograph_does(
    session: Session, turned: Camera, tiny_scene: Scene, middle_of: Middle, iou_with: Iou, tiny_demo: DemoScene
):
    center = tiny_scene.gaussians.means[tiny_demo.labels == tiny_demo.names["ball"]].mean(0)
    pixel, _ = turned.project(center[None])
    outcome = session.click(turned, tuple(pixel[0]))
    assert iou_with(session.selection, "ball") == 1
    report = outcome.answers[outcome.chosen].segmentation.report
    assert report["view"] == turned.free().name
    assert report["prompt"]["points"] == [list(pixel[0])]
    assert Camera.described(report["camera"]).name == report["view"]


def test_a_window_gives_what_the_whole_view_gives(known_segmenter: Segmenter, middle_of: Middle):
    camera, pixel = known_segmenter.scene.camera(VIEW), middle_of("mug")
    prompt = Prompt(VIEW, [pixel])
    cut = shapes.windowed(camera, prompt)
    assert isinstance(cut.view, Camera) and cut.view.width * cut.view.height < camera.width * camera.height / 4
    whole, window = (known_segmenter.device_scene.operator(view) for view in (camera, cut.view))
    one = whole.rows(np_pixels([pixel]))
    other = window.rows(np_pixels([tuple(np.floor(cut.points[0]).astype(int))]))
    assert one.indices.tolist() == other.indices.tolist()
    np.testing.assert_allclose(one.weights, other.weights, atol=1e-5)


def np_pixels(pixels):
    import torch

    return torch.tensor(pixels)


def test_modes_combine_answers(session: Session, middle_of: Middle, iou_with: Iou, tiny_demo: DemoScene):
    session.click(VIEW, middle_of("ball"))
    session.click(VIEW, middle_of("mug"), "add")
    both = np.isin(tiny_demo.labels, [tiny_demo.names["ball"], tiny_demo.names["mug"]])
    assert (session.selection == both).all()
    session.click(VIEW, middle_of("mug"), "intersect")
    assert iou_with(session.selection, "mug") == 1


def test_taking_away_from_one_object_takes_a_part_and_from_two_the_object(
    session: Session, middle_of: Middle, iou_with: Iou, tiny_demo: DemoScene
):
    session.click(VIEW, middle_of("ball"))
    session.click(VIEW, middle_of("ball"), "subtract")
    half = tiny_demo.labels == tiny_demo.names["ball"]
    assert 0 < len(session) < half.sum()
    session.undo()
    session.click(VIEW, middle_of("mug"), "add")
    session.click(VIEW, middle_of("ball"), "subtract")
    assert iou_with(session.selection, "mug") == 1


def test_prompts_of_several_views_make_one_answer(session: Session, middle_of: Middle, tiny_demo: DemoScene):
    session.click(VIEW, middle_of("ball"))
    session.refine(Prompt("001.png", negative=[middle_of("mug", "001.png")]))
    report = session.question.answer.segmentation.report
    assert report["further_prompts"][0]["view"] == "001.png"
    assert not session.selection[tiny_demo.labels == tiny_demo.names["mug"]].any()
    session.clear()
    with pytest.raises(SagaError, match="click on the object first"):
        session.refine(Prompt(VIEW, [middle_of("ball")]))


@pytest.mark.parametrize("kind", ["box", "lasso", "scribble"])
def test_drawing_selects_the_object(
    session: Session, middle_of: Middle, iou_with: Iou, kind: str, tiny_masks, tiny_demo
):
    x, y = middle_of("ball")
    labels = np.stack([mask for mask in tiny_masks[VIEW]])
    ball = next(mask for mask in labels if mask[y, x])
    rows, columns = np.nonzero(ball)
    left, top, right, bottom = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    if kind == "box":
        session.box(VIEW, (left, top, right, bottom))
    elif kind == "lasso":
        angle = np.linspace(0, 2 * np.pi, 30)
        width, height = (right - left) / 2, (bottom - top) / 2
        line = np.stack([left + width * (1 + np.cos(angle)), top + height * (1 + np.sin(angle))], 1)
        session.lasso(VIEW, [tuple(p) for p in line])
    else:
        session.scribble(VIEW, [(x - 3, y - 3), (x + 3, y + 3)], 3)
    assert iou_with(session.selection, "ball") > 0.9


def test_a_brush_may_spill_over(session: Session, middle_of: Middle, iou_with: Iou, tiny_masks):
    x, y = middle_of("ball")
    ball = next(mask for mask in tiny_masks[VIEW] if mask[y, x])
    width = 2 * distance_transform_edt(ball).max()
    session.scribble(VIEW, [(x - width / 4, y), (x + width / 4, y)], 1.2 * width)
    assert iou_with(session.selection, "ball") > 0.9


@pytest.mark.parametrize("drawn", ["inside", "outside", "wobbly"])
@pytest.mark.parametrize("knows", ["features", "features and regions"])
def test_a_lasso_need_not_be_exact(
    known_segmenter: Segmenter, known_field: FeatureField, tiny_masks, tiny_demo, drawn: str, knows: str
):
    """Lines as a hand draws them around every object that is seen well: 6 % of its size off the outline."""
    placed = known_segmenter.device_scene
    method = Segmenter(placed, known_field, regions=False) if knows == "features" else known_segmenter
    session = Session(placed, method, keep=False)
    shown = [mask for mask in tiny_masks[VIEW] if mask.sum() > 250]
    assert len(shown) >= 5
    overlaps = []
    for number, mask in enumerate(shown):
        session.lasso(VIEW, _line_around(mask, drawn, np.random.default_rng(number)))
        truth = tiny_demo.labels == _label_of(mask, placed, tiny_demo.labels)
        found = session.selection
        overlaps.append((found & truth).sum() / (found | truth).sum())
    assert np.mean(overlaps) >= 0.85, np.round(overlaps, 2)


def _line_around(mask: np.ndarray, drawn: str, rng: np.random.Generator) -> list[tuple[float, float]]:
    off = 0.06 * np.sqrt(mask.sum())
    padded = np.pad(mask, 20)
    depths = distance_transform_edt(padded) - distance_transform_edt(~padded)
    line = max(find_contours(depths, {"inside": off, "outside": -off}.get(drawn, 0.0)), key=len)[:, ::-1] - 20
    if drawn == "wobbly":
        turns = np.linspace(0, 2 * np.pi, len(line))
        waves = np.array([np.cos(n * turns + rng.uniform(0, 6)) * rng.normal(size=(2, 1)) for n in range(1, 6)]).sum(0)
        line = line + off * (waves / waves.std()).T
    return [(float(x), float(y)) for x, y in line[:: max(1, len(line) // 50)]]


def _label_of(mask: np.ndarray, placed: DeviceScene, labels: np.ndarray) -> int:
    shows = shapes.inside(placed, placed.scene.camera(VIEW), mask, False).numpy()
    return int(np.bincount(labels[shows]).argmax())


def test_a_rim_is_a_width_in_pixels(session: Session, tiny_masks):
    mask = tiny_masks[VIEW][1]
    for wrong in (-1.0, float("nan"), float("inf")):
        with pytest.raises(SagaError, match="rim"):
            session.prompt([Prompt(VIEW, mask=mask, rim=wrong)])
    session.prompt([Prompt(VIEW, mask=mask, rim=10_000.0)])  # some of a mask always counts
    assert len(session) > 0


def test_a_region_takes_what_shows_or_all_behind(session: Session, tiny_scene: Scene):
    camera = tiny_scene.camera(VIEW)
    mask = np.zeros((camera.height, camera.width), bool)
    mask[30:90, 40:120] = True
    session.region(VIEW, mask)
    shown = session.selection.copy()
    session.region(VIEW, mask, through=True)
    pixels, depths = camera.project(tiny_scene.gaussians.means)
    assert (session.selection == ((depths > 0) & (np.abs(pixels - (80, 60)) < (40, 30)).all(1))).mean() > 0.999
    assert shown.sum() < len(session)


def test_growing_and_shrinking_change_the_rim_alone(session: Session, middle_of: Middle, iou_with: Iou):
    session.click(VIEW, middle_of("ball"))
    before = session.selection.copy()
    session.grow()
    assert (session.selection >= before).all() and before.sum() < len(session) < 3 * before.sum()
    session.undo()
    session.shrink()
    assert (session.selection <= before).all() and 0 < len(session) < before.sum()


def test_sets(session: Session, middle_of: Middle, tiny_scene: Scene):
    session.click(VIEW, middle_of("ball"))
    size = len(session)
    session.invert()
    assert len(session) == int(tiny_scene.gaussians.valid.sum()) - size
    session.clear()
    assert len(session) == 0


def test_the_threshold_selects_by_scores_and_is_one_step(session: Session, middle_of: Middle, iou_with: Iou):
    session.click(VIEW, middle_of("ball"))
    steps = session.history.position
    for value in (0.2, 0.4, 0.99):
        session.threshold(value)
    assert (session.selection == (session.scores > 0.99)).all()
    assert session.history.position == steps  # scores are of one object: nothing changes, and nothing is recorded
    session.threshold(-1)
    session.threshold(-0.9)
    assert session.history.position == steps + 1
    session.undo()
    assert iou_with(session.selection, "ball") == 1
    with pytest.raises(SagaError, match="click on something first"):
        session.threshold(0.5)


def test_a_preview_changes_nothing(session: Session, middle_of: Middle, iou_with: Iou):
    assert iou_with(session.preview(VIEW, middle_of("ball")), "ball") == 1
    assert len(session) == 0 and not session.history.can_undo


def test_objects_are_kept_renamed_edited_merged_and_deleted(session: Session, middle_of: Middle, iou_with: Iou):
    session.click(VIEW, middle_of("ball"))
    ball = session.save_object("ball")
    session.click(VIEW, middle_of("mug"))
    mug = session.save_object()
    assert [each.name for each in session.objects] == ["ball", "object"] and ball.color != mug.color
    session.change_object("object", "Mug", (1, 2, 3))
    assert session.state.object("mug").color == (1, 2, 3)
    session.edit_object("ball")
    assert iou_with(session.selection, "ball") == 1
    session.click(VIEW, middle_of("mug"), "add")
    session.save_object()
    assert len(session.state.object("ball")) == ball.bits.size + mug.bits.size
    session.merge_objects(["Mug", "ball"])
    assert [(each.name, len(each)) for each in session.objects] == [("Mug", ball.bits.size + mug.bits.size)]
    session.delete_objects(["Mug"])
    assert session.objects == ()
    session.undo()
    assert [each.name for each in session.objects] == ["Mug"]


@pytest.mark.parametrize("name", ["", "a/b", "BALL", ".", "con"])
def test_names_that_cannot_be_are_refused(session: Session, middle_of: Middle, name: str):
    session.click(VIEW, middle_of("ball"))
    session.save_object("ball")
    with pytest.raises(SagaError, match="^name: expected"):
        session.change_object("ball", " " if name == "" else name) if name != "BALL" else session.save_object(name)


def test_everything_is_found_once(session: Session, tiny_demo: DemoScene, middle_of: Middle):
    session.click(VIEW, middle_of("ball"))
    session.save_object("ball")
    new = session.find_everything()
    assert "ball" in [each.name for each in session.objects] and len(new) == len(session.objects) - 1
    best = [
        max(
            (each.bits.mask() & (tiny_demo.labels == label)).sum()
            / (each.bits.mask() | (tiny_demo.labels == label)).sum()
            for each in session.objects
        )
        for name, label in tiny_demo.names.items()
    ]
    assert np.mean(best) > 0.7
    assert session.find_everything() == []


def test_without_a_method_a_click_says_what_is_missing(tiny_scene: Scene):
    with pytest.raises(SagaError, match="features or regions"):
        Session(tiny_scene, keep=False).click(VIEW, (80, 60))


def test_a_click_outside_or_on_nothing_changes_nothing(session: Session, middle_of: Middle, tiny_scene: Scene):
    session.click(VIEW, middle_of("ball"))
    size = len(session)
    away = tiny_scene.camera(VIEW).world_to_camera.copy()
    away[2, 3] -= 100
    nowhere = Camera("", 40, 30, 20, 20, 20, 15, away)
    for view, pixel in ((VIEW, (1000, 5)), (nowhere, (20, 15))):
        with pytest.raises(SagaError):
            session.click(view, pixel)
    assert len(session) == size


def test_listeners_are_told(session: Session, middle_of: Middle):
    told = []
    session.listeners.append(lambda: told.append(len(session)))
    session.click(VIEW, middle_of("ball"))
    session.undo()
    assert told == [told[0], 0]


def test_a_selection_is_written_as_any_other(session: Session, turned: Camera, middle_of: Middle, tmp_path: Path):
    session.click(turned, (200, 150))
    session.segmentation().save(tmp_path / "out")
    assert {each.name for each in (tmp_path / "out").iterdir()} >= {"object.ply", "rest.ply", "preview.png"}


def test_what_lies_beside_a_scene_answers(tiny_folder: Path, known_regions, tmp_path: Path, middle_of, iou_with):
    for name in ("scene.ply", "transforms.json"):
        shutil.copy(tiny_folder / name, tmp_path / name)
    shutil.copytree(tiny_folder / "images", tmp_path / "images")
    known_regions.save(tmp_path / "scene.regions")
    opened = Session.open(load_scene(tmp_path / "scene.ply"))
    opened.click(VIEW, middle_of("ball"))
    assert iou_with(opened.selection, "ball") == 1
    opened.close()
    assert (tmp_path / "scene.session").is_file()
