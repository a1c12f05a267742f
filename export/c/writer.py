"""What calls of the runtime refer to, collected while they are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ...quantize.graph import DTYPES, Graph, Operator, Tensor
from ..template import Code
from .audio import Struct
from .constants import Constants
from .fields import Fields, broadcast_fields
from .kernels import Kernel
from .shapes import Loop
from .text import Names, initialiser, listed


@dataclass
class Writer:
    """Collects what calls refer to: constant structs, constant arrays, and the C expression of every tensor; and the
    kernels by which operators are multiplied. `joined` are the histories that lie with their newest frame."""

    graph: Graph
    names: Names
    arrays: Constants
    expressions: Mapping[str, str]
    joined: frozenset[str] = frozenset()
    structs: dict[str, Struct] = field(default_factory=dict)
    functions: set[str] = field(default_factory=set)
    kernels: dict[str, Kernel] = field(default_factory=dict)

    def at(self, name: str) -> str:
        """The C expression of a tensor; constants become arrays when they are first asked for."""
        tensor = self.graph.tensors[name]
        if tensor.is_constant:
            return self.arrays.add(name, np.asarray(tensor.data, DTYPES[tensor.dtype]))
        return self.expressions[name]

    def struct(self, kind: str, label: str, fields: Fields, suffix: str = "_params") -> str:
        """A reference to a new constant struct `stapes_<kind>`."""
        name = self.names.take(label, suffix)
        self.structs[name] = Struct(f"stapes_{kind}", name, initialiser(fields))
        return f"&{name}"

    def over(self, walk: Loop) -> str:
        """A reference to the walk of an elementwise operator, named after its extents; equal ones are stored once."""
        extents = [n for n in walk.extent if n != 1] or [1]
        label = "over_" + "x".join(str(n) for n in extents)
        fields = broadcast_fields(walk)
        text = initialiser(fields)
        for struct in self.structs.values():
            if struct.type == "stapes_broadcast" and struct.text == text:
                return f"&{struct.name}"
        return self.struct("broadcast", label, fields, "" if walk.steps[0] == walk.steps[1] else "_broadcast")

    def call(self, function: str, *arguments: str) -> Code:
        """The statement, and a note that its function is needed."""
        self.functions.add(function)
        return listed(f"    {function}", arguments, ";")

    def tensors(self, op: Operator) -> tuple[Tensor, Tensor]:
        """First operand and first result."""
        return self.graph.tensors[op.inputs[0]], self.graph.tensors[op.outputs[0]]
