"""`stapes simulate`: run a bundle over audio, on any engine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from models.audio import q15_to_float, write_audio
from models.errors import StapesError
from tools.audio_files import in_parts, read_batch
from tools.bundle import load_bundle
from tools.console import console, progress
from tools.engines import make_engine


def simulate(
    bundle: Annotated[Path, typer.Argument(help="Bundle made by `stapes quantize`.")],
    audio: Annotated[Path, typer.Argument(help="A wav or flac file, or a folder of them.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="A wav file, or a folder when the input is a folder.")],
    engine: Annotated[str, typer.Option(help="numpy, native, tflm, litert or float.")] = "native",
    align: Annotated[
        bool, typer.Option(help="Shift the output back by the stream's delay, so that it lies over the input.")
    ] = False,
) -> None:
    """Run the device's pipeline over audio and write what the device would play.

    Examples:

    `stapes simulate build/mask noisy.wav -o enhanced.wav`

    `stapes simulate build/mask recordings/ -o enhanced/ --engine numpy`
    """
    opened = load_bundle(bundle)
    frontend = opened.require_frontend()
    batch = read_batch([audio])
    single = not audio.is_dir()
    if single and output.is_dir():
        raise StapesError(f"{output}: is a folder; give the name of a wav file")
    if not single and output.is_file():
        raise StapesError(f"{output}: is a file; give the name of a folder")
    runner = make_engine(engine, opened)
    parts = in_parts(batch)
    total = sum(-(-max(part.lengths) // frontend.hop) for part in parts)
    with progress(f"{engine} engine, frames", total) as done:
        rows = [row for part in parts for row in part.trimmed(runner.run(part.audio_q15, progress=done).audio_q15)]
    targets = [output] if single else _targets(audio, output, batch.paths)
    for target, row in zip(targets, rows, strict=True):
        target.parent.mkdir(parents=True, exist_ok=True)
        write_audio(target, q15_to_float(row[frontend.delay :] if align and len(row) > frontend.delay else row))
    console.print(f"{len(rows)} file(s), {batch.seconds:.1f} s of audio, engine {engine}: {output}", markup=False)


def _targets(source: Path, folder: Path, paths: list[Path]) -> list[Path]:
    """Output paths in the folder's own layout, as wav."""
    return [folder / Path(os.path.relpath(path, source)).with_suffix(".wav") for path in paths]
