"""Checkpoints: of the GRU mask the published format, the bare state dict, and this project's own, which extends the first; of GTCRN
the official format and the bare state dict.

Files are read with `weights_only`, so that no checkpoint can run code.
"""

from __future__ import annotations

import io
import os
import pickle
import re
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, overload

import onnx
import torch
from torch import Tensor, nn

from models.errors import StapesError
from models.files import write_whole
from models.frontend import FrontEnd
from models.gru_mask import GruMask, GruMaskConfig
from models.gtcrn import Gtcrn, official_onnx

NETWORKS = ("gru-mask", "gtcrn")
# Parameter names that give a network away, for the message to a user who took the wrong file.
OTHER_NETWORKS = {
    "DeepFilterNet": ("enc.erb_conv0", "df_dec.", "erb_dec."),
    "RNNoise": ("gru1.", "gru2.", "dense_out."),
    "FullSubNet": ("fb_model.", "sb_model."),
    "Conv-TasNet": ("masker.", "separator.", "TCN."),
    "Demucs": ("encoder.0.0.", "lstm.lstm."),
}
GTCRN_TELLS = ("erb.", "encoder.en_convs", "dpgrnn1.", "decoder.de_convs")
WRAPPERS = ("model_state_dict", "state_dict", "model", "net", "generator")


@overload
def load(path: str | os.PathLike[str], network: Literal["gru-mask"]) -> tuple[GruMask, FrontEnd, dict[str, Any]]: ...
@overload
def load(path: str | os.PathLike[str], network: Literal["gtcrn"]) -> tuple[Gtcrn, FrontEnd, dict[str, Any]]: ...
@overload
def load(path: str | os.PathLike[str], network: str = "auto") -> tuple[GruMask | Gtcrn, FrontEnd, dict[str, Any]]: ...


def load(path: str | os.PathLike[str], network: str = "auto") -> tuple[GruMask | Gtcrn, FrontEnd, dict[str, Any]]:
    """Read a checkpoint -> network in evaluation mode, its front end, and info; `network` is `auto` or one of NETWORKS.

    `info`: `network`, `format` (`published`, `bare`, `own`), `model_config` (of the GRU mask), `parameters` (their number).
    Raises StapesError, with what the file looks like and what to do, when it is not a sound checkpoint of this network.
    """
    path = Path(path)
    content = _read(path)
    state = _state_dict(path, content)
    kind = _recognise(path, state)
    if network not in ("auto", kind):
        raise StapesError(f"{path}: a checkpoint of {kind}, not of {network}; give --model {kind}, or auto")
    model, frontend, info = _gtcrn(path, content, state) if kind == "gtcrn" else _gru_mask(path, content, state)
    info["network"] = kind
    info["parameters"] = sum(parameter.numel() for parameter in model.parameters())
    return model.eval(), frontend, info


def _gru_mask(
    path: Path, content: Mapping[str, Any], state: Mapping[str, Tensor]
) -> tuple[GruMask, FrontEnd, dict[str, Any]]:
    wrapped = "model_state_dict" in content
    config = _config(path, content, state) if wrapped else _infer_config(path, state)
    frontend = _front_end(path, content if wrapped else {}, config)
    _check_front_end(path, frontend, config)
    model = GruMask(config)
    _check_state(path, model, state, "model_config asks for", "correct model_config")
    model.load_state_dict(state)
    form = "own" if wrapped and "front_end" in content else "published" if wrapped else "bare"
    return model, frontend, {"format": form, "model_config": config.to_dict()}


def _gtcrn(
    path: Path, content: Mapping[str, Any], state: Mapping[str, Tensor]
) -> tuple[Gtcrn, FrontEnd, dict[str, Any]]:
    model = _sound_gtcrn(path, state)
    form = "bare" if state.keys() == content.keys() else "published"
    return model, model.front_end(), {"format": form}


def _sound_gtcrn(label: str | Path, state: Mapping[str, Tensor]) -> Gtcrn:
    model = Gtcrn()
    _check_state(label, model, state, "GTCRN's is", "only the official widths are supported, retrain with those")
    for name, value in state.items():
        if name.endswith("running_var") and not (value >= 0).all():
            raise StapesError(f"{label}: tensor {name} holds a negative variance; the file is damaged, copy it again")
    model.load_state_dict(state)
    return model


def gtcrn_from_onnx(proto: onnx.ModelProto, label: str) -> tuple[Gtcrn, FrontEnd]:
    """The network of a streaming ONNX model in the official layout, proved equal to it by onnxruntime, and its front end.

    Raises StapesError: not the streaming form, other widths, weights that are NaN or infinite, a network that computes
    something else.
    """
    model = _sound_gtcrn(label, official_onnx.state_from_onnx(proto, label)).eval()
    difference = official_onnx.largest_difference(proto, model, label)
    if not difference <= official_onnx.TOLERANCE:
        raise StapesError(
            f"{label}: looks like GTCRN, but computes something else (spectra differ by {difference:.1g} of full scale); "
            f"{official_onnx.REMEDY}"
        )
    return model, model.front_end()


def save(path: str | os.PathLike[str], model: GruMask, frontend: FrontEnd) -> None:
    """Write the own format; equal weights give equal bytes, and a failure leaves no partial file."""
    content = {
        "model_state_dict": {name: _plain(value) for name, value in model.state_dict().items()},
        "model_config": model.config.to_dict(),
        "frame_samples": frontend.analysis,
        "sample_rate": frontend.sample_rate,
        "hop_samples": frontend.hop,
        "front_end": frontend.to_dict(),
    }
    _write(path, content)


def save_gtcrn(path: str | os.PathLike[str], model: Gtcrn, epoch: int) -> None:
    """Write the official format without the optimiser, which is no part of a network for use; bytes and failures as `save`."""
    _write(path, {"epoch": epoch, "model": {name: _plain(value) for name, value in model.state_dict().items()}})


def _plain(value: Tensor) -> Tensor:
    return value.detach().cpu().clone(memory_format=torch.contiguous_format)


def _write(path: str | os.PathLike[str], content: dict[str, Any]) -> None:
    """Written to memory first: torch names the archive after the file, and the bytes would depend on the path."""
    buffer = io.BytesIO()
    torch.save(_interned(content), buffer)
    write_whole(path, buffer.getvalue())


def _interned(value: Any) -> Any:
    """Pickle tells equal strings from identical ones; interning makes the bytes a function of the values."""
    if isinstance(value, str):
        return sys.intern(value)
    if isinstance(value, dict):
        return {sys.intern(key): _interned(item) for key, item in value.items()}
    return value


def _read(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        raise StapesError(f"{path}: no such checkpoint file; check the path")
    if path.suffix.lower() == ".onnx":
        raise StapesError(f"{path}: an ONNX file, not a torch checkpoint; give it as a streaming ONNX model")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch, about formats of its own
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        name = re.search(r"GLOBAL ([A-Za-z_][\w.]*)|Unsupported (?:class|global) ([A-Za-z_][\w.]*)", str(error))
        if name is None:
            raise StapesError(f"{path}: not a torch checkpoint; give a file that torch.save wrote") from error
        raise StapesError(
            f"{path}: holds a pickled object ({name.group(1) or name.group(2)}) that would run code, refused; "
            "save only the weights: torch.save(model.state_dict(), ...)"
        ) from error
    except Exception as error:  # torch raises whatever its reader stumbles on in a damaged file
        raise StapesError(f"{path}: not a torch checkpoint, or damaged; give a file that torch.save wrote") from error
    if not isinstance(content, Mapping):
        raise StapesError(
            f"{path}: holds a {type(content).__name__}, not a checkpoint; save torch.save(model.state_dict(), ...)"
        )
    return content


def _state_dict(path: Path, content: Mapping[str, Any]) -> dict[str, Tensor]:
    inner = next((content[key] for key in WRAPPERS if isinstance(content.get(key), Mapping)), content)
    state = {name: value for name, value in inner.items() if isinstance(value, Tensor)}
    if not state or len(state) < len(inner):
        odd = next((str(name) for name in inner if name not in state), "nothing")
        raise StapesError(
            f"{path}: no state dict found (it holds {odd}); save {{'model_state_dict': ..., 'model_config': ...}}"
        )
    return state


def _recognise(path: Path, state: Mapping[str, Tensor]) -> str:
    """Which of NETWORKS the parameters' names are of; raises StapesError for every other one."""
    if any(name.startswith("gru.weight_ih_l0") for name in state):
        return "gru-mask"
    if _tells(state, GTCRN_TELLS) >= 2:
        return "gtcrn"
    for network, tells in OTHER_NETWORKS.items():
        if _tells(state, tells) >= 2:
            raise StapesError(
                f"{path}: looks like a checkpoint of {network}, not of the GRU mask or GTCRN; "
                "export it from its own code as a streaming ONNX file and give that"
            )
    some = ", ".join(list(state)[:3])
    raise StapesError(
        f"{path}: a checkpoint of an unknown network (tensors {some}, ...), not of the GRU mask or GTCRN; "
        "export it from its own code as a streaming ONNX file and give that"
    )


def _tells(state: Mapping[str, Tensor], tells: tuple[str, ...]) -> int:
    return sum(any(name.startswith(tell) for name in state) for tell in tells)


def _config(path: Path, content: Mapping[str, Any], state: Mapping[str, Tensor]) -> GruMaskConfig:
    if not isinstance(content.get("model_config"), Mapping):
        return _infer_config(path, state)
    try:
        return GruMaskConfig.from_dict(content["model_config"])
    except StapesError as error:
        raise StapesError(f"{path}: {error}") from error


def _infer_config(path: Path, state: Mapping[str, Tensor]) -> GruMaskConfig:
    """The published network's sizes from its shapes; a network with other features cannot be told from its weights."""
    try:
        bins, hidden = state["input_norm.weight"].shape[0], state["gru.weight_hh_l0"].shape[1]
    except (KeyError, IndexError) as error:
        raise StapesError(
            f"{path}: no model_config, and the tensors are not those of the published network; "
            "save it with its model_config ('model_state_dict' and 'model_config' in one dict)"
        ) from error
    layers = sum(name.startswith("gru.weight_hh_l") for name in state)
    return GruMaskConfig(n_fft=2 * (bins - 1), hidden_dim=hidden, num_layers=layers)


def _front_end(path: Path, content: Mapping[str, Any], config: GruMaskConfig) -> FrontEnd:
    try:
        stored = content.get("front_end")
        frontend = config.front_end() if stored is None else FrontEnd.from_dict(stored)
    except StapesError as error:
        raise StapesError(f"{path}: {error}") from error
    expected = {"frame_samples": frontend.analysis, "sample_rate": frontend.sample_rate, "hop_samples": frontend.hop}
    for key, value in expected.items():
        if content.get(key, value) != value:
            raise StapesError(f"{path}: {key} is {content[key]}, this front end needs {value}; retrain with that value")
    return frontend


def _check_front_end(path: Path, frontend: FrontEnd, config: GruMaskConfig) -> None:
    derived = config.front_end()
    for name in ("analysis", "synthesis", "hop", "features", "gain_input", "mask_floor_db", "mask_on"):
        if getattr(frontend, name) != getattr(derived, name):
            raise StapesError(f"{path}: front_end and model_config disagree on {name}; save the checkpoint again")


def _check_state(path: str | Path, model: nn.Module, state: Mapping[str, Tensor], wants: str, remedy: str) -> None:
    """Names, shapes, dtypes, finite values; `wants` and `remedy` go into the message about a wrong shape."""
    expected = model.state_dict()
    missing, extra = sorted(set(expected) - set(state)), sorted(set(state) - set(expected))
    if missing or extra:
        parts = [f"missing {_some(missing)}"] * bool(missing) + [f"unexpected {_some(extra)}"] * bool(extra)
        raise StapesError(f"{path}: tensors do not fit the network: {'; '.join(parts)}; save the whole state dict")
    for name, value in state.items():
        if value.shape != expected[name].shape:
            raise StapesError(
                f"{path}: tensor {name} has shape {tuple(value.shape)}, {wants} {tuple(expected[name].shape)}; {remedy}"
            )
        if not expected[name].is_floating_point():  # a counter of BatchNorm
            continue
        if not value.is_floating_point():
            raise StapesError(f"{path}: tensor {name} is {value.dtype}, not float; give the float checkpoint")
        if not torch.isfinite(value.to(expected[name].dtype)).all():
            raise StapesError(
                f"{path}: tensor {name} holds NaN or Inf; the training diverged, take an earlier checkpoint"
            )


def _some(names: list[str], most: int = 8) -> str:
    return ", ".join(names[:most]) + f" and {len(names) - most} more" * (len(names) > most)
