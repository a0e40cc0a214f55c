"""The viewer in a headless Chromium: what a person clicks, and what the page then shows."""

from __future__ import annotations

import io
import shutil

import numpy as np
import pytest
from PIL import Image

from saga.raster import DeviceScene
from saga.scene import load_scene
from saga.session import Session
from saga.viewer import Viewer

pytestmark = pytest.mark.browser


def test_a_click_selects_and_highlights_and_a_second_one_goes_to_the_group(page, place_of, iou_with):
    session = page.viewed.session
    ball = place_of("ball")
    page.steady()  # which an empty canvas is not: it passes every other test
    before = page.around(ball)
    page.click(ball)
    assert iou_with(session.selection, "ball") == 1
    page.steady()
    red, green, blue = page.around(ball)
    assert red > green > blue and red - blue > 60, (before, (red, green, blue))
    assert "selected" in page.says() and " ms" in page.says()
    answers = page.state()["answers"]
    assert [each["name"] for each in answers] == ["part", "object", "group"]

    page.click(ball)
    assert len(session) == answers[2]["size"]
    page.click(ball)
    assert len(session) == answers[0]["size"]
    page.press("Tab")
    assert iou_with(session.selection, "ball") == 1
    assert page.complaints() == []


def test_shift_adds_alt_takes_away_and_undo_goes_back(page, place_of, iou_with, tiny_demo):
    session = page.viewed.session
    page.click(place_of("ball"))
    page.click(place_of("mug"), "Shift")
    both = np.isin(tiny_demo.labels, [tiny_demo.names["ball"], tiny_demo.names["mug"]])
    assert (session.selection == both).all()
    page.click(place_of("ball"), "Alt")
    assert iou_with(session.selection, "mug") == 1
    page.press("Control+z")
    assert (session.selection == both).all()
    page.press("Control+y")
    assert iou_with(session.selection, "mug") == 1
    page.press("Escape")
    assert len(session) == 0


def test_objects_are_kept_and_found_again_after_a_reload_and_a_crash(page, place_of):
    page.click(place_of("ball"))
    page.page.fill("#saga-name", "my ball")
    page.page.click("#saga-save")
    page.until(lambda: [each["name"] for each in page.state()["objects"]] == ["my ball"])
    page.page.reload()
    page.ready()
    assert [each["name"] for each in page.state()["objects"]] == ["my ball"]

    kept = (page.viewed.folder / "scene.session").read_bytes()
    page.viewed.session.file.flush()
    page.viewed.close()
    (page.viewed.folder / "scene.session").write_bytes(kept)  # as a crash would have left it
    page.viewed.open()
    page.load()
    assert [each["name"] for each in page.state()["objects"]] == ["my ball"]
    assert page.state()["selected"] == page.state()["objects"][0]["count"]


def drag(page, *places: tuple[float, float]) -> None:
    """Draws a line through pixels of the page, and waits for the answer."""
    before = page.page.evaluate("saga.number")
    page.page.mouse.move(*places[0])
    page.page.mouse.down()
    for place in places[1:]:
        page.page.mouse.move(*place, steps=3)
    page.page.mouse.up()
    page.page.wait_for_function(f"saga.number > {before} && saga.waiting.size === 0", timeout=20_000)


def outline(page, tiny_demo, tiny_scene, name: str) -> tuple[np.ndarray, np.ndarray]:
    """The box of an object on the page: its upper left and its lower right corner, in pixels."""
    means = tiny_scene.gaussians.means[tiny_demo.labels == tiny_demo.names[name]]
    shown = np.array([page.pixel(point) for point in means[::5]])
    return shown.min(0), shown.max(0)


@pytest.mark.parametrize("tool", ["Rectangle", "Lasso", "Brush"])
def test_drawing_selects_the_object(page, tiny_demo, tiny_scene, iou_with, tool):
    low, high = outline(page, tiny_demo, tiny_scene, "ball")
    middle, half = (low + high) / 2, (high - low) / 2
    page.page.click(f"#saga-tool-{tool.lower()}")
    if tool == "Rectangle":
        drag(page, low, high)
    elif tool == "Lasso":
        turns = np.linspace(0, 2 * np.pi, 16)
        drag(page, *(middle + 1.15 * half * (np.cos(turn), np.sin(turn)) for turn in turns))
    else:
        drag(page, middle - 0.4 * half, middle + 0.4 * half)
    assert iou_with(page.viewed.session.selection, "ball") > 0.9, page.says()
    assert page.complaints() == []


def test_what_shows_in_a_rectangle_can_be_taken_too(page, tiny_demo, tiny_scene):
    low, high = outline(page, tiny_demo, tiny_scene, "ball")
    page.press("r")
    page.page.select_option("#saga-takes", "through")
    drag(page, low, high)
    through = len(page.viewed.session)
    page.page.select_option("#saga-takes", "surface")
    drag(page, low, high)
    assert 0 < len(page.viewed.session) < through


def test_the_preview_shows_what_a_click_would_select_and_selects_nothing(page, place_of):
    ball = place_of("ball")
    page.steady()
    before = page.around(ball)
    page.press("o")
    page.page.mouse.move(*page.pixel(ball))
    page.page.mouse.move(*np.add(page.pixel(ball), 1))
    scene = page.viewed.viewer.stage._server.scene
    page.until(lambda: scene.get_handle_by_name("/preview") is not None)
    page.steady()
    after = page.around(ball)
    assert after[2] - after[0] > before[2] - before[0] + 40  # blue, where the selection is orange
    assert len(page.viewed.session) == 0
    page.press("o")
    page.until(lambda: scene.get_handle_by_name("/preview") is None)


def test_words_in_the_field_select_an_object_and_tab_goes_to_the_next(page, toy):
    page.viewed.viewer.text_model = toy.ColorModel()
    page.press("/")
    page.page.keyboard.type("red toy")
    page.page.keyboard.press("Enter")
    page.until(lambda: "red toy" in page.says() and "selected" in page.says(), 60)
    answers = page.state()["answers"]
    assert len(answers) > 1 and answers[0]["name"].startswith("1: ") and len(page.viewed.session) == answers[0]["size"]
    page.press("Tab")
    assert len(page.viewed.session) == answers[1]["size"]
    assert page.complaints() == []


def test_photographs_are_shown_beside_the_mask_and_answer_clicks(page, middle_of, iou_with, tiny_scene):
    page.press("p")
    page.page.wait_for_function("document.querySelectorAll('#saga-strip img').length === 6")
    page.page.click("#saga-strip img >> nth=2")
    page.page.wait_for_function("(i => i && i.complete && i.naturalWidth)(document.querySelector('#saga-photo img'))")
    box = page.page.locator("#saga-photo img.asked").bounding_box()
    view = tiny_scene.cameras[2]
    x, y = middle_of("ball", view.name)
    before = page.page.evaluate("saga.number")
    page.page.mouse.click(
        box["x"] + (x + 0.5) / view.width * box["width"], box["y"] + (y + 0.5) / view.height * box["height"]
    )
    page.page.wait_for_function(f"saga.number > {before} && saga.waiting.size === 0")
    assert iou_with(page.viewed.session.selection, "ball") == 1
    page.until(
        lambda: (
            f"version={page.state()['version']}" in page.page.locator("#saga-photo img").nth(1).evaluate("i => i.src")
        )
    )
    client = page.viewed.viewer.stage.client(page.page.evaluate("saga.client"))
    page.until(lambda: np.allclose(page.viewed.viewer.stage.camera(client).position, view.position, atol=0.02))


def test_a_mask_that_is_dropped_on_a_photograph_selects_what_it_shows(page, tiny_folder, tiny_demo, iou_with):
    picture = Image.open(tiny_folder / "instances" / "002.png")
    mask = io.BytesIO()
    Image.fromarray((np.asarray(picture) == tiny_demo.names["ball"]).astype(np.uint8) * 255).save(mask, "PNG")
    page.press("p")
    page.page.click("#saga-strip img >> nth=2")
    page.until(lambda: page.page.evaluate("saga.photos.current === '002.png' && saga.waiting.size === 0"))
    drop = """([bytes, name]) => {
        const files = new DataTransfer();
        files.items.add(new File([new Uint8Array(bytes)], name));
        const event = new DragEvent("drop", { dataTransfer: files, bubbles: true });
        document.getElementById("saga-photo").dispatchEvent(event);
    }"""
    page.page.evaluate(drop, [list(mask.getvalue()), "mask.png"])
    page.until(lambda: iou_with(page.viewed.session.selection, "ball") > 0.9)
    page.page.evaluate(drop, [[1, 2, 3], "notes.txt"])
    page.until(lambda: "expected a PNG" in page.says())
    assert iou_with(page.viewed.session.selection, "ball") > 0.9
    assert page.complaints() == []


def test_two_pages_share_the_selection_and_a_telephone_has_room_for_the_scene(page, chromium, place_of):
    context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    other = context.new_page()
    other.add_init_script("localStorage.setItem('saga-hint', 'seen')")
    other.goto(page.viewed.viewer.address)
    other.wait_for_function("window.saga && saga.state && saga.client !== null", timeout=30_000)
    page.click(place_of("ball"))
    other.wait_for_function(f"saga.state.selected === {len(page.viewed.session)}")
    boxes = other.evaluate("""[...document.querySelectorAll("#saga-panel, #saga-status")].map((each) => {
        const box = each.getBoundingClientRect();
        return [box.left, box.top, box.right, box.bottom];
    })""")
    for left, top, right, bottom in boxes:
        assert left >= 0 and top >= 0 and right <= 390 and bottom <= 844
        assert bottom - top < 150  # the panel is folded
    other.click("#saga-fold")
    assert other.locator("#saga-find").is_visible()
    assert other.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()
    page.press("Escape")
    assert len(page.viewed.session) == 0 and page.complaints() == []


def test_pictures_from_saga_show_the_same_and_answer_clicks(page, place_of, iou_with):
    ball = place_of("ball")
    drawn = page.steady()[:, 320:].astype(float)
    at = page.pixel(ball)
    page.press("g")
    page.page.wait_for_function("saga.frame.image.naturalWidth > 0 && saga.waiting.size === 0")
    page.page.wait_for_timeout(500)
    rendered = page.picture()[:, 320:].astype(float)
    assert np.abs(drawn - rendered).mean() < 12 and rendered.std() > 20
    page.page.mouse.click(*at)
    page.until(lambda: iou_with(page.viewed.session.selection, "ball") == 1)
    page.page.wait_for_function("saga.waiting.size === 0")
    page.page.wait_for_timeout(500)
    x, y = (round(value) for value in at)
    red, _, blue = page.picture()[y - 3 : y + 4, x - 3 : x + 4].reshape(-1, 3).mean(0)
    assert red - blue > 60
    still = page.picture()
    page.page.mouse.move(700, 600)
    page.page.mouse.down()
    page.page.mouse.move(820, 600, steps=4)
    page.page.mouse.up()
    page.page.wait_for_timeout(800)
    assert np.abs(page.picture()[:, 320:].astype(float) - still[:, 320:]).mean() > 3
    assert page.complaints() == []


@pytest.mark.parametrize("what", ["features", "objects", "scores"])
def test_the_scene_is_seen_in_other_colors(page, place_of, what):
    page.click(place_of("ball"))
    page.press("Enter")
    if what == "scores":
        page.click(place_of("ball"))
    before = page.steady()[:, 320:].astype(float)
    page.page.select_option("#saga-see-what", what)
    page.until(lambda: page.state()["see"] == what)
    page.until(lambda: np.abs(page.picture()[:, 320:].astype(float) - before).mean() > 5)


def test_the_selection_alone_hidden_and_on_black(page, place_of):
    ball, mug = place_of("ball"), place_of("mug")
    page.click(ball)
    page.press("k")
    page.until(lambda: page.around(mug).max() < 30 and page.around(ball).max() > 60)
    page.press("x")
    page.until(lambda: page.around(mug).min() > 225 and page.around(ball).min() < 225)
    page.press("m")
    page.until(lambda: page.around(mug).min() < 225)


def test_the_help_lists_every_key_that_does_something(page):
    page.press("?")
    text = page.page.inner_text("#saga-help").lower()
    for key in page.page.evaluate("Object.keys(saga.keys.known)"):
        assert {"Escape": "esc", " ": "space", "=": "+"}.get(key, key.lower()) in text
    page.press("Escape")
    assert page.page.locator("#saga-help").count() == 0 and page.state()["can_undo"] is False


def test_500_random_actions_leave_no_error_and_memory_flat(page, tiny_demo, tiny_scene):
    rng = np.random.default_rng(0)
    names = list(tiny_demo.names)
    places = [
        page.pixel(tiny_scene.gaussians.means[tiny_demo.labels == tiny_demo.names[name]].mean(0)) for name in names
    ]
    keys = [
        "Control+z",
        "Control+y",
        "+",
        "-",
        "i",
        "Tab",
        "Escape",
        "Enter",
        "v",
        "x",
        "h",
        "k",
        "m",
        "o",
        "n",
        "1",
        "2",
        "3",
    ]
    used = []
    for step in range(500):
        if rng.random() < 0.5:
            x, y = places[rng.integers(len(places))] + rng.normal(0, 3, 2)
            at = [float(x) / 1100, float(y) / 700]
            mode = ["replace", "add", "subtract", "intersect"][rng.integers(4)]
            page.page.evaluate(f"saga.act('click', {{at: {at}, mode: '{mode}'}})")
        else:
            page.page.keyboard.press(keys[rng.integers(len(keys))])
        if step % 20 == 19:
            page.page.wait_for_function("saga.waiting.size === 0", timeout=60_000)
            page.press("m")
        if step % 100 == 99:
            page.page.wait_for_timeout(300)
            used.append((_resident(), page.page.evaluate("performance.memory.usedJSHeapSize")))
    assert page.complaints() == []
    assert page.state()["version"] > 100
    ours, theirs = (np.array(each, float) / 2**20 for each in zip(*used, strict=True))
    assert ours[-1] - ours[1] < 60, ours
    assert theirs[-1] - theirs[1] < 60, theirs


def _resident() -> int:
    """Bytes of memory that this process, which serves, takes."""
    import gc

    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


def test_a_browser_without_webgl_gets_pictures_and_answers_clicks(without_webgl, viewed, iou_with, place_of):
    opened = without_webgl.new_page(viewport={"width": 1100, "height": 700})
    opened.add_init_script("localStorage.setItem('saga-hint', 'seen')")
    opened.goto(viewed.viewer.address)
    shown = "window.saga && saga.frame.on && saga.frame.image.naturalWidth > 0 && saga.waiting.size === 0"
    opened.wait_for_function(shown, timeout=30_000)
    (tab,) = viewed.viewer.front.tabs
    camera = tab.state["orbit"].camera(1100, 700)
    (pixel,), _ = camera.project(place_of("ball")[None])
    before = opened.evaluate("saga.number")
    opened.mouse.click(*pixel)
    opened.wait_for_function(f"saga.number > {before} && saga.waiting.size === 0", timeout=20_000)
    assert iou_with(viewed.session.selection, "ball") == 1


@pytest.mark.filterwarnings("ignore:.*the run starts afresh")  # which is meant: it is given others
def test_features_and_regions_are_made_from_the_page(chromium, kinds, tiny_folder, tmp_path, place_of):
    viewed_kind, page_kind = kinds

    class Bare(viewed_kind):
        """A viewer of a scene beside which nothing has been made."""

        def open(self) -> None:
            placed = DeviceScene(load_scene(self.folder / "scene.ply"), "cpu")
            self.session = Session(placed)
            self.viewer = Viewer(self.session, port=0)

    for name in ("scene.ply", "transforms.json"):
        shutil.copy(tiny_folder / name, tmp_path / name)
    shutil.copytree(tiny_folder / "images", tmp_path / "images")
    shutil.copytree(tiny_folder / "instances", tmp_path / "mine")
    bare = Bare(None, tmp_path)
    page = page_kind(chromium, bare)
    page.click(place_of("ball"))
    assert "make them first" in page.says()
    page.page.click("#saga-methods summary")
    page.page.click("#saga-train")
    page.page.wait_for_function("saga.state.job && saga.state.job.text === 'training'", timeout=60_000)
    page.page.click("#saga-cancel")
    page.until(lambda: page.state()["job"] is None and "cancelled" in page.says(), 30)
    assert page.state()["can_prepare"] and not (tmp_path / "scene.saga").exists()
    page.page.select_option("#saga-masks", "sam")
    page.page.fill("#saga-masks-path", "/etc/passwd")  # nothing outside the scene's folders is read
    page.page.click("#saga-train")
    page.until(lambda: "elsewhere" in page.says())
    page.page.fill("#saga-masks-path", "scene.ply")
    page.page.click("#saga-train")
    page.until(lambda: page.state()["job"] is None and "expected a" in page.says() and "scene.ply" in page.says(), 30)
    assert "bug" not in page.says() and page.state()["can_prepare"]
    page.page.select_option("#saga-masks", "masks")
    page.page.fill("#saga-masks-path", "mine")
    page.page.click("#saga-train")
    page.page.reload()  # the job goes on, and its progress is there again
    page.ready()
    page.until(lambda: "are made" in page.says(), 90)
    page.click(place_of("ball"))
    assert page.state()["selected"] > 0 and not page.state()["can_prepare"]
    assert bare.session.method.field.report["given_masks"] and bare.session.method.regions.given is not None
    assert page.complaints() == []
    page.context.close()
    bare.close()


def test_strays_have_sliders(page, viewed) -> None:
    page.page.evaluate("document.getElementById('saga-clean').open = true")
    page.page.click("#saga-strays-look")
    page.page.wait_for_function("document.querySelectorAll('#saga-strays input').length === 5", timeout=60_000)
    slide = "const s = document.querySelector('#saga-strays [data-kind=unseen] input'); s.value = 100;"
    page.page.evaluate(f"{slide} s.dispatchEvent(new Event('change'))")
    page.page.wait_for_function("saga.state.strays[4].strength === 1 && saga.state.selected > 0", timeout=20_000)
    assert len(viewed.session) == viewed.viewer.state()["selected"]
