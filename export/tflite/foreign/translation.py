"""A file of any maker as an integer graph: its formats as they are, its operators as TFLite Micro computes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from ....models.errors import StapesError
from ....quantize.graph import Graph, Tensor
from ....quantize.operators import OPERATORS
from ....quantize.proof import examine
from ....quantize.soundness import require_sound, weights_fault
from .building import Building, RefusedError, same_format, told_format
from .file import FileOperator, ForeignFile, read_file
from .forms import FORMS, MOVES, as_it_stands
from .states import Taken
from .variables import KINDS, Variables

_FLOAT = "a float .tflite, nothing in it is quantised; give the ONNX file or the checkpoint that it was made of: stapes quantises that itself"
_UINT8 = "a .tflite in uint8, as TensorFlow 1 made them, and TFLite Micro computes few operators so; convert the float network again, to int8"
_HYBRID = "computes in float32 with weights of int8 (dynamic range, hybrid); convert the model with a representative data set, so that activations are integers too"
_UNKNOWN = "is not in the table of operators"
# A list of faults beyond this says nothing more.
_SHOWN = 40


def translate(data: bytes) -> Taken:
    """The integer graph of a .tflite that stapes did not write: its inputs and outputs as in the file, states of its variables.

    Raises StapesError: damaged; float; operators that are not in the table or that TFLite Micro would not run, all in one error.
    """
    file = read_file(data)
    tensors = [tensor for graph in file.graphs for tensor in graph.tensors]
    if not any(t.dtype in ("int8", "int16") for t in tensors):
        raise StapesError(_UINT8 if any(t.dtype == "uint8" and t.scale is not None for t in tensors) else _FLOAT)
    return _Translation(file).taken()


class _Translation:
    """One file that becomes a graph."""

    def __init__(self, file: ForeignFile) -> None:
        self._file, self._main = file, file.graphs[0]
        self._makers = {place: op for op in self._main.operators for place in op.outputs}
        self._readers: dict[int, list[FileOperator]] = {}
        for op in self._main.operators:
            for place in dict.fromkeys(op.inputs):
                self._readers.setdefault(place, []).append(op)
        self._b = Building(self._main, self._preferred())
        self._variables = Variables(self._b, file, self._carried)

    def taken(self) -> Taken:
        b = self._b
        inputs = [name for place in self._main.inputs if (name := self._input(place)) is not None]
        if len(set(self._main.inputs)) != len(self._main.inputs):
            b.faults.append("an input is named twice")
        for op in self._needed():
            b.node = b.label(op)
            self._tried(partial(self._take, op))
        b.node = "its variables"
        self._tried(self._variables.finish)
        outputs = [name for place in self._main.outputs if (name := self._output(place)) is not None]
        if b.faults:
            raise _refusal(b.faults)
        graph = _examined(b, _apart(b, inputs, outputs))
        floats = [self._main.tensors[place].is_float for place in (*self._main.inputs, *self._main.outputs)]
        ends = zip((*graph.inputs, *graph.outputs), floats, strict=True)
        return Taken(graph, frozenset(name for name, is_float in ends if is_float))

    def _tried(self, work: Callable[[], None]) -> None:
        """Do something, or note why not."""
        try:
            work()
        except RefusedError as error:
            self._b.faults.append(f"{self._b.node}: {error}")

    def _preferred(self) -> dict[int, str]:
        """What tensors of the graph are called: the ends as a signature calls them, or the file."""
        names = {place: tensor.name or f"tensor_{place}" for place, tensor in enumerate(self._main.tensors)}
        for place in (*self._main.inputs, *self._main.outputs):
            names[place] = self._file.ends.get(place, names[place])
        for place in self._main.outputs:
            # The float of an end is the integer behind it.
            maker = self._makers.get(place)
            if maker is not None and maker.kind == "DEQUANTIZE" and maker.inputs and maker.inputs[0] >= 0:
                names[maker.inputs[0]] = names[place]
        return names

    def _needed(self) -> list[FileOperator]:
        """The operators that decide an output or a variable, in the file's order."""
        wanted, kept = set(self._main.outputs), []
        for op in reversed(self._main.operators):
            if op.kind in ("ASSIGN_VARIABLE", "CALL_ONCE") or wanted & set(op.outputs):
                kept.append(op)
                # What computes the shape of a RESHAPE is not asked.
                wanted.update(op.inputs[:1] if op.kind == "RESHAPE" else op.inputs)
        return kept[::-1]

    def _input(self, place: int) -> str | None:
        b, made = self._b, self._main.tensors[place]
        b.node = f"input {b.called(place)!r}"
        try:
            given = self._carried(place) if made.is_float else b.format_of(place)
            name = b.called(place)
            b.names[place] = b.take(Tensor(name, made.shape, given.dtype, given.scale, given.zero_point))
        except RefusedError as error:
            b.faults.append(f"{b.node}: {error}")
            self._assume((place,))
            return None
        return b.names[place]

    def _output(self, place: int) -> str | None:
        b, made = self._b, self._main.tensors[place]
        name = b.names.get(place)
        if not name and not b.faults:
            b.faults.append(f"output {made.name!r}: no operator makes it")
        return name

    def _carried(self, place: int) -> Tensor:
        """The integer format that a float tensor carries: that of the QUANTIZE that reads it, through operators that move values."""
        found: list[Tensor] = []
        waiting, seen = [place], {place}
        while waiting:
            for op in self._readers.get(waiting.pop(), []):
                if op.kind == "QUANTIZE" and op.outputs:
                    found.append(self._b.format_of(op.outputs[0]))
                elif op.kind in MOVES:
                    waiting += [out for out in op.outputs if out not in seen]
                    seen.update(op.outputs)
        if not found:
            raise RefusedError(f"is {self._main.tensors[place].dtype}, and no QUANTIZE reads it")
        if any(not same_format(found[0], other) for other in found[1:]):
            told = " and ".join(dict.fromkeys(map(told_format, found)))
            raise RefusedError(
                f"is quantised in different formats ({told}); convert the model with integer inputs and outputs"
            )
        return found[0]

    def _take(self, op: FileOperator) -> None:
        if op.kind not in OPERATORS and op.kind not in FORMS and op.kind not in KINDS and op.kind != "DEQUANTIZE":
            self._assume(op.outputs)
            raise RefusedError(_UNKNOWN)
        if op.options is None:
            self._assume(op.outputs)
            raise RefusedError("has the options of another operator")
        if not op.outputs and op.kind not in ("ASSIGN_VARIABLE", "CALL_ONCE"):
            raise RefusedError("makes nothing")
        if not op.inputs and op.kind not in ("VAR_HANDLE", "CALL_ONCE"):
            raise RefusedError("reads nothing")
        if any(place in self._b.names for place in op.outputs):
            raise RefusedError("makes what is there already")
        try:
            self._translate(op)
        except RefusedError:
            self._assume(op.outputs)
            raise
        except (LookupError, ValueError, TypeError, ArithmeticError):  # of operands that no check foresaw
            self._assume(op.outputs)
            raise RefusedError("its operands or options do not fit one another") from None

    def _translate(self, op: FileOperator) -> None:
        if op.kind in KINDS:
            self._variables.take(op)
        elif op.kind == "DEQUANTIZE":
            self._as_float(op)
        elif op.kind == "QUANTIZE" and self._main.tensors[op.inputs[0]].is_float:
            self._from_float(op)
        else:
            self._require_integers(op)
            FORMS.get(op.kind, as_it_stands)(self._b, op)

    def _as_float(self, op: FileOperator) -> None:
        """Integers go on as float, the same in value."""
        x = self._b.tensor(op.inputs[0])
        if x.data is not None:
            raise RefusedError(f"makes float32 of the constant {x.name!r}: {_HYBRID}")
        self._b.names[op.outputs[0]] = x.name

    def _from_float(self, op: FileOperator) -> None:
        """What was an integer becomes one again: the same one, where the formats agree."""
        x, y = self._b.tensor(op.inputs[0]), self._b.format_of(op.outputs[0])
        if not same_format(x, y):
            raise RefusedError(
                f"goes from {told_format(x)} to {told_format(y)} through float32; convert the model with integer inputs, "
                "outputs and variables"
            )
        self._b.names[op.outputs[0]] = x.name

    def _require_integers(self, op: FileOperator) -> None:
        tensors = [self._main.tensors[place] for place in (*op.inputs, *op.outputs) if place >= 0]
        if not any(tensor.is_float for tensor in tensors) or op.kind in MOVES:
            return
        hybrid = any(tensor.is_constant and not tensor.is_float and tensor.scale is not None for tensor in tensors)
        raise RefusedError(_HYBRID if hybrid else "computes in float32; convert the model for integers alone")

    def _assume(self, places: Sequence[int]) -> None:
        """Tensors that are refused, or made by what is refused, so that the operators behind them are judged by themselves."""
        for place in places:
            if place not in self._b.names:
                made = self._main.tensors[place]
                self._b.names[place] = self._b.take(Tensor(made.name, made.shape, made.dtype, made.scale))


def _apart(b: Building, inputs: Sequence[str], outputs: Sequence[str]) -> Graph:
    """The graph whose outputs and new states are tensors that operators make, each of its own: others are copied."""
    made = {name for op in b.operators for name in op.outputs}
    taken: set[str] = set()
    b.node = "an output"

    def own(name: str) -> str:
        if name in taken or name not in made:
            name = b.reshape(name, b.like(b.tensors[name], f"{name}_out", b.tensors[name].shape))
        taken.add(name)
        return name

    ends = [own(name) for name in outputs]
    b.states = [replace(state, output=own(state.output)) for state in b.states]
    return b.graph(inputs, ends)


def _examined(b: Building, graph: Graph) -> Graph:
    """The graph itself, once every engine would run it; raises StapesError with all that none would."""
    _, faults = examine(graph)
    told = [f"{b.nodes.get(fault.operator.name, fault.operator.name)}: {fault.reason}" for fault in faults]
    for op in graph.operators:
        if reason := weights_fault(graph, op):
            told.append(f"{b.nodes.get(op.name, op.name)}: {reason}")
    if told:
        raise _refusal(told)
    require_sound(graph)
    return graph


def _refusal(faults: Sequence[str]) -> StapesError:
    told = list(dict.fromkeys(faults))
    more = f"; and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
    known = ""
    if any(fault.endswith(_UNKNOWN) for fault in told):
        known = f". Operators that are read: {', '.join(sorted({*OPERATORS, *FORMS, *KINDS, 'DEQUANTIZE'}))}"
    return StapesError(f"cannot be taken: {'; '.join(told[:_SHOWN])}{more}{known}")
