"""Meshes as binary glTF, by way of trimesh (extra `mesh`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from saga.errors import SagaError

if TYPE_CHECKING:
    from saga.assets.config import AssetConfig
    from saga.assets.solid import Mesh

_FACES = (5000, 10000, 20000)
"""Of a simplified mesh: the fewest that keep it closed, which thin walls do not always allow."""
_CONCAVITY = 0.05
"""How far convex parts may reach beyond the mesh: CoACD takes 0.01 (fine) to 1 (coarse)."""
_MOST_PARTS = 32


@dataclass(frozen=True, eq=False)
class Shapes:
    """The shapes of an object, a GLB each."""

    mesh: bytes
    """Its closed surface."""
    hull: bytes
    """The convex hull of that."""
    parts: bytes | None
    """Convex parts that make it up, a node each; None where they were not asked for."""
    facts: dict[str, Any]
    """What the manifest says of the mesh."""
    count: int
    """How many convex parts there are."""


def require_packages(config: AssetConfig) -> None:
    """Raises SagaError when a package is missing that objects for engines take: known before the work, not after it."""
    require_trimesh()
    if config.convex_parts:
        require_coacd()


def require_trimesh() -> Any:
    """Returns the module trimesh. Raises SagaError when it is missing."""
    try:
        import fast_simplification  # noqa: F401 (which trimesh simplifies by)
        import trimesh
    except ImportError as error:
        advice = 'pip install "saga-splat[mesh]"'
        raise SagaError(f"asset: expected trimesh and fast-simplification, found {error}; {advice}.") from error
    return trimesh


def require_coacd() -> Any:
    """Returns the module coacd. Raises SagaError when it is missing."""
    try:
        import coacd
    except ImportError as error:
        advice = 'pip install "saga-splat[convex]", or leave the convex parts out'
        raise SagaError(f"asset: expected coacd for convex parts, found {error}; {advice}.") from error
    return coacd


def glb_of(mesh: Mesh, convex_parts: bool = False) -> Shapes:
    """Returns a mesh, its convex hull and, where asked for, convex parts that make it up as GLB files.

    glTF has y upwards and lengths in meters, as objects for engines have; so nothing is turned.

    Raises:
        SagaError: a package is missing.
    """
    from scipy.spatial import cKDTree  # after the packages were found to be there

    trimesh = require_trimesh()
    shape = trimesh.Trimesh(mesh.vertices, mesh.faces, vertex_colors=mesh.colors, process=True)
    for faces in _FACES:
        if len(shape.faces) <= faces:
            break
        simpler = shape.simplify_quadric_decimation(face_count=faces)
        if simpler.is_watertight:
            simpler.visual.vertex_colors = mesh.colors[cKDTree(mesh.vertices).query(simpler.vertices)[1]]
            shape = simpler
            break
    facts = {
        "vertices": len(shape.vertices),
        "faces": len(shape.faces),
        "watertight": bool(shape.is_watertight),
        "volume": float(shape.volume),
    }
    parts = _parts(trimesh, shape) if convex_parts else {}
    return Shapes(
        _exported(trimesh, {"collision": shape}), _exported(trimesh, {"hull": shape.convex_hull}),
        _exported(trimesh, parts) if parts else None, facts, len(parts),
    )  # fmt: skip


def _parts(trimesh: Any, shape: Any) -> dict[str, Any]:
    """Returns convex shapes that make up a mesh, by their names; the same ones each time."""
    coacd = require_coacd()
    coacd.set_log_level("error")
    found = coacd.run_coacd(
        coacd.Mesh(shape.vertices, shape.faces), threshold=_CONCAVITY, max_convex_hull=_MOST_PARTS, seed=0
    )
    return {f"part-{number}": trimesh.Trimesh(*each).convex_hull for number, each in enumerate(found, 1)}


def _exported(trimesh: Any, shapes: Mapping[str, Any]) -> bytes:
    scene = trimesh.Scene()
    for name, shape in shapes.items():
        scene.add_geometry(shape, node_name=name, geom_name=name)
    return bytes(scene.export(file_type="glb"))
