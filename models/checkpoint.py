"""Checkpoints: of the GRU mask the published format, the bare state dict, and this project's own, which extends the first; of GTCRN
the official format and the bare state dict. `checkpoint_file` reads the bytes.
"""

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, overload

import onnx
import torch
from torch import Tensor, nn

from . import checkpoint_file
from .audio import SoundPath, from_front_end
from .errors import Remark, StapesError
from .files import write_whole
from .gru_mask import GruMask, GruMaskConfig
from .gtcrn import Gtcrn, official_onnx
from .schema import STRICT, validated

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
# Parts of names that only a relative of GTCRN has.
GTCRN_RELATIVES = {"UL-UNAS": (".ta_fc.", ".fa.fc.", ".pconv2."), "GTCRN-Micro": (".att_lstm.", ".lstm1.", ".lstm2.")}
# Where a checkpoint says its path: a list of stages, or the flat table of earlier versions.
_PATHS = {"stages": SoundPath.from_tables, "front_end": from_front_end}
# Settings of stages that `model_config` says too.
_TOLD_BY_CONFIG = {"analysis": 0, "synthesis": 0, "hop": 0, "of": 0, "gain_input": 0, "on": 0, "floor_db": 0}.keys()
_OWN_CODE = "export it from its own code as a streaming ONNX file, one frame a call, and give that"


@overload
def load(path: str | os.PathLike[str], network: Literal["gru-mask"]) -> tuple[GruMask, SoundPath, dict[str, Any]]: ...
@overload
def load(path: str | os.PathLike[str], network: Literal["gtcrn"]) -> tuple[Gtcrn, SoundPath, dict[str, Any]]: ...
@overload
def load(path: str | os.PathLike[str], network: str = "auto") -> tuple[GruMask | Gtcrn, SoundPath, dict[str, Any]]: ...


def load(path: str | os.PathLike[str], network: str = "auto") -> tuple[GruMask | Gtcrn, SoundPath, dict[str, Any]]:
    """Read a checkpoint -> network in evaluation mode, its front end, and info; `network` is `auto` or one of NETWORKS.

    `info`: `network`, `format` (`published`, `bare`, `own`), `model_config` (of the GRU mask), `parameters` (their number).
    Raises StapesError, with what the file looks like and what to do, when it is not a sound checkpoint of this network.
    """
    path = Path(path)
    return network_of(path, checkpoint_file.read(path), network)


def load_module(module: nn.Module, network: str = "auto") -> tuple[GruMask | Gtcrn, SoundPath, bytes]:
    """A torch module in memory -> a copy of it as a network of ours, on the CPU and in evaluation mode, its front end, and the bytes
    of the checkpoint that stands for it.

    `module` is a `GruMask` or a `Gtcrn`, or any module whose state dict is that of a checkpoint, wrapped or not; it is left as it is.
    Raises StapesError as `load`.
    """
    label = f"the module {type(module).__name__}"
    content: dict[str, Any] = {}
    try:
        stored = module.state_dict()
    except Exception as error:  # the module's own code, or that of its hooks
        reason = (str(error).splitlines() or [""])[0][:120]
        raise StapesError(
            f"{label}: its state_dict() fails with {type(error).__name__}: {reason}; give a module whose weights can be read"
        ) from None
    for name, value in stored.items():
        # What get_extra_state of a module gives may be anything.
        if not isinstance(value, Tensor):
            raise StapesError(
                f"{label}: {str(name)[:80]!r} of its state dict is a {type(value).__name__}, no tensor; give a module of weights alone"
            )
        content[name] = _plain(value)
    inner = _unwrapped(module)
    if isinstance(inner, GruMask):
        content = {"model_state_dict": content, "model_config": inner.config.to_dict()}
    model, sound_path, _ = network_of(label, content, network)
    return model, sound_path, _as_bytes(content)


def _unwrapped(module: nn.Module) -> nn.Module:
    """What DataParallel, torch.compile or a Lightning module holds."""
    for name in ("module", "_orig_mod", "model"):
        inner = getattr(module, name, None)
        if isinstance(inner, nn.Module):
            return _unwrapped(inner)
    return module


def network_of(
    path: Path | str, content: Mapping[str, Any], network: str, state: dict[str, Tensor] | None = None
) -> tuple[GruMask | Gtcrn, SoundPath, dict[str, Any]]:
    """As `load`, of what a checkpoint holds; `state` is its state dict where somebody has read it already."""
    state = checkpoint_file.state_dict(path, content) if state is None else state
    kind = _recognise(path, state)
    if network not in ("auto", kind):
        raise StapesError(f"{path}: a checkpoint of {kind}, not of {network}; give --model {kind}, or auto")
    model, sound_path, info = _gtcrn(path, content, state) if kind == "gtcrn" else _gru_mask(path, content, state)
    info["network"] = kind
    info["parameters"] = sum(parameter.numel() for parameter in model.parameters())
    return model.eval(), sound_path, info


def _gru_mask(
    path: Path | str, content: Mapping[str, Any], state: Mapping[str, Tensor]
) -> tuple[GruMask, SoundPath, dict[str, Any]]:
    wrapped = "model_state_dict" in content
    settings = checkpoint_file.settings(path, content) if wrapped else {}
    config = _config(path, settings, state)
    sound_path = _front_end(path, settings, config)
    _check_front_end(path, sound_path, config)
    with torch.device("meta"):  # sizes come from the file: memory is taken when the tensors have them
        expected = GruMask(config).state_dict()
    _check_state(path, expected, state, "model_config asks for", "correct model_config")
    model = GruMask(config)
    model.load_state_dict(state)
    form = "own" if wrapped and _PATHS.keys() & content.keys() else "published" if wrapped else "bare"
    return model, sound_path, {"format": form, "model_config": config.to_dict()}


def _gtcrn(
    path: Path | str, content: Mapping[str, Any], state: Mapping[str, Tensor]
) -> tuple[Gtcrn, SoundPath, dict[str, Any]]:
    model = _sound_gtcrn(path, state)
    form = "bare" if state.keys() == content.keys() else "published"
    return model, model.sound_path(), {"format": form}


def _sound_gtcrn(label: str | Path, state: Mapping[str, Tensor]) -> Gtcrn:
    model = Gtcrn()
    _check_state(
        label, model.state_dict(), state, "GTCRN's is", "only the official widths are supported, retrain with those"
    )
    for name, value in state.items():
        if name.endswith("running_var") and not (value >= 0).all():
            raise StapesError(f"{label}: tensor {name} holds a negative variance; the file is damaged, copy it again")
    model.load_state_dict(state)
    return model


def gtcrn_from_onnx(proto: onnx.ModelProto, label: str) -> tuple[Gtcrn, SoundPath]:
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
    return model, model.sound_path()


def save(path: str | os.PathLike[str], model: GruMask, sound_path: SoundPath) -> None:
    """Write the own format; equal weights give equal bytes, and a failure leaves no partial file."""
    content = {
        "model_state_dict": {name: _plain(value) for name, value in model.state_dict().items()},
        "model_config": model.config.to_dict(),
        "frame_samples": sound_path.transform.analysis,
        "sample_rate": sound_path.sample_rate,
        "hop_samples": sound_path.hop,
        "stages": sound_path.to_tables(),
    }
    _write(path, content)


def save_gtcrn(path: str | os.PathLike[str], model: Gtcrn, epoch: int) -> None:
    """Write the official format without the optimiser, which is no part of a network for use; bytes and failures as `save`."""
    _write(path, {"epoch": epoch, "model": {name: _plain(value) for name, value in model.state_dict().items()}})


def _plain(value: Tensor) -> Tensor:
    return value.detach().cpu().clone(memory_format=torch.contiguous_format)


def _write(path: str | os.PathLike[str], content: dict[str, Any]) -> None:
    write_whole(path, _as_bytes(content))


def _as_bytes(content: dict[str, Any]) -> bytes:
    """Written to memory: torch names the archive after the file, and the bytes would depend on the path."""
    buffer = io.BytesIO()
    torch.save(_interned(content), buffer)
    return buffer.getvalue()


def _interned(value: Any) -> Any:
    """Pickle tells equal strings from identical ones; interning makes the bytes a function of the values."""
    if isinstance(value, str):
        return sys.intern(value)
    if isinstance(value, dict):
        return {sys.intern(key): _interned(item) for key, item in value.items()}
    return value


@dataclass(frozen=True)
class _Sizes:
    """What a checkpoint may say of its front end beside its stages, in samples and Hz."""

    frame_samples: int
    sample_rate: int
    hop_samples: int

    __pydantic_config__ = STRICT


def _recognise(path: Path | str, state: Mapping[str, Tensor]) -> str:
    """Which of NETWORKS the parameters' names are of; raises StapesError for every other one."""
    if any(name.startswith("gru.weight_ih_l0") for name in state):
        return "gru-mask"
    for network, parts in GTCRN_RELATIVES.items():
        if any(part in name for name in state for part in parts):
            raise StapesError(f"{path}: looks like a checkpoint of {network}, a relative of GTCRN; {_OWN_CODE}")
    if _tells(state, GTCRN_TELLS) >= 2:
        return "gtcrn"
    for network, tells in OTHER_NETWORKS.items():
        if _tells(state, tells) >= 2:
            raise StapesError(
                f"{path}: looks like a checkpoint of {network}, not of the GRU mask or GTCRN; {_OWN_CODE}"
            )
    some = ", ".join(name[:60] for name in list(state)[:3])
    raise StapesError(
        f"{path}: a checkpoint of an unknown network (tensors {some}, ...), not of the GRU mask or GTCRN; {_OWN_CODE}"
    )


def _tells(state: Mapping[str, Tensor], tells: tuple[str, ...]) -> int:
    return sum(any(name.startswith(tell) for name in state) for tell in tells)


def _config(path: Path | str, settings: Mapping[str, Any], state: Mapping[str, Tensor]) -> GruMaskConfig:
    try:
        if "model_config" in settings:
            return GruMaskConfig.from_dict(settings["model_config"])
        return _infer_config(state)
    except StapesError as error:
        raise StapesError(f"{path}: {error}") from error


def _infer_config(state: Mapping[str, Tensor]) -> GruMaskConfig:
    """The published network's sizes from its shapes; a network with other features cannot be told from its weights."""
    try:
        bins, hidden = state["input_norm.weight"].shape[0], state["gru.weight_hh_l0"].shape[1]
    except (KeyError, IndexError):
        raise StapesError(
            "no model_config, and the tensors are not those of the published network, which begins with the LayerNorm input_norm; "
            "save it with its model_config ('model_state_dict' and 'model_config' in one dict)"
        ) from None
    layers = sum(name.startswith("gru.weight_hh_l") for name in state)
    return GruMaskConfig(n_fft=2 * (bins - 1), hidden_dim=hidden, num_layers=layers)


def _front_end(path: Path | str, settings: Mapping[str, Any], config: GruMaskConfig) -> SoundPath:
    try:
        stored = [read(settings[key]) for key, read in _PATHS.items() if key in settings]
        sound_path = stored[0] if stored else config.sound_path()
    except StapesError as error:
        raise StapesError(f"{path}: {error}") from error
    expected = {
        "frame_samples": sound_path.transform.analysis,
        "sample_rate": sound_path.sample_rate,
        "hop_samples": sound_path.hop,
    }
    told = {key: settings[key] for key in expected if key in settings}
    sizes = validated(_Sizes, {**expected, **told}, str(path), "save the checkpoint again")
    for key, value in expected.items():
        if getattr(sizes, key) != value:
            raise StapesError(
                f"{path}: {key} is {getattr(sizes, key)}, this front end needs {value}; retrain with that value"
            )
    return sound_path


def _check_front_end(path: Path | str, sound_path: SoundPath, config: GruMaskConfig) -> None:
    """Refuse stages other than those that `model_config` knows of; what it does not say may differ."""
    derived = config.sound_path()
    kinds, expected = ([stage.kind for stage in each.stages] for each in (sound_path, derived))
    if kinds != expected:
        raise StapesError(f"{path}: stages and model_config disagree on features; save the checkpoint again")
    for stage, told in zip(sound_path.stages, derived.stages, strict=True):
        for name in _TOLD_BY_CONFIG & vars(told).keys():
            if getattr(stage, name) != getattr(told, name):
                raise StapesError(
                    f"{path}: stages and model_config disagree on {stage.kind}.{name}; save the checkpoint again"
                )


def _check_state(
    path: str | Path, expected: Mapping[str, Tensor], state: Mapping[str, Tensor], wants: str, remedy: str
) -> None:
    """Names, shapes, dtypes, sound values; `wants` and `remedy` go into the message about a wrong shape."""
    missing, extra = sorted(set(expected) - set(state)), sorted(set(state) - set(expected))
    if missing or extra:
        parts = [f"missing {_some(missing)}"] * bool(missing) + [f"unexpected {_some(extra)}"] * bool(extra)
        raise StapesError(f"{path}: tensors do not fit the network: {'; '.join(parts)}; save the whole state dict")
    converted = []
    for name, value in state.items():
        if value.shape != expected[name].shape:
            raise StapesError(
                f"{path}: tensor {name} has shape {tuple(value.shape)}, {wants} {tuple(expected[name].shape)}; {remedy}"
            )
        if not expected[name].is_floating_point():  # a counter of BatchNorm
            continue
        if not value.is_floating_point():
            raise StapesError(f"{path}: tensor {name} is {value.dtype}, not float; give the float checkpoint")
        numbers = value.to(torch.float32)
        if not torch.isfinite(numbers).all():
            raise StapesError(
                f"{path}: tensor {name} holds NaN or Inf; the training diverged, take an earlier checkpoint"
            )
        if value.dtype != torch.float32:
            converted.append(str(value.dtype).removeprefix("torch."))
    if converted:
        warnings.warn(f"{path}: {', '.join(sorted(set(converted)))} weights converted to float32", Remark, stacklevel=4)


def _some(names: list[str], most: int = 8) -> str:
    return ", ".join(names[:most]) + f" and {len(names) - most} more" * (len(names) > most)
