"""From prompts to objects."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from saga.demo import DemoScene
from saga.errors import SagaError
from saga.evaluate.metrics import weighted_iou
from saga.evaluate.prompts import place_clicks
from saga.masks import ArrayMasks
from saga.methods.sgisrf import ColorSimilarity, Sgisrf, SgisrfConfig, SgisrfModel
from saga.methods.sgisrf.grid import Box
from saga.methods.sgisrf.network import NetworkSize
from saga.methods.sgisrf.pixels import Click, Owners, echoes, lattice, spread_points
from saga.methods.sgisrf.region import click_region, fitted, region_box
from saga.query import Prompt
from saga.raster import BlendOperator, Geometry
from saga.raster.device_scene import DeviceScene
from saga.scene import Camera, Gaussians, Scene


@pytest.fixture(scope="module")
def exact(tiny_demo: DemoScene, tiny_scene: Scene) -> ArrayMasks:
    """The true masks of the demo's views."""
    geometry = Geometry.from_gaussians(tiny_scene.gaussians)
    one_hot = torch.nn.functional.one_hot(torch.from_numpy(tiny_demo.labels).long(), len(tiny_demo.names)).float()
    masks = {}
    for camera in tiny_scene.cameras:
        shares = BlendOperator(geometry, camera).render(one_hot)
        labels = torch.where(shares.sum(-1) > 0.5, shares.argmax(-1), -1).numpy()
        masks[camera.name] = np.stack([labels == k for k in range(len(tiny_demo.names))])
    return ArrayMasks(masks, tiny_scene.cameras)


@pytest.fixture(scope="module")
def segmenter(tiny_scene: Scene, exact: ArrayMasks) -> Sgisrf:
    return Sgisrf(tiny_scene, masks=exact)


def _prompt(segmenter: Sgisrf, exact: ArrayMasks, label: int) -> Prompt:
    views = segmenter.scene.cameras
    camera = max(views, key=lambda each: int(exact.masks(each)[label].sum()))
    return Prompt(camera.name, points=place_clicks(exact.masks(camera)[label], 1))


def _untrained(scene: Scene, **settings: object) -> Sgisrf:
    model = SgisrfModel.create(NetworkSize(4, 8, 1), 16, True, True, 0)
    model.network.eval()
    everything = {camera.name: np.ones((1, camera.height, camera.width), bool) for camera in scene.cameras}
    return Sgisrf(scene, replace(SgisrfConfig(), **settings), masks=ArrayMasks(everything), model=model)


def _scene(means: np.ndarray, opacity: float = 0.9) -> Scene:
    n = len(means)
    gaussians = Gaussians.from_arrays(
        means.astype(np.float32),
        np.full((n, 3), 0.05, np.float32),
        np.tile(np.float32([1, 0, 0, 0]), (n, 1)),
        np.full(n, opacity, np.float32),
        np.zeros((n, 1, 3), np.float32),
    )
    return Scene(gaussians, [Camera("a.png", 32, 24, 30.0, 30.0, 16.0, 12.0, np.eye(4))])


def test_the_shipped_model_segments_the_demo(tiny_demo: DemoScene, segmenter: Sgisrf, exact: ArrayMasks) -> None:
    found = {}
    for name in ("ball", "mug", "bottle", "atlas", "duck"):
        label = tiny_demo.names[name]
        mask = segmenter.segment_prompt(_prompt(segmenter, exact, label)).mask
        found[name] = weighted_iou(mask, tiny_demo.labels == label, segmenter.scene.gaussians.opacities)
    assert np.mean(list(found.values())) > 0.78, found


def test_the_same_prompt_gives_the_same_answer(tiny_demo: DemoScene, segmenter: Sgisrf, exact: ArrayMasks) -> None:
    prompt = _prompt(segmenter, exact, tiny_demo.names["ball"])
    fresh = Sgisrf(segmenter.scene, similarity=segmenter.similarity)
    one, again, other = (each.segment_prompt(prompt) for each in (segmenter, segmenter, fresh))
    assert np.array_equal(one.scores, again.scores) and np.array_equal(one.scores, other.scores)


def test_a_negative_click_takes_away(tiny_demo: DemoScene, segmenter: Sgisrf, exact: ArrayMasks) -> None:
    ball, mug = (_prompt(segmenter, exact, tiny_demo.names[name]) for name in ("ball", "mug"))
    both = segmenter.segment_prompts([ball, mug])
    without = segmenter.segment_prompts([ball, mug, Prompt(mug.view, negative=mug.points)])
    of_mug = tiny_demo.labels == tiny_demo.names["mug"]
    assert without.mask[of_mug].sum() < both.mask[of_mug].sum()
    assert len(without.report["further_prompts"]) == 2


def test_masks_boxes_and_scribbles_are_clicks(tiny_demo: DemoScene, segmenter: Sgisrf, exact: ArrayMasks) -> None:
    label = tiny_demo.names["ball"]
    point = _prompt(segmenter, exact, label)
    camera = segmenter.scene.camera(point.view)
    mask = exact.masks(camera)[label]
    ys, xs = np.nonzero(mask)
    box = (int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1)
    prompts = [Prompt(point.view, mask=mask), Prompt(point.view, box=box), Prompt(point.view, scribble=mask)]
    truth, opacities = tiny_demo.labels == label, segmenter.scene.gaussians.opacities
    for prompt in prompts:
        assert weighted_iou(segmenter.segment_prompt(prompt).mask, truth, opacities) > 0.8


def test_settings_of_the_ablation_run(tiny_demo: DemoScene, segmenter: Sgisrf, exact: ArrayMasks) -> None:
    prompt = _prompt(segmenter, exact, tiny_demo.names["ball"])
    scene, similarity = segmenter.scene, segmenter.similarity
    whole = segmenter.segment_prompt(prompt)
    for change in ({"propagation": False}, {"refinement": False}, {"echo_views": 0, "rounds": 1}):
        changed = Sgisrf(scene, SgisrfConfig(**change), similarity=similarity, model=segmenter.model)  # type: ignore
        found = changed.segment_prompt(prompt)
        assert np.isfinite(found.scores).all() and not np.array_equal(found.scores, whole.scores)


def test_a_click_on_nothing_selects_nothing_and_says_so() -> None:
    scene = _scene(np.array([[0.0, 0.0, 2.0]]))
    found = Sgisrf(scene, similarity=ColorSimilarity(scene)).segment_prompt(Prompt("a.png", points=[(0, 0)]))
    assert len(found) == 0 and "nothing of the scene" in found.report["warnings"][0]


def test_a_scene_without_visible_gaussians() -> None:
    found = _untrained(_scene(np.zeros((1, 3)), opacity=1e-6)).segment_prompt(Prompt("a.png", points=[(16, 12)]))
    assert len(found) == 0 and found.scores.shape == (1,)


@pytest.mark.parametrize("count", [1, 60])
def test_one_gaussian_and_many_in_one_place(count: int) -> None:
    scene = _scene(np.tile([[0.0, 0.0, 2.0]], (count, 1)))
    found = _untrained(scene, threshold=0.0).segment_prompt(Prompt("a.png", points=[(16, 12)]))
    assert found.mask.all() and np.isfinite(found.scores).all()


def test_gaussians_that_are_not_finite_are_never_selected() -> None:
    means = np.random.default_rng(0).normal(0, 0.2, (50, 3)) + (0, 0, 2)
    means[7] = np.nan
    scene = _scene(means)
    found = _untrained(scene, threshold=0.0).segment_prompt(Prompt("a.png", points=[(16, 12)]))
    assert np.isfinite(found.scores).all() and not found.mask[7] and found.mask.any()


def test_gaussians_outside_of_the_cube_are_not_selected() -> None:
    near = np.random.default_rng(0).normal(0, 0.05, (40, 3)) + (0, 0, 2)
    far = np.array([[30.0, 0.0, 2.0]])
    found = _untrained(_scene(np.concatenate([near, far]))).segment_prompt(Prompt("a.png", points=[(16, 12)]))
    assert float(found.scores[-1]) < 0.01


def test_mistakes_get_one_line(segmenter: Sgisrf) -> None:
    view = segmenter.scene.cameras[0].name
    for prompts in ([], [Prompt("nowhere.png", points=[(1, 1)])], [Prompt(view, points=[(9999, 1)])], [Prompt(view)]):
        with pytest.raises(SagaError) as error:
            segmenter.segment_prompts(prompts)
        assert "\n" not in str(error.value)


def test_echoes_show_the_same_point(segmenter: Sgisrf, tiny_demo: DemoScene, exact: ArrayMasks) -> None:
    prompt = _prompt(segmenter, exact, tiny_demo.names["atlas"])
    owners = Owners(DeviceScene(segmenter.scene))
    pixel = (int(prompt.points[0][0]), int(prompt.points[0][1]))
    found = echoes(owners, Click(prompt.view, pixel), 4)
    assert 0 < len(found) <= 4 and prompt.view not in {each.view for each in found}
    seen = [tiny_demo.labels[owners.at(each.view, each.pixel)] for each in found]
    assert np.mean(np.array(seen) == tiny_demo.names["atlas"]) >= 0.5
    assert echoes(owners, Click(prompt.view, pixel, False), 4) == []


def test_a_lattice_covers_what_the_view_shows_of_a_box() -> None:
    camera = Camera("a.png", 640, 480, 600.0, 600.0, 320.0, 240.0, np.eye(4))
    where = lattice(camera, 5000, Box((0.0, 0.0, 4.0), 0.5))
    pixels = where.pixels().numpy()
    assert len(pixels) <= 5500 and pixels.min(0).tolist() <= [240, 160]
    assert (pixels < (640, 480)).all() and (pixels >= 0).all()
    assert where.place((320, 240)) is not None and where.place((1, 1)) is None
    whole = lattice(camera, 5000, Box((0.0, 0.0, 0.0), 5.0))  # the camera stands in the box
    assert whole.x0 == 0 and whole.y0 == 0


def test_regions_are_connected_to_the_click() -> None:
    similarity, owners = np.zeros((10, 20)), np.arange(200).reshape(10, 20)
    similarity[2:5, 2:5], similarity[2:5, 12:15] = 0.9, 0.9
    assert click_region(similarity, (3, 3), owners).tolist() == owners[2:5, 2:5].ravel().tolist()
    assert len(click_region(similarity, (3, 3), np.full((10, 20), -1))) == 0


def test_boxes_are_robust_and_fitted() -> None:
    points = torch.cat([torch.rand(500, 3), torch.full((5, 3), 100.0), torch.full((1, 3), float("nan"))])
    box = region_box(points, 2.0, 0.01)
    assert box is not None and box.half < 1.2
    assert region_box(points[:0], 2.0, 0.01) is None
    assert fitted(torch.rand(500, 3), Box((0.5, 0.5, 0.5), 0.9), 1.8, 0.01) is None
    larger = fitted(torch.rand(500, 3), Box((0.2, 0.5, 0.5), 0.5), 1.8, 0.01)
    assert larger is not None and larger.half == pytest.approx(0.9, abs=0.05)
    smaller = fitted(torch.rand(500, 3), Box((0.5, 0.5, 0.5), 3.0), 1.8, 0.01)
    assert smaller is not None and smaller.half == pytest.approx(0.9, abs=0.05)


def test_spread_points_lie_on_the_mask_and_apart() -> None:
    mask = np.zeros((40, 60), bool)
    mask[5:35, 5:55] = True
    points = spread_points(mask, 5)
    assert len(points) == 5 and all(mask[y, x] for x, y in points)
    gaps = np.linalg.norm(np.array(points)[:, None] - np.array(points)[None], axis=-1)[np.triu_indices(5, 1)]
    assert gaps.min() > 8
    single = np.zeros((5, 5), bool)
    single[2, 2] = True
    assert spread_points(single, 3) == [(2, 2)]


def test_the_exponent_is_for_nested_masks_alone(segmenter: Sgisrf) -> None:
    scene, click = segmenter.scene, Click(segmenter.scene.cameras[0].name, (80, 60))
    where = lattice(scene.cameras[0], 100_000)
    for similarity, differs in ((_Half(True), True), (_Half(False), False)):
        plain, raised = (
            Sgisrf(scene, config, similarity=similarity, model=segmenter.model)._alike(click, where)
            for config in (SgisrfConfig(exponent=1.0), SgisrfConfig(exponent=0.5))
        )
        assert plain[0, 0] == pytest.approx(0.5)
        assert raised[0, 0] == pytest.approx(0.5**0.5 if differs else 0.5)


class _Half:
    """Everything is half alike."""

    description = "a half"

    def __init__(self, nested: bool) -> None:
        self.nested = nested

    def similarity(self, camera: Camera, pixel: tuple[int, int]) -> np.ndarray:
        return np.full((camera.height, camera.width), 0.5, np.float32)
