"""`stapes export`: what was written, in a line."""

from __future__ import annotations

from pathlib import Path

from ..console import console
from ..library.export import export as export_bundle
from ..targets import Package, Processor, Target


def export(bundle: Path, output: Path, *, to: Target, package: Package | None, target: Processor) -> None:
    """The command, whose options stand in `tools.cli.export`."""
    made = export_bundle(bundle, output, to=to, package=package, target=target)
    hashed = made.bundle_sha256[:16]
    if package is not None:
        words = f"{output}: {package} package of {len(made.files)} files, read README.md, bundle {hashed}"
        console.print(words, soft_wrap=True)
    elif to is Target.c:
        console.print(f"{output}: {len(made.files)} files, entry {made.name}.h, target {target}, bundle {hashed}")
    else:
        console.print(str(made.files[0]))
