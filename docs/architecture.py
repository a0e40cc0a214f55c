"""Draws architecture.svg: the packages in the order in which they may import each other, and three lives through them.

    python docs/architecture.py

tests/test_architecture.py holds LAYERS against the imports of the sources, and the picture against this script.
"""

from __future__ import annotations

from html import escape
from pathlib import Path

LAYERS: list[dict[str, str]] = [
    {"files": "results appear whole or not at all", "scene": "Gaussians, cameras, lenses; the formats of both"},
    {"native": "the C interface of the CPU and CUDA libraries", "runtime": "device, memory, progress"},
    {"raster": "rendering as a linear operator A; a scene on a device"},
    {
        "views": "views of scenes without photographs",
        "alignment": "camera frames that agree",
        "postprocess": "filter, growing, ball query",
    },
    {
        "masks": "sources of masks, their cache and rules",
        "regions": "where things end on the surface, without training",
    },
    {"train": "features of every Gaussian, from masks"},
    {
        "query": "prompt, queries, scores, segmentation",
        "filling": "what an object hid",
        "cleaning": "what should go, and why",
    },
    {
        "assets": "objects upright, with meshes",
        "export": "PLYs, masks, label maps, pictures",
        "demo": "embedded scenes with exact labels",
    },
    {"methods": "the base class, the registry, a folder for each method", "words": "objects by their names"},
    {
        "evaluate": "overlaps, prompts, datasets, tables",
        "checks": "what a scene is, what is doubtful",
        "session": "selecting as a person does",
    },
    {"viewer": "a session in the browser", "server": "a session for other programs"},
    {"batch": "many scenes: tasks, their records, engines that run them"},
    {"cli": "a thin file for each command"},
]
"""Floors from the ground up: a package imports from floors below its own, and from its left on its own floor."""

COLORS = {
    "files": "#e6e2d3",
    "scene": "#c8d9e8",
    "native": "#d9d4e7",
    "runtime": "#d9d4e7",
    "raster": "#b8dcd2",
    "views": "#e6e2d3",
    "alignment": "#e6e2d3",
    "postprocess": "#e6e2d3",
    "masks": "#f6d9b8",
    "regions": "#f6d9b8",
    "train": "#f3c6bd",
    "query": "#d5e3b5",
    "filling": "#f6d9b8",
    "cleaning": "#e6e2d3",
    "assets": "#cfe3ef",
    "export": "#cfe3ef",
    "demo": "#cfe3ef",
    "methods": "#efd0e2",
    "evaluate": "#e2e2e2",
    "checks": "#e2e2e2",
    "session": "#d5e3b5",
    "viewer": "#e2e2e2",
    "server": "#e2e2e2",
    "words": "#efd0e2",
    "batch": "#e2e2e2",
    "cli": "#e2e2e2",
}

LIVES: dict[str, list[tuple[str, str]]] = {
    "A feature": [
        ("scene", "scene.ply"),
        ("raster", "operator A of each view"),
        ("train", "start: spectral, closed form"),
        ("train", "rows of A of sampled pixels"),
        ("train", "losses, Adam, smoothing"),
        ("train", "scene.saga"),
        ("query", "matched by clicks"),
    ],
    "A mask": [
        ("scene", "photograph"),
        ("masks", "model, scene, folder or array"),
        ("masks", "cache: packed bits of each view"),
        ("masks", "rules: what is left out"),
        ("train", "mask members of sampled pixels"),
        ("train", "targets of the losses"),
        ("methods", "or chosen by a prompt"),
    ],
    "A click": [
        ("cli", "pixel of a photograph"),
        ("scene", "undone lens distortion"),
        ("raster", "one row of A: a feature"),
        ("query", "scores of all Gaussians"),
        ("query", "threshold: the valley"),
        ("postprocess", "filter, ball query"),
        ("export", "object.ply, masks, preview"),
    ],
}

WIDTH, MARGIN, ROW, GAP, LABEL = 1120, 24, 38, 6, 90
CHIP_HEIGHT, CHIP_GAP, LANE = 46, 18, 66
INK, QUIET = "#23272e", "#5b6470"


def draw() -> str:
    """Returns the picture as SVG."""
    floors = len(LAYERS) * (ROW + GAP)
    height = MARGIN + 30 + floors + 44 + len(LIVES) * LANE + MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="Helvetica, Arial, DejaVu Sans, sans-serif">',
        f'<rect width="{WIDTH}" height="{height}" rx="8" fill="#ffffff"/>',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0 L8 4 L0 8 z" fill="{QUIET}"/></marker></defs>',
        _text(MARGIN, MARGIN + 8, "Packages: each imports from the floors below it", 15, INK, bold=True),
    ]
    for number, layer in enumerate(reversed(LAYERS)):
        parts += _floor(layer, MARGIN + 30 + number * (ROW + GAP))
    top = MARGIN + 30 + floors + 24
    parts.append(_text(MARGIN, top, "Three lives: each step has the color of its package", 15, INK, bold=True))
    for number, (name, steps) in enumerate(LIVES.items()):
        parts += _lane(name, steps, top + 20 + number * LANE)
    return "\n".join([*parts, "</svg>", ""])


def _floor(layer: dict[str, str], y: float) -> list[str]:
    width = (WIDTH - 2 * MARGIN - GAP * (len(layer) - 1)) / len(layer)
    parts = []
    for number, (name, role) in enumerate(layer.items()):
        x = MARGIN + number * (width + GAP)
        parts += [
            f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW}" rx="5" fill="{COLORS[name]}"/>',
            f'<text x="{x + 12:.1f}" y="{y + 24}" fill="{INK}"><tspan font-size="15" font-weight="bold">{name}</tspan>'
            f'<tspan dx="10" font-size="13">{escape(role)}</tspan></text>',
        ]
    return parts


def _lane(name: str, steps: list[tuple[str, str]], y: float) -> list[str]:
    left = MARGIN + LABEL
    width = (WIDTH - MARGIN - left - CHIP_GAP * (len(steps) - 1)) / len(steps)
    middle = y + CHIP_HEIGHT / 2
    parts = [_text(MARGIN, middle + 5, name, 14, INK, bold=True)]
    for number, (package, step) in enumerate(steps):
        x = left + number * (width + CHIP_GAP)
        parts.append(
            f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{CHIP_HEIGHT}" rx="5" fill="{COLORS[package]}"/>'
        )
        lines = _wrapped(step, 18)
        for line, words in enumerate(lines):
            offset = 4.5 + 15 * (line - (len(lines) - 1) / 2)
            parts.append(_text(x + width / 2, middle + offset, words, 12, INK, anchor="middle"))
        if number:
            parts.append(
                f'<line x1="{x - CHIP_GAP + 2:.1f}" y1="{middle}" x2="{x - 2:.1f}" y2="{middle}" stroke="{QUIET}" '
                'stroke-width="1.5" marker-end="url(#tip)"/>'
            )
    return parts


def _wrapped(text: str, most: int) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > most:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def _text(x: float, y: float, text: str, size: int, color: str, bold: bool = False, anchor: str = "start") -> str:
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{color}" text-anchor="{anchor}"{weight}>'
        f"{escape(text)}</text>"
    )


if __name__ == "__main__":
    Path(__file__).with_suffix(".svg").write_text(draw(), encoding="utf-8")
