"""VAR_HANDLE, READ_VARIABLE, ASSIGN_VARIABLE and CALL_ONCE: a resource variable is a state of the graph.

What is read before it is assigned is what the frame before left; what is read behind that is the new value. CALL_ONCE gives first values,
which must be real zeros: a device begins there, and comes back there.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ....quantize.graph import DTYPES, State, Tensor
from .building import Building, RefusedError, same_format, told_format
from .file import FileGraph, FileOperator, ForeignFile

KINDS = ("VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "CALL_ONCE")
_Key = tuple[str, str]


def _keys(graph: FileGraph) -> dict[int, _Key]:
    """Place of a handle -> container and name of its variable."""
    return {
        op.outputs[0]: (
            str((op.options or {}).get("container") or ""),
            str((op.options or {}).get("shared_name") or ""),
        )
        for op in graph.operators
        if op.kind == "VAR_HANDLE" and op.outputs
    }


class Variables:
    """The variables of a file while its operators are read in order.

    `float_format`: the integer format that a float tensor of the file carries.
    """

    def __init__(self, b: Building, file: ForeignFile, float_format: Callable[[int], Tensor]) -> None:
        self._b, self._file, self._float_format = b, file, float_format
        self._handles = _keys(b.file)
        self._assigned = {
            self._handles.get(op.inputs[0])
            for op in b.file.operators
            if op.kind == "ASSIGN_VARIABLE" and len(op.inputs) == 2
        }
        self._now: dict[_Key, str] = {}
        self._states: dict[_Key, str] = {}
        self._nodes: dict[_Key, str] = {}

    def take(self, op: FileOperator) -> None:
        """One of KINDS; raises RefusedError."""
        if op.kind == "CALL_ONCE":
            self._first_values(op)
        elif op.kind == "READ_VARIABLE":
            self._read(op)
        elif op.kind == "ASSIGN_VARIABLE":
            key = self._key(op, 2)
            self._now[key] = self._b.tensor(op.inputs[1]).name
            self._nodes[key] = self._b.node

    def finish(self) -> None:
        """Make states of what was read; raises RefusedError for one that changes its format."""
        for key, name in self._states.items():
            before, after = self._b.tensors[name], self._b.tensors[self._now[key]]
            if not same_format(before, after) or before.shape != after.shape:
                raise RefusedError(
                    f"variable {key[1]!r} is read as {told_format(before)} of shape {before.shape} and assigned as "
                    f"{told_format(after)} of shape {after.shape}; convert the model with quantised variables of one format"
                )
            self._b.states.append(State(name, after.name))

    def _key(self, op: FileOperator, inputs: int) -> _Key:
        key = self._handles.get(op.inputs[0]) if len(op.inputs) == inputs else None
        if key is None:
            raise RefusedError("names no VAR_HANDLE")
        return key

    def _read(self, op: FileOperator) -> None:
        key, place = self._key(op, 1), op.outputs[0]
        made = self._b.file.tensors[place]
        if key not in self._now:
            given = self._float_format(place) if made.is_float else self._b.format_of(place)
            state = Tensor(key[1] or made.name, made.shape, given.dtype, given.scale, given.zero_point)
            if key not in self._assigned:
                zeros = np.full(made.shape, given.zero_point, DTYPES[given.dtype])
                state = Tensor(state.name, state.shape, state.dtype, state.scale, state.zero_point, data=zeros)
            self._now[key] = self._b.take(state)
            if key in self._assigned:
                self._states[key] = self._now[key]
        now = self._b.tensors[self._now[key]]
        if not made.is_float and not same_format(now, self._b.format_of(place)):
            raise RefusedError(
                f"reads {key[1]!r} as {told_format(self._b.format_of(place))}, where it is {told_format(now)}"
            )
        if now.shape != made.shape:
            raise RefusedError(f"reads {key[1]!r} as {made.shape}, where it is {now.shape}")
        self._b.names[place] = now.name

    def _first_values(self, op: FileOperator) -> None:
        """The subgraph that CALL_ONCE runs: constants into variables, all of them zeros."""
        place = int((op.options or {}).get("init_subgraph_index", -1))
        if not 0 < place < len(self._file.graphs):
            raise RefusedError(f"runs subgraph {place}, which is not there")
        graph = self._file.graphs[place]
        for first in graph.operators:
            if first.kind not in ("VAR_HANDLE", "ASSIGN_VARIABLE"):
                raise RefusedError(f"runs {first.kind} at the start; only constants are assigned")
            if first.kind == "ASSIGN_VARIABLE" and len(first.inputs) == 2 and first.inputs[1] >= 0:
                self._require_zeros(graph, first.inputs[1])

    def _require_zeros(self, graph: FileGraph, place: int) -> None:
        value = graph.tensors[place]
        zero = next(iter(value.zero_points), 0)
        if value.is_float and value.is_constant:
            data = value.data
        elif value.is_constant and value.data is not None and len(value.zero_points) <= 1:
            data = value.data - np.int64(zero)
        else:
            raise RefusedError(f"the first value {value.name!r} is no constant of integers or float32")
        if data is None or np.any(data != 0):
            raise RefusedError(f"the first value {value.name!r} is not zero; a state begins at zero")
