"""What can be trained: how a network is made, started from a checkpoint, and kept as one."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path

import torch

from ...models import checkpoint
from ...models.audio import SoundPath
from ...models.audio.front_end import with_front_end
from ...models.errors import StapesError
from ...models.gru_mask import GruMask, GruMaskConfig
from ...models.gtcrn import Gtcrn
from .fake_quant import snap
from .recipe import Deployment, GtcrnModel
from .team import device_of

Network = GruMask | Gtcrn
DEVICES = ("cpu", "cuda")


def device_named(name: str) -> torch.device:
    """One of DEVICES; raises StapesError for another name, and for a GPU where there is none."""
    check_device_name(name)
    if name == "cuda" and not torch.cuda.is_available():
        reason = "torch was installed without CUDA" if torch.version.cuda is None else "torch finds no GPU here"
        raise StapesError(f"--device cuda: {reason}; give --device cpu")
    return device_of(name)


def check_device_name(name: str) -> None:
    """Raises StapesError for none of DEVICES."""
    if name not in DEVICES:
        raise StapesError(f"--device {name}: unknown; give {' or '.join(DEVICES)}")


def make(config: GruMaskConfig | GtcrnModel) -> Network:
    """A network with random weights, drawn from torch's generator."""
    return Gtcrn() if isinstance(config, GtcrnModel) else GruMask(config)


def started(path: Path, config: GruMaskConfig | GtcrnModel) -> Network:
    """The network of a checkpoint, with the mask floor of `config`, for a floor belongs to the use and not to the weights.

    Raises StapesError unless it is the network that `config` describes.
    """
    model, _, _ = checkpoint.load(path)
    if isinstance(model, Gtcrn) and isinstance(config, GtcrnModel):
        return model
    if isinstance(model, GruMask) and isinstance(config, GruMaskConfig):
        model.config = dataclasses.replace(model.config, mask_floor_db=config.mask_floor_db)
        if model.config == config:
            return model
    raise StapesError(f"{path}: another network than the recipe's [model]; give a checkpoint of that network")


def on_cpu(model: Network) -> Network:
    """The network where scoring and saving want it; one that is elsewhere stays there, and its copy is returned."""
    return model if next(model.parameters()).device.type == "cpu" else copy.deepcopy(model).to("cpu")


def snapped(model: Network) -> GruMask:
    """The network with its weights on the int8 grid, see `fake_quant`; the one given stays as it is."""
    assert isinstance(model, GruMask)
    stored = GruMask(model.config)
    stored.load_state_dict(model.state_dict())
    snap(stored)
    return stored


def save(path: Path, model: Network, sound_path: SoundPath, deployment: Deployment, step: int) -> None:
    """Write the network for use, as it was after `step` steps.

    The GRU mask in the own format, in the path of training with the changes of `deployment`; GTCRN in the official one.
    """
    if isinstance(model, Gtcrn):
        checkpoint.save_gtcrn(path, model, step)
    else:
        checkpoint.save(path, *deployed(model, sound_path, deployment))


def deployed(model: GruMask, sound_path: SoundPath, deployment: Deployment) -> tuple[GruMask, SoundPath]:
    """The network and the path that are saved for use; both inputs stay as they are."""
    changes = {name: value for name, value in vars(deployment).items() if value is not None}
    told = {name: value for name, value in changes.items() if name == "mask_floor_db"}
    used = GruMask(dataclasses.replace(model.config, **told))
    used.load_state_dict(model.state_dict())
    return used, with_front_end(sound_path, changes)
