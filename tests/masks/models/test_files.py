"""Finding and fetching checkpoints, from a server on this machine."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from saga.errors import SagaError
from saga.masks import resolve_model
from saga.masks.models import MODELS, OFFICIAL
from saga.masks.models.files import OfficialFile

CONTENT = bytes(range(256)) * 40


class Server(ThreadingHTTPServer):
    """Serves CONTENT, honoring ranges or not, all of it or less."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.ranges = True
        self.sends = len(CONTENT)
        self.asked: list[str | None] = []


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.asked.append(wanted)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.server.ranges else 0
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        self.wfile.write(CONTENT[start : self.server.sends])

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    """A server whose file is the official vit_b, an empty cache, and a person who says yes."""
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}/"
    digest = hashlib.sha256(CONTENT).hexdigest()
    official = OfficialFile("sam_vit_b_01ec64.pth", len(CONTENT), digest, address)
    monkeypatch.setitem(OFFICIAL, "vit_b", official)
    monkeypatch.setenv("SAGA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    answer(monkeypatch, "y")
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def answer(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda: text)


def cached(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "sam_vit_b_01ec64.pth"


def test_a_name_is_downloaded_once(server: Server, tmp_path: Path) -> None:
    for _ in range(2):
        path = resolve_model("vit_b").path
        assert path == cached(tmp_path)
        assert path.read_bytes() == CONTENT
    assert server.asked == [None]
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("ranges", [True, False])
def test_a_download_goes_on_where_it_stopped(server: Server, tmp_path: Path, ranges: bool) -> None:
    server.ranges = ranges
    server.sends = 3000
    with pytest.raises(SagaError, match="try again"):
        resolve_model("vit_b")
    assert not cached(tmp_path).exists()
    server.sends = len(CONTENT)
    assert resolve_model("vit_b").path.read_bytes() == CONTENT
    assert server.asked == [None, "bytes=3000-"]


def test_a_wrong_download_is_not_kept(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = OfficialFile("sam_vit_b_01ec64.pth", len(CONTENT), "0" * 64, OFFICIAL["vit_b"].url)
    monkeypatch.setitem(OFFICIAL, "vit_b", wrong)
    with pytest.raises(SagaError, match="SHA-256"):
        resolve_model("vit_b")
    assert list((tmp_path / "cache").iterdir()) == []


def test_no_network_tells_where_to_get_it(server: Server, tmp_path: Path) -> None:
    server.shutdown()
    server.server_close()
    with pytest.raises(SagaError) as caught:
        resolve_model("vit_b")
    for fact in ("sam_vit_b_01ec64.pth", "10,240 bytes", OFFICIAL["vit_b"].url, str(cached(tmp_path))):
        assert fact in str(caught.value)


def test_nothing_is_downloaded_unasked(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, "")
    with pytest.raises(SagaError, match="it was not downloaded"):
        resolve_model("vit_b")
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(SagaError) as caught:
        resolve_model("vit_b")
    for fact in ("sam_vit_b_01ec64.pth", "10,240 bytes", OFFICIAL["vit_b"].url, str(cached(tmp_path))):
        assert fact in str(caught.value)
    assert server.asked == []


def test_the_official_facts() -> None:
    assert {name: (item.file, item.size) for name, item in OFFICIAL.items()} == {
        "mobile": ("mobile_sam.pt", 40728226),
        "vit_h": ("sam_vit_h_4b8939.pth", 2564550879),
        "vit_l": ("sam_vit_l_0b3195.pth", 1249524607),
        "vit_b": ("sam_vit_b_01ec64.pth", 375042383),
    }
    for name, item in OFFICIAL.items():
        assert item.url.startswith("https://") and item.url.endswith(f"/{item.file}")
        assert len(item.sha256) == 64
        assert round(item.size / 1e6) == pytest.approx(MODELS[name].megabytes, abs=1)


def test_an_incomplete_official_file(tmp_path: Path) -> None:
    path = tmp_path / "sam_vit_h_4b8939.pth"
    path.write_bytes(b"some of it")
    with pytest.raises(SagaError, match="2,564,550,879 bytes, found 10 "):
        resolve_model(path)


def test_no_such_file_offers_the_names(tmp_path: Path) -> None:
    with pytest.raises(
        SagaError, match="nothing.pth: expected a mask model.*sam_vit_b_01ec64.pth.*mobile.*sam2-tiny.*vit_h"
    ):
        resolve_model(tmp_path / "nothing.pth")


def test_any_other_file_is_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "mine.pth"
    path.write_bytes(b"whatever")
    found = resolve_model(str(path))
    assert found.path == path and found.is_file and found.name == "mine.pth"
