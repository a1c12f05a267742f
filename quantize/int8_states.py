"""A GRU cell of int8 makes its state from two products: a state that moves slowly stays where it is.

The composition of lowering, h' = n + z * (h - n), is exact in int16. In int8 the difference reaches +-2, so its steps are
twice those of the state, and what rounds there moves every state that should hold still, always to the same side. Here

    zn = z * n      fresh = n - zn      zh = z * h      h' = fresh + zh

have the steps of the state; a sum and a difference of equal formats are exact, so that two roundings of half the size remain.
"""

from __future__ import annotations

from dataclasses import replace

from .graph import Graph, Operator, Region
from .regions.compositions import GRU_CELLS

# What takes the place of `d`, `zd` and `h_out`: role, kind, roles of the operands.
ENDING = tuple((role, *GRU_CELLS["int8"][role]) for role in ("zn", "fresh", "zh", "h_out"))
_REPLACED = ("d", "zd", "h_out")


def with_int8_states(graph: Graph) -> Graph:
    """Every GRU cell of int8 with the ending above; all other cells as they are."""
    for region in graph.regions:
        if region.kind in ("gru", "gru_sequence"):
            for role in [role for role in region.roles if role.rpartition("/")[2] == "zd"]:
                if graph.tensors[region.roles[role]].dtype == "int8":
                    graph = _renewed(graph, graph.region(region.name), role.removesuffix("zd"))
    return graph


def _renewed(graph: Graph, region: Region, step: str) -> Graph:
    """The cell whose roles begin with `step` with its new ending."""
    names = {role: region.roles[step + role] for role in ("n", "z", *_REPLACED)}
    old = {role: _maker(graph, names[role]) for role in _REPLACED}
    names["h"] = old["d"].inputs[0]
    state, stem = graph.tensors[names["h_out"]], names["zd"].removesuffix("zd")
    tensors = {name: tensor for name, tensor in graph.tensors.items() if name not in (names["d"], names["zd"])}
    made = []
    for role, kind, operands in ENDING:
        output = names.setdefault(role, f"{stem}{role}")
        tensors[output] = replace(state, name=output)
        inputs = tuple(names[operand] for operand in operands)
        options = old["h_out"].options if kind in ("ADD", "SUB") else old["zd"].options
        made.append(Operator(kind, output, inputs, (output,), options, region.name))
    place = graph.operators.index(old["h_out"])
    before = [op for op in graph.operators[:place] if op is not old["d"] and op is not old["zd"]]
    roles = {role: name for role, name in region.roles.items() if role not in (f"{step}d", f"{step}zd")}
    roles |= {step + role: names[role] for role, _, _ in ENDING}
    return replace(
        graph,
        tensors=tensors,
        operators=(*before, *made, *graph.operators[place + 1 :]),
        regions=tuple(replace(region, roles=roles) if other is region else other for other in graph.regions),
    )


def _maker(graph: Graph, name: str) -> Operator:
    return next(op for op in graph.operators if name in op.outputs)
