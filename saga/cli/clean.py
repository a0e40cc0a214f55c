"""saga-clean: proposes what a scene is better without, and writes the scene without it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from saga.cleaning.strengths import Strengths
from saga.cli.inputs import PLANNED_VIEWS, CameraInputs
from saga.cli.options import Flattened, FormatName, ImageFolder, OptionalPath, Positive, SceneFile
from saga.cli.places import require_folder
from saga.cli.run import free_name, require_format, run, say

if TYPE_CHECKING:
    from saga.cleaning import Cleaning, Likeness, Proposal

_DEAR = 0.1
"""Loss in dB from which it is said how to remove less."""


def clean(
    scene: SceneFile,
    images: ImageFolder = None,
    *,
    out: OptionalPath = None,
    apply: bool = False,
    format: FormatName = None,
    views: Positive = PLANNED_VIEWS,
    strengths: Flattened[Strengths] = Strengths(),  # noqa: B008 (frozen)
    cameras: Flattened[CameraInputs] = CameraInputs(),  # noqa: B008 (frozen)
) -> None:
    """Propose what a scene is better without: floaters, spikes, haze, what no view sees, duplicates.

    Nothing is removed until --apply writes the scene without what is proposed; the scene's own file always stays. Look
    at the previews first, and change the strengths.

    Args:
        scene: The trained Gaussian splatting scene.
        images: Folder of the photographs it was trained from; they protect what they show.
        out: Folder for report.json, preview-1.png and so on, and the cleaned scene; the first free of clean-1,
            clean-2, ... by default.
        apply: Write clean.ply, the scene without what is proposed.
        format: Format of the cleaned scene; the one that the scene came in, by default.
        views: Views to make of a scene without cameras.
    """
    from saga.cleaning import examine, likeness
    from saga.export import has_photographs, write_cleaning
    from saga.export.views import are_planned
    from saga.raster import DeviceScene

    require_folder("clean", out)
    began, device = time.perf_counter(), cameras.choose_device()
    require_format(format)
    loaded = cameras.load(scene, images, views=views)
    placed, planned, pictured = DeviceScene(loaded, device), are_planned(loaded), has_photographs(loaded)
    cleaning = examine(placed, planned, pictured, progress=True)
    proposal = cleaning.propose(strengths)
    change = likeness(placed, loaded.cameras, proposal.removed, pictured, progress=True)
    folder = out or free_name("clean")
    reference = "photographs" if pictured else "renderings before"
    facts = {
        "views": {"count": len(loaded.cameras), "planned": planned, "compared_with": reference},
        "seconds": round(time.perf_counter() - began, 1),
    }
    write_cleaning(cleaning, proposal, strengths, change, placed, folder, apply, format, facts)
    _print(cleaning, proposal, strengths)
    _print_change(change, pictured)
    total, kept = len(proposal.reason), len(proposal.reason) - int(proposal.removed.sum())
    did = (
        f"the scene without them, {kept:,} Gaussians"
        if apply
        else "what is proposed, --apply writes the scene without it"
    )
    say(f"{folder}: {total - kept:,} of {total:,} Gaussians; {did} ({time.perf_counter() - began:.1f} s)")


def _print(cleaning: Cleaning, proposal: Proposal, strengths: Strengths) -> None:
    from saga.cleaning import KINDS

    say(f"{'kind':<12}{'strength':>8}{'Gaussians':>11}  why")
    for kind in KINDS:
        if kind.name in cleaning.scores:
            say(f"{kind.name:<12}{strengths.of(kind.name):>8.2f}{proposal.counts[kind.name]:>11,}  {kind.why}")
        else:
            say(f"{kind.name:<12}{'-':>8}{'-':>11}  cannot be told: {kind.untold}")


def _print_change(change: Likeness, pictured: bool) -> None:
    if pictured:
        verb = "costs" if change.loss >= 0 else "gains"
        say(
            f"PSNR of the views: {change.before:.2f} dB before, {change.after:.2f} after; "
            f"it {verb} {abs(change.loss):.2f} dB"
        )
        if change.loss > _DEAR:
            say(f"That is more than {_DEAR} dB: look at the previews, and lower the strength.")
    else:
        say(f"Without photographs: the views after are {change.after:.2f} dB from those before")


def main() -> None:
    """Runs saga-clean."""
    run(clean, "saga-clean")
