"""The three graphs of DeepFilterNet3 as one network of whole recordings.

S frames, B bands, F bins of the deep filter, K its taps. Inputs `feat_erb` (1, 1, S, B) and `feat_spec` (1, 2, S, F), real and imaginary parts;
outputs `gains` (1, 1, S, B), `coefs` (1, S, F, 2 K) and `lsnr` (1, S, 1) in dB.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np
import onnx
import onnxruntime
from onnx import compose

from ..errors import StapesError
from ..text import first_line
from .files import CONFIG, GRAPHS
from .settings import Settings

# Graph -> its inputs and the outputs that are wanted of it.
_ENDS = {
    "enc": (("feat_erb", "feat_spec"), ("e0", "e1", "e2", "e3", "emb", "c0", "lsnr")),
    "erb_dec": (("emb", "e3", "e2", "e1", "e0"), ("m",)),
    "df_dec": (("emb", "c0"), ("coefs",)),
}
_TRIED_FRAMES = 3
_REMEDY = "take all four files from one archive"

NAME = "deepfilternet3"

Shapes = dict[str, tuple[int, ...]]


def join(graphs: Mapping[str, onnx.ModelProto], settings: Settings, label: str) -> onnx.ModelProto:
    """One model of the three, by the names of GRAPHS, whose recurrences are called `enc_gru`, `erb_gru0`, ...; `label` names the files in errors.

    Raises StapesError: an input or an output that is missing, widths that do not fit each other, or not the settings.
    """
    for name, model in graphs.items():
        _require_ends(model, name, label)
    shapes = _require_fit(graphs, label)
    _require_settings(graphs, shapes, settings, label)
    parts = {name: _part(model, name) for name, model in graphs.items()}
    versions = [(part.ir_version, part.opset_import[0].version) for part in parts.values()]
    if len(set(versions)) > 1:
        raise StapesError(f"{label}: its graphs are of different versions of ONNX; {_REMEDY}")
    joined, given = parts["enc"], [name for name in _ENDS["enc"][1] if name != "lsnr"]
    for name in ("erb_dec", "df_dec"):
        wires = [(f"enc/{value}", f"{name}/{value}") for value in given if value in _ENDS[name][0]]
        kept = [value.name for value in joined.graph.output]
        made = [f"{name}/{output}" for output in _ENDS[name][1]]
        joined = compose.merge_models(joined, parts[name], io_map=wires, outputs=kept + made)
    return _named(joined)


def require_no_part(inputs: Iterable[str], label: str) -> None:
    """Raise StapesError for a network with the inputs of one of the three graphs, which by itself is none."""
    given = set(inputs)
    for part, (ends, _) in _ENDS.items():
        if given == set(ends):
            others = [*(f"{name}.onnx" for name in GRAPHS if name != part), CONFIG]
            raise StapesError(
                f"{label}: has the inputs of {part}.onnx, one of the three graphs of DeepFilterNet3, and "
                f"{', '.join(others)} are missing beside it; give the official archive, or the folder that it unpacks to"
            )


def _require_ends(model: onnx.ModelProto, name: str, label: str) -> None:
    inputs, outputs = _ENDS[name]
    constants = {tensor.name for tensor in model.graph.initializer}
    given = [value.name for value in model.graph.input if value.name not in constants]
    made = {value.name for value in model.graph.output}
    if set(given) != set(inputs):
        raise StapesError(
            f"{label}: {name}.onnx has the inputs {', '.join(given)[:80]}, that of DeepFilterNet3 {', '.join(inputs)}; {_REMEDY}"
        )
    if missing := [output for output in outputs if output not in made]:
        raise StapesError(f"{label}: {name}.onnx has no output {', '.join(missing)}; {_REMEDY}")


def _require_fit(graphs: Mapping[str, onnx.ModelProto], label: str) -> Shapes:
    """Run the graphs one behind the other over a few frames of zeros: value -> its shape."""
    values: dict[str, np.ndarray] = {}
    for name, model in graphs.items():
        inputs, outputs = _ENDS[name]
        for value in model.graph.input:
            if value.name in inputs:
                _feed(values, value, name, label)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = 1, 4
        try:
            session = onnxruntime.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
            made = session.run(list(outputs), {key: values[key] for key in inputs})
        except Exception as error:
            raise StapesError(f"{label}: {name}.onnx cannot be run ({first_line(error, 160)}); {_REMEDY}") from None
        values |= dict(zip(outputs, made, strict=True))
    return {name: value.shape for name, value in values.items()}


def _feed(values: dict[str, np.ndarray], value: onnx.ValueInfoProto, graph: str, label: str) -> None:
    """Zeros for an input of the first graph; for the others a check of what the first one gave."""
    wanted = [dim.dim_value or _TRIED_FRAMES for dim in value.type.tensor_type.shape.dim]
    if graph == "enc":
        if int(np.prod(wanted, dtype=object)) > 1 << 20:
            raise StapesError(
                f"{label}: enc.onnx wants {value.name} of shape {tuple(wanted)}, too much for a device; {_REMEDY}"
            )
        values[value.name] = np.zeros(wanted, np.float32)
    elif values[value.name].shape != tuple(wanted):
        raise StapesError(
            f"{label}: {graph}.onnx wants {value.name} of shape {tuple(wanted)} for {_TRIED_FRAMES} frames, enc.onnx gives "
            f"{values[value.name].shape}; {_REMEDY}"
        )


def _require_settings(graphs: Mapping[str, onnx.ModelProto], shapes: Shapes, settings: Settings, label: str) -> None:
    df, layers = settings.df, settings.deepfilternet
    recurrent = {name: _recurrent(model) for name, model in graphs.items()}
    checks: list[tuple[str, int, int, str]] = [
        ("nb_erb", df.nb_erb, shapes["feat_erb"][-1], "bands of feat_erb"),
        ("nb_erb", df.nb_erb, shapes["m"][-1], "gains of erb_dec.onnx"),
        ("nb_df", df.nb_df, shapes["feat_spec"][-1], "bins of feat_spec"),
        ("nb_df", df.nb_df, shapes["coefs"][-2], "bins of the coefficients"),
        ("df_order", df.df_order, shapes["coefs"][-1] // 2, "taps of the coefficients"),
        ("conv_ch", layers.conv_ch, shapes["e0"][1], "channels of e0"),
        (
            "emb_num_layers",
            layers.emb_num_layers,
            len(recurrent["enc"] + recurrent["erb_dec"]),
            "GRUs of enc and erb_dec",
        ),
        ("df_num_layers", layers.df_num_layers, len(recurrent["df_dec"]), "GRUs of df_dec"),
        *(
            ("emb_hidden_dim", layers.emb_hidden_dim, n, "units of a GRU")
            for n in recurrent["enc"] + recurrent["erb_dec"]
        ),
        *(("df_hidden_dim", layers.df_hidden_dim, n, "units of a GRU of df_dec") for n in recurrent["df_dec"]),
    ]
    for key, said, found, what in checks:
        if said != found:
            raise StapesError(f"{label}: config.ini says {key} = {said}, but the graphs have {found} {what}; {_REMEDY}")


def _recurrent(model: onnx.ModelProto) -> list[int]:
    """The units of each GRU."""
    nodes = [node for node in model.graph.node if node.op_type == "GRU"]
    return [next((a.i for a in node.attribute if a.name == "hidden_size"), 0) for node in nodes]


def _part(model: onnx.ModelProto, name: str) -> onnx.ModelProto:
    """A copy with the graph's name in front of all names, and its recurrences called by number."""
    part = onnx.ModelProto()
    part.CopyFrom(model)
    part.graph.ClearField("value_info")
    wanted = [value.SerializeToString() for value in part.graph.output if value.name in _ENDS[name][1]]
    part.graph.ClearField("output")
    part.graph.output.extend(onnx.ValueInfoProto.FromString(value) for value in wanted)
    return compose.add_prefix(part, f"{name}/")


def _named(model: onnx.ModelProto) -> onnx.ModelProto:
    """The ends by the names of the sound path, and short names for the recurrences."""
    ends = {
        "enc/feat_erb": "feat_erb",
        "enc/feat_spec": "feat_spec",
        "enc/lsnr": "lsnr",
        "erb_dec/m": "gains",
        "df_dec/coefs": "coefs",
    }
    graph = model.graph
    outputs = [
        value.SerializeToString()
        for name in ("erb_dec/m", "df_dec/coefs", "enc/lsnr")
        for value in graph.output
        if value.name == name
    ]
    graph.ClearField("output")
    graph.output.extend(onnx.ValueInfoProto.FromString(value) for value in outputs)
    for node in graph.node:
        node.input[:] = [ends.get(name, name) for name in node.input]
        node.output[:] = [ends.get(name, name) for name in node.output]
    for value in (*graph.input, *graph.output):
        value.name = ends[value.name]
    for name in _ENDS:
        recurrent = [node for node in graph.node if node.op_type == "GRU" and node.name.startswith(f"{name}/")]
        for index, node in enumerate(recurrent):
            node.name = f"{name.removesuffix('_dec')}_gru{index if len(recurrent) > 1 else ''}"
    graph.name = NAME
    _shorten(graph)
    # Merging writes the version down once for each part.
    del model.opset_import[1:]
    return model


def _shorten(graph: onnx.GraphProto) -> None:
    """Inner values without what the exporter put around each: `enc//erb_conv1/0/Conv_output_0` is `enc/erb_conv1/0/Conv`."""
    names = {name for node in graph.node for name in (*node.input, *node.output)} | {t.name for t in graph.initializer}
    short = {name: name.replace("//", "/").removesuffix("_output_0") for name in sorted(names)}
    count = Counter(short.values())
    ends = {value.name for value in (*graph.input, *graph.output)}
    short = {name: new if count[new] == 1 and name not in ends else name for name, new in short.items()}
    for node in graph.node:
        node.name = node.name.replace("//", "/")
        node.input[:] = [short[name] for name in node.input]
        node.output[:] = [short[name] for name in node.output]
    for tensor in graph.initializer:
        tensor.name = short[tensor.name]
