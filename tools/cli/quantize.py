"""`stapes quantize`: options and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .crew import Scheduler, Workers
from .loading import loading


def quantize(
    checkpoint: Annotated[
        Path,
        typer.Argument(
            help="A .pt, .pth or .tar checkpoint, an .onnx file, a .tflite that is quantised already, or DeepFilterNet3_onnx.tar.gz."
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the bundle.")],
    model: Annotated[
        str, typer.Option(help="Network of a checkpoint: auto, gru-mask, gtcrn, deepfilternet3 or white-box.")
    ] = "auto",
    recipe: Annotated[
        str,
        typer.Option(
            help="A built-in recipe, a TOML file (see `quantize/recipes`), or auto, which finds one. Default: w8a16, gtcrn_w8a16 for GTCRN, dfn3_w8a16 for DeepFilterNet3."
        ),
    ] = "",
    budget: Annotated[
        float | None, typer.Option(help="With --recipe auto: how much PESQ the integers may lose against float.")
    ] = None,
    calibration: Annotated[
        list[Path] | None,
        typer.Option(
            help="Audio like the device's own: wav, flac, ogg, mp3 or aiff files, or folders of them; .npz with frames by input name for a network without audio path. Default: eleven clips of speech in noise."
        ),
    ] = None,
    front_end: Annotated[
        Path | None,
        typer.Option(
            help='TOML with the sound path around the network, in place of the one that it names, e.g. features = "log".'
        ),
    ] = None,
    fitting: Annotated[
        Path | None,
        typer.Option(help="A fitting of `stapes fit`: its equaliser stands behind the network in the bundle."),
    ] = None,
    state: Annotated[
        list[str] | None,
        typer.Option(
            metavar="INPUT=OUTPUT",
            help="A state of an ONNX file or a .tflite: the output that is this input in the next frame. Once for each; default: found by wiring and names.",
        ),
    ] = None,
    time_axis: Annotated[
        list[str] | None,
        typer.Option(
            metavar="N | INPUT=N",
            help="Which axis of an ONNX file for whole recordings is time, as for stapes stream; needed where the file leaves none open.",
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name in the C code; a C identifier. Default: from the file name.")
    ] = None,
    controls: Annotated[
        str,
        typer.Option(
            metavar="LIST",
            help="What may change while the device runs: strength, mask_floor, bypass, volume and steered_equaliser, with commas between them, or all, which is all but the equaliser. steered_equaliser:10 has 10 bands, 1 to 10 are possible, 5 where no number is given.",
        ),
    ] = "",
    programs: Annotated[
        Path | None,
        typer.Option(
            help="TOML with what the controls are in programs that the device has ready: a table [[program]] each."
        ),
    ] = None,
    steering: Annotated[
        Path | None,
        typer.Option(
            help="Bundle of a white-box network's decoder that steers an equaliser in the path, a slice of it in each hop; its latent is a control."
        ),
    ] = None,
    workers: Workers = 0,
    scheduler: Scheduler = None,
    proof: Annotated[bool, typer.Option(help="Print the overflow proof, operator by operator.")] = False,
) -> None:
    """Quantise a network and write a bundle: integer graph, float graph, recipe, manifest and golden vectors.

    Examples:

    `stapes quantize models/zoo/gru_mask.pt -o build/mask`

    `stapes quantize mine.onnx -o build/mine --recipe w8a8 --calibration recordings/`

    `stapes quantize DeepFilterNet3_onnx.tar.gz -o build/dfn3`

    `stapes quantize model.tflite -o build/theirs`

    `stapes quantize models/zoo/gru_mask.pt -o build/ear --controls all`

    `stapes quantize models/zoo/gru_mask.pt -o build/fitted --fitting fitting.toml`

    `stapes quantize gtcrn.tar -o build/gtcrn --recipe auto --budget 0.03`
    """
    with loading():
        from ..commands import quantize as command
    command.quantize(
        checkpoint,
        output,
        model=model,
        recipe=recipe,
        budget=budget,
        calibration=calibration,
        front_end=front_end,
        fitting=fitting,
        states=state,
        time_axis=time_axis,
        name=name,
        controls=[word.strip() for word in controls.split(",")] if controls else [],
        programs=programs,
        steering=steering,
        workers=workers,
        scheduler=scheduler,
        proof=proof,
    )
