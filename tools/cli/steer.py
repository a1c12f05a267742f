"""`stapes steer`: options and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .loading import loading


def steer(
    decoder: Annotated[Path, typer.Argument(help="Bundle of a white-box network's decoder.")],
    latents: Annotated[Path, typer.Argument(help="An .npz file with the array `latent` (T, 512).")],
    bundle: Annotated[Path, typer.Argument(help="Bundle whose path has the stage `steered_equaliser`.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The TOML file of controls to write.")],
    every: Annotated[float, typer.Option(help="Seconds from one latent to the next.")] = 0.5,
    engine: Annotated[str, typer.Option(help="numpy, native, tflm, cortex-m7 or cortex-m7-qemu.")] = "native",
) -> None:
    """Turn latents into changes of a steered equaliser's controls, in the integers of the device.

    Examples:

    `stapes steer build/steer latents.npz build/mask -o controls.toml`

    `stapes simulate build/mask noisy.wav -o steered.wav --controls controls.toml`
    """
    with loading():
        from ..commands import steer as command
    command.steer(decoder, latents, bundle, output, every=every, engine=engine)
