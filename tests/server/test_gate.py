"""Who may ask, and how much."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

import saga
from saga.cli.serve import _listening
from saga.errors import SagaError
from saga.server import Folders, Scenes, build_app
from saga.server.app import require_fastapi

from .conftest import Served, load


def client_of(folder: Path, base: str = "http://127.0.0.1", **options: object) -> TestClient:
    return TestClient(build_app(Scenes(Folders([folder]), load, "cpu"), **options), base_url=base)  # type: ignore[arg-type]


def test_more_than_is_taken_is_refused_however_it_is_sent(served: Served) -> None:
    assert "at most 100000 bytes" in served.refused(413, "POST", "/scenes", content=b"x" * 100_001)

    def parts() -> Iterator[bytes]:
        for _ in range(101):
            yield b"x" * 1000

    assert "at most 100000 bytes" in served.refused(413, "POST", "/scenes", content=parts())
    assert served.client.post("/scenes", content=b"x" * 100_000).status_code == 422


def test_with_a_token_nothing_of_a_scene_is_told_without_it(folder: Path) -> None:
    with client_of(folder, "http://example.org", token="secret") as client:
        for given in (None, "Bearer wrong", "Basic secret", "Bearer", ""):
            answer = client.get("/scenes", headers={} if given is None else {"authorization": given})
            assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer"
            assert answer.json()["error"].startswith("token: expected")
        assert client.get("/scenes", headers={"authorization": "Bearer secret"}).json() == []
        assert client.get("/scenes", headers={"authorization": "bearer secret"}).status_code == 200
        assert client.get("/docs").status_code == client.get("/docs-files/swagger-ui.css").status_code == 200
        assert client.get("/docs-files/../scenes").status_code in (401, 404)
        schema = client.get("/openapi.json").json()
        assert schema["security"] == [{"token": []}]


@pytest.mark.parametrize("host", ["evil.org", "127.0.0.1.evil.org", ""])
def test_without_a_token_the_machine_is_asked_by_its_own_name(served: Served, host: str) -> None:
    assert "own name" in served.refused(403, "GET", "/scenes", headers={"host": host})
    for own in ("localhost:8090", "127.0.0.1:1", "[::1]:8090"):
        assert served.client.get("/scenes", headers={"host": own}).status_code == 200


def test_pages_of_other_sites_may_ask_only_when_they_were_named(folder: Path) -> None:
    with client_of(folder, origins=("https://editor.example",)) as client:
        named, other = {"origin": "https://editor.example"}, {"origin": "https://evil.example"}
        assert client.get("/scenes", headers=named).headers["access-control-allow-origin"] == named["origin"]
        asked = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}
        assert client.options("/scenes", headers=named | asked).status_code == 200
        for headers in (other, other | asked, {"origin": "null"}):
            assert client.options("/scenes", headers=headers).status_code == 403
            assert client.get("/scenes", headers=headers).status_code == 403
        assert client.get("/scenes", headers={"origin": "http://127.0.0.1", "host": "127.0.0.1"}).status_code == 200


@pytest.fixture
def running(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """A real saga-serve for others than this machine: the process, its address and its token."""
    code = "import sys; sys.argv[0] = 'saga-serve'; from saga.cli.entry import serve; serve()"
    environment = os.environ | {"PYTHONPATH": str(Path(saga.__file__).parents[1]), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-c", code, str(folder), "--host", "0.0.0.0", "--port", "0", "--device", "cpu"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    first, second = process.stdout.readline(), process.stdout.readline()
    port = re.search(r":(\d+), described", first)
    assert port is not None, first + (process.communicate(timeout=5)[1] if process.poll() is not None else "")
    yield process, f"http://127.0.0.1:{port[1]}", second.removeprefix("token: ").strip()
    process.kill()
    process.communicate()


def ask(address: str, token: str | None, data: bytes | None = None) -> tuple[int, bytes]:
    request = urllib.request.Request(address, data, {"content-type": "application/json"})
    if token is not None:
        request.add_header("authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_a_real_server_asks_for_the_token_that_it_made_and_ends_well(
    running: tuple[subprocess.Popen[str], str, str], folder: Path
) -> None:
    process, address, token = running
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])), 1).close()
            break
        except OSError:
            time.sleep(0.1)
    assert len(token) > 20
    assert ask(f"{address}/scenes", None)[0] == 401
    assert ask(f"{address}/scenes", token)[0] == 200
    assert ask(f"{address}/scenes", token, b'{"path": "scene.ply"}')[0] == 201
    assert (folder / ".scene.session.lock").exists()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and errors.strip().splitlines()[-1].endswith("earlier results are intact.")
    assert "Traceback" not in errors
    assert not (folder / ".scene.session.lock").exists()


def test_a_package_that_is_missing_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "uvicorn" else found(name))
    with pytest.raises(SagaError, match=r'package uvicorn, found none; install it: pip install "saga-splat\[serve\]"'):
        require_fastapi()


def test_a_port_that_is_taken_and_a_host_that_is_none_are_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SagaError, match=f"--port {port}: expected one that is free"):
            _listening("127.0.0.1", port)
    for host, wrong in (("no.such.host.invalid", 0), ("127.0.0.1", 70_000)):
        with pytest.raises(SagaError, match="expected an address|expected 0 to 65535"):
            _listening(host, wrong)
