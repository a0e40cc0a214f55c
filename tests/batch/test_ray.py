"""A real cluster of Ray, of a head and two workers: killed, poisoned, restarted, and the same bits as the pool."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from saga.batch import Engine, Report, Task, read_manifest, run
from saga.batch.pool import ProcessPool
from saga.cli.batch_plan import plan
from saga.demo import make_scene, write_scene

from .conftest import FUNCTIONS, ROOT

pytest.importorskip("ray", reason='Ray is not installed: pip install "saga-splat[ray]"')
pytestmark = pytest.mark.slow

DRIVER = """
import sys
from pathlib import Path
import batch_work
from saga.batch import Task, run
from saga.batch.ray_engine import RayEngine

folder, address = Path(sys.argv[1]), sys.argv[2]
tasks = [
    Task("a", batch_work.write, {"text": "1"}, {}, {"out": str(folder / "a")}),
    Task("b", batch_work.hold, {"began": str(folder / "began"), "go": str(folder / "go")},
         {"in": str(folder / "a")}, {"out": str(folder / "b")}),
    Task("c", batch_work.write, {"text": "3"}, {"in": str(folder / "b")}, {"out": str(folder / "c")}),
]
engine = RayEngine(address)
print(run(tasks, engine=engine, folder=folder / "batch").counts())
engine.close()
"""


def started(workers: int) -> Any:
    """Starts a cluster: a head that computes nothing, and workers of one processor."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for _ in range(workers):
        cluster.add_node(num_cpus=1)
    return cluster


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What the cluster's processes, and drivers, need to import saga and the functions of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("elsewhere"))  # workers import what lies in the driver's folder first
        patch.setenv("PYTHONPATH", os.pathsep.join([str(FUNCTIONS), str(ROOT), os.environ.get("PYTHONPATH", "")]))
        patch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", "2")
        patch.setenv("RAY_worker_niceness", "0")  # of 15 by default, with which a test on a busy machine takes minutes
        yield dict(os.environ)


@pytest.fixture(scope="module")
def cluster(environment: dict[str, str]) -> Iterator[Any]:
    """A cluster of two workers."""
    made = started(2)
    yield made
    made.shutdown()


@pytest.fixture
def on_ray(cluster: Any) -> Iterator[Engine]:
    from saga.batch.ray_engine import RayEngine

    engine = RayEngine(cluster.address)
    yield engine
    engine.close()


def states(report: Report) -> dict[str, str]:
    return {each.task.name: each.state for each in report.tasks}


def test_killed_and_poisoned_tasks_cost_nothing_but_themselves(
    on_ray: Engine, make: Callable[..., Task], tmp_path: Path
) -> None:
    tasks = [
        make("killed", "die_until", tries=str(tmp_path / "t1")), make("behind", inputs=("killed",)),
        make("poisoned", "die_until", tries=str(tmp_path / "t2"), times=9), make("left", inputs=("poisoned",)),
        make("crashed", "crash"), *(make(f"good{number}", "threads") for number in range(4)),
    ]  # fmt: skip
    report = run(tasks, engine=on_ray, folder=tmp_path / "batch")
    found = {each.task.name: each for each in report.tasks}

    assert on_ray.workers == 2 and "3 machines" in on_ray.description
    assert (found["killed"].state, found["killed"].attempts) == ("done", 2)
    assert (tmp_path / "behind").read_text() == "survived"
    assert found["poisoned"].state == "failed" and "worker of Ray: lost" in found["poisoned"].message
    assert found["left"].state == "not run"
    assert found["crashed"].state == "failed" and "ZeroDivisionError: a bug" in found["crashed"].message
    assert {(tmp_path / f"good{number}").read_text() for number in range(4)} == {"1"}


def contents(folder: Path) -> dict[str, Any]:
    """What results hold beside times: bytes of PLYs and pictures, arrays, and the tensors of a field."""
    from safetensors.numpy import load_file

    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.suffix == ".saga":
            found[name] = {key: value.tobytes() for key, value in load_file(path).items()}
        elif path.suffix == ".npz":
            with zipfile.ZipFile(path) as archive:
                found[name] = {each: archive.read(each) for each in archive.namelist()}
        elif path.suffix in (".ply", ".png", ".npy"):
            found[name] = path.read_bytes()
    return found


def test_the_same_bits_as_the_pool_with_a_poisoned_scene(on_ray: Engine, tmp_path: Path) -> None:
    demo = make_scene(gaussians=2000, views=4, size=(80, 60), layout="single")
    for name in ("good", "poisoned"):
        write_scene(demo, tmp_path / name)
    poisoned = tmp_path / "poisoned" / "scene.ply"
    poisoned.write_bytes(poisoned.read_bytes()[:99_999])
    duck = {"name": "duck", "view": "000.png", "points": [[40, 30]]}
    common = {"blocks": 2, "device": "cpu", "train": {"iterations": 10, "regions": False}, "objects": [duck]}
    scenes = [
        {"scene": f"{name}/scene.ply", "name": name, "images": f"{name}/images", "export": {"labels_in_ply": True}}
        for name in ("good", "poisoned")
    ]
    path = tmp_path / "batch.yaml"
    path.write_text(yaml.safe_dump({"defaults": common, "scenes": scenes}))
    pool, found = ProcessPool(2, threads=1), {}
    try:
        for name, engine in (("pool", pool), ("ray", on_ray)):
            tasks = plan(read_manifest(path), str(tmp_path / name), engine.workers)
            report = run(tasks, engine=engine, folder=tmp_path / name / "batch", retries=0)
            found[name] = (states(report), contents(tmp_path / name / "good"))
    finally:
        pool.close()

    assert found["ray"][0] == found["pool"][0]
    kinds = {task: state for task, state in found["ray"][0].items() if task.startswith("poisoned")}
    assert kinds.pop("poisoned/structure") == "failed" and set(kinds.values()) == {"not run"}
    assert all(state == "done" for task, state in found["ray"][0].items() if task.startswith("good"))
    made, expected = found["ray"][1], found["pool"][1]
    assert set(made) == set(expected) and len([name for name in made if name.startswith("masks/")]) == 4
    assert [name for name in made if made[name] != expected[name]] == []
    assert np.load(tmp_path / "ray/good/all/labels.npy").any()


def test_files_of_a_storage_are_staged_by_each_worker(on_ray: Engine, work: Any, tmp_path: Path) -> None:
    (tmp_path / "given").write_text("1")
    url = f"file://{tmp_path}"
    tasks = [
        Task("a", work.write, {"text": "2"}, {"in": f"{url}/given"}, {"out": f"{url}/made/a"}),
        Task("b", work.write, {"text": "3"}, {"in": f"{url}/made/a"}, {"out": f"{url}/made/b"}),
    ]
    assert run(tasks, engine=on_ray, folder=tmp_path / "batch", staging=tmp_path / "staged").is_well
    assert (tmp_path / "made" / "b").read_text() == "321"


def test_after_the_head_is_restarted_the_same_call_goes_on(
    cluster: Any, environment: dict[str, str], tmp_path: Path
) -> None:
    """Comes last, for it ends the cluster of all."""

    def drive(address: str) -> subprocess.Popen[str]:
        words = [sys.executable, "-c", DRIVER, str(tmp_path), address]
        return subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    first = drive(cluster.address)
    while not (tmp_path / "began").exists():
        assert first.poll() is None, first.communicate()
        time.sleep(0.05)
    cluster.shutdown()  # the head and its workers, while "b" is at work
    first.communicate(timeout=60)
    assert not (tmp_path / "b").exists()
    (tmp_path / "go").touch()
    again = started(1)
    try:
        second = drive(again.address)
        said = second.communicate(timeout=60)
    finally:
        again.shutdown()

    assert second.returncode == 0, said
    assert said[0].splitlines()[-1] == "{'kept': 1, 'done': 2}"
    assert (tmp_path / "c").read_text() == "3held1"
    events = [json.loads(line) for line in (tmp_path / "batch" / "events.jsonl").read_text().splitlines()]
    assert [each["event"] for each in events if each.get("task") == "a"] == ["submitted", "done", "kept"]
