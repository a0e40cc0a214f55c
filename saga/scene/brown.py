"""Lenses of the Brown model, which most tools of photogrammetry write with names of their own."""

from __future__ import annotations

from saga.errors import SagaError
from saga.scene.camera import LensModel

Pinhole = tuple[float, float, float, float]
"""fx, fy, cx, cy in pixels."""


def brown_lens(
    where: str, width: int, height: int, pinhole: Pinhole, radial: tuple[float, ...], tangential: tuple[float, float]
) -> LensModel | None:
    """Returns the lens of a perspective camera, or None where it is an ideal pinhole.

    Args:
        where: what the message begins with.
        width: width of the photograph.
        height: height of the photograph.
        pinhole: intrinsics without distortion.
        radial: k1, k2, k3, k4: coefficients of r^2 to r^8.
        tangential: p1, p2 as OpenCV orders them: p2 goes with r^2 + 2 x^2.

    Raises:
        SagaError: there is a k4, which no model of COLMAP has.
    """
    k1, k2, k3, k4 = radial
    p1, p2 = tangential
    if k4:
        raise SagaError(
            f"{where}: expected a perspective lens without k4, found one with it; undistort the photographs first."
        )
    if k3:
        return LensModel("FULL_OPENCV", width, height, (*pinhole, k1, k2, p1, p2, k3, 0.0, 0.0, 0.0))
    return LensModel("OPENCV", width, height, (*pinhole, k1, k2, p1, p2)) if any((k1, k2, p1, p2)) else None
