"""What may stand for a network: a checkpoint or an ONNX file, a torch module or an ONNX model in memory; and its front end."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
from torch import nn

from ...export.c.names import free_name
from ...models import checkpoint as checkpoints
from ...models import checkpoint_file, deepfilternet, white_box
from ...models.audio import SoundPath, from_front_end, read_sound_path
from ...models.audio.wiring import wire
from ...models.errors import Remark, StapesError
from ...models.gru_mask import GruMask
from ...models.gtcrn import Gtcrn
from ...models.gtcrn.official_onnx import is_gtcrn
from ...models.onnx_export import FRONT_END_KEY, STAGES_KEY, name_stages, to_proto
from ...models.schema import parse_json, read_toml
from ...models.text import file_name
from ...quantize.audio import path_params
from ...quantize.graph import Graph
from ...quantize.onnx_reader import (
    DELAY_KEY,
    OnnxFile,
    StreamingOnnx,
    check_model,
    load_onnx,
    onnx_of,
    parse_onnx,
    with_states,
)
from ...quantize.spectra import prepare
from ...quantize.streaming import STEPS, has_open_time, make_streaming
from ...quantize.unread import with_last
from ..progress import progress
from .stream import TimeAxis, time_axes_of
from .tflite_network import is_tflite, read_tflite

Network = str | os.PathLike[str] | nn.Module | onnx.ModelProto

# What `model` may name beside `auto`.
MODELS = (*checkpoints.NETWORKS, deepfilternet.NAME, white_box.NAME)


@dataclass(frozen=True)
class Named:
    """What a network is called: `label` in messages, `file` in the manifest, `name` in the C code unless another one is given."""

    label: str
    file: str
    name: str


@dataclass(frozen=True, eq=False)
class Read:
    """A network that was read: its streaming ONNX model and the bytes of that, what lowering needs, and the bytes that it came in.

    `recipe`: the one that serves it best, where one comes along. `integers`: those of a file that is quantised already.
    """

    model: onnx.ModelProto
    content: bytes
    source: StreamingOnnx
    whole: bytes
    recipe: str | None = None
    integers: Graph | None = None


def named(network: Network) -> Named:
    """What a network is called; raises StapesError for a file that is not there, and for what can be no network."""
    if isinstance(network, nn.Module):
        kind = type(network).__name__
        return Named(f"the module {kind}", f"{kind} in memory", free_name(kind))
    if isinstance(network, onnx.ModelProto):
        name = network.graph.name or "network"
        return Named("the ONNX model", "ONNX model in memory", free_name(name))
    if not isinstance(network, str | os.PathLike):
        raise StapesError(
            f"a {type(network).__name__} is no network; give the path of a checkpoint or of a streaming .onnx file, a torch "
            "module, or an onnx.ModelProto"
        )
    path = Path(network)
    if path.exists() and deepfilternet.is_deepfilternet(path):
        return Named(str(path), path.resolve().name, deepfilternet.NAME)
    if not path.is_file():
        raise StapesError(
            f"{path}: no such file; give a checkpoint (.pt, .pth, .tar), a streaming .onnx file or a quantised .tflite"
        )
    return Named(str(path), file_name(path), free_name(path.stem))


def read_network(network: Network, model: str, states: list[str], time_axis: TimeAxis = None) -> Read:
    """The streaming ONNX model of a network. An ONNX file is kept as it is, except the official one of GTCRN, whose weights go into
    the same graph as a checkpoint's, and one for whole recordings, which is made a stream.

    `model` is `auto` or one of MODELS, `states` are those of an ONNX file, `INPUT=OUTPUT` each; `time_axis` is that of a network for
    whole recordings which leaves none open.
    Raises StapesError for every fault of the input.
    """
    label = named(network).label
    if isinstance(network, str | os.PathLike) and is_tflite(Path(network)):
        _refuse_time_axis(time_axis, label)
        if model != "auto":
            raise StapesError(f"{label}: a .tflite, whose operators say what it is; leave out --model {model}")
        read = read_tflite(Path(network), states)
        content = read.model.SerializeToString(deterministic=True)
        source = replace(read.source, notes=read.notes)
        return Read(read.model, content, source, read.whole, integers=read.graph)
    if isinstance(network, str | os.PathLike) and deepfilternet.is_deepfilternet(Path(network)):
        _refuse_time_axis(time_axis, label)
        return _deepfilternet(Path(network), model, states)
    if model == deepfilternet.NAME:
        raise StapesError(f"{label}: not DeepFilterNet3, which is an archive or a folder of three ONNX files")
    file = _onnx_file(network, label)
    if file is None:
        _refuse_time_axis(time_axis, label)
        if states:
            raise StapesError(f"{label}: a checkpoint's states are known; leave out --state, which is for ONNX files")
        if isinstance(network, nn.Module):
            return _of_network(*checkpoints.load_module(network, model), label)
        path = Path(_path(network))
        content = checkpoint_file.read(path)
        state = checkpoint_file.state_dict(path, content)
        if model == white_box.NAME or (model == "auto" and white_box.is_decoder(state)):
            return _of_white_box(white_box.decoder(path, state), path)
        white_box.refuse_other_parts(path, state)
        loaded, sound_path, _ = checkpoints.network_of(path, content, model, state)
        return _of_network(loaded, sound_path, path.read_bytes(), label)
    if time_axis is not None or has_open_time(file.model):
        return _of_recordings(file, label, states, time_axis)
    if model == "gru-mask" or states or not is_gtcrn(file.model):
        return _of_onnx(with_states(file, states) if states else file, label)
    return _of_network(*checkpoints.gtcrn_from_onnx(file.model, label), file.whole, label)


def _refuse_time_axis(time_axis: TimeAxis, label: str) -> None:
    if time_axis is not None:
        raise StapesError(
            f"{label}: has one frame a call; leave out --time-axis, which is for ONNX files of recordings"
        )


def _of_recordings(file: OnnxFile, label: str, states: list[str], time_axis: TimeAxis) -> Read:
    """A network for whole recordings as `stapes stream` makes it one of one frame a call; a note says what came of it."""
    if states:
        raise StapesError(
            f"{label}: takes whole recordings, so that its states are made; leave out --state, or export one frame a call"
        )
    with progress("making a stream of it", STEPS) as done:
        made = make_streaming(file.model, label, time_axes_of(file.model, time_axis), done)
    content = made.model.SerializeToString(deterministic=True)
    read = _of_onnx(OnnxFile(made.model, content, file.whole), label)
    names = ", ".join(state.input for state in made.states) or "none"
    delay = f"its outputs come {made.delay_frames} frames late" if made.delay_frames else "without delay"
    note = f"takes whole recordings; made a stream of one frame a call, {delay}; states: {names}"
    return replace(read, source=replace(read.source, notes=(note, *read.source.notes)))


def _of_onnx(file: OnnxFile, label: str) -> Read:
    """A streaming model as it is, or without the spectrum that it takes and the caches that it slices."""
    source = check_model(file.model, label)
    prepared = prepare(file.model, label)
    if prepared is None:
        return Read(file.model, file.content, source, file.whole)
    content = prepared.model.SerializeToString(deterministic=True)
    source = check_model(prepared.model, label)
    return Read(prepared.model, content, replace(source, notes=(*source.notes, *prepared.notes)), file.whole)


def _deepfilternet(path: Path, model: str, states: list[str]) -> Read:
    """The three graphs as one stream that names its path."""
    if model not in ("auto", deepfilternet.NAME) or states:
        given = f"--model {model}" if model not in ("auto", deepfilternet.NAME) else "--state"
        raise StapesError(f"{path}: DeepFilterNet3, whose layers and states are known; leave out {given}")
    files = deepfilternet.read_files(path)
    config = f"{path}: {deepfilternet.CONFIG}"
    settings = deepfilternet.read_settings(files.config, config)
    sound_path = deepfilternet.sound_path(settings, config)
    graphs = {name: parse_onnx(content, path / f"{name}.onnx").model for name, content in files.graphs.items()}
    whole = deepfilternet.join(graphs, settings, str(path))
    with progress("making a stream of it", STEPS) as done:
        stream = make_streaming(whole, str(path), progress=done).model
    name_stages(stream, sound_path)
    content = stream.SerializeToString(deterministic=True)
    return Read(stream, content, check_model(stream, str(path)), files.whole, "dfn3_w8a16")


def _onnx_file(network: Network, label: str) -> OnnxFile | None:
    if isinstance(network, onnx.ModelProto):
        return onnx_of(network, label)
    if isinstance(network, nn.Module) or Path(_path(network)).suffix.lower() != ".onnx":
        return None
    return load_onnx(Path(_path(network)))


def _path(network: Network) -> str | os.PathLike[str]:
    assert isinstance(network, str | os.PathLike)
    return network


def _of_white_box(weights: Mapping[str, np.ndarray], path: Path) -> Read:
    content = white_box.to_onnx(weights).SerializeToString(deterministic=True)
    model = onnx.load_model_from_string(content)
    return Read(model, content, check_model(model, str(path)), path.read_bytes())


def _of_network(network: GruMask | Gtcrn, sound_path: SoundPath, whole: bytes, label: str) -> Read:
    content = to_proto(network, sound_path).SerializeToString(deterministic=True)
    model = onnx.load_model_from_string(content)
    return Read(model, content, check_model(model, label), whole)


def require_whole(source: StreamingOnnx, label: str) -> None:
    """Raise StapesError for one graph of several of a network that is known, where it names no path of its own."""
    if not (source.metadata.get(STAGES_KEY) or source.metadata.get(FRONT_END_KEY)):
        deepfilternet.require_no_part(source.inputs, label)


def judged_by_sound(sound_path: SoundPath | None) -> bool:
    """Whether the sound says how good a network is; else its output does."""
    return sound_path is not None and sound_path.judged_by_sound


def narrowed(read: Read, sound_path: SoundPath, label: str) -> tuple[Read, SoundPath, tuple[str, ...]]:
    """A network and its path without what the path does not read: outputs give their last values alone, and what each leaves out, in words."""
    small = sound_path.narrowed()
    asked = wire(sound_path, *read.source.sizes).outputs
    wanted = dict(zip((q.name for q in sound_path.asked), (q.size(small.transform) for q in small.asked), strict=True))
    counts, words = {}, []
    for name, quantity in asked.items():
        size, count = read.source.shapes[name][-1], wanted[quantity.name]
        if count < size == quantity.size(sound_path.transform):
            counts[name] = count
            words.append(f"{name}, the first {size - count} of {size} values (the path does not read them)")
    if not counts:
        return read, sound_path, ()
    model = with_last(read.model, counts)
    name_stages(model, small)
    content = model.SerializeToString(deterministic=True)
    source = replace(check_model(model, label), notes=read.source.notes)
    return replace(read, model=model, content=content, source=source), small, tuple(words)


def _hold_delay(sound_path: SoundPath, said: str) -> None:
    """Refuse a path whose spectrum waits for fewer frames than the outputs of the network come late."""
    late = int(said) if said.isdecimal() and len(said) < 4 else -1
    waits = sum(stage.delay_frames for stage in sound_path.stages)
    if late < 0:
        raise StapesError(f"metadata {DELAY_KEY!r} is {said[:40]!r}, no number of frames; make the stream again")
    if late > waits:
        raise StapesError(
            f"the network's outputs come {late} frames late ({DELAY_KEY!r}), and the path's spectrum waits for {waits}; "
            f"give a front end with a stage 'look_ahead' of {late} frames"
        )


def front_end_of(source: StreamingOnnx, given: SoundPath | Path | None, label: str) -> SoundPath | None:
    """The front end of a network, whose ends it fits and whose fixed-point formats hold it; None for a network alone.

    `given` takes the place of the network's own. Raises StapesError for one that does not fit.
    """
    network = label
    key = next((key for key in (STAGES_KEY, FRONT_END_KEY) if source.metadata.get(key)), None)
    try:
        if isinstance(given, SoundPath):
            sound_path = given
        elif given is not None:
            label = str(given)
            document = read_toml(given, "its keys are those of a front end, such as hop = 64")
            if not document:
                warnings.warn(f"{given}: holds no settings; all take their defaults", Remark, stacklevel=3)
            sound_path = read_sound_path(document)
        elif key is not None:
            stored = parse_json(source.metadata[key], f"metadata {key!r}", "export the model again")
            sound_path = SoundPath.from_tables(stored) if key == STAGES_KEY else from_front_end(stored)
        else:
            return None
        path_params(sound_path)
        _hold_delay(sound_path, source.metadata.get(DELAY_KEY, "0"))
        if isinstance(given, Path):
            label = f"{network} with {label}"
        wire(sound_path, *source.sizes)
    except StapesError as error:
        message = str(error)
        raise StapesError(message if message.startswith(f"{label}: ") else f"{label}: {message}") from None
    return sound_path
