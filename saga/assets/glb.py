"""Meshes as binary glTF, by way of trimesh (extra `mesh`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from saga.errors import SagaError

if TYPE_CHECKING:
    from saga.assets.solid import Mesh

_FACES = (5000, 10000, 20000)
"""Of a simplified mesh: the fewest that keep it closed, which thin walls do not always allow."""


def require_trimesh() -> Any:
    """Returns the module trimesh. Raises SagaError when it is missing."""
    try:
        import fast_simplification  # noqa: F401 (which trimesh simplifies by)
        import trimesh
    except ImportError as error:
        advice = 'pip install "saga-splat[mesh]"'
        raise SagaError(f"asset: expected trimesh and fast-simplification, found {error}; {advice}.") from error
    return trimesh


def glb_of(mesh: Mesh) -> tuple[bytes, bytes, dict[str, Any]]:
    """Returns a mesh and its convex hull as GLB files, and facts of the mesh for the manifest.

    glTF has y upwards and lengths in meters, as objects for engines have; so nothing is turned.
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
    hull = shape.convex_hull
    return _exported(trimesh, shape, "collision"), _exported(trimesh, hull, "hull"), facts


def _exported(trimesh: Any, shape: Any, name: str) -> bytes:
    scene = trimesh.Scene()
    scene.add_geometry(shape, node_name=name, geom_name=name)
    return bytes(scene.export(file_type="glb"))
