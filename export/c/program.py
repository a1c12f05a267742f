"""A whole program as data: everything that the templates print, in their order and their words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...models.errors import StapesError
from ...models.frontend import FrontEnd
from ...quantize.graph import DTYPES, Graph, Operator, Region, Tensor
from ..template import Code
from .audio import AudioProgram, Struct, build_audio
from .constants import Array, Constants
from .kernels import Kernel
from .layout import Layout, lay_out
from .schedule import Step, schedule
from .statements import Writer, scratch, statements
from .text import C_TYPES, SUFFIXES, Names, code, shape

# Members of the context and words of the network function that tensors must not be named after.
_CONTEXT_MEMBERS = ("guard", "audio", "audio_arrays", "frame", "scratch", "arena", "trace", "trace_user")
_FILE_SCOPE = ("check", "bind_audio", "trace", "audio_rfft", "audio_params", "audio_input", "audio_output")
_LOCALS = ("ctx", "in", "out", "status", "run_network", *_FILE_SCOPE)
_MACROS = ("hop", "context", "arena", "state", "weight", "vector", "audio", "tensor", "latency", "delay")


@dataclass(frozen=True)
class Variable:
    """A tensor with a name in C: an input, an output, a state or a pointer into the arena."""

    name: str
    type: str
    size: int
    about: str
    tensor: str = ""
    zero_point: int = 0
    offset: int = 0
    real_value: str = ""

    @property
    def macro(self) -> str:
        """The name as part of a macro."""
        return self.name.upper()

    @property
    def suffix(self) -> str:
        """The type in the names of runtime functions."""
        return SUFFIXES[self.type.removesuffix("_t")]


@dataclass(frozen=True)
class Paragraph:
    """The calls of one step and its traced tensors (identifier, expression).

    `heading` opens a region; it is empty after the end of one, and None in between.
    """

    heading: str | None
    lines: tuple[Code, ...]
    traces: tuple[tuple[str, Code], ...]


@dataclass(frozen=True)
class Traced:
    """An entry of the table of traced tensors."""

    name: str
    tensor: str
    bytes: int


@dataclass(frozen=True)
class Program:
    """What the templates print; sizes are in bytes. `kernels` says by operator what multiplies on a Cortex-M7.

    `idle` are the inputs that nothing reads.
    """

    name: str
    audio: AudioProgram | None
    inputs: tuple[Variable, ...]
    idle: tuple[Variable, ...]
    outputs: tuple[Variable, ...]
    states: tuple[Variable, ...]
    locals: tuple[Variable, ...]
    arrays: tuple[Array, ...]
    structs: tuple[Struct, ...]
    opening_traces: tuple[tuple[str, Code], ...]
    paragraphs: tuple[Paragraph, ...]
    closing_copies: tuple[tuple[Code, Code, int], ...]
    traced: tuple[Traced, ...]
    functions: frozenset[str]
    arena_bytes: int
    multiplies: int
    kernels: Mapping[str, Kernel]

    @property
    def state_bytes(self) -> int:
        return sum(state.size * np.dtype(state.type.removesuffix("_t")).itemsize for state in self.states)

    @property
    def weight_bytes(self) -> int:
        return sum(array.data.nbytes for array in self.arrays)


def real_value(tensor: Tensor) -> str:
    """How integers of a tensor become real values, in words.

    >>> real_value(Tensor("x", (1,), "int16", np.float32([2**-15])))
    '2^-15 * x'
    >>> real_value(Tensor("x", (1,), "int8", np.float32([0.3]), -3))
    '0.300000012 * (x + 3)'
    """
    if tensor.scale is None or np.size(tensor.scale) != 1:
        return "x"
    real = float(np.reshape(tensor.scale, -1)[0])
    mantissa, exponent = math.frexp(real)
    scale = f"2^{exponent - 1}" if mantissa == 0.5 else f"{real:.9g}"
    if tensor.zero_point == 0:
        return f"{scale} * x"
    return f"{scale} * (x {'-' if tensor.zero_point > 0 else '+'} {abs(tensor.zero_point)})"


def _variable(tensor: Tensor, name: str, offset: int = 0) -> Variable:
    if tensor.dtype not in C_TYPES:
        raise StapesError(f"tensor '{tensor.name}' is {tensor.dtype}, which has no place in C; use int8 or int16")
    real = real_value(tensor)
    about = f"{shape(tensor.shape)}, real value {real}"
    return Variable(name, C_TYPES[tensor.dtype], tensor.size, about, tensor.name, tensor.zero_point, offset, real)


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
    owners_in_c["state"] = {name: f"ctx->{member}" for name, member in states.items()}
    expressions = {
        name: owners_in_c[place.kind][place.name] for name, place in layout.places.items() if place.kind != "constant"
    }
    pointers = [_variable(graph.tensors[name], local[name], layout.arena.offsets[name]) for name in written]
    for index, (dtype, size) in sizes.items():
        offset = layout.arena.offsets[_scratch_buffer(index)]
        pointers.append(Variable(buffers[index], C_TYPES[dtype], size, f"{size} values of scratch", offset=offset))
    return _Scope(
        expressions,
        tuple(_variable(graph.tensors[name], inputs[name]) for name in graph.inputs),
        tuple(_variable(graph.tensors[name], outputs[name]) for name in graph.outputs),
        tuple(_variable(graph.tensors[name], member) for name, member in states.items()),
        tuple(pointers),
        buffers,
        names,
    )


def _scratch_buffer(index: int) -> str:
    return f"scratch of step {index}"


def _region_of(step: Step, graph: Graph) -> Region | None:
    name = step.operators[0].region
    return step.region or (graph.region(name) if name is not None else None)


def _heading(step: Step, previous: Step | None, graph: Graph) -> str | None:
    """What a reader sees before a step: the region that it opens, "" where one ended, None where nothing changes."""
    region = _region_of(step, graph)
    if region == (_region_of(previous, graph) if previous is not None else None):
        return None
    return f"{region.kind}: {region.name}" if region else ""


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


def build_program(graph: Graph, name: str, frontend: FrontEnd | None = None, fuse: bool = True) -> Program:
    """The program of a graph, with the audio path of `frontend` around it; `fuse` False runs every region operator by operator (the bits are the same).

    Raises `StapesError` for what C cannot run: unknown operators, scales too far apart, states that exchange values.
    """
    steps = schedule(graph, fuse)
    _require_sources(graph, steps)
    sizes = _scratch_sizes(graph, steps)
    scratch_bytes = {
        _scratch_buffer(index): (index, size * np.dtype(DTYPES[dtype]).itemsize)
        for index, (dtype, size) in sizes.items()
    }
    layout = lay_out(graph, steps, scratch_bytes)
    scope = _name_everything(graph, steps, layout, sizes)
    arrays = Constants(name)
    writer = Writer(graph, scope.names, arrays, scope.expressions)

    entries = Names()
    traced: list[Traced] = []

    def trace(tensor: str) -> tuple[str, Code]:
        entry = Traced(entries.take(tensor), tensor, graph.tensors[tensor].bytes)
        traced.append(entry)
        return entry.name, code(scope.expressions[tensor])

    opening = tuple(trace(tensor) for tensor in (*graph.inputs, *(state.input for state in graph.states)))
    paragraphs = []
    for index, step in enumerate(steps):
        heading = _heading(step, steps[index - 1] if index else None, graph)
        lines = statements(writer, step, scope.scratch.get(index, ""))
        paragraphs.append(Paragraph(heading, tuple(lines), tuple(trace(tensor) for tensor in step.writes)))
    audio = build_audio(graph, frontend, arrays, entries) if frontend is not None else None
    closing_copies = _closing_copies(graph, layout, writer, scope)
    return Program(
        name=name,
        audio=audio,
        inputs=scope.inputs,
        idle=_idle_inputs(steps, layout, scope),
        outputs=scope.outputs,
        states=scope.states,
        locals=scope.locals,
        opening_traces=opening,
        paragraphs=tuple(paragraphs),
        closing_copies=closing_copies,
        arrays=tuple(arrays),
        structs=tuple(writer.structs.values()),
        traced=tuple(traced),
        functions=frozenset(writer.functions),
        arena_bytes=layout.arena.size,
        multiplies=sum(multiplies(graph, op) for op in graph.operators),
        kernels=writer.kernels,
    )


def _idle_inputs(steps: Sequence[Step], layout: Layout, scope: _Scope) -> tuple[Variable, ...]:
    moved = (*layout.deliveries, *(new for new, _ in layout.state_copies))
    read = {
        layout.places[name] for name in (*moved, *(n for step in steps for n in step.reads)) if name in layout.places
    }
    used = {place.name for place in read if place.kind == "input"}
    return tuple(variable for variable in scope.inputs if variable.tensor not in used)


def _closing_copies(graph: Graph, layout: Layout, writer: Writer, scope: _Scope) -> tuple[tuple[Code, Code, int], ...]:
    """(destination, source, bytes): outputs that live elsewhere, then the new states over the old ones."""
    ports = {variable.tensor: variable.name for variable in scope.outputs}
    members = {variable.tensor: f"ctx->{variable.name}" for variable in scope.states}
    copies = [(code(ports[name]), code(writer.at(name)), graph.tensors[name].bytes) for name in layout.deliveries]
    copies += [(code(members[old]), code(writer.at(new)), graph.tensors[old].bytes) for new, old in layout.state_copies]
    return tuple(copies)
