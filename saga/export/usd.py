"""USD stages of Gaussians: a ParticleField3DGaussianSplat for each object, by way of usd-core (extra `usd`).

Values are those of the scene as its renderer uses them: centers and standard deviations in the scene's own units,
opacities between 0 and 1, unit quaternions, and spherical harmonics as trained (0.5 is added to what they sum up to).
A transformation of the parent prim stands the scene upright; the values themselves are never turned.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from saga.errors import EmptySelectionError, SagaError
from saga.files.transaction import atomic_path
from saga.raster import DeviceScene
from saga.scene import Camera, Gaussians, Scene
from saga.scene.orbit import camera_up, guess_up
from saga.scene.spherical_harmonics import MAX_COEFFICIENTS

if TYPE_CHECKING:
    from saga.query.segmentation import Segmentation

SCHEMA = "ParticleField3DGaussianSplat"
ROOT = "scene"
_ENDINGS = (".usd", ".usda", ".usdc")
_REACH = 3.0
"""Standard deviations of a Gaussian that its extent holds."""
_UPRIGHT = {
    (1, 1): ("Y", (0, 0, 0)), (1, -1): ("Y", (180, 0, 0)),
    (2, 1): ("Z", (0, 0, 0)), (2, -1): ("Z", (180, 0, 0)),
    (0, 1): ("Y", (0, 0, 90)), (0, -1): ("Y", (0, 0, -90)),
}  # fmt: skip
"""Axis and sign of the scene's up direction -> up axis of the stage, and degrees about x, y, z that bring it there."""
Part = tuple[Gaussians, np.ndarray]
"""Gaussians, and which of them, bool [N]."""


def write_usd(
    scene: Scene | DeviceScene,
    objects: Mapping[str, Segmentation],
    path: str | Path,
) -> None:
    """Writes a USD stage with a prim for each object, named as the objects.

    The prims, of type ParticleField3DGaussianSplat, lie under /scene, which is the default prim and stands upright by
    its transformation: up is where the cameras' tops point, or, without cameras, what the scene itself lets guess, to
    the nearest axis. Coordinates inside are the scene's own. Meters per unit are stated as 1, since splats do not know
    their scale. A name that is no identifier of USD is changed in the prim's path and kept as its display name.
    Gaussians that are not valid are left out, and harmonics above degree 3; objects without Gaussians have no prim.

    Args:
        scene: the scene.
        objects: name -> object; a Gaussian of several objects is in the prim of each.
        path: the file: .usd and .usdc are binary, .usda is text.

    Raises:
        EmptySelectionError: there are no objects, or nothing is selected of any.
        SagaError: usd-core is missing or too old, `path` ends otherwise, or cannot be written.
    """
    scene = scene.scene if isinstance(scene, DeviceScene) else scene
    require_usd()
    write_stage(Path(path), {name: (scene.gaussians, each.mask) for name, each in objects.items()}, scene.cameras)


def write_stage(
    path: Path,
    parts: Mapping[str, Part],
    cameras: Sequence[Camera],
    up: np.ndarray | None = None,  # [3]
) -> None:
    """Writes a stage with a prim for each part; `up` counts more than cameras. Raises what `write_usd` does."""
    pxr = require_usd()
    if path.suffix.lower() not in _ENDINGS:
        raise SagaError(f"{path}: expected the name of a USD file, found another; end it with .usd, .usda or .usdc.")
    kept = {name: (gaussians, member & gaussians.valid) for name, (gaussians, member) in parts.items()}
    kept = {name: part for name, part in kept.items() if part[1].any()}
    if not kept:
        raise EmptySelectionError(f"{path}: expected at least one object to write, found none; select something first.")
    axis, turn = _upright(next(iter(kept.values()))[0], cameras, up)
    stage = pxr.Usd.Stage.CreateInMemory()
    pxr.UsdGeom.SetStageUpAxis(stage, axis)
    pxr.UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    stage.GetRootLayer().documentation = (
        f"{axis} is up. Values are in the scene's own coordinates, which /{ROOT} stands upright. Meters per unit are "
        "nominal: the scale of a scene of splats is that of its cameras."
    )
    root = pxr.UsdGeom.Xform.Define(stage, f"/{ROOT}")
    stage.SetDefaultPrim(root.GetPrim())
    if any(turn):
        root.AddRotateXYZOp().Set(turn)
    numbers = {name: number for number, name in enumerate(parts, 1)}
    for name, identifier in zip(kept, _identifiers(kept), strict=True):
        prim = _define(stage, f"/{ROOT}/{identifier}", *kept[name])
        prim.SetDisplayName(name)
        prim.SetCustomDataByKey("object_id", numbers[name])
    with atomic_path(path) as temporary:
        if not stage.GetRootLayer().Export(str(temporary)):
            raise SagaError(f"{path}: cannot be written; choose another place or make room.")


def require_usd() -> Any:
    """Returns usd-core's package `pxr`, with the modules that are used here.

    Raises SagaError when usd-core is missing, or does not know Gaussian splats yet.
    """
    advice = 'pip install "saga-splat[usd]"'
    try:
        import pxr.Sdf
        import pxr.Usd
        import pxr.UsdGeom
        import pxr.UsdVol
        import pxr.Vt
    except ImportError as error:
        raise SagaError(f"usd: expected the package usd-core, found none ({error}); {advice}.") from error
    if pxr.Usd.SchemaRegistry().FindConcretePrimDefinition(SCHEMA) is None:
        found = ".".join(map(str, pxr.Usd.GetVersion()[1:]))
        raise SagaError(f"usd: expected usd-core 26.3 or later, which has {SCHEMA}, found {found}; {advice}.")
    return pxr


def _define(
    stage: Any,
    path: str,
    gaussians: Gaussians,
    member: np.ndarray,  # [N] bool
) -> Any:
    pxr = require_usd()
    splats = pxr.UsdVol.ParticleField3DGaussianSplat.Define(stage, path)
    means, scales, quaternions = (a[member] for a in (gaussians.means, gaussians.scales, gaussians.quaternions))
    sh = gaussians.sh[member, :MAX_COEFFICIENTS]
    splats.GetPositionsAttr().Set(pxr.Vt.Vec3fArray.FromNumpy(means))
    splats.GetScalesAttr().Set(pxr.Vt.Vec3fArray.FromNumpy(scales))
    # Arrays of quaternions hold the real part last.
    splats.GetOrientationsAttr().Set(pxr.Vt.QuatfArray.FromNumpy(np.roll(quaternions, -1, axis=1)))
    splats.GetOpacitiesAttr().Set(pxr.Vt.FloatArray.FromNumpy(gaussians.opacities[member]))
    splats.GetRadianceSphericalHarmonicsDegreeAttr().Set(math.isqrt(sh.shape[1]) - 1)
    splats.GetRadianceSphericalHarmonicsCoefficientsAttr().Set(pxr.Vt.Vec3fArray.FromNumpy(sh.reshape(-1, 3)))
    reach = _REACH * _spread(scales, quaternions)
    extent = np.stack([(means - reach).min(axis=0), (means + reach).max(axis=0)])
    splats.CreateExtentAttr().Set(pxr.Vt.Vec3fArray.FromNumpy(extent))
    return splats.GetPrim()


def _spread(
    scales: np.ndarray,  # [n, 3]
    quaternions: np.ndarray,  # [n, 4]
) -> np.ndarray:  # [n, 3]
    """Returns the standard deviation of each Gaussian along x, y and z of the world."""
    w, x, y, z = quaternions.T
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )
    return np.stack([np.sqrt(sum((a * s) ** 2 for a, s in zip(row, scales.T, strict=True))) for row in rows], axis=1)


def _upright(
    gaussians: Gaussians,
    cameras: Sequence[Camera],
    up: np.ndarray | None,  # [3]
) -> tuple[str, tuple[int, int, int]]:
    """Returns the stage's up axis, and the degrees about x, y and z that bring the scene's up direction there."""
    if up is None:
        held = camera_up(cameras)
        up = guess_up(gaussians) if held is None else held
    axis = int(np.abs(up).argmax())
    return _UPRIGHT[axis, 1 if up[axis] > 0 else -1]


def _identifiers(names: Iterable[str]) -> list[str]:
    """Returns an identifier of USD for each name: the name itself where it is one, and no two alike."""
    pxr, found = require_usd(), dict[str, None]()
    for name in names:
        plain = "".join(mark if mark.isascii() and mark.isalnum() else "_" for mark in name)
        plain = f"_{plain}" if plain[:1].isdigit() or not plain else plain
        base = name if pxr.Sdf.Path.IsValidIdentifier(name) else plain
        identifier, number = base, 2
        while identifier in found:
            identifier, number = f"{base}_{number}", number + 1
        found[identifier] = None
    return list(found)
