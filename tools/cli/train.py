"""`stapes train`: options and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .loading import loading


def train(
    recipe: Annotated[Path, typer.Argument(help="The TOML recipe.")],
    corpus: Annotated[Path, typer.Option(help="The corpus folder, from `stapes corpus fetch`.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for model.pt, log, curves and the state.")],
    start: Annotated[Path | None, typer.Option("--from", help="Begin with the weights of this checkpoint.")] = None,
    save_every: Annotated[int, typer.Option(min=1, help="Steps between two copies of the state on disk.")] = 250,
    stop_after: Annotated[int | None, typer.Option(min=1, help="Stop at this step; a later call goes on.")] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda; pairs are made and networks scored on the CPU.")] = "cpu",
    workers: Annotated[
        int,
        typer.Option(
            min=1,
            help="Processes on this machine that share each batch; torchrun starts them on several machines or GPUs. Another number gives "
            "other weights.",
        ),
    ] = 1,
    threads: Annotated[
        int,
        typer.Option(
            min=1,
            help="Threads of each process; the weights may differ in the last bit between numbers, and on a GPU from one run to the next.",
        ),
    ] = 1,
    mixed_precision: Annotated[
        bool,
        typer.Option(
            "--mixed-precision",
            help="Products in bfloat16, where the GPU or the processor has instructions for it; a note says where it does not pay.",
        ),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar.")] = False,
) -> None:
    """Train a GRU mask or GTCRN; an interrupted training goes on where it was saved, to the same weights.

    The folder gets model.pt (the last network), best.pt (the one of the best validation), log.jsonl, curve.png, and the
    curves for TensorBoard (`tensorboard --logdir training`).

    Examples:

    `stapes train models/zoo/gru_mask.toml --corpus corpus -o training`

    `stapes train models/zoo/gru_mask_w8a8.toml --from models/zoo/gru_mask.pt --corpus corpus -o training_w8a8`

    `stapes train models/zoo/gtcrn_tune.toml --from model_trained_on_dns3.tar --corpus corpus -o training_gtcrn`

    `stapes train models/zoo/gru_mask.toml --corpus corpus -o training --workers 2`

    `torchrun --nproc-per-node 2 -m stapes train models/zoo/gru_mask.toml --corpus corpus -o training`
    """
    with loading():
        from .. import train as command
    order = command.Order(
        recipe, corpus, output, start, save_every, stop_after, device, threads, mixed_precision, quiet
    )
    command.train(order, workers)
