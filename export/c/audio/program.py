"""The path of the sound as data: constants, members of the context, and the lines of `process`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from ....models.audio import SoundPath, Stage, kinds
from ....quantize.audio import stage_params
from ....quantize.audio.c_struct import members, struct_bytes, struct_name
from ....quantize.audio.ends import End, network_ends
from ....quantize.audio.rfft import CMSIS_DEFINES, CMSIS_SOURCES
from ....quantize.graph import Graph, Tensor
from ...template import Code
from ..constants import Constants
from ..text import SUFFIXES, Names, code, initialiser, listed
from .controls import CONTROLS_HEADER, Controls, Setter, build_controls, build_setters
from .memory import Memory, place, scratch_name, values
from .stage import Member, c_stage

# The constants of the only input and of the only output of a network; of several ones each has the name of its quantity.
_INPUT, _OUTPUT = "audio_input", "audio_output"
# What the network gives becomes 16 bits in a file that every program has, 32 bits in one of its own.
_WIDE = "stapes_audio_wide"
_OUTPUT_FUNCTIONS = {"int16": "stapes_audio_mask", "int32": _WIDE}


@dataclass(frozen=True)
class Struct:
    """One constant of the program: `static const TYPE NAME = TEXT;`."""

    type: str
    name: str
    text: Code


@dataclass(frozen=True)
class TracedQuantity:
    """A traced quantity of the path: name, C expression of its address, bytes, and its entry in the table."""

    name: str
    expression: Code
    bytes: int
    entry: str


@dataclass(frozen=True)
class Call:
    """One stage in `process`: the pointers that it is the first to need, its call, and what is traced behind it."""

    pointers: tuple[Code, ...]
    line: Code
    traces: tuple[TracedQuantity, ...]


@dataclass(frozen=True)
class Declared:
    """A member of the context: its C, its bytes and its alignment on a Cortex-M."""

    text: Code
    bytes: int
    alignment: int


@dataclass(frozen=True)
class Port:
    """A tensor of the network and the quantity of the path that it is: the constant `scaling`, the function that turns the one into the
    other, the expression of the quantity; of what the network gives also the declaration of its memory, and what is traced.
    """

    tensor: Tensor
    scaling: str
    function: str
    expression: Code
    pointers: tuple[Code, ...] = ()
    traces: tuple[TracedQuantity, ...] = ()


@dataclass(frozen=True)
class AudioProgram:
    """Constants and wiring of the path.

    `members` are those of `ctx->audio`, `kept` those of `ctx->scratch->made`; `binds` point the states at their arrays; `inputs` are what the path feeds of the network,
    `outputs` what it reads of it.
    """

    sound_path: SoundPath
    structs: tuple[Struct, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    members: tuple[Declared, ...]
    kept: tuple[Declared, ...]
    binds: tuple[Code, ...]
    resets: tuple[Code, ...]
    before: tuple[Call, ...]
    after: tuple[Call, ...]
    scratch_bytes: int
    controls: Controls | None = None
    setters: tuple[Setter, ...] = ()

    @property
    def functions(self) -> tuple[str, ...]:
        """The function of each stage in the runtime."""
        return tuple(c_function(stage, self.sound_path) for stage in self.sound_path.stages)

    @property
    def headers(self) -> tuple[str, ...]:
        """The headers of the runtime that the program includes."""
        return ("stapes_audio.h", *(f"{name}.h" for name in (*self._wide, *self.functions, *self._companions)))

    @property
    def sources(self) -> tuple[str, ...]:
        controls = (CONTROLS_HEADER,) if self.controls is not None or self.setters else ()
        functions = (*self._wide, *self.functions, *self._companions)
        return ("stapes_audio_tensors.c", *controls, *(f"{name}.c" for name in functions))

    @property
    def _companions(self) -> tuple[str, ...]:
        """Functions that an application calls beside the program."""
        return tuple(name for stage in self.sound_path.stages for name in c_stage(stage.kind).companions)

    @property
    def _wide(self) -> tuple[str, ...]:
        """The file of the runtime for outputs of the network that become 32 bits, where there are any."""
        return (_WIDE,) if any(port.function.startswith(_WIDE) for port in self.outputs) else ()

    @property
    def cmsis(self) -> tuple[str, ...]:
        """Files of CMSIS-DSP that the transform is; none of mixed radix."""
        return () if self.sound_path.transform.mixed else CMSIS_SOURCES

    @property
    def cmsis_defines(self) -> tuple[str, ...]:
        return CMSIS_DEFINES

    @property
    def traced_before(self) -> tuple[TracedQuantity, ...]:
        """What is traced in front of the network, in order."""
        return tuple(trace for call in self.before for trace in call.traces)

    @property
    def traced_after(self) -> tuple[TracedQuantity, ...]:
        """What is traced behind the network, in order."""
        made = (port.traces for port in self.outputs), (call.traces for call in self.after)
        return tuple(trace for part in made for traces in part for trace in traces)


def c_function(stage: Stage, sound_path: SoundPath) -> str:
    """The function of a stage in the runtime: what its constants are called, without `_params`."""
    return struct_name(type(stage_params(stage, sound_path.transform))).removesuffix("_params")


def file_scope_names() -> tuple[str, ...]:
    """Names that the constants of any path have in a program."""
    nested = {member.name for kind in kinds() for member in members(_params_of(kind)) if member.struct}
    ends = {q.name for kind in kinds().values() for q in kind().quantities if q.role in ("features", "asked")}
    return (
        *(_INPUT, _OUTPUT),
        *(f"audio_{kind}_params" for kind in kinds()),
        *(f"audio_{name}" for name in (*sorted(nested), *sorted(ends))),
    )


def _params_of(kind: str) -> type:
    import importlib

    result: type = importlib.import_module(f"....quantize.audio.{kind}", __package__).Params
    return result


def _struct(name: str, params: Any, arrays: Constants, made: list[Struct]) -> None:
    """Append the constant of a dataclass, after those that it points at; equal ones are stored once."""
    fields: dict[str, object] = {}
    for member in members(type(params)):
        value = getattr(params, member.name)
        if member.struct is not None:
            _struct(f"audio_{member.name}", value, arrays, made)
            fields[member.name] = f"&{next(s.name for s in made if s.type == struct_name(member.struct))}"
        elif isinstance(value, np.ndarray):
            fields[member.name] = arrays.add(f"{name.removesuffix('_params')} {member.name}", value)
        else:
            fields[member.name] = value
    struct = Struct(struct_name(type(params)), name, initialiser(fields))
    if struct not in made:
        made.append(struct)


@cache
def _absent(name: str) -> str:
    """What a function is given for a quantity that the path does not read: no pointer, or no value."""
    made = {q.name: q for kind in kinds().values() for q in kind().makes}
    if name not in made or made[name].shape:
        return "NULL"
    return "false" if made[name].dtype == "bool" else "0"


class _Writer:
    """Puts the lines of a path together."""

    def __init__(self, sound_path: SoundPath, entries: Names) -> None:
        self.sound_path = sound_path
        self.memory: Memory = place(sound_path)
        self.entries = entries
        # Scalars and views, filled stage after stage: the last one that made one is whose is read.
        self.scalars: dict[str, str] = {}

    def expression(self, name: str) -> str:
        """A quantity in C: a pointer to an array, or the value of a scalar."""
        if name in self.scalars:
            return self.scalars[name]
        known = {"block_q15": "in", "output_q15": "out"}
        array = self.memory.arrays.get(name)
        return known.get(name) or (name if array is None or array.offset is not None else f"ctx->scratch->made.{name}")

    def pointer(self, key: str) -> tuple[Code, ...]:
        """The declaration of an array in the scratch; nothing for one in the context."""
        array = self.memory.arrays[key]
        if array.offset is None:
            return ()
        kind = f"{array.dtype}_t"
        place = f"ctx->scratch->shared.audio[{array.offset // 8}]"
        return (Code(f"    {kind} *const {array.name} = ({kind} *)&{place}; /* {array.size} */"),)

    def call(self, stage: Stage) -> Call:
        """A stage's line, with what it declares and traces."""
        c = c_stage(stage.kind)
        scratch = {member.name: scratch_name(stage, member.name) for member in c.scratch}
        pointers = [line for key in scratch.values() for line in self.pointer(key)]
        own = [q.name for q in stage.makes if q.name in self.memory.arrays and q.name not in stage.replaces]
        pointers += [line for name in own for line in self.pointer(name)]
        known = {*stage.reads, *(q.name for q in stage.makes)}
        arguments = [
            name if name in scratch else self.expression(name) if name in known else _absent(name)
            for name in c.arguments
        ]
        state = [f"&ctx->audio.{stage.kind}"] if c.state else []
        controls = [f"&ctx->controls.{stage.kind}"] if any(not c.apart for c in stage.controls) else []
        given = [f"&audio_{stage.kind}_params", *state, *controls, *arguments]
        inside = [q.name for q in stage.makes if not q.shape or q.name in c.views]
        self.scalars |= {name: f"ctx->audio.{stage.kind}.{name}" for name in inside}
        line = listed(f"    {c_function(stage, self.sound_path)}", given, ";")
        asked = {quantity.name for quantity in self.sound_path.asked}
        traced = tuple(self.trace(stage, name) for name in stage.traced if name not in asked)
        return Call(tuple(pointers), line, traced)

    def input(self, end: End, scaling: str) -> Port:
        """An input of the network and the features that it is."""
        function = f"stapes_audio_quantise_{SUFFIXES[end.tensor.dtype]}"
        return Port(end.tensor, scaling, function, code(self.expression(end.quantity.name)))

    def output(self, end: End, scaling: str) -> Port:
        """An output of the network and what it becomes for the stages behind it."""
        name = end.quantity.name
        function = f"{_OUTPUT_FUNCTIONS[end.quantity.dtype]}_{SUFFIXES[end.tensor.dtype]}"
        tracers = [stage for stage in self.sound_path.after if name in stage.traced][:1]
        traces = tuple(self.trace(stage, name) for stage in tracers)
        return Port(end.tensor, scaling, function, code(self.expression(name)), self.pointer(name), traces)

    def trace(self, stage: Stage, name: str) -> TracedQuantity:
        """A traced quantity of a stage: made by it, or kept in its state."""
        quantity = self.sound_path.quantities[name]
        width = np.dtype(quantity.dtype).itemsize
        size = quantity.size(self.sound_path.transform) * width
        if not quantity.shape:
            where = f"&ctx->audio.{stage.kind}.{name}"
        elif quantity.role == "state":
            where = f"ctx->audio.{stage.kind}.{name}"
        else:
            where = self.expression(name)
        return TracedQuantity(name, code(where), size, self.entries.take(name))

    def members(self) -> tuple[Declared, ...]:
        """States and their arrays."""
        made = []
        for stage in self.sound_path.stages:
            state = c_stage(stage.kind).state
            if state:
                size, alignment = struct_bytes(state)
                made.append(Declared(code(f"stapes_{stage.kind}_state {stage.kind}"), size, alignment))
            made += [
                self._array(f"{stage.kind}_{member.name}", member.dtype, size)
                for member, size in self._arrays(stage)
                if size
            ]
        return tuple(made)

    def kept(self) -> tuple[Declared, ...]:
        """The quantities that live while the network runs, of one ear at a time."""
        kept = [array for array in self.memory.arrays.values() if array.offset is None]
        return tuple(self._array(array.name, array.dtype, array.size) for array in kept)

    def _arrays(self, stage: Stage) -> list[tuple[Member, int]]:
        """The arrays of a state, each with the number of its values, which may be none."""
        return [
            (member, values(member.shape, self.sound_path, stage))
            for member in c_stage(stage.kind).state
            if member.shape is not None and not member.view
        ]

    def _array(self, name: str, dtype: str, size: int) -> Declared:
        width = np.dtype(dtype).itemsize
        return Declared(Code(f"{dtype}_t {name}[{size}]"), size * width, width)

    def binds(self) -> tuple[Code, ...]:
        """The states pointed at their arrays."""
        return tuple(
            Code(
                f"    ctx->audio.{stage.kind}.{member.name} = {f'ctx->audio.{stage.kind}_{member.name}' if size else 'NULL'};"
            )
            for stage in self.sound_path.stages
            for member, size in self._arrays(stage)
        )

    def resets(self) -> tuple[Code, ...]:
        """The states back at the start of a stream."""
        return tuple(
            Code(
                f"    {c_function(stage, self.sound_path)}_reset(&audio_{stage.kind}_params, &ctx->audio.{stage.kind});"
            )
            for stage in self.sound_path.stages
            if c_stage(stage.kind).state
        )


def build_audio(graph: Graph, sound_path: SoundPath, arrays: Constants, entries: Names) -> AudioProgram:
    """The path around a graph.

    Raises `StapesError` where the graph does not fit the path, or the path not the fixed-point formats.
    """
    ends = network_ends(graph, sound_path)
    structs: list[Struct] = []
    for stage in sound_path.stages:
        made, packed = stage_params(stage, sound_path.transform), c_stage(stage.kind).packed
        _struct(f"audio_{stage.kind}_params", packed(made, arrays.target) if packed else made, arrays, structs)
    # One input and one output have these names, so that the C of a usual path stays as it was.
    named = [
        {end.tensor.name: only if len(side) == 1 else f"audio_{end.quantity.name}" for end in side}
        for only, side in ((_INPUT, ends.inputs), (_OUTPUT, ends.outputs))
    ]
    for names, side in zip(named, (ends.inputs, ends.outputs), strict=True):
        for end in side:
            _struct(names[end.tensor.name], end.scaling, arrays, structs)
    writer = _Writer(sound_path, entries)
    before = tuple(writer.call(stage) for stage in sound_path.before)
    outputs = tuple(writer.output(end, named[1][end.tensor.name]) for end in ends.outputs)
    return AudioProgram(
        sound_path=sound_path,
        structs=tuple(structs),
        inputs=tuple(writer.input(end, named[0][end.tensor.name]) for end in ends.inputs),
        outputs=outputs,
        members=writer.members(),
        kept=writer.kept(),
        binds=writer.binds(),
        resets=writer.resets(),
        before=before,
        after=tuple(writer.call(stage) for stage in sound_path.after),
        scratch_bytes=writer.memory.scratch_bytes,
        controls=build_controls(sound_path),
        setters=build_setters(sound_path),
    )
