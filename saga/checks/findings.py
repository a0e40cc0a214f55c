"""What was found and assumed of a scene, line by line, and what is doubtful about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from saga.alignment.agreement import Comparison
from saga.checks.displacement import median_displacement
from saga.masks import MaskSource
from saga.raster import DeviceScene
from saga.scene import Camera, Gaussians, Scene
from saga.scene.camera_files import CameraSource
from saga.scene.ply import RGB

_INNER = (0.01, 0.99)
"""Quantiles of the centers between which the extent of a scene is told: floaters lie anywhere."""
_HUGE = 0.3
"""Standard deviation of the median Gaussian, as a share of the extent, from which on it cannot be a logarithm's."""
_LOGISTIC = (0.5, 0.7311)
"""Between these lie all opacities whose logits lie between 0 and 1: opacities that were stored as they are."""
_HIDDEN = 0.5
"""Share of the cameras that must look at the scene."""
_MASKED_VIEWS = 8
_DISPLACED = 0.006
"""Displacement of pictures, as a share of their longer side, from which on it is told."""


@dataclass
class Findings:
    """Facts by topic, and doubts with what to do about each."""

    facts: list[tuple[str, str]] = field(default_factory=list)
    """A topic, and what was found: one line each."""
    doubts: list[str] = field(default_factory=list)
    """What is doubtful, and after a semicolon what to do: one line each."""

    def fact(self, topic: str, text: str) -> None:
        """Adds a fact."""
        self.facts.append((topic, text))

    def doubt(self, found: str, advice: str) -> None:
        """Adds a doubt."""
        self.doubts.append(f"{found}; {advice}.")


def find_gaussians(gaussians: Gaussians, findings: Findings) -> None:
    """Tells the format, the number and the layout of Gaussians, whether they are finite, and how far they reach."""
    layout, count = gaussians.layout, len(gaussians)
    notes = []
    if layout.dc == RGB:
        notes.append("8-bit colors")
    if len(layout.scales) == 2:
        notes.append("flat surfels")
    if layout.has_filter:
        notes.append("Mip-Splatting's filter")
    degree = round(layout.coefficients**0.5) - 1
    findings.fact("scene", ", ".join([gaussians.format, f"{count:,} Gaussians, SH degree {degree}", *notes]))
    known = {*layout.geometry, *layout.dc, *layout.rest, "nx", "ny", "nz"}
    further = [name for name in gaussians.vertices.dtype.names or () if name not in known]
    further += [f"element {element.name}" for element in gaussians.ply.elements if element.name != "vertex"]
    if further:
        findings.fact("also holds", f"{', '.join(further)} (kept when a PLY is written)")
    broken = count - int(gaussians.valid.sum())
    findings.fact("finite", "all" if not broken else f"all but {broken:,}, which are left out")
    if broken:
        findings.doubt(
            f"{broken:,} of {count:,} Gaussians are not finite and left out", "train or export the scene anew"
        )
    _find_extent(gaussians, findings)


def _find_extent(gaussians: Gaussians, findings: Findings) -> None:
    means, scales = gaussians.means[gaussians.valid], gaussians.scales[gaussians.valid]
    low, high = np.quantile(means, _INNER, axis=0)
    size = high - low
    findings.fact(
        "extent",
        f"{' x '.join(f'{side:.3g}' for side in size)} units of the scene for 98 % of the centers, around "
        f"{', '.join(f'{value:.3g}' for value in (low + high) / 2)}; how long a unit is, splats do not say",
    )
    typical = float(np.median(scales.max(axis=1)))
    if typical > _HUGE * max(float(size.max()), 1e-30):
        findings.doubt(
            f"the median Gaussian has a standard deviation of {typical:.3g}, the scene an extent of {size.max():.3g}",
            "if scales were stored without their logarithm, export the scene again",
        )
    opacities = gaussians.opacities[gaussians.valid]
    if _LOGISTIC[0] <= opacities.min() and opacities.max() <= _LOGISTIC[1] and np.ptp(opacities) > 0:
        findings.doubt(
            f"all opacities lie between {opacities.min():.2f} and {opacities.max():.2f}",
            "if they were stored without their logit, export the scene again",
        )


def find_cameras(scene: Scene, source: CameraSource | None, findings: Findings) -> None:
    """Tells how many cameras there are, where they were read, their lenses, and whether they look at the scene."""
    cameras = scene.cameras
    if source is None or not cameras:
        findings.fact("cameras", "none")
        findings.doubt("there are no cameras", "give them with --cameras, or views are made from the scene itself")
        return
    lenses = _listed(Counter("pinhole" if c.lens is None else c.lens.model for c in cameras))
    findings.fact("cameras", f"{len(cameras)} from {source.path} ({source.format.what}); {lenses}")
    written = {camera.name: camera for camera in source.read(None)}
    resized = [
        (camera, known)
        for camera in cameras
        if (known := written.get(camera.name)) is not None and known.width != camera.width and not camera.upright
    ]
    if resized:
        new, old = resized[0]
        findings.fact(
            "resized", f"{len(resized)} cameras, e.g. from {old.width} x {old.height} to {new.width} x {new.height}"
        )
    blind = [camera.name for camera in cameras if not _sees(camera, scene.gaussians)]
    if len(blind) > (1 - _HIDDEN) * len(cameras):
        findings.doubt(
            f"{len(blind)} of {len(cameras)} cameras do not look at the scene (e.g. {blind[0]})",
            "they are likely of another frame or scene: give --align FILE, or other --cameras",
        )


def _sees(camera: Camera, gaussians: Gaussians) -> bool:
    means = gaussians.means[gaussians.valid]
    pixels, depths = camera.project(means[:: max(1, len(means) // 2000)])
    return bool(np.any((depths > 0) & np.all((pixels >= 0) & (pixels < (camera.width, camera.height)), axis=1)))


def find_photographs(scene: Scene, findings: Findings) -> None:
    """Tells how many photographs there are, their sizes, and which of them are turned by their EXIF orientation."""
    pictured = [camera for camera in scene.cameras if camera.image_path is not None]
    if not pictured:
        findings.fact("photographs", "none")
        if scene.cameras:
            findings.doubt("no photographs are found, so the frame cannot be checked", "give their folder")
        return
    folders = {str(camera.image_path.parent) for camera in pictured if camera.image_path is not None}
    sizes = _listed(Counter(f"{camera.width} x {camera.height}" for camera in pictured))
    place = next(iter(folders)) if len(folders) == 1 else f"{len(folders)} folders"
    turned = sum(camera.upright for camera in pictured)
    note = f", {turned} turned by their EXIF orientation" if turned else ""
    findings.fact("photographs", f"{len(pictured)} for {len(scene.cameras)} cameras, in {place}; {sizes}{note}")
    missing = [camera.name for camera in scene.cameras if camera.image_path is None]
    if missing:
        findings.doubt(
            f"{len(missing)} of {len(scene.cameras)} cameras have no photograph (e.g. {missing[0]})",
            "give the folder that holds all of them",
        )


def find_frame(placed: DeviceScene, moved: str | None, findings: Findings) -> Camera | None:
    """Tells how well the photographs agree with what the scene shows, and what was done for it.

    Args:
        placed: the scene on a device.
        moved: what was done to make them agree, in words; None for nothing.
        findings: gets the fact, and a doubt when they do not agree.

    Returns:
        A view that was compared, to look at; None when there is none.
    """
    cameras = placed.scene.cameras
    comparison = Comparison(placed.scene)
    if len(comparison) == 0:
        return None
    agreement = comparison.with_cameras(placed, cameras)
    compared: list[Camera] = [cameras[index] for index in comparison.indices]
    beside = median_displacement(placed, compared)
    findings.fact(
        "frame",
        f"{moved or 'cameras as they are'}; agreement of {len(comparison)} photographs {agreement.score:.2f} "
        f"(0.5 or more expected), displaced by {beside:.1%} of a picture (0 expected)",
    )
    if not agreement.fits:
        findings.doubt(
            f"the photographs show something else than the scene from their cameras (agreement {agreement.score:.2f})",
            "look at the picture: the scene may be in a frame of its own (give nerfstudio's dataparser_transforms.json "
            "or a 4x4 matrix with --align FILE), or cameras or photographs are of another scene",
        )
    elif beside > _DISPLACED:
        findings.doubt(
            f"what the scene shows lies beside what the photographs show, by {beside:.1%} of a picture",
            "look at the picture: scene and cameras may be from different runs or frames (--align FILE), or a lens or "
            "principal point is missing from the cameras",
        )
    return compared[len(compared) // 2]


def find_masks(scene: Scene, source: MaskSource | None, findings: Findings) -> None:
    """Tells what masks there are, on a few views spread evenly."""
    if source is None:
        findings.fact("masks", "none given; they are made from the scene or its photographs")
        return
    chosen = scene.cameras[:: max(1, -(-len(scene.cameras) // _MASKED_VIEWS))]
    counts = [len(source.masks(camera)) for camera in chosen]
    findings.fact("masks", f"{source.description}; {min(counts)} to {max(counts)} a view in {len(chosen)} views")
    bare = [camera.name for camera, count in zip(chosen, counts, strict=True) if count == 0]
    if bare:
        findings.doubt(
            f"{len(bare)} of {len(chosen)} views looked at have no mask (e.g. {bare[0]})",
            "name masks as their photographs, see docs/inputs.md",
        )


def _listed(counts: Counter[str]) -> str:
    """The keys with their counts, the most frequent first; without counts when all are alike."""
    if len(counts) == 1:
        return next(iter(counts))
    return ", ".join(_shortened([f"{count} {name}" for name, count in counts.most_common()]))


def _shortened(parts: Iterable[str]) -> list[str]:
    listed = list(parts)
    return listed if len(listed) <= 4 else [*listed[:3], f"{len(listed) - 3} others"]
