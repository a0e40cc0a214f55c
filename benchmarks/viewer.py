"""How long a click takes in the viewer, part by part: the engine, what is sent, and until the page has drawn it.

    python benchmarks/viewer.py --gaussians 100000 500000 2500000

The scene is the embedded one with as many Gaussians; features and regions are made from its labels, so that what is
measured is a click and not training. Each object is clicked from a camera that is none of the scene's views. With
--browser 7 so many objects are clicked on in a headless Chromium, which draws without a graphics card, until they are
seen to be orange. --clock processor counts what all threads take of the processor, for machines that others use as
well.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from saga.demo import DemoScene, make_scene
from saga.errors import SagaError
from saga.methods import Segmenter
from saga.raster import DeviceScene
from saga.regions import RegionConfig, SceneRegions
from saga.scene import Camera, Scene
from saga.session import Session
from saga.train import FeatureField, TrainConfig
from saga.viewer.display import Display
from saga.viewer.frames import Painter, size_of

if TYPE_CHECKING:
    from saga.viewer import Viewer

CHANNELS = 32
FLAGS = [
    "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist",
    "--no-first-run", "--disable-background-networking",
]  # fmt: skip


def segmenter(demo: DemoScene, scene: Scene) -> Segmenter:
    """Features and regions of the labels: a direction for each thing, and its lower and upper half as cells."""
    rng = np.random.default_rng(0)
    things = int(demo.labels.max()) + 1
    directions = np.linalg.qr(rng.normal(size=(CHANNELS, CHANNELS)))[0][:things]
    features = directions[demo.labels] + 0.05 * rng.normal(size=(len(demo.labels), CHANNELS))
    digest = scene.gaussians.digest()
    config = TrainConfig(dimensions=CHANNELS, scales=1)
    tensor = torch.tensor(features, dtype=torch.float32)
    field = FeatureField(tensor, digest, config, scene.cameras, None, {"given_masks": False})
    heights = scene.gaussians.means[:, 2]
    cells = 2 * demo.labels.astype(np.int32)
    for thing in range(things):
        own = demo.labels == thing
        cells[own] += heights[own] > np.median(heights[own])
    count = 2 * things
    one, other = np.triu_indices(count, 1)
    halves = np.eye(count, dtype=bool)
    same = one // 2 == other // 2
    regions = SceneRegions(
        digest, RegionConfig(), cells, np.full(count, 0.8 / count, np.float32),
        np.concatenate([halves, halves.reshape(-1, 2, count).any(1)]), np.zeros(count + things, bool),
        np.stack([one, other]).astype(np.int32), np.where(same, 20.0, 1.0).astype(np.float32),
        np.where(same, 0.5, 0.95).astype(np.float32), np.tile(np.float32([[0, 0, 0], [1, 1, 1]]), (count, 1, 1)),
    )  # fmt: skip
    return Segmenter(DeviceScene(scene), field, regions=regions)


def engine(count: int, clicks: int) -> tuple[Session, np.ndarray, dict[str, float]]:
    """Clicks on objects; medians of milliseconds and of what is sent."""
    demo = make_scene(gaussians=count, views=2, size=(160, 120))
    scene = Scene(demo.gaussians, demo.cameras)
    session = Session(scene, segmenter(demo, scene), keep=False)
    display = Display(scene.gaussians)
    first = demo.cameras[0].resized(1280, 960)
    totals, parts, sent, shown = [], [], [], []
    things = [label for name, label in demo.names.items() if name != "table"]
    for number in range(clicks):
        member = demo.labels == things[number % len(things)]
        pose = first.world_to_camera.copy()
        pose[2, 3] *= 1.05 + 0.01 * number
        camera = Camera("", 1280, 960, first.fx, first.fy, first.cx, first.cy, pose)
        (pixel,), _ = camera.project(scene.gaussians.means[member].mean(0)[None])
        try:
            outcome = session.click(camera, tuple(pixel))
        except SagaError:
            continue
        totals.append(outcome.milliseconds)
        parts.append(outcome.answers[0].segmentation.report["timings_ms"])
        began = time.perf_counter()
        splats = display.splats(display.colors, session.selection, True)
        shown.append((time.perf_counter() - began) * 1e3)
        sent.append(32 * len(splats.centers) / 1e6)
    facts = {"Gaussians": len(scene.gaussians), "selected": len(session), "engine": float(np.median(totals[1:]))}
    for name in parts[0]:
        facts[f"engine: {name}"] = float(np.median([each.get(name, 0.0) for each in parts[1:]]))
    facts |= {"packing": float(np.median(shown[1:])), "megabytes sent": float(np.median(sent[1:]))}
    for name, still in (("picture from saga, moving", False), ("picture from saga, at rest", True)):
        seen = first.resized(*size_of(first.width, first.height, still))
        rows = None if still or not display.is_partial else display.shown
        times = []
        for _ in range(3):
            began = time.perf_counter()
            painter = Painter(session.placed)
            painter.picture(seen, display.colors, session.selection, "all", (1, 1, 1), rows)
            times.append((time.perf_counter() - began) * 1e3)
        facts[name] = float(np.median(times))
        if still:
            began = time.perf_counter()
            painter.picture(seen, display.colors, np.roll(session.selection, 1), "all", (1, 1, 1), rows)
            facts["picture from saga, another selection"] = (time.perf_counter() - began) * 1e3
    return session, demo.labels, facts


WATCH = """
(() => {
  localStorage.setItem('saga-hint', 'seen');
  const watch = (window.watch = { place: null, seen: null, pressed: null, frames: [], drew: 0 });
  const orange = (r, g, b) => r - b > 70 && r - g > 20;
  const look = (r, g, b) => {
    if (!watch.seen && orange(r, g, b)) watch.seen = performance.now();
  };
  // Pixels are read in the callback that drew them: WebGL has then finished, and they are not gone yet.
  const plain = window.requestAnimationFrame.bind(window);
  window.requestAnimationFrame = (draw) => plain((now) => {
    draw(now);
    const canvas = document.querySelector('canvas[data-engine]');
    if (!watch.place || watch.seen || saga.frame.on || !canvas) return;
    const gl = canvas.getContext('webgl2'), pixel = new Uint8Array(4);
    const [x, y] = watch.place, ratio = canvas.width / canvas.clientWidth;
    const [column, row] = [Math.round(x * ratio), canvas.height - 1 - Math.round(y * ratio)];
    gl.readPixels(column, row, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);
    const at = performance.now();
    if (watch.drew) watch.frames.push(at - watch.drew);
    watch.drew = at;
    look(...pixel);
  });
  addEventListener('pointerup', () => { watch.pressed = performance.now(); }, true);
  document.addEventListener('load', (event) => {
    if (event.target.id !== 'saga-frame' || !watch.place || watch.seen) return;
    const one = new OffscreenCanvas(innerWidth, innerHeight), context = one.getContext('2d');
    context.drawImage(event.target, 0, 0, innerWidth, innerHeight);
    look(...context.getImageData(...watch.place.map(Math.round), 1, 1).data);
  }, true);
})();
"""
"""Notes when the pixel that is clicked on turns orange: in WebGL's picture, or in the one from saga."""


def page(session: Session, labels: np.ndarray, clicks: int) -> None:
    """Clicks on objects in a headless Chromium until they are seen to be orange, in both ways of drawing; prints."""
    from playwright.sync_api import sync_playwright

    from saga.viewer import Viewer

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    viewer = Viewer(session, port=0, folder=Path(tempfile.mkdtemp()))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        opened = browser.new_page(viewport={"width": 1280, "height": 960})
        opened.set_default_timeout(300_000)
        opened.add_init_script(WATCH)
        began = time.perf_counter()
        opened.goto(viewer.address)
        opened.wait_for_function("window.saga && saga.state && saga.client !== null", polling=100)
        opened.evaluate("saga.frame.turn_on(true)")
        opened.wait_for_function("saga.frame.image.naturalWidth > 0 && saga.waiting.size === 0", polling=100)
        show({"page until a picture shows, ms": (time.perf_counter() - began) * 1e3})
        for way in ("pictures from saga", "WebGL"):
            if way == "WebGL":
                opened.evaluate("saga.frame.turn_on(false)")
                opened.wait_for_function("saga.waiting.size === 0", polling=100)
            show({f"{way}: {name}": value for name, value in _clicked(opened, viewer, labels, clicks).items()})
        browser.close()
    viewer.close()


def show(facts: dict[str, float]) -> None:
    """Prints lines of a table."""
    for name, value in facts.items():
        print(f"{name:40s} {value:12,.1f}", flush=True)


def _clicked(opened: Any, viewer: Viewer, labels: np.ndarray, clicks: int) -> dict[str, float]:
    """Medians of the milliseconds from the release of the button until each part is done."""
    rows = []
    for number in range(clicks):
        stage = viewer.stage
        (tab,) = viewer.front.tabs
        orbit = tab.state.get("orbit")
        camera = (
            stage.camera(stage.client(opened.evaluate("saga.client"))) if orbit is None else orbit.camera(1280, 960)
        )
        things = np.unique(labels[labels > 0])
        member = labels == things[number % len(things)]
        (pixel,), _ = camera.project(viewer.session.scene.gaussians.means[member].mean(0)[None])
        place = [float(pixel[0] * 1280 / camera.width), float(pixel[1] * 960 / camera.height)]
        opened.evaluate("saga.act('clear')")
        opened.wait_for_function("saga.waiting.size === 0 && saga.state.selected === 0", polling=100)
        opened.wait_for_timeout(1000)
        if orbit is None:
            opened.screenshot()  # comes when WebGL has drawn
        opened.evaluate(f"saga.last = null; Object.assign(watch, {{place: {place}, seen: null, drew: 0}})")
        opened.mouse.click(*place)
        try:
            opened.wait_for_function("saga.last && watch.seen", timeout=120_000, polling=50)
        except Exception:  # what was clicked on is hidden, or small
            continue
        rows.append(opened.evaluate("[saga.last.engine, saga.last.round, watch.seen - watch.pressed]"))
    opened.evaluate("watch.place = null")
    if not rows:
        return {"clicks": 0.0}
    engine, answered, seen = np.median(np.array(rows), axis=0).tolist()
    facts = {"clicks": len(rows), "engine": engine, "answered": answered, "seen": seen}
    facts |= {"transfer": answered - engine, "draw": seen - answered}
    frames = opened.evaluate("watch.frames")
    return facts | ({"one frame": float(np.median(frames))} if frames else {})


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gaussians", type=int, nargs="+", default=[100_000, 500_000, 2_500_000])
    parser.add_argument("--clicks", type=int, default=15)
    parser.add_argument("--browser", type=int, default=0, help="clicks in a headless Chromium")
    parser.add_argument("--clock", choices=["elapsed", "processor"], default="elapsed")
    options = parser.parse_args()
    if options.clock == "processor":
        time.perf_counter = time.process_time  # which sessions and reports look at, too
    for count in options.gaussians:
        session, labels, facts = engine(count, options.clicks)
        show(facts)
        if options.browser:
            page(session, labels, options.browser)
        print()


if __name__ == "__main__":
    main()
