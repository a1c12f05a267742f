"""A network as a streaming ONNX file: one frame a call, its states inputs and outputs."""

from __future__ import annotations

import json
import os

import onnx

from . import gru_mask_graph
from .audio import SoundPath
from .files import write_whole
from .gru_mask import GruMask
from .gtcrn import Gtcrn, onnx_graph

OPSET = 18
IR_VERSION = 10
STATES_KEY = "stapes.states"
STAGES_KEY = "stapes.stages"
# Where earlier versions kept the path, as a flat table.
FRONT_END_KEY = "stapes.front_end"
# Files of the GRU mask came from torch's exporter once; its name stays, so that a checkpoint's bundle keeps its bytes.
_PRODUCER = {"producer_name": "pytorch", "producer_version": "2.13.0+cpu"}


def export_onnx(model: GruMask | Gtcrn, sound_path: SoundPath, path: str | os.PathLike[str]) -> None:
    """Write the network as ONNX, opset 18; equal weights give equal bytes, and a failure leaves no partial file.

    GRU mask: inputs `features` (1, F), `h0`, `h1`, ... (1, H); outputs `mask` (1, K), `h0_out`, `h1_out`, ...; each GRU layer one node.
    GTCRN: inputs `features` (3, K) and the states of `models.gtcrn.onnx_graph`; outputs `mask` (2, K) and each state's `_out`.
    All float32. Metadata: `stapes.stages` is the path, a list of tables, `stapes.states` the list of [input, output] pairs, both JSON.
    """
    proto = to_proto(model, sound_path)
    write_whole(path, proto.SerializeToString(deterministic=True))


def to_proto(model: GruMask | Gtcrn, sound_path: SoundPath) -> onnx.ModelProto:
    """What `export_onnx` writes, in memory."""
    opset = [onnx.helper.make_opsetid("", OPSET)]
    if isinstance(model, Gtcrn):
        names = list(onnx_graph.state_shapes())
        graph = onnx_graph.frame_graph(model)
        proto = onnx.helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION)
    else:
        names = [f"h{i}" for i in range(model.config.num_layers)]
        graph = gru_mask_graph.frame_graph(model)
        proto = onnx.helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION, **_PRODUCER)
    states = [[name, f"{name}_out"] for name in names]
    name_stages(proto, sound_path)
    proto.metadata_props.add(key=STATES_KEY, value=json.dumps(states, sort_keys=True))
    onnx.checker.check_model(proto, full_check=True)
    return proto


def name_stages(proto: onnx.ModelProto, sound_path: SoundPath) -> None:
    """Write the path of a network into its metadata, in the place of one that stood there."""
    kept = [entry for entry in proto.metadata_props if entry.key != STAGES_KEY]
    del proto.metadata_props[:]
    proto.metadata_props.extend(kept)
    proto.metadata_props.add(key=STAGES_KEY, value=json.dumps(sound_path.to_tables(), sort_keys=True))
