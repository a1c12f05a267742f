"""A large network as several functions, so that its C reads as that of a small one: a block for each scope of the network.

A step stands where the names of its tensors put it: `P1/inter/fc` is the path P1, inter, fc. What fits one function is
one; of more, each scope is a function, and so on within a scope that is still too long. Where names say nothing, the
steps are cut evenly.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from ...quantize.graph import Graph, Operator, Region

# Of a function, from its comment to its last brace: a screen.
MOST_LINES = 50
# A step of so many lines is no block by itself.
_SHORT = 6
Path = tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """A step as it is printed, by its place in the network: so many lines, and the pointers that they need."""

    path: Path
    lines: int
    pointers: frozenset[str]


@dataclass(frozen=True)
class Block:
    """A function: the parts `first` to `end` - 1, itself or by calling `blocks`, which hold all of them in order."""

    path: Path
    first: int
    end: int
    blocks: tuple[Block, ...] = ()


def path_of(name: str) -> Path:
    """The scopes in a name of ONNX, outermost first.

    >>> path_of("/encoder/en_convs.0/conv/Conv_output_0"), path_of("mask")
    (('encoder', 'en_convs.0', 'conv', 'Conv_output_0'), ('mask',))
    """
    return tuple(scope for scope in name.split("/") if scope)


def length(parts: Sequence[Part], frame: int) -> int:
    """The lines of one function for these parts; `frame` are its comment, its signature and its braces."""
    pointers = frozenset().union(*(part.pointers for part in parts))
    return frame + sum(part.lines for part in parts) + len(pointers)


def plan_blocks(parts: Sequence[Part], frame: int, most: int = MOST_LINES) -> Block:
    """The functions of a network, the one that runs all of it at the top.

    >>> plan_blocks([Part(("a", "x"), 2, frozenset()), Part(("b", "x"), 2, frozenset())], 2, most=6)
    Block(path=(), first=0, end=2, blocks=())
    >>> long = [Part((name, step), 2, frozenset()) for name in "ab" for step in "xy"]
    >>> [(block.path, block.first, block.end) for block in plan_blocks(long, 2, most=6).blocks]
    [(('a',), 0, 2), (('b',), 2, 4)]
    """

    def fits(first: int, end: int) -> bool:
        return length(parts[first:end], frame) <= most

    def block(path: Path, first: int, end: int, depth: int, top: bool) -> Block:
        if fits(first, end) or end - first == 1:
            return Block(path, first, end)
        runs = _runs(parts, first, end, depth)
        while len(runs) == 1 and any(len(part.path) > depth + 1 for part in parts[first:end]):
            depth += 1
            runs = _runs(parts, first, end, depth)
        if len(runs) == 1:
            runs, top = [(at, at + 1) for at in range(first, end)], False
        groups = _with_short_steps(parts, runs) if top else _fewest(runs, fits)
        if len(groups) == 1:
            groups = _fewest([(at, at + 1) for at in range(first, end)], fits)
        named = [(_name(parts, group, depth), group) for group in groups]
        return Block(path, first, end, _in_calls(tuple(block(p, *g, depth + 1, False) for p, g in named), path, most))

    return block((), 0, len(parts), 0, True)


def _runs(parts: Sequence[Part], first: int, end: int, depth: int) -> list[tuple[int, int]]:
    """Neighbours in one scope; what stands in none at this depth goes with those before it."""
    runs: list[tuple[int, int]] = []
    scope = None
    for at in range(first, end):
        here = parts[at].path[depth] if len(parts[at].path) > depth else None
        if runs and (here is None or here == scope):
            runs[-1] = (runs[-1][0], at + 1)
        else:
            runs.append((at, at + 1))
            scope = here
    return runs


def _with_short_steps(parts: Sequence[Part], runs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The runs; one of a single short step goes with those before it, the first with those behind it."""

    def short(first: int, end: int) -> bool:
        return end - first == 1 and parts[first].lines <= _SHORT

    groups: list[tuple[int, int]] = []
    for first, end in runs:
        if groups and (short(first, end) or (len(groups) == 1 and short(*groups[0]))):
            groups[-1] = (groups[-1][0], end)
        else:
            groups.append((first, end))
    return groups


def _fewest(runs: Sequence[tuple[int, int]], fits: Callable[[int, int], bool]) -> list[tuple[int, int]]:
    """Runs joined to as few as fit a function, of lengths as even as can be; one that does not fit stays alone."""
    best: list[tuple[int, int, list[tuple[int, int]]]] = [(0, 0, [])]
    for last in range(1, len(runs) + 1):
        options = []
        for start in reversed(range(last)):
            group = (runs[start][0], runs[last - 1][1])
            if start < last - 1 and not fits(*group):
                break
            count, squares, groups = best[start]
            options.append((count + 1, squares + (group[1] - group[0]) ** 2, [*groups, group]))
        best.append(min(options, key=lambda option: option[:2]))
    return best[-1][2]


def _name(parts: Sequence[Part], group: tuple[int, int], depth: int) -> Path:
    """The path down to the scope that most steps of a group are in, the last of several."""
    paths = [part.path[: depth + 1] for part in parts[group[0] : group[1]]]
    return max(reversed(paths), key=paths.count)


def _in_calls(blocks: tuple[Block, ...], path: Path, most: int) -> tuple[Block, ...]:
    """The blocks, or functions that call some of them where there are more than a function holds."""
    room = most // 2
    if len(blocks) <= room:
        return blocks
    size = math.ceil(len(blocks) / math.ceil(len(blocks) / room))
    chunks = [blocks[at : at + size] for at in range(0, len(blocks), size)]
    joined = tuple(Block((*path, f"part {i}"), chunk[0].first, chunk[-1].end, chunk) for i, chunk in enumerate(chunks))
    return _in_calls(joined, path, most)


def with_placed_regions(graph: Graph) -> Graph:
    """The graph with its regions named by their place in the network (`E2/gru` for `gru0`) where the names beside them tell it.

    The tensors keep their names.
    """
    places: dict[str, Path] = {}
    for region in graph.regions:
        places[region.name] = _place(graph, region, places)
    names: dict[str, str] = {}
    for region in graph.regions:
        stem = "/".join(places[region.name]) or region.name
        taken = {*names.values(), *(other.name for other in graph.regions if other is not region)}
        numbered = (f"{stem} {number}" for number in itertools.count(2))
        names[region.name] = next(name for name in itertools.chain([stem], numbered) if name not in taken)
    return replace(
        graph,
        operators=tuple(op if op.region is None else replace(op, region=names[op.region]) for op in graph.operators),
        regions=tuple(replace(region, name=names[region.name]) for region in graph.regions),
    )


def _place(graph: Graph, region: Region, places: dict[str, Path]) -> Path:
    """The path of a region: told by what its result is called, else what its neighbours have in common; () if nothing does."""
    operators = graph.in_region(region.name)
    made = {name for op in operators for name in op.outputs}
    readers = [op for op in graph.operators if op.region != region.name and made & set(op.inputs)]
    for op in readers:
        if op.kind == "RESHAPE" and op.region is None and op.name.startswith(f"{region.name}/"):
            return path_of(op.name.removeprefix(f"{region.name}/"))
    read = [name for op in operators for name in op.inputs if name and name not in made]
    sources = [op for op in graph.operators if set(op.outputs) & set(read)]
    before = _known(sources, places)
    after = _known(readers, places) or _known(_behind(graph, readers), places)
    common = tuple(a for a, b in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(before, after, strict=False)))
    inside = common or (after or before)[: 1 if len(after or before) > 1 else 0]
    return (*inside, region.kind) if inside else ()


def _known(operators: Iterable[Operator], places: dict[str, Path]) -> Path:
    """The path of the first operator that has one."""
    for op in operators:
        path = path_of(op.name) if op.region is None else places.get(op.region, ())
        if path:
            return path
    return ()


def _behind(graph: Graph, operators: Sequence[Operator]) -> list[Operator]:
    """What reads the results of the regions of these operators."""
    regions = {op.region for op in operators if op.region is not None}
    made = {name for op in graph.operators if op.region in regions for name in op.outputs}
    return [op for op in graph.operators if op.region not in regions and made & set(op.inputs)]
