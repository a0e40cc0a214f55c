"""Cameras of Metashape's XML."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np

from saga.errors import SagaError
from saga.files.reading import reading
from saga.files.special import first_bytes
from saga.scene.brown import Pinhole, brown_lens
from saga.scene.camera import Camera, LensModel
from saga.scene.doubts import Doubts
from saga.scene.image_folder import ImageFolder, attach_photographs
from saga.scene.pose import invert_pose, is_unknown

_FARTHEST = 1e5
"""A world whose origin is farther than this from the cameras is the Earth's: no scene is trained there."""


def is_metashape(path: Path) -> bool:
    """Whether an XML begins as Metashape's."""
    start = first_bytes(path, 2000)
    return b"<document" in start and b"<chunk" in start


def read_metashape(path: str | Path, photographs: ImageFolder | None = None) -> list[Camera]:
    """Returns the cameras of a Metashape XML, sorted by name.

    Transforms are camera-to-chunk in OpenCV axes; that of the component, or of the chunk, leads on into the world, in
    which Metashape exports points. Principal points are offsets from the middle in pixels.

    Raises:
        SagaError: the file is damaged or something else, or a sensor is no perspective or fisheye camera.
    """
    path = Path(path)
    with reading(path, "Metashape's XML", "export it again"):
        root = ElementTree.parse(path).getroot()
    chunk = root.find("chunk")
    if chunk is None or chunk.find("cameras") is None:
        raise SagaError(f"{path}: expected a chunk with cameras as Metashape writes it; give its exported cameras")
    doubts = Doubts(path)
    try:
        cameras = _cameras(path, chunk, doubts)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise SagaError(f"{path}: expected the values of cameras, found others ({error}); export it again.") from error
    doubts.warn()
    if not cameras:
        raise SagaError(f"{path}: expected aligned cameras, found none; align the photographs and export again")
    return attach_photographs(cameras, photographs, path)


def _cameras(path: Path, chunk: Element, doubts: Doubts) -> list[Camera]:
    sensors = {sensor.attrib["id"]: sensor for sensor in chunk.iter("sensor")}
    worlds = {component.get("id"): _world(component, doubts) for component in chunk.iter("component")}
    whole = _world(chunk, doubts)
    lenses: dict[str, tuple[dict[str, Any], LensModel | None]] = {}
    cameras = []
    for camera in chunk.iter("camera"):
        name, transform = camera.attrib["label"].replace("\\", "/"), camera.findtext("transform")
        sensor = sensors.get(camera.get("sensor_id", ""))
        if transform is None or sensor is None or sensor.find("calibration") is None:
            doubts.add("cameras without a pose or a calibration are left out", name)
            continue
        pose = np.array(transform.split(), np.float64)
        if is_unknown(pose):
            doubts.add("cameras without a finite pose are left out", name)
            continue
        if sensor.attrib["id"] not in lenses:
            lenses[sensor.attrib["id"]] = _intrinsics(f"{path}: sensor {sensor.attrib['id']}", sensor, doubts)
        intrinsics, lens = lenses[sensor.attrib["id"]]
        world = worlds.get(camera.get("component_id"), whole)
        inverse = invert_pose(_moved(world, pose.reshape(4, 4)), f"{path}: {name}", doubts)
        cameras.append(Camera(name=name, world_to_camera=inverse, lens=lens, **intrinsics))
    return cameras


def _world(element: Element, doubts: Doubts) -> tuple[float, np.ndarray, np.ndarray]:
    """Returns scale, rotation [3, 3] and translation [3] from a chunk or component into the world."""
    transform = element.find("transform")
    if transform is None:
        return 1.0, np.eye(3), np.zeros(3)
    rotation = np.array((transform.findtext("rotation") or "1 0 0 0 1 0 0 0 1").split(), np.float64).reshape(3, 3)
    translation = np.array((transform.findtext("translation") or "0 0 0").split(), np.float64).reshape(3)
    scale = float(transform.findtext("scale") or 1)
    if np.abs(translation).max() > _FARTHEST:
        doubts.add("its world is the Earth's; cameras are taken in the chunk's own frame", element.get("label", "all"))
        return 1.0, np.eye(3), np.zeros(3)
    return scale, rotation, translation


def _moved(world: tuple[float, np.ndarray, np.ndarray], pose: np.ndarray) -> np.ndarray:  # [4, 4]
    scale, rotation, translation = world
    moved = pose.copy()
    moved[:3, :3] = rotation @ pose[:3, :3]
    moved[:3, 3] = scale * rotation @ pose[:3, 3] + translation
    return moved


def _intrinsics(where: str, sensor: Element, doubts: Doubts) -> tuple[dict[str, Any], LensModel | None]:
    calibrations = sensor.findall("calibration")
    calibration = next((one for one in calibrations if one.get("class") == "adjusted"), calibrations[-1])
    resolution = calibration.find("resolution")
    resolution = sensor.find("resolution") if resolution is None else resolution
    assert resolution is not None
    width, height = int(resolution.attrib["width"]), int(resolution.attrib["height"])

    def number(key: str) -> float:
        return float(calibration.findtext(key) or 0)

    focal = number("f") or number("fx")
    pinhole = (
        focal + number("b1"),
        number("fy") or focal,
        width / 2 + number("cx"),
        height / 2 + number("cy"),
    )
    if number("b2"):
        doubts.add(f"skew (b2 = {number('b2'):.3g} pixels) is left out", where.rpartition(": ")[2])
    values = dict(zip(("width", "height", "fx", "fy", "cx", "cy"), (width, height, *pinhole), strict=True))
    return values, _lens(where, sensor.get("type", "frame"), number, width, height, pinhole)


def _lens(where: str, kind: str, number: Any, width: int, height: int, pinhole: Pinhole) -> LensModel | None:
    radial = tuple(number(f"k{place}") for place in range(1, 5))
    # Metashape's P1 goes with r^2 + 2 x^2, OpenCV's p2 does.
    tangential = (number("p2"), number("p1"))
    if kind == "frame":
        return brown_lens(where, width, height, pinhole, radial, tangential)
    if kind in ("fisheye", "equidistant_fisheye"):
        extra = (*radial[:2], *tangential, *radial[2:], 0.0, 0.0)
        return LensModel("THIN_PRISM_FISHEYE", width, height, (*pinhole, *extra))
    raise SagaError(f"{where}: expected a frame or fisheye camera, found {kind}; cut its images into perspective views")
