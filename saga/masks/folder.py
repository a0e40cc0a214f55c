"""A person's own masks: one mask file per photograph in a folder, or annotations of all of them in one file."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from saga.errors import SagaError
from saga.files.reading import reading, require_memory
from saga.files.special import real_path
from saga.masks.annotations import sav
from saga.masks.annotations.image import AnnotatedImage, Size
from saga.masks.annotations.table import KINDS, Annotations, read_annotations
from saga.masks.annotations.table import SUFFIXES as ANNOTATIONS
from saga.masks.config import MaskKind
from saga.masks.formats import LABELS, LAYOUTS, PICTURES, SUFFIXES, read_masks, read_object_pictures
from saga.masks.matching import Candidate, Matches, candidates_in, match_names
from saga.masks.numbering import number_of, shared_ends
from saga.masks.pictures import Say
from saga.masks.through_lens import masks_to_pinhole
from saga.scene.camera import Camera
from saga.scene.names import without_suffix

_Reader = Callable[[Size, Say], np.ndarray]
_FEW = 3


class FolderMasks:
    """The masks of a folder or an annotation file, matched with views by name and read one view at a time.

    In a folder the file or folder of a view is named as its photograph, with the photograph's suffix or without:
    `0003.png`, `0003.jpg.png`, `0003/`, `0003.npz`, `0003.npy` or `0003.json` for `0003.jpg`. When photographs lie in
    subfolders, so may their masks. `match_names` has the rules, in order. Annotations of all photographs may lie in
    the folder, or beside it under its name; `saga.masks.annotations.table.KINDS` says which are read.
    """

    def __init__(self, folder: str | Path, cameras: Sequence[Camera], kind: MaskKind = "auto") -> None:
        """List the folder and match it with `cameras`; no mask is read.

        Args:
            folder: the folder of masks, or an annotation file.
            cameras: the views.
            kind: what gray levels of a picture are: "labels", or one "soft" mask; "auto" tells them apart, and warns
                once of what it assumed.

        Raises:
            SagaError: there is no such folder, no view has masks, a view has two files, or names or numbers could
                mean several views.
        """
        self._kind, self._said = kind, set[str]()
        self.folder = Path(folder)
        self._readers: dict[str, tuple[Path, _Reader]] = {}
        self._assumed: list[str] = []
        self._photographs: set[Path] = set()
        if self.folder.is_file():
            self._add_annotations(_annotations_of(self.folder), cameras)
        elif self.folder.is_dir():
            self._add_folder(cameras)
        else:
            raise SagaError(
                f"{self.folder}: no such folder; give the folder that holds one mask file per photograph, or an "
                "annotation file"
            )
        if not self._readers:
            raise SagaError(self._nothing_found(cameras))
        self.description = (
            f"masks from {self.folder} ({', '.join([f'{len(self._readers)} of {len(cameras)} views', *self._assumed])})"
        )

    def masks(self, camera: Camera) -> np.ndarray:  # [M, H, W]
        """Return the masks bool [M, H, W] of a view in pixels of its ideal pinhole; M is 0 for a view without.

        Files hold masks of the photograph as it is on disk, or of a scaled copy.

        Raises:
            SagaError: the file cannot be decoded or has another aspect ratio than the photograph.
        """
        path, read = self._readers.get(camera.name, (None, None))
        if path is None or read is None:
            return np.zeros((0, camera.height, camera.width), dtype=bool)
        masks = read((camera.height, camera.width), self._say)
        if len(masks):
            _check_aspect(path, masks, camera)
        return masks_to_pinhole(masks, camera)

    def has_features(self, camera: Camera) -> bool:
        """Returns False: a folder holds no encoder features."""
        return False

    def features(self, camera: Camera) -> None:
        """Returns None: a folder holds no encoder features."""
        return None

    def _add_folder(self, cameras: Sequence[Camera]) -> None:
        self._photographs = {real_path(camera.image_path) for camera in cameras if camera.image_path is not None}
        sets = list(_annotations_near(self.folder, cameras))
        apart = self._photographs.union({real_path(whole.path) for whole in sets}, *(whole.pictures for whole in sets))
        views = [camera.name for camera in cameras]
        for suffixes in (SUFFIXES, LABELS, PICTURES):
            # Pictures of other types may be the photographs, so they count only where nothing else is there.
            candidates = [
                candidate
                for candidate in candidates_in(self.folder, suffixes, PICTURES)
                if candidate.is_folder or real_path(self.folder / candidate.path) not in apart
            ]
            matches = match_names(candidates, views)
            if matches.found or sets:
                break
        for view, numbers in matches.found.items():
            paths = [self.folder / candidates[number].path for number in numbers]
            self._readers[view] = (paths[0], partial(self._read_files, paths))
        self._assumed += matches.assumed
        self._warn_unused([str(c.path) for c in _left(matches, candidates) if c.path.suffix not in (".json", ".txt")])
        for whole in sets:
            self._add_annotations(whole, cameras)
        if not self._readers:
            for whole in _annotations_beside(self.folder, lambda path: True):
                self._add_annotations(whole, cameras)

    def _add_annotations(self, annotations: Annotations, cameras: Sequence[Camera]) -> None:
        views = [camera.name for camera in cameras]
        images, assumed = annotations.images, [annotations.kind]
        if annotations.kind == "SA-V":
            images, counted = sav.numbered_as(images, _numbers(views), annotations.path)
            assumed.append(counted)
        if len(images) == 1 and not images[0].name:
            images = [AnnotatedImage(annotations.path.stem, images[0].decode)]
        candidates = [Candidate(PurePosixPath(image.name.replace("\\", "/")), image.name) for image in images]
        matches = match_names(candidates, views)
        for view, numbers in matches.found.items():
            if view in self._readers:
                raise SagaError(
                    f"{self._readers[view][0]} and {annotations.path} both hold masks of {view}; keep one, or give "
                    "the path of one"
                )
            self._readers[view] = (annotations.path, partial(_decoded, images[numbers[0]]))
        if matches.found:
            self._assumed += [line for line in (*assumed, *matches.assumed) if line not in self._assumed]
            self._warn_unused([str(candidate.path) for candidate in _left(matches, candidates)])

    def _read_files(self, paths: Sequence[Path], size: Size, say: Say) -> np.ndarray:  # [M, h, w]
        return read_object_pictures(paths) if len(paths) > 1 else read_masks(paths[0], self._kind, say, size)

    def _warn_unused(self, names: Sequence[str]) -> None:
        if names:
            warnings.warn(
                f"{self.folder}: masks that belong to no view are left out: {_few(names)} ({len(names)} in all)",
                stacklevel=4,
            )

    def _say(self, line: str) -> None:
        """Warns of an assumption the first time: those of other files are mostly the same."""
        what = line.rpartition(": ")[2] if ": " in line else line
        if what not in self._said:
            self._said.add(what)
            warnings.warn(f"{line} (and other files likewise)", stacklevel=4)

    def _nothing_found(self, cameras: Sequence[Camera]) -> str:
        wanted = ", ".join(f"{camera.stem}.*" for camera in cameras[:_FEW])
        listed = sorted(entry.name for entry in self.folder.iterdir()) if self.folder.is_dir() else []
        if any(real_path(self.folder / name) in self._photographs for name in listed):
            self._assumed.append("these are the photographs themselves")
        doubts = f" ({'; '.join(self._assumed)})" if self._assumed else ""
        found = f"found {', '.join(listed[:_FEW]) or 'nothing'}" if self.folder.is_dir() else "found other names"
        return (
            f"{self.folder}: no mask for any of the {len(cameras)} views; expected {wanted} ({LAYOUTS}), "
            f"{found}{doubts}; name each mask file as its photograph"
        )


def _annotations_of(path: Path) -> Annotations:
    known = ", ".join(kind.name for kind in KINDS)
    found = read_annotations(path) if path.suffix.lower() in ANNOTATIONS else None
    if found is None:
        raise SagaError(f"{path}: expected a folder of masks or annotations ({known}), found another file; give these.")
    return found


def _annotations_near(folder: Path, cameras: Sequence[Camera]) -> Iterator[Annotations]:
    """Yields annotation files in a folder, or beside it, that are no view's own."""
    views = [camera.name for camera in cameras]
    inside = candidates_in(folder, ANNOTATIONS, ())
    files = [candidate for candidate in inside if not candidate.is_folder]
    own = {number for numbers in match_names(files, views).found.values() for number in numbers}
    # Beside files of views others are those of photographs without a view.
    taken = {files[number].path.parent for number in own}
    paths = [folder / file.path for file in files if file.path.parent not in taken]
    for path in paths:
        found = read_annotations(path)
        if found is not None:
            yield found
    for found in _annotations_beside(folder, partial(_may_belong, folder)):
        if _belongs(found, folder):
            yield found


def _annotations_beside(folder: Path, wanted: Callable[[Path], bool]) -> Iterator[Annotations]:
    """Yields annotation files beside a folder. Nobody asked for them: damaged ones are passed over."""
    for path in sorted(folder.absolute().parent.iterdir()):
        if path.suffix.lower() in ANNOTATIONS and path.is_file():
            try:
                found = read_annotations(path) if wanted(path) else None
            except SagaError:
                continue
            if found is not None:
                yield found


def _may_belong(folder: Path, path: Path) -> bool:
    """Whether a file is worth decoding to see whether it belongs to a folder of masks."""
    if path.stem == folder.absolute().name:
        return True
    with reading(path, "annotations"):
        require_memory(path, "text", path.stat().st_size)
        return b'"segments_info"' in path.read_bytes()


def _belongs(annotations: Annotations, folder: Path) -> bool:
    """Whether an annotation file beside a folder is meant with it: it has its name, or its pictures lie there."""
    return annotations.path.stem == folder.absolute().name or any(
        real_path(folder) in picture.parents for picture in annotations.pictures
    )


def _decoded(image: AnnotatedImage, size: Size, say: Say) -> np.ndarray:  # [M, h, w]
    masks = image.decode(size, say)
    return masks[masks.any(axis=(1, 2))]


def _numbers(views: Sequence[str]) -> list[int]:
    files = [PurePosixPath(without_suffix(view)).name for view in views]
    ends = shared_ends(files)
    return [number for file in files if (number := number_of(file, ends)) is not None]


def _left(matches: Matches, candidates: Sequence[Candidate]) -> list[Candidate]:
    return [candidates[number] for number in matches.unused]


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:_FEW]) + (", ..." if len(names) > _FEW else "")


def _check_aspect(path: Path, masks: np.ndarray, camera: Camera) -> None:
    height, width = masks.shape[1:]
    off = abs(width * camera.height / (height * camera.width) - 1)
    if off > max(0.01, 1 / width, 1 / height):
        raise SagaError(
            f"{path}: masks are {width}x{height} where the photograph is "
            f"{camera.width}x{camera.height}, another aspect ratio; "
            "give masks of the photograph's size or a scaled copy of it"
        )
