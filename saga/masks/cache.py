"""The mask cache: what a generator made of each photograph, kept on disk and read one view at a time."""

from __future__ import annotations

import hashlib
import json
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from saga.errors import SagaError
from saga.files.arrays import read_entry
from saga.files.disk import require_room
from saga.files.names import quoted_name
from saga.files.reading import reading
from saga.files.transaction import atomic_path
from saga.masks.packed import PackedMasks
from saga.masks.source import MaskGenerator, ViewGenerator, ViewMasks
from saga.runtime.progress import tracked
from saga.scene.camera import Camera
from saga.scene.scene import Scene

_ViewKey = tuple[object, ...]
_VERSION = 1


class MaskCache:
    """A folder with one file per view, made by one generator.

    A file holds the masks with 8 pixels to a byte and, when the generator has an encoder, its features. It is
    used as long as the photograph's bytes, the camera's size and lens, and the generator's settings are those
    that it was made from. That is checked once for each view, by `prepare` or when a view is first read: later
    reads neither hash the photograph nor check the file again. Files are whole or not there, so an interrupted
    run goes on where it stopped, and nothing but the view at hand is in memory.
    """

    def __init__(self, folder: str | Path, generator: MaskGenerator | ViewGenerator) -> None:
        """Opens a cache in a subfolder of `folder` for `generator` with its settings; makes nothing yet."""
        identity = json.dumps({"store": _VERSION, "generator": generator.identity}, sort_keys=True)
        digest = hashlib.sha256(identity.encode()).hexdigest()
        self.folder = Path(folder) / f"{generator.name}-{digest[:12]}"
        self.generator = generator
        self.description = generator.description
        self._arrays: dict[_ViewKey, frozenset[str]] = {}
        """Which arrays the files of the views hold that were found to be current."""
        self._keys: dict[_ViewKey, str] = {}
        """The digests of these views' images."""

    def missing(self, cameras: Sequence[Camera]) -> list[Camera]:
        """Return the cameras with a photograph whose masks are not there, damaged (warns), or of another photograph."""
        return [camera for camera in cameras if camera.image_path is not None and not self._is_current(camera, True)]

    def prepare(self, scene: Scene, progress: bool = True) -> None:
        """Make the masks of every photograph of `scene` that are not there yet.

        Views without a photograph are passed over. What was made stays when a later view fails.

        Args:
            scene: the scene.
            progress: whether to show a bar on standard error with the time left.

        Raises:
            SagaError: a photograph cannot be read or a file cannot be written.
        """
        missing = self.missing(scene.cameras)
        if not missing:
            return
        require_room(self.folder, len(missing) * getattr(self.generator, "bytes_per_view", 0))
        for camera in tracked(missing, progress, f"masks ({self.generator.name})", "views"):
            if isinstance(self.generator, ViewGenerator):
                made = self.generator.generate_view(scene, camera)
            else:
                made = ViewMasks(*self.generator.generate(scene.image(camera)))
            self._write(camera, made)

    def masks(self, camera: Camera) -> np.ndarray:  # [M, H, W]
        """Return the masks bool [M, H, W] of a view at the camera's size; M is 0 for a view without a photograph.

        Raises:
            SagaError: `prepare` has not made them from the present photograph.
        """
        shape = (camera.height, camera.width)
        bits = self._read(camera, "masks")
        if bits is None:
            return np.zeros((0, *shape), dtype=bool)
        # Files keep the order of axes that the masks were made in.
        return PackedMasks(np.ascontiguousarray(bits), shape).masks().numpy()

    def has_features(self, camera: Camera) -> bool:
        """Whether the encoder's features of a view are there; none of them is read. Raises SagaError as `masks`."""
        return camera.image_path is not None and "features" in self._held(camera)

    def features(self, camera: Camera) -> np.ndarray | None:  # [256, 64, 64]
        """Return the encoder's features of a view, float16 [256, 64, 64]; None without an encoder or a photograph.

        Raises:
            SagaError: as `masks`.
        """
        return self._read(camera, "features")

    def weights(self, camera: Camera) -> np.ndarray | None:  # [M]
        """Return the weight of each mask of a view in training, float32 [M]; None when all count alike.

        Raises:
            SagaError: as `masks`.
        """
        return self._read(camera, "weights")

    def ids(self, camera: Camera) -> np.ndarray | None:  # [M]
        """Return the thing that each mask of a view is of, int32 [M], the same in all views; None where nobody knows.

        Raises:
            SagaError: as `masks`.
        """
        return self._read(camera, "ids")

    def _path(self, camera: Camera) -> Path:
        return self.folder / f"{quoted_name(camera.name)}.npz"

    def _is_current(self, camera: Camera, warn: bool = False) -> bool:
        key, path = _view_key(camera), self._path(camera)
        if not path.exists():
            return False
        expected = image_key(camera)
        try:
            with reading(path, f"the masks of {camera.name}", "they are made again"), zipfile.ZipFile(path) as archive:
                if (damaged := archive.testzip()) is not None:
                    raise ValueError(f"{damaged} has another checksum")
                if archive.read("key").decode() != expected:
                    return False
                self._check(camera, archive)
                self._arrays[key] = frozenset(Path(name).stem for name in archive.namelist())
                self._keys[key] = expected
                return True
        except SagaError as error:
            if warn:
                warnings.warn(str(error), stacklevel=3)
            return False

    def _check(self, camera: Camera, archive: zipfile.ZipFile) -> None:
        """Raises ValueError or KeyError when the masks, weights or ids of a view are not what they should be."""
        path = self._path(camera)
        masks = read_entry(path, archive, archive.getinfo("masks.npy"))
        if masks.dtype != np.uint8 or masks.ndim != 2 or masks.shape[1] != -(-camera.width * camera.height // 8):
            raise ValueError(f"masks of {masks.dtype} {list(masks.shape)}")
        if "weights.npy" in archive.namelist():
            weights = read_entry(path, archive, archive.getinfo("weights.npy"))
            if weights.shape != (len(masks),) or not np.isfinite(weights).all():
                raise ValueError(f"weights of {weights.dtype} {list(weights.shape)}")
        if "ids.npy" in archive.namelist():
            ids = read_entry(path, archive, archive.getinfo("ids.npy"))
            if ids.shape != (len(masks),) or ids.dtype.kind not in "iu":
                raise ValueError(f"ids of {ids.dtype} {list(ids.shape)}")

    def _held(self, camera: Camera) -> frozenset[str]:
        """Returns the arrays in the file of a view with a photograph; checks the file the first time."""
        key = _view_key(camera)
        if key not in self._arrays and not self._is_current(camera):
            raise SagaError(
                f"{self._path(camera)}: expected the masks of {camera.image_path}, found none, a damaged file, or "
                "masks of another version of it; run the mask extraction again."
            )
        return self._arrays[key]

    def _read(self, camera: Camera, name: str) -> np.ndarray | None:
        if camera.image_path is None or name not in self._held(camera):
            return None
        path = self._path(camera)
        advice = "run the mask extraction again"
        with reading(path, f"the masks of {camera.name}", advice), zipfile.ZipFile(path) as archive:
            # A disk that does not tell two views' names apart holds the masks of the other one by now.
            if archive.read("key").decode() != self._keys[_view_key(camera)]:
                raise ValueError("those of another photograph")
            return read_entry(path, archive, archive.getinfo(f"{name}.npy"))

    def _write(self, camera: Camera, made: ViewMasks) -> None:
        masks, features = made.masks, made.features
        if masks.shape[1:] != (camera.height, camera.width) or masks.dtype != bool:
            raise ValueError(f"expected bool [M, {camera.height}, {camera.width}], got {masks.dtype} {masks.shape}")
        bits, key = PackedMasks.pack(np.ascontiguousarray(masks)).bits, image_key(camera)
        with atomic_path(self._path(camera)) as temporary, zipfile.ZipFile(temporary, "w") as archive:
            archive.writestr("key", key)
            _add_array(archive, "masks", bits, zipfile.ZIP_DEFLATED)
            if made.weights is not None:
                _add_array(archive, "weights", made.weights.astype(np.float32, copy=False), zipfile.ZIP_STORED)
            if made.ids is not None:
                _add_array(archive, "ids", made.ids.astype(np.int32, copy=False), zipfile.ZIP_STORED)
            if features is not None:
                # Features do not compress: storing them as they are makes them quick to read.
                _add_array(archive, "features", features.astype(np.float16, copy=False), zipfile.ZIP_STORED)
        optional = {"features": features, "weights": made.weights, "ids": made.ids}
        self._keys[_view_key(camera)] = key
        self._arrays[_view_key(camera)] = frozenset(
            {"key", "masks", *(name for name, array in optional.items() if array is not None)}
        )


def _add_array(archive: zipfile.ZipFile, name: str, array: np.ndarray, compression: int) -> None:
    entry = zipfile.ZipInfo(f"{name}.npy")
    entry.compress_type = compression
    with archive.open(entry, "w", force_zip64=True) as file:
        np.lib.format.write_array(file, array, allow_pickle=False)


def image_key(camera: Camera) -> str:
    """Returns the digest of everything that decides the image of a view: the photograph's bytes, size and lens."""
    assert camera.image_path is not None
    try:
        digest = hashlib.sha256(camera.image_path.read_bytes())
    except OSError as error:
        raise SagaError(
            f"{camera.image_path}: the photograph cannot be read ({error.strerror}); put it back"
        ) from error
    digest.update(json.dumps(_geometry(camera)).encode())
    return digest.hexdigest()


def _geometry(camera: Camera) -> list[object]:
    """Tells what decides which pixels of the photograph a view shows where."""
    view: list[object] = [camera.width, camera.height, *(["upright"] if camera.upright else [])]
    if camera.lens is not None:
        lens = camera.lens
        view += [lens.model, lens.width, lens.height, *lens.params, camera.fx, camera.fy, camera.cx, camera.cy]
    return view


def _view_key(camera: Camera) -> _ViewKey:
    return (camera.name, camera.image_path, *_geometry(camera))
