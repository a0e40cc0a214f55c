"""Dishes of the demo: mug, bowl, bottle and plate, in metres, each around its own foot point."""

from __future__ import annotations

import numpy as np

from saga.demo.model import DemoObject, Patch
from saga.demo.surfaces import Samples, lathe, tube
from saga.demo.textures import bands, hexed, mix, noise, plain


def mug() -> DemoObject:
    """White mug with a blue band, a handle and coffee in it."""
    glaze = bands("f4f1ea", (0.055, 0.115, "2f6db5"), (0.062, 0.066, "f4f1ea"), (0.104, 0.108, "f4f1ea"))
    outside = [(0.0, 0.0), (0.055, 0.0), (0.062, 0.008), (0.064, 0.08), (0.065, 0.158), (0.062, 0.162)]
    handle = [(0.060, 0, 0.128), (0.098, 0, 0.132), (0.116, 0, 0.088), (0.098, 0, 0.042), (0.060, 0, 0.040)]
    return DemoObject(
        "mug",
        [
            Patch(lathe(outside, smooth=False), glaze, 0.14),
            Patch(lathe([(0.062, 0.162), (0.058, 0.158), (0.057, 0.125)], smooth=False), plain("f4f1ea"), 0.1),
            Patch(lathe([(0.057, 0.135), (0.0, 0.135)], smooth=False), plain("4a2a18"), 0.2),
            Patch(tube(handle, 0.0105), plain("f4f1ea"), 0.14),
        ],
        (0.27, -0.30, 0.0),
        yaw=-0.6,
        detail=1.25,
    )


def bowl() -> DemoObject:
    """Glazed bowl: turquoise outside, cream inside."""
    outer = [
        (0.0, 0.0),
        (0.06, 0.0),
        (0.065, 0.012),
        (0.11, 0.04),
        (0.145, 0.085),
        (0.152, 0.105),
        (0.148, 0.109),
    ]
    inner = [(0.148, 0.109), (0.142, 0.095), (0.105, 0.048), (0.05, 0.022), (0.0, 0.018)]

    def glaze(s: Samples) -> np.ndarray:
        color = mix(hexed("1f7f86"), hexed("5cc2bd"), s.points[:, 2] / 0.11 + 0.25 * noise(s.points * 50))
        rim = s.points[:, 2] > 0.094 + 0.006 * np.sin(16 * np.pi * s.u)
        color[rim] = hexed("f3e3bd")
        return color

    return DemoObject(
        "bowl",
        [Patch(lathe(outer), glaze, 0.14), Patch(lathe(inner), plain("f3e8cf"), 0.08)],
        (-0.20, -0.06, 0.0),
    )


def bottle() -> DemoObject:
    """Green bottle with a paper label and a cork."""
    body = [
        (0.0, 0.0),
        (0.048, 0.0),
        (0.054, 0.008),
        (0.054, 0.19),
        (0.05, 0.215),
        (0.026, 0.26),
        (0.019, 0.285),
    ]
    body += [(0.018, 0.335), (0.021, 0.337), (0.021, 0.352), (0.017, 0.354), (0.0, 0.354)]

    cork = [(0.0155, 0.35), (0.0165, 0.38), (0.015, 0.382), (0.0, 0.382)]

    def glass(s: Samples) -> np.ndarray:
        z = s.points[:, 2]
        tone = 0.4 + 0.4 * np.sin(4 * np.pi * s.u) + 0.2 * noise(s.points * 25)
        color = mix(hexed("1d4f2b"), hexed("3d8549"), tone)
        label = (z > 0.06) & (z < 0.165)
        color[label] = plain("f2e6c8", 0.05, 80)(s)[label]
        for low, high, code in [(0.066, 0.071, "8e1b2c"), (0.153, 0.158, "8e1b2c"), (0.318, 0.36, "8e1b2c")]:
            color[(z > low) & (z < high)] = hexed(code)
        medallion = np.hypot((s.u * 3 % 1 - 0.5) / 3 * 2 * np.pi * 0.054, z - 0.118) < 0.026
        color[medallion & label] = hexed("c8952c")
        text = label & ~medallion & (np.abs(z * 75 % 1 - 0.5) < 0.16) & (np.abs(z - 0.112) < 0.03)
        color[text & (np.abs(s.u * 3 % 1 - 0.5) > 0.3)] = hexed("55463a")
        return color

    return DemoObject(
        "bottle",
        [
            Patch(lathe(body, smooth=False), glass, 0.2),
            Patch(lathe(cork, smooth=False), plain("c79a63", 0.2, 150)),
        ],
        (0.10, 0.10, 0.0),
        detail=1.1,
    )


def plate() -> DemoObject:
    """A flat plate with a blue line along its rim."""
    profile = [
        (0.0, 0.0),
        (0.08, 0.0),
        (0.09, 0.006),
        (0.14, 0.020),
        (0.143, 0.024),
        (0.138, 0.026),
        (0.095, 0.012),
    ]
    profile += [(0.085, 0.009), (0.0, 0.009)]

    def glaze(s: Samples) -> np.ndarray:
        radius = np.hypot(s.points[:, 0], s.points[:, 1])
        color = plain("f0eef2", 0.02)(s)
        color[(radius > 0.12) & (radius < 0.131)] = hexed("3f63a8")
        color[(radius > 0.105) & (radius < 0.109)] = hexed("3f63a8")
        return color

    return DemoObject("plate", [Patch(lathe(profile, smooth=False), glaze, 0.12)], (-0.24, -0.47, 0.0))
