"""A network as a streaming ONNX file: one frame a call, its states inputs and outputs."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import warnings

import onnx
import onnxscript.optimizer
import torch
from torch import Tensor, nn

from models.files import write_whole
from models.frontend import FrontEnd
from models.gru_mask import GruMask
from models.gtcrn import Gtcrn
from models.gtcrn.onnx_graph import frame_graph, state_shapes

OPSET = 18
IR_VERSION = 10
STATES_KEY = "stapes.states"
FRONT_END_KEY = "stapes.front_end"


class _StreamingFrame(nn.Module):
    """One frame of `GruMask`, its N-layer GRU split into single layers: features (1, F), N states (1, H)."""

    def __init__(self, model: GruMask) -> None:
        super().__init__()
        self.model = model
        self.layers = nn.ModuleList()
        for index in range(model.config.num_layers):
            layer = nn.GRU(getattr(model.gru, f"weight_ih_l{index}").shape[1], model.config.hidden_dim)
            for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                setattr(layer, f"{kind}_l0", getattr(model.gru, f"{kind}_l{index}"))
            self.layers.append(layer)

    def forward(self, features: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        x = self.model.before(features).unsqueeze(0)
        outputs = []
        for layer, state in zip(self.layers, states, strict=True):
            # In a sequence of one frame the new state is the output.
            _, x = layer(x, state.unsqueeze(0))
            outputs.append(x.squeeze(0))
        return self.model.after(x.squeeze(0)), *outputs


def export_onnx(model: GruMask | Gtcrn, frontend: FrontEnd, path: str | os.PathLike[str]) -> None:
    """Write the network as ONNX, opset 18; equal weights give equal bytes, and a failure leaves no partial file.

    GRU mask: inputs `features` (1, F), `h0`, `h1`, ... (1, H); outputs `mask` (1, K), `h0_out`, `h1_out`, ...; each GRU layer one node.
    GTCRN: inputs `features` (3, K) and the states of `models.gtcrn.onnx_graph`; outputs `mask` (2, K) and each state's `_out`.
    All float32. Metadata: `stapes.front_end` is the front end, `stapes.states` the list of [input, output] pairs, both JSON.
    """
    proto = to_proto(model, frontend)
    write_whole(path, proto.SerializeToString(deterministic=True))


def to_proto(model: GruMask | Gtcrn, frontend: FrontEnd) -> onnx.ModelProto:
    """What `export_onnx` writes, in memory."""
    if isinstance(model, Gtcrn):
        names = list(state_shapes())
        proto = onnx.helper.make_model(
            frame_graph(model), opset_imports=[onnx.helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
        )
    else:
        names = [f"h{i}" for i in range(model.config.num_layers)]
        proto = _gru_mask_proto(model)
        _tidy(proto.graph)
        _strip(proto)
    states = [[name, f"{name}_out"] for name in names]
    for key, value in ((FRONT_END_KEY, frontend.to_dict()), (STATES_KEY, states)):
        proto.metadata_props.add(key=key, value=json.dumps(value, sort_keys=True))
    onnx.checker.check_model(proto, full_check=True)
    return proto


def _gru_mask_proto(model: GruMask) -> onnx.ModelProto:
    layers, hidden = model.config.num_layers, model.config.hidden_dim
    frame = _StreamingFrame(model).eval()
    arguments = (torch.zeros(1, model.feature_size), *(torch.zeros(1, hidden) for _ in range(layers)))
    with _quiet():
        program = torch.onnx.export(
            frame,
            arguments,
            input_names=["features", *(f"h{i}" for i in range(layers))],
            output_names=["mask", *(f"h{i}_out" for i in range(layers))],
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
        assert program is not None
        # The exporter leaves the change of gate order to the runtime; folded, each GRU node has plain constant weights.
        limit = sum(parameter.numel() for parameter in model.parameters()) * 4
        onnxscript.optimizer.optimize(program.model, input_size_limit=limit, output_size_limit=limit)
    return program.model_proto


def _tidy(graph: onnx.GraphProto) -> None:
    """Plain names, and no trace of sequences: a state goes into its GRU node as it is, and only the new state comes out.

    Layer n is `gru_n`, its constants `gru_n.W`, `.R` and `.B` by the letters of the ONNX operator; the others are named
    as in the state dict.
    """
    producers = {name: node for node in graph.node for name in node.output}
    names = {item.name: item.name.removeprefix("model.") for item in graph.initializer}
    for index, node in enumerate(node for node in graph.node if node.op_type == "GRU"):
        node.name = f"gru_{index}"
        names.update(
            {node.input[position]: f"{node.name}.{letter}" for position, letter in ((1, "W"), (2, "R"), (3, "B"))}
        )
        node.output[0] = ""
        initial = producers[node.input[5]]
        if initial.op_type == "Slice":  # of a sequence of one: nothing is cut away
            node.input[5] = initial.input[0]
            graph.node.remove(initial)
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
    used = {name for node in graph.node for name in node.input}
    for item in list(graph.initializer):
        item.name = names[item.name]
        if item.name not in used:
            graph.initializer.remove(item)


@contextlib.contextmanager
def _quiet():
    """The exporter reports its progress and its deprecations on every channel there is."""
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


def _strip(proto: onnx.ModelProto) -> None:
    """Remove what tells of the exporting machine: doc strings, stack traces, source paths."""
    graph = proto.graph
    proto.ClearField("metadata_props")
    proto.ClearField("functions")
    for message in (proto, graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        message.ClearField("doc_string")
        if message is not proto:
            message.ClearField("metadata_props")
    graph.ClearField("value_info")
