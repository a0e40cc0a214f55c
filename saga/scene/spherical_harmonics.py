"""Real spherical harmonics of degree 0 to 4, in the order and sign of Gaussian splatting files."""

from __future__ import annotations

import numpy as np

C0 = 0.28209479177387814
"""The constant basis function, sqrt(1 / (4 pi)): color = C0 * f_dc + 0.5."""

_C1 = 0.4886025119029199  # sqrt(3 / (4 pi))
_C2 = (
    1.0925484305920792,  # sqrt(15 / (4 pi))
    0.31539156525252005,  # sqrt(5 / (16 pi))
    0.5462742152960396,  # sqrt(15 / (16 pi))
)
_C3 = (
    0.5900435899266435,  # sqrt(35 / (32 pi))
    2.890611442640554,  # sqrt(105 / (4 pi))
    0.4570457994644658,  # sqrt(21 / (32 pi))
    0.3731763325901154,  # sqrt(7 / (16 pi))
    1.445305721320277,  # sqrt(105 / (16 pi))
)

_C4 = (
    2.5033429417967046,  # 3/4 sqrt(35 / pi)
    1.7701307697799304,  # 3/4 sqrt(35 / (2 pi))
    0.9461746957575601,  # 3/4 sqrt(5 / pi)
    0.6690465435572892,  # 3/4 sqrt(5 / (2 pi))
    0.10578554691520431,  # 3/16 sqrt(1 / pi)
)

MAX_COEFFICIENTS = 16
"""Coefficients of the highest degree that formats other than PLY hold, (3 + 1) ** 2."""
MAX_EVALUATED = 25
"""Coefficients of the highest degree that is evaluated, (4 + 1) ** 2."""


def evaluate_basis(
    directions: np.ndarray,  # [n, 3]
    coefficients: int,
) -> np.ndarray:  # [n, K]
    """Returns the first K = min(coefficients, 25) basis functions at unit `directions`, float32 [n, K].

    Degree l occupies columns l * l to (l + 1) ** 2, order -l to l, with the Condon-Shortley sign that
    Gaussian splatting trainers use. Source: 3D Gaussian Splatting (Kerbl et al. 2023), color model.
    """
    x, y, z = np.asarray(directions, np.float32).T
    count = min(coefficients, MAX_EVALUATED)
    basis = np.empty((len(x), count), np.float32)
    basis[:, 0] = C0
    if count > 1:
        for k, value in enumerate((-y, z, -x), 1):
            basis[:, k] = _C1 * value
    if count > 4:
        xx, yy, zz = x * x, y * y, z * z
        a, b, c = _C2
        second = (a * x * y, -a * y * z, b * (2 * zz - xx - yy), -a * x * z, c * (xx - yy))
        for k, value in enumerate(second, 4):
            basis[:, k] = value
    if count > 9:
        basis[:, 9:16] = np.stack(_third(x, y, z), axis=1)
    if count > 16:
        basis[:, 16:25] = np.stack(_fourth(x, y, z), axis=1)
    return basis


def _third(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, ...]:  # 7 x [n]
    xx, yy, zz = x * x, y * y, z * z
    a, b, c, d, e = _C3
    return (
        -a * y * (3 * xx - yy),
        b * x * y * z,
        -c * y * (4 * zz - xx - yy),
        d * z * (2 * zz - 3 * xx - 3 * yy),
        -c * x * (4 * zz - xx - yy),
        e * z * (xx - yy),
        -a * x * (xx - 3 * yy),
    )


def _fourth(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, ...]:  # 9 x [n]
    xx, yy, zz = x * x, y * y, z * z
    a, b, c, d, e = _C4
    return (
        a * x * y * (xx - yy),
        -b * y * z * (3 * xx - yy),
        c * x * y * (7 * zz - 1),
        -d * y * z * (7 * zz - 3),
        e * (zz * (35 * zz - 30) + 3),
        -d * x * z * (7 * zz - 3),
        c / 2 * (xx - yy) * (7 * zz - 1),
        -b * x * z * (xx - 3 * yy),
        a / 4 * (xx * (xx - 3 * yy) - yy * (3 * xx - yy)),
    )
