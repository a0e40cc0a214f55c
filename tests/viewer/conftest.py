"""A viewer of the tiny demo, and a page of it in a headless Chromium."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from saga.methods import Segmenter
from saga.session import Session

FLAGS = [
    "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist",
    "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--enable-precise-memory-info",
]  # fmt: skip
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
KNOWN = "computeBoundingSphere"
"""viser's own complaint about a scene that is still empty, which is an error to nobody."""


class Viewed:
    """A viewer that a test may close and open again."""

    def __init__(self, segmenter: Segmenter, folder: Path) -> None:
        self.segmenter, self.folder = segmenter, folder
        self.open()

    def open(self) -> None:
        from saga.viewer import Viewer

        self.session = Session(self.segmenter.device_scene, self.segmenter, self.folder / "scene.session")
        self.viewer = Viewer(self.session, port=0, folder=self.folder / "out")

    def close(self) -> None:
        self.viewer.close()
        self.session.close()


@pytest.fixture
def viewed(known_segmenter: Segmenter, tmp_path: Path) -> Iterator[Viewed]:
    pytest.importorskip("viser")
    opened = Viewed(known_segmenter, tmp_path)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def playwright() -> Iterator[object]:
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium: apt-get install chromium")
    with api.sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def chromium(playwright) -> Iterator[object]:
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    yield browser
    browser.close()


@pytest.fixture
def without_webgl(playwright) -> Iterator[object]:
    """A browser that cannot draw in three dimensions at all."""
    kept = [flag for flag in FLAGS if "swiftshader" not in flag and "gpu" not in flag]
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*kept, "--disable-3d-apis", "--disable-gpu"])
    yield browser
    browser.close()


class Page:
    """A page of a viewer, with what a person does there."""

    def __init__(self, browser, viewed: Viewed) -> None:
        self.viewed, self.errors = viewed, []
        self.context = browser.new_context(viewport={"width": 1100, "height": 700}, color_scheme="light")
        self.context.add_init_script("localStorage.setItem('saga-hint', 'seen')")
        self.page = self.context.new_page()
        self.page.on("console", lambda told: self.errors.append(told.text) if told.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.load()

    def load(self) -> None:
        self.page.goto(self.viewed.viewer.address)
        self.ready()

    def ready(self) -> None:
        self.page.wait_for_function("window.saga && saga.state && saga.client !== null", timeout=30_000)
        stage = self.viewed.viewer.stage
        self.until(lambda: stage.client(self.page.evaluate("saga.client")) is not None)

    def until(self, holds: Callable[[], bool], seconds: float = 20.0) -> None:
        for _ in range(int(seconds * 20)):
            if holds():
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"not within {seconds} s; the page says {self.says()!r}")

    def says(self) -> str:
        return self.page.inner_text("#saga-status")

    def state(self) -> dict:
        return self.page.evaluate("saga.state")

    def pixel(self, point: np.ndarray) -> tuple[float, float]:
        """Where the page shows a point of the world."""
        stage = self.viewed.viewer.stage
        camera = stage.camera(stage.client(self.page.evaluate("saga.client")))
        (at,), _ = camera.project(point[None])
        size = self.page.viewport_size
        return float(at[0] * size["width"] / camera.width), float(at[1] * size["height"] / camera.height)

    def click(self, point: np.ndarray, *held: str) -> None:
        """Clicks on a point of the world, with keys held, and waits for the answer."""
        before = self.page.evaluate("saga.number")
        for key in held:
            self.page.keyboard.down(key)
        self.page.mouse.click(*self.pixel(point))
        for key in held:
            self.page.keyboard.up(key)
        self.page.wait_for_function(f"saga.number > {before} && saga.waiting.size === 0", timeout=20_000)

    def press(self, keys: str) -> None:
        self.page.keyboard.press(keys)
        self.page.wait_for_function("saga.waiting.size === 0", timeout=20_000)

    def picture(self) -> np.ndarray:
        """What the page looks like, uint8 RGB, without the panel."""
        import io

        from PIL import Image

        return np.asarray(Image.open(io.BytesIO(self.page.screenshot())).convert("RGB"))

    def steady(self) -> np.ndarray:
        """What the page looks like once the scene shows and nothing moves: drawing without a graphics card is slow."""
        last = np.zeros((1, 1, 3), np.uint8)
        for _ in range(60):
            self.page.wait_for_timeout(300)
            now = self.picture()
            shows = last.shape == now.shape and now[:, 300:].std() > 20
            if shows and np.abs(now.astype(float) - last).mean() < 0.05:
                return now
            last = now
        raise AssertionError("the page shows nothing, or never the same")

    def around(self, point: np.ndarray, reach: int = 3) -> np.ndarray:
        """The mean color around a point of the world."""
        x, y = (round(value) for value in self.pixel(point))
        return self.picture()[y - reach : y + reach + 1, x - reach : x + reach + 1].reshape(-1, 3).mean(0)

    def complaints(self) -> list[str]:
        return [each for each in self.errors if KNOWN not in each]


@pytest.fixture(scope="session")
def kinds() -> tuple[type[Viewed], type[Page]]:
    """The classes of a viewer and of a page, for a test that opens its own."""
    return Viewed, Page


@pytest.fixture
def page(chromium, viewed: Viewed) -> Iterator[Page]:
    opened = Page(chromium, viewed)
    yield opened
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        opened.context.close()


@pytest.fixture(scope="session")
def place_of(tiny_demo, tiny_scene) -> Callable[[str], np.ndarray]:
    """place_of(name): a point of the world in the middle of an object's side that the first view sees."""

    def find(name: str) -> np.ndarray:
        means = tiny_scene.gaussians.means[tiny_demo.labels == tiny_demo.names[name]]
        return means.mean(0)

    return find
