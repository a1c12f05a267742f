"""A whole program as data: everything that the templates print, in their order and their words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...models.audio import SoundPath
from ...models.errors import StapesError
from ...quantize.graph import DTYPES, Graph, Operator, Region, Tensor
from ..targets import CORTEX_M7, Target
from ..template import Code
from .audio import AudioProgram, Struct, build_audio, file_scope_names
from .blocks import path_of, with_placed_regions
from .constants import Array, Constants
from .functions import Function, Paragraph, network_functions
from .fusion import FUSIONS
from .kernels import Kernel, on_target
from .layout import Layout, lay_out
from .schedule import Step, schedule
from .statements import scratch, statements
from .text import C_TYPES, Names, code
from .variables import Variable, variable_of
from .writer import Writer

# Members of the context and words of the network function that tensors must not be named after.
_CONTEXT_MEMBERS = (
    *("guard", "audio", "scratch", "made", "shared", "arena", "trace", "trace_user"),
    *("controls", "given", "changes", "taken"),
)
_FILE_SCOPE = (
    *("check", "check_ear", "check_samples", "check_ears", "bind_audio", "reset_ear", "init_ear", "enter", "run_hop"),
    *("trace", "allowed", "take_controls", *file_scope_names()),
)
_LOCALS = ("ctx", "in", "out", "status", "run_network", *_FILE_SCOPE)
_MACROS = ("hop", "context", "arena", "state", "weight", "vector", "audio", "tensor", "latency", "delay")


@dataclass(frozen=True)
class Traced:
    """An entry of the table of traced tensors."""

    name: str
    tensor: str
    bytes: int


@dataclass(frozen=True)
class Program:
    """What the templates print; sizes are in bytes. `kernels` says by operator what multiplies on the target.

    `network` are the functions of a frame in the order in which C needs them, `paragraphs` what they do in order.
    """

    name: str
    audio: AudioProgram | None
    inputs: tuple[Variable, ...]
    outputs: tuple[Variable, ...]
    states: tuple[Variable, ...]
    network: tuple[Function, ...]
    paragraphs: tuple[Paragraph, ...]
    arrays: tuple[Array, ...]
    structs: tuple[Struct, ...]
    closing_copies: tuple[tuple[Code, Code, int], ...]
    traced: tuple[Traced, ...]
    functions: frozenset[str]
    arena_bytes: int
    multiplies: int
    kernels: Mapping[str, Kernel]
    target: Target

    @property
    def state_bytes(self) -> int:
        return sum(state.size * np.dtype(state.type.removesuffix("_t")).itemsize for state in self.states)

    @property
    def weight_bytes(self) -> int:
        return sum(array.data.nbytes for array in self.arrays)


def _require_sources(graph: Graph, steps: Sequence[Step]) -> None:
    """Every tensor that is read must come from somewhere."""
    known = {*graph.inputs, *(state.input for state in graph.states), *(t.name for t in graph.constants)}
    known |= {name for op in graph.operators for name in op.outputs}
    wanted = {name for step in steps for name in step.reads}
    wanted |= {*graph.outputs, *(state.output for state in graph.states)}
    if missing := sorted(wanted - known):
        raise StapesError(f"graph '{graph.name}': nothing computes tensor '{missing[0]}'; add its operator")


def _scratch_sizes(graph: Graph, steps: Sequence[Step]) -> dict[int, tuple[str, int]]:
    found = ((index, scratch(graph, step)) for index, step in enumerate(steps))
    return {index: needed for index, needed in found if needed is not None}


@dataclass(frozen=True)
class _Scope:
    """C names: of tensors in memory as expressions, and of the variables that stand for them."""

    expressions: dict[str, str]
    inputs: tuple[Variable, ...]
    outputs: tuple[Variable, ...]
    states: tuple[Variable, ...]
    locals: tuple[Variable, ...]
    scratch: dict[int, str]
    names: Names


def _name_everything(
    graph: Graph, steps: Sequence[Step], layout: Layout, sizes: Mapping[int, tuple[str, int]]
) -> _Scope:
    names, members, macros = Names(_LOCALS), Names(_CONTEXT_MEMBERS), Names(_MACROS)
    # An input may be an output too, under another name in C.
    inputs = {name: members.take(names.take(macros.take(name))) for name in graph.inputs}
    outputs = {name: members.take(names.take(macros.take(name))) for name in graph.outputs}
    states = {state.input: members.take(state.input) for state in graph.states}
    owners = {place.name for place in layout.places.values() if place.kind == "arena"}
    written = [name for step in steps for name in step.writes if name in owners]
    local = {name: names.take(name) for name in written}
    buffers = {index: names.take(steps[index].name, "_scratch") for index in sizes}

    owners_in_c = {"input": inputs, "output": outputs, "arena": local}
    owners_in_c["frames"] = {name: f"ctx->{states[name]}" for name in layout.joined}
    # A history that lies with its newest frame is all but the oldest.
    behind = {
        name: f"&ctx->{states[name]}[{graph.tensors[name].size // graph.tensors[name].shape[0]}]"
        for name in layout.joined
    }
    owners_in_c["state"] = {name: f"ctx->{member}" for name, member in states.items()} | behind
    expressions = {
        name: owners_in_c[place.kind][place.name] for name, place in layout.places.items() if place.kind != "constant"
    }
    pointers = [variable_of(graph.tensors[name], local[name], layout.arena.offsets[name]) for name in written]
    for index, (dtype, size) in sizes.items():
        offset = layout.arena.offsets[_scratch_buffer(index)]
        pointers.append(Variable(buffers[index], C_TYPES[dtype], size, f"{size} values of scratch", offset=offset))
    return _Scope(
        expressions,
        tuple(variable_of(graph.tensors[name], inputs[name]) for name in graph.inputs),
        tuple(variable_of(graph.tensors[name], outputs[name]) for name in graph.outputs),
        tuple(variable_of(_in_memory(graph.tensors[name], layout), member) for name, member in states.items()),
        tuple(pointers),
        buffers,
        names,
    )


def _in_memory(state: Tensor, layout: Layout) -> Tensor:
    """A state as it lies in the context: a history perhaps with its newest frame."""
    if state.name not in layout.joined:
        return state
    return replace(state, shape=(state.shape[0] + 1, *state.shape[1:]))


def _scratch_buffer(index: int) -> str:
    return f"scratch of step {index}"


def _region_of(step: Step, graph: Graph) -> Region | None:
    """The region that a reader is told of."""
    if step.region is not None and not FUSIONS[step.region.kind].heading:
        return None
    name = step.operators[0].region
    return step.region or (graph.region(name) if name is not None else None)


def _heading(step: Step, previous: Step | None, graph: Graph) -> str | None:
    """What a reader sees before a step: the region that it opens, "" where one ended, None where nothing changes."""
    region = _region_of(step, graph)
    if region == (_region_of(previous, graph) if previous is not None else None):
        return None
    return f"{region.kind}: {region.name}" if region else ""


def _memory(name: str, audio: bool) -> str:
    return f"{name}_ear" if audio else f"{name}_context"


def memory_type(program: Program) -> Code:
    """The struct with the states, `ctx` in the functions that nobody else sees: one ear's where there is an audio path."""
    return code(_memory(program.name, program.audio is not None))


def multiplies(graph: Graph, op: Operator) -> int:
    """Multiply-accumulates of one frame in a matrix product or convolution, 0 in another operator."""
    output = graph.tensors[op.outputs[0]]
    if op.kind in ("FULLY_CONNECTED", "CONV_2D"):
        weights = graph.tensors[op.inputs[1]]
        return output.size * (weights.size // weights.shape[0])
    if op.kind == "DEPTHWISE_CONV_2D":
        weights = graph.tensors[op.inputs[1]]
        return output.size * (weights.size // weights.shape[-1])
    if op.kind == "BATCH_MATMUL":
        return output.size * graph.tensors[op.inputs[0]].shape[-1]
    return 0


def build_program(
    graph: Graph,
    name: str,
    sound_path: SoundPath | None = None,
    fuse: bool = True,
    target: Target = CORTEX_M7,
) -> Program:
    """The program of a graph, with the audio path of `sound_path` around it; `fuse` False runs every region operator by operator (the bits are the same).

    Raises `StapesError` for what C cannot run: unknown operators, scales too far apart, states that exchange values.
    """
    graph = with_placed_regions(graph)
    steps = schedule(graph, fuse)
    _require_sources(graph, steps)
    sizes = _scratch_sizes(graph, steps)
    scratch_bytes = {
        _scratch_buffer(index): (index, size * np.dtype(DTYPES[dtype]).itemsize)
        for index, (dtype, size) in sizes.items()
    }
    layout = lay_out(graph, steps, scratch_bytes)
    scope = _name_everything(graph, steps, layout, sizes)
    arrays = Constants(name, target)
    writer = Writer(graph, scope.names, arrays, scope.expressions, layout.joined)

    entries = Names()
    paragraphs, traced = _paragraphs(writer, steps, scope, entries)
    audio = build_audio(graph, sound_path, arrays, entries) if sound_path is not None else None
    closing_copies = _closing_copies(graph, layout, writer, scope)
    if closing_copies:
        lines = tuple(Code(f"    (void)memcpy({to}, {source}, {size});") for to, source, size in closing_copies)
        written = {str(to) for to, _, _ in closing_copies}
        paragraphs.append(Paragraph("", lines, (), ("end of frame",), frozenset(written)))
    return Program(
        name=name,
        audio=audio,
        inputs=scope.inputs,
        outputs=scope.outputs,
        states=scope.states,
        network=network_functions(
            _memory(name, audio is not None), paragraphs, (*scope.inputs, *scope.outputs), scope.locals, scope.names
        ),
        paragraphs=tuple(paragraphs),
        arrays=tuple(arrays),
        structs=tuple(writer.structs.values()),
        closing_copies=closing_copies,
        traced=tuple(traced),
        functions=frozenset(writer.functions),
        arena_bytes=layout.arena.size,
        multiplies=sum(multiplies(graph, op) for op in graph.operators),
        kernels={name: on_target(kernel, target) for name, kernel in writer.kernels.items()},
        target=target,
    )


def _paragraphs(
    writer: Writer, steps: Sequence[Step], scope: _Scope, entries: Names
) -> tuple[list[Paragraph], list[Traced]]:
    """What is there before the network, then each step; and the tensors that are traced."""
    graph = writer.graph
    traced: list[Traced] = []

    def trace(tensor: str) -> tuple[str, Code]:
        entry = Traced(entries.take(tensor), tensor, graph.tensors[tensor].bytes)
        traced.append(entry)
        return entry.name, code(scope.expressions[tensor])

    given = tuple(trace(tensor) for tensor in (*graph.inputs, *(state.input for state in graph.states)))
    paragraphs = [Paragraph(None, (), given, ("inputs",))]
    for index, step in enumerate(steps):
        heading = _heading(step, steps[index - 1], graph) if index else _heading(step, None, graph) or ""
        written = {scope.expressions[tensor] for tensor in step.writes} | {scope.scratch.get(index, "")}
        lines = tuple(statements(writer, step, scope.scratch.get(index, "")))
        traces = tuple(trace(tensor) for tensor in step.writes)
        paragraphs.append(Paragraph(heading, lines, traces, _path(step), frozenset(written)))
    return paragraphs, traced


def _path(step: Step) -> tuple[str, ...]:
    """The place of a step in the network: that of its last operator, or of the region that it belongs to."""
    last = step.operators[-1]
    return path_of(step.name if step.region is not None else last.region or last.name)


def _closing_copies(graph: Graph, layout: Layout, writer: Writer, scope: _Scope) -> tuple[tuple[Code, Code, int], ...]:
    """(destination, source, bytes): outputs that live elsewhere, then the new states over the old ones."""
    ports = {variable.tensor: variable.name for variable in scope.outputs}
    members = {variable.tensor: f"ctx->{variable.name}" for variable in scope.states}
    copies = [(code(ports[name]), code(writer.at(name)), graph.tensors[name].bytes) for name in layout.deliveries]
    copies += [(code(members[old]), code(writer.at(new)), graph.tensors[old].bytes) for new, old in layout.state_copies]
    return tuple(copies)
