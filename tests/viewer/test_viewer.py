"""What the viewer draws and tells, without a browser."""

from __future__ import annotations

import io
import threading
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from saga.errors import SagaError
from saga.scene import Camera
from saga.session.jobs import Jobs
from saga.viewer import colors, frames
from saga.viewer.display import Display, pinhole


def test_all_is_drawn_where_it_fits(tiny_scene):
    display = Display(tiny_scene.gaussians)
    assert not display.is_partial
    splats = display.splats(display.colors)
    assert len(splats.centers) == len(display.shown) and splats.opacities.shape == (len(display.shown), 1)
    np.testing.assert_allclose(
        display.to_world(display.to_browser(tiny_scene.gaussians.means)), tiny_scene.gaussians.means, atol=1e-5
    )
    deviations = np.sqrt(np.linalg.eigvalsh(splats.covariances.astype(np.float64)).clip(1e-12))
    halves = splats.covariances.astype(np.float16).astype(np.float64)
    assert np.isfinite(halves).all() and np.median(deviations) == pytest.approx(0.03, rel=0.3)
    assert np.abs(halves - splats.covariances).max(axis=(1, 2)).max() < 0.01 * deviations.max() ** 2


def test_of_a_large_scene_the_most_visible_are_drawn_as_much_larger_as_others_are_left_out(tiny_scene):
    spread = np.random.default_rng(0).lognormal(0, 0.8, (len(tiny_scene.gaussians), 1)).astype(np.float32)
    gaussians = replace(tiny_scene.gaussians, scales=tiny_scene.gaussians.scales * spread)
    display = Display(gaussians, 1000)
    assert display.is_partial and 900 <= len(display.shown) <= 1000
    assert (np.diff(display.shown) > 0).all()
    sizes = np.sort(gaussians.scales, axis=1)
    area = gaussians.opacities * sizes[:, 1] * sizes[:, 2]
    assert area[display.shown].mean() > 1.2 * area.mean()
    drawn = np.linalg.eigvalsh(display.splats(display.colors).covariances.astype(np.float64))[:, 1:].prod(1) ** 0.5
    covered = (gaussians.opacities[display.shown] * drawn).sum() / display.scale**2
    assert covered == pytest.approx(area.sum(), rel=0.25)
    member = np.zeros(len(gaussians), bool)
    member[display.shown[:7]] = True
    assert len(display.splats(display.colors, member).centers) == 7


def test_a_pinhole_sees_what_its_axes_say(tiny_scene):
    camera = tiny_scene.cameras[0]
    angle = 2 * np.arctan(camera.height / 2 / camera.fy)
    same = pinhole(camera.position, camera.world_to_camera[:3, :3].T, angle, camera.width, camera.height)
    points = tiny_scene.gaussians.means[:50]
    np.testing.assert_allclose(same.project(points)[0], camera.project(points)[0], atol=0.05)


def test_features_are_colored_by_their_direction_alone():
    rng = np.random.default_rng(0)
    directions = np.eye(8)[rng.integers(0, 4, 500)] + 0.01 * rng.normal(size=(500, 8))
    directions[0] = 0
    one = colors.feature_colors(directions)
    np.testing.assert_allclose(one, colors.feature_colors(directions * rng.uniform(1, 9, (500, 1))), atol=1e-5)
    kinds = directions[1:].argmax(1)
    means = np.array([one[1:][kinds == kind].mean(0) for kind in range(4)])
    assert min(np.abs(means[i] - means[j]).max() for i in range(4) for j in range(i)) > 0.2
    assert (one[0] == one[0, 0]).all() and one.min() >= 0 and one.max() <= 1


def test_heat_goes_from_blue_to_red():
    heat = colors.heat_colors(np.linspace(-1, 1, 101))
    assert heat[0, 2] > heat[0, 0] and heat[-1, 0] > heat[-1, 2] and np.isfinite(colors.heat_colors(np.zeros(3))).all()


def test_a_camera_turns_moves_and_comes_closer():
    orbit = frames.Orbit(np.zeros(3), np.array([0.0, -4, 1]), np.array([0.0, 0, 1]), 0.8)
    turned = orbit.moved([["orbit", 0.25, 0]])
    assert np.linalg.norm(turned.position) == pytest.approx(np.linalg.norm(orbit.position))
    assert turned.position[2] == pytest.approx(1) and abs(turned.position[0]) > 1
    assert np.linalg.norm(orbit.moved([["zoom", -1, 0]]).position) < np.linalg.norm(orbit.position)
    panned = orbit.moved([["pan", 0.1, 0]])
    np.testing.assert_allclose(panned.position - orbit.position, panned.target, atol=1e-12)
    # What was under the pointer stays there.
    (before,), _ = orbit.camera(300, 200).project(np.zeros((1, 3)))
    (after,), _ = panned.camera(300, 200).project(np.zeros((1, 3)))
    np.testing.assert_allclose(after - before, (20, 0), atol=1e-6)
    for _ in range(40):
        orbit = orbit.moved([["orbit", 0, 0.4], ["unknown", 1, 1], ["zoom"]])
    assert np.isfinite(orbit.camera(30, 20).world_to_camera).all()


@pytest.mark.parametrize("only", ["all", "isolate", "hide", "cutout"])
def test_a_picture_shows_what_is_asked_for(known_segmenter, tiny_demo, only):
    placed = known_segmenter.device_scene
    ball = tiny_demo.labels == tiny_demo.names["ball"]
    camera = placed.scene.cameras[0]
    display = Display(placed.scene.gaussians)
    painter = frames.Painter(placed)
    seen = _decoded(painter.picture(camera, display.colors, ball, only, (1, 1, 1)))
    plain = _decoded(painter.picture(camera, display.colors, np.zeros_like(ball), "all", (1, 1, 1)))
    inside = np.asarray(_mask(placed, camera, ball))
    redder = (seen - plain)[..., 0] - (seen - plain)[..., 2]
    if only == "all":
        assert redder[inside].mean() > 40 and abs(redder[~inside]).mean() < 4
    elif only == "hide":
        assert np.abs(seen - plain)[inside].mean() > 15
    else:
        assert np.abs(seen[inside] - plain[inside]).mean() < 12
        assert seen[:20, :20].mean() == pytest.approx(0 if only == "cutout" else 255, abs=4)
    depth = _decoded(painter.picture(camera, None, np.zeros_like(ball), "all", (1, 1, 1)))
    assert np.ptp(depth, axis=2).max() < 12 and depth.std() > 20


def test_another_selection_from_the_same_place_is_no_other_view(known_segmenter, tiny_demo, monkeypatch):
    placed = known_segmenter.device_scene
    ball, mug = (tiny_demo.labels == tiny_demo.names[name] for name in ("ball", "mug"))
    display, (one, other) = Display(placed.scene.gaussians), placed.scene.cameras[:2]
    objects = np.full_like(display.colors, 0.5)
    made: list[Camera] = []
    plain = frames.BlendOperator
    monkeypatch.setattr(
        frames, "BlendOperator", lambda geometry, camera: made.append(camera) or plain(geometry, camera)
    )
    painter = frames.Painter(placed)
    white, black, rows = (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), np.arange(100, 2000)
    asked = [
        (one, display.colors, ball, "all", white), (one, display.colors.copy(), mug, "all", white),
        (one, display.colors, mug, "hide", white), (one, display.colors, mug, "all", black),
        (one, objects, mug, "all", black), (one, objects, mug, "all", black, rows), (other, objects, mug, "all", black),
    ]  # fmt: skip
    shown = [painter.picture(*each) for each in asked]
    assert len(made) == len(asked) - 1  # all but the second
    for each, picture in zip(asked, shown, strict=True):
        assert frames.Painter(placed).picture(*each) == picture
    assert len(set(shown)) == len(shown)


def _decoded(jpeg: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(jpeg)), float)


def _mask(placed, camera: Camera, member: np.ndarray) -> np.ndarray:
    from saga.export import render_masks

    return next(iter(render_masks(placed, [replace(camera, lens=None)], member)))


def test_one_job_at_a_time_which_can_be_cancelled():
    from saga.runtime.progress import ticking

    told: list[object] = []
    said: list[tuple[str, bool]] = []
    jobs = Jobs(lambda: told.append(jobs.state), lambda *line: said.append(line))
    begun, go_on = threading.Event(), threading.Event()

    def work() -> str:
        with ticking(False, "steps", 5) as tick:
            begun.set()
            go_on.wait(5)
            for _ in range(5):
                tick()
        return "done"

    jobs.start("working", work)
    begun.wait(5)
    with pytest.raises(SagaError, match="busy"):
        jobs.start("more", lambda: "")
    jobs.cancel()
    go_on.set()
    jobs.wait(5)
    assert said == [("cancelled; what is done already is kept", False)] and jobs.state is None and told
    jobs.start("failing", lambda: 1 / 0)
    jobs.wait(5)
    assert said[-1][1] and "bug" in said[-1][0]


def test_a_notebook_shows_the_viewer_and_closing_it_ends_the_session(tiny_scene, known_field, tmp_path):
    import urllib.request

    import saga

    pytest.importorskip("viser")
    shown = saga.view(tiny_scene, known_field, session=tmp_path / "s.session")
    assert f'src="{shown.address}"' in shown._repr_html_()
    with urllib.request.urlopen(shown.address, timeout=10) as answer:
        assert answer.status == 200
    shown.session.select(np.ones(len(tiny_scene.gaussians), bool))
    shown.close()
    assert (tmp_path / "s.session").is_file() and not list(tmp_path.glob(".*lock"))


def test_nothing_is_printed_but_what_the_command_says(known_segmenter, tmp_path, capsys):
    """A notebook would show the address of viser, at which there is no page of saga."""
    import rich

    from saga.session import Session
    from saga.viewer import Viewer

    pytest.importorskip("viser")
    session = Session(known_segmenter.device_scene, known_segmenter, keep=False)
    with rich.get_console().capture() as captured:
        viewer = Viewer(session, port=0)
        viewer.close()
    assert captured.get() == "" and capsys.readouterr().out == ""
    with rich.get_console().capture() as captured:
        rich.print("heard again")
    assert captured.get() != ""


def test_a_page_is_told_what_there_is(viewed, middle_of):
    state = viewed.viewer.state()
    assert state["selected"] == 0 and state["scores"] is None and state["views"][0] == "000.png"
    viewed.session.click("000.png", middle_of("ball"))
    state = viewed.viewer.state()
    assert [each["name"] for each in state["answers"]] == ["part", "object", "group"]
    assert sum(state["scores"]["bins"]) == int(viewed.session.scene.gaussians.valid.sum())
    assert state["scores"]["low"] <= state["scores"]["value"] <= state["scores"]["high"]
    picture = viewed.viewer.file("mask/0", {"height": "100"})
    assert Image.open(io.BytesIO(picture.content)).size[1] == 100
    with pytest.raises(SagaError, match="expected 0 to 5"):
        viewed.viewer.file("photograph/6", {})
    for path in ("page/../viewer.py", "page/", "photograph/x", "mask/-1", ""):
        assert viewed.viewer.file(path, {}) is None


@pytest.mark.parametrize(("error", "bug"), [(RuntimeError("can't start new thread"), False), (KeyError("x"), True)])
def test_a_job_that_fails_says_why_and_only_a_bug_shows_where(error: Exception, bug: bool, capsys) -> None:
    def fail() -> str:
        raise error

    said: list[tuple[str, bool]] = []
    jobs = Jobs(lambda: None, lambda line, failed: said.append((line, failed)))
    jobs.start("failing", fail)
    jobs.wait(10)
    ((line, failed),) = said
    assert failed and ("bug in saga" in line) == bug == ("Traceback" in capsys.readouterr().err)


def test_a_job_may_follow_as_soon_as_one_is_said_to_have_ended() -> None:
    ended, go_on = threading.Event(), threading.Event()

    def say(line: str, failed: bool) -> None:
        ended.set()
        go_on.wait(10)  # the thread of the first lives on

    jobs = Jobs(lambda: None, say)
    jobs.start("first", lambda: "")
    assert ended.wait(10)
    jobs.start("second", lambda: "")
    go_on.set()
    jobs.wait(10)


def test_a_job_without_a_thread_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def short(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    jobs = Jobs(lambda: None, lambda line, failed: None)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", short)
        with pytest.raises(RuntimeError):
            jobs.start("first", lambda: "")
    jobs.start("second", lambda: "")
    jobs.wait(10)


class Told:
    """A page that remembers what it is sent."""

    def __init__(self) -> None:
        self.state: dict[str, object] = {}
        self.messages: list[dict] = []

    def send(self, message: dict) -> None:
        self.messages.append(message)


def test_words_select_what_is_like_them_and_say_so(viewed, toy, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(
        viewed.viewer.front, "broadcast", lambda m: said.append(m["text"]) if m["kind"] == "say" else None
    )
    viewed.viewer.text_model = toy.ColorModel()
    page = Told()

    def ask(text: str) -> str:
        viewed.viewer.receive(page, {"id": 1, "do": "words", "text": text, "mode": "replace"})
        viewed.viewer.jobs.wait(60)
        return said[-1] if said else ""

    assert "% sure" in ask("red toy") and "selected" in said[-1]
    answers = viewed.viewer.state()["answers"]
    assert len(answers) > 1 and answers[0]["size"] == len(viewed.session) > 0
    before = viewed.session.selection.copy()
    assert ask("giraffe").startswith('nothing like "giraffe": the best of')
    assert (viewed.session.selection == before).all()
    ask("...")
    assert page.messages[-1]["error"].startswith("text: expected a name")
    viewed.viewer.text_model = None
    monkeypatch.setattr("saga.words.open.find_model", lambda _: None)
    assert ask("mug").startswith("siglip2: expected this model of words on this machine, found none")


def test_strays_are_looked_for_and_sliders_select_them(viewed) -> None:
    page = Told()
    assert viewed.viewer.state()["strays"] is None
    viewed.viewer.receive(page, {"id": 1, "do": "look_for_strays"})
    viewed.viewer.jobs.wait(60)
    kinds = viewed.viewer.state()["strays"]
    assert [kind["name"] for kind in kinds] == ["duplicates", "haze", "spikes", "floaters", "unseen"]
    assert all(kind["told"] and kind["strength"] == 0.5 for kind in kinds)
    viewed.viewer.receive(page, {"id": 2, "do": "strays", "strengths": {"unseen": 1}})
    assert viewed.viewer.state()["strays"][-1]["count"] > 0
    assert len(viewed.session) == sum(kind["count"] for kind in viewed.viewer.state()["strays"])
    viewed.viewer.receive(page, {"id": 3, "do": "strays", "strengths": {kind["name"]: 0 for kind in kinds}})
    assert len(viewed.session) == 0
    viewed.viewer.receive(page, {"id": 4, "do": "strays", "strengths": {"dust": 1}})
    assert "error" in page.messages[-1]
