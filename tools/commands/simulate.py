"""`stapes simulate`: what was run and written, in a line or as JSON; an error at the end where files could not be read."""

from __future__ import annotations

from pathlib import Path

from ...models.errors import StapesError
from ...models.files import is_special
from ..console import console, err, print_json
from ..library.simulate import Simulation
from ..library.simulate import simulate as simulate_bundle


def simulate(
    bundle: Path,
    audio: Path,
    destination: str,
    *,
    engine: str,
    align: bool,
    controls: Path | None,
    plot: Path | None,
    json: bool,
) -> None:
    """The command, whose options stand in `tools.cli.simulate`."""
    made = simulate_bundle(bundle, audio, destination, engine=engine, align=align, controls=controls, plot=plot)
    if json:
        print_json("stapes-simulate-1", made.to_json())
    else:
        _print(made, Path(destination), engine)
    if made.refused:
        names = ", ".join(map(str, made.refused))
        raise StapesError(
            f"{len(made.refused)} of {len(made.refused) + len(made.files)} files could not be read and were left out ({names}); "
            "mend or remove them, the others are done"
        )


def _print(made: Simulation, output: Path, engine: str) -> None:
    if made.audio_seconds is None:
        files = f"{len(made.files)} files, " if len(made.files) > 1 else ""
        console.print(f"{files}{sum(file.length for file in made.files)} frames, engine {engine}: {output}")
        return
    speaker = err if not output.is_dir() and is_special(output) else console  # the pipe holds sound
    speaker.print(f"{len(made.files)} file(s), {made.audio_seconds:.1f} s of audio, engine {engine}: {output}")
