"""SANeRF-HQ from prompts to objects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from saga.demo import DemoScene
from saga.errors import SagaError
from saga.masks import ArrayMasks
from saga.methods.prompter import MaskPrompter
from saga.methods.sanerf_hq import SanerfHq, SanerfHqConfig
from saga.query import Prompt
from saga.raster.device_scene import DeviceScene
from saga.scene import Gaussians, Scene

QUICK = SanerfHqConfig(iterations=60, warm_up=30, rays=512, redraw_every=10, update_every=20, grid=2)
VIEW = "000.png"


def halves(views: DeviceScene, names: tuple[str, ...] = ("left", "middle", "right")) -> dict[str, np.ndarray]:
    """What each view shows of the wall's red half, and of its blue half."""
    masks = {}
    for name in names:
        operator = views.operator(name)
        red = operator.render((views.geometry.means[:, :1] < 0).float())[..., 0] > 0.5
        wall = views.depth(name) > 3
        masks[name] = torch.stack([red & wall, ~red & wall]).numpy()
    return masks


def opacity_iou(demo: DemoScene, found: np.ndarray, label: int) -> float:  # [N] bool
    truth = demo.labels == label
    return float((found & truth).sum() / (found | truth).sum())


def biggest(folder: Path, count: int) -> list[int]:
    """Labels of the objects that the first view shows largest, without the ground."""
    labels, sizes = np.unique(np.asarray(Image.open(folder / "instances" / VIEW)), return_counts=True)
    return [int(label) for label in labels[np.argsort(-sizes)] if label > 0][:count]


def test_one_click_selects_an_object(
    tiny_demo: DemoScene,
    tiny_folder: Path,
    demo_views: DeviceScene,
    demo_prompter: MaskPrompter,
    middle: Callable[..., tuple[int, int]],
) -> None:
    method = SanerfHq(demo_views, QUICK, prompter=demo_prompter, progress=False)
    ious = []
    for label in biggest(tiny_folder, 3):
        found = method.segment_prompt(Prompt(VIEW, [middle(label)]))
        ious.append(opacity_iou(tiny_demo, found.mask, label))
        assert found.report["counts"]["views_used"] >= 2
        assert {"cross_entropy", "ray_pair"} <= set(found.report["losses"])
        assert found.scores.min() >= 0 and found.scores.max() <= 1
    assert np.mean(ious) > 0.9, ious


@pytest.mark.parametrize("kind", ["mask", "box", "scribble", "world"])
def test_other_prompts_find_the_same_object(
    kind: str,
    tiny_demo: DemoScene,
    tiny_folder: Path,
    demo_views: DeviceScene,
    demo_prompter: MaskPrompter,
    middle: Callable[..., tuple[int, int]],
) -> None:
    label = biggest(tiny_folder, 1)[0]
    method = SanerfHq(demo_views, QUICK, prompter=demo_prompter, progress=False)
    x, y = middle(label)
    camera = demo_views.scene.camera(VIEW)
    mask = demo_prompter.mask(camera, np.array([[x, y]]), np.array([1]))
    assert mask is not None
    ys, xs = np.nonzero(mask)
    if kind == "world":
        z = demo_views.depth(VIEW)[y, x]
        point = torch.tensor([[(x + 0.5 - camera.cx) / camera.fx * z, (y + 0.5 - camera.cy) / camera.fy * z, z]])
        pose = torch.from_numpy(camera.world_to_camera)
        found = method.segment_points((point.double() - pose[:3, 3]) @ pose[:3, :3])
    elif kind == "mask":
        found = method.segment_prompt(Prompt(VIEW, mask=mask))
    elif kind == "box":
        found = method.segment_prompt(Prompt(VIEW, box=(xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)))
    else:
        found = method.segment_prompt(Prompt(VIEW, scribble=[(x - 2, y), (x + 2, y)]))
    assert opacity_iou(tiny_demo, found.mask, label) > 0.88


def test_objects_at_once_are_those_one_at_a_time_in_any_order(
    tiny_demo: DemoScene,
    tiny_folder: Path,
    demo_views: DeviceScene,
    demo_prompter: MaskPrompter,
    middle: Callable[..., tuple[int, int]],
) -> None:
    labels = biggest(tiny_folder, 2)
    prompts = [[Prompt(VIEW, [middle(label)])] for label in labels]
    closed = SanerfHq(demo_views, replace(QUICK, iterations=0, neighbors=0), prompter=demo_prompter, progress=False)
    together = closed.segment_objects(prompts)
    turned = closed.segment_objects(prompts[::-1])
    for one, own, other in zip(together, prompts, turned[::-1], strict=True):
        assert np.array_equal(one.mask, closed.segment_prompts(own).mask)
        assert np.array_equal(one.mask, other.mask)
    trained = SanerfHq(demo_views, replace(QUICK, rgb_weight=0), prompter=demo_prompter, progress=False)
    together, turned = trained.segment_objects(prompts), trained.segment_objects(prompts[::-1])
    for one, other in zip(together, turned[::-1], strict=True):
        assert np.allclose(one.scores, other.scores, atol=1e-3)
    assert not bool((together[0].mask & together[1].mask).any())
    assert closed.segment_objects([]) == []


def test_the_same_seed_gives_the_same_object(
    tiny_demo: DemoScene,
    tiny_folder: Path,
    demo_views: DeviceScene,
    demo_prompter: MaskPrompter,
    middle: Callable[..., tuple[int, int]],
) -> None:
    prompt = Prompt(VIEW, [middle(biggest(tiny_folder, 1)[0])])
    one, again = (
        SanerfHq(demo_views, QUICK, prompter=demo_prompter, progress=False).segment_prompt(prompt) for _ in range(2)
    )
    assert np.array_equal(one.scores, again.scores) and np.array_equal(one.mask, again.mask)
    other = SanerfHq(demo_views, replace(QUICK, seed=1), prompter=demo_prompter, progress=False).segment_prompt(prompt)
    assert not np.array_equal(one.scores, other.scores)


def test_the_ray_pair_loss_is_what_its_weight_and_warm_up_switch(wall: DeviceScene) -> None:
    prompter, prompt = MaskPrompter(wall, ArrayMasks(halves(wall))), Prompt("middle", [(8, 40)])
    without = SanerfHq(wall, replace(QUICK, rgb_weight=0), prompter=prompter, progress=False).segment_prompt(prompt)
    late = SanerfHq(wall, replace(QUICK, warm_up=60), prompter=prompter, progress=False).segment_prompt(prompt)
    assert "ray_pair" not in without.report["losses"] and "ray_pair" not in late.report["losses"]
    with_pairs = SanerfHq(wall, QUICK, prompter=prompter, progress=False).segment_prompt(prompt)
    assert not np.array_equal(without.scores, with_pairs.scores)


def test_the_wall_is_cut_at_its_colors(wall: DeviceScene) -> None:
    found = SanerfHq(wall, QUICK, masks=ArrayMasks(halves(wall)), progress=False).segment_prompt(
        Prompt("left", [(10, 40)])
    )
    means = wall.geometry.means
    inner = (means[:, 2] > 3) & (means[:, 0].abs() > 0.1) & (means[:, :2].abs() < 1.2).all(1)
    assert torch.equal(found.tensor.mask[inner], means[inner, 0] < 0)
    assert not bool(found.tensor.mask[means[:, 2] < 3].any())


def test_views_that_do_not_see_the_point_are_left_out(wall: DeviceScene) -> None:
    prompter = MaskPrompter(wall, ArrayMasks(halves(wall)))
    config = replace(QUICK, extend=False)
    # The wall near x = 0 is hidden behind the board in "middle".
    found = SanerfHq(wall, config, prompter=prompter, progress=False).segment_prompt(Prompt("left", [(32, 24)]))
    assert found.report["counts"]["views_used"] == 2
    assert found.report["views_left_out"] == {"too few of the prompt's points are visible": 1}
    extended = SanerfHq(wall, QUICK, prompter=prompter, progress=False).segment_prompt(Prompt("left", [(32, 24)]))
    assert extended.report["counts"]["views_used"] == 3


def test_a_mask_that_the_others_contradict_is_left_out(wall: DeviceScene) -> None:
    prompter = MaskPrompter(wall, ArrayMasks(halves(wall) | {"right": np.ones((1, 48, 48), bool)}))
    found = SanerfHq(wall, QUICK, prompter=prompter, progress=False).segment_prompt(Prompt("left", [(24, 40)]))
    assert found.report["views_left_out"] == {"the masks of the other views contradict its own": 1}
    kept = SanerfHq(wall, replace(QUICK, agreement=0.0), prompter=prompter, progress=False).segment_prompt(
        Prompt("left", [(24, 40)])
    )
    assert kept.report["counts"]["views_used"] == 3


def test_negative_points_in_another_view(wall: DeviceScene) -> None:
    masks = {name: np.concatenate([each.any(0, keepdims=True), each]) for name, each in halves(wall).items()}
    method = SanerfHq(wall, QUICK, masks=ArrayMasks(masks), progress=False)
    prompts = [Prompt("left", [(10, 40)]), Prompt("middle", negative=[(40, 40)])]
    found = method.segment_prompts(prompts)
    blue = (wall.geometry.means[:, 0] > 0.3) & (wall.geometry.means[:, 2] > 3)
    assert not bool(found.tensor.mask[blue].any())


def test_prompts_without_an_answer(wall: DeviceScene) -> None:
    nothing = SanerfHq(wall, QUICK, masks=ArrayMasks({}), progress=False)
    with pytest.raises(SagaError, match="expected an object there, found none|show nothing there"):
        nothing.segment_prompt(Prompt("left", [(10, 40)]))
    with pytest.raises(SagaError, match="that a view sees, found none"):
        nothing.segment_points(torch.tensor([[0.0, 0.0, 99.0]]))
    with pytest.raises(SagaError, match="expected an object there, found none|show nothing there"):
        nothing.segment_points(torch.tensor([[-1.0, 1.0, 4.0]]))
    with pytest.raises(SagaError, match="at least one"):
        nothing.segment_prompts([])
    with pytest.raises(SagaError, match="Segment Anything"):
        SanerfHq(wall, replace(QUICK, features="distilled"), masks=ArrayMasks({}), progress=False)
    with pytest.raises(SagaError, match="start: expected lift or zero"):
        SanerfHqConfig(start="ones")  # type: ignore[arg-type]
    with pytest.raises(SagaError, match="rays: expected a whole number, 1 or more"):
        SanerfHqConfig(rays=0)


def test_a_mask_without_masks_of_other_views_stands_alone(wall: DeviceScene) -> None:
    mask = halves(wall)["left"][0]
    method = SanerfHq(wall, QUICK, masks=ArrayMasks({}), progress=False)
    found = method.segment_prompt(Prompt("left", mask=mask))
    assert found.report["counts"]["views_used"] == 1 and bool(found.mask.any())


@pytest.mark.parametrize("config", [QUICK, replace(QUICK, start="zero", sampling="uniform", neighbors=0)])
def test_gaussians_that_are_not_finite_or_alone_do_no_harm(wall: DeviceScene, config: SanerfHqConfig) -> None:
    camera = wall.scene.camera("middle")
    for means in ([[0.0, 0.0, 4.0], [np.nan, 0.0, 4.0]], [[0.0, 0.0, 4.0]]):
        count = len(means)
        with np.errstate(invalid="ignore"):
            gaussians = Gaussians.from_arrays(
                np.array(means), np.full((count, 3), 0.3), np.tile([1.0, 0, 0, 0], (count, 1)),
                np.full(count, 0.99), np.zeros((count, 1, 3)),
            )  # fmt: skip
        views = DeviceScene(Scene(gaussians, [camera], None))
        shown = (views.alpha("middle") > 0.1).numpy()
        method = SanerfHq(views, config, masks=ArrayMasks({"middle": shown[None]}), progress=False)
        found = method.segment_prompt(Prompt("middle", [(24, 24)]))
        assert found.mask.tolist() == [True, False][:count]
        assert bool(np.isfinite(found.scores).all())
