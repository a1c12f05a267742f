"""The functions that run a frame through the network: one for a small network, one a block for a large one (`blocks`).

Pointers into the arena are declared in front of the first step of a function that needs them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ..template import Code, in_c
from .blocks import Block, Part, Path, plan_blocks
from .text import WIDTH, Names, code, listed
from .variables import Variable

# A comment, the signature, two braces.
_FRAME = 4
# Of a step that is longer, as SPLIT into many parts, the calls may go into several functions.
_LONGEST_STEP = 20
# A name in C that is no member.
_NAME = re.compile(r"(?<![\w>.])[A-Za-z_]\w*")


@dataclass(frozen=True)
class Pointer:
    """A variable of the arena as a function declares it; `const` where it only reads."""

    variable: Variable
    const: bool

    def declaration(self, arena: str) -> Code:
        """Its line in C, with a few words on what it holds, which stand above it where the line is too long."""
        kind = f"{'const ' if self.const else ''}{self.variable.type}"
        name = code(f"{kind} *const {self.variable.name}")
        place = f"({code(kind)} *)&{code(arena)}[{self.variable.offset // 4}];"
        about = f"/* {in_c(self.variable.about)} */"
        line = f"    {name} = {place} {about}"
        return Code(line if len(line) <= WIDTH else f"    {about}\n    {name} = {place}")


@dataclass(frozen=True)
class Paragraph:
    """The calls of one step and its traced tensors (identifier, expression), behind the pointers that they are first to need.

    `heading` opens a region; it is empty after the end of one, and None in between. `path` is the step's place in the
    network, `writes` the variables that it changes.
    """

    heading: str | None
    lines: tuple[Code, ...]
    traces: tuple[tuple[str, Code], ...] = ()
    path: Path = ()
    writes: frozenset[str] = frozenset()
    pointers: tuple[Pointer, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names in the calls."""
        return _names(self.lines)


@dataclass(frozen=True)
class Function:
    """Paragraphs as a function of C. `unused` are the parameters that only tracing reads, or nothing at all."""

    about: str
    signature: Code
    unused: tuple[str, ...]
    paragraphs: tuple[Paragraph, ...]


def network_functions(
    memory: str,
    paragraphs: Sequence[Paragraph],
    ports: Sequence[Variable],
    arena: Sequence[Variable],
    names: Names,
) -> tuple[Function, ...]:
    """The functions of a frame in the order in which C needs them; the last one, `run_network`, is all of it.

    `memory` is the struct with the states, `ports` are the inputs and outputs of the network, `arena` the variables there, `names` those that the file has already.
    """
    pieces = [piece for paragraph in paragraphs for piece in _pieces(paragraph)]
    writer = _Functions(memory, pieces, ports, arena, names)
    writer.add(plan_blocks([writer.part(piece) for piece in pieces], _FRAME), "run_network")
    return tuple(writer.made)


def _names(lines: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for line in lines for name in _NAME.findall(line)))


def _pieces(paragraph: Paragraph) -> list[Paragraph]:
    """The paragraph, or a very long one cut into several."""
    total = max(len(paragraph.lines), len(paragraph.traces))
    if total <= _LONGEST_STEP:
        return [paragraph]
    cuts = range(0, total, _LONGEST_STEP)
    calls = [paragraph.lines[at : at + _LONGEST_STEP] for at in cuts if at < len(paragraph.lines)]
    traces = [paragraph.traces[at : at + _LONGEST_STEP] for at in cuts if at < len(paragraph.traces)]
    pieces = [replace(paragraph, heading=None, lines=lines, traces=()) for lines in calls]
    pieces += [replace(paragraph, heading=None, lines=(), traces=some) for some in traces]
    return [replace(pieces[0], heading=paragraph.heading), *pieces[1:]]


class _Functions:
    """Makes functions of blocks, those that are called before those that call."""

    def __init__(
        self,
        memory: str,
        paragraphs: Sequence[Paragraph],
        ports: Sequence[Variable],
        arena: Sequence[Variable],
        names: Names,
    ) -> None:
        self.context = f"{memory} *ctx"
        self.paragraphs, self.names = paragraphs, names
        self.ports = {variable.name: variable for variable in ports}
        self.arena = {variable.name: variable for variable in arena}
        self.made: list[Function] = []

    def part(self, paragraph: Paragraph) -> Part:
        """A paragraph as a plan of functions sees it."""
        lines = sum(line.count("\n") + 1 for line in paragraph.lines) + len(paragraph.traces)
        heading = 0 if paragraph.heading is None else 2 if paragraph.heading else 1
        return Part(paragraph.path, lines + heading, frozenset(name for name in paragraph.names if name in self.arena))

    def add(self, block: Block, name: str) -> None:
        """Append the function of a block, behind those that it calls."""
        whole = name == "run_network"
        if block.blocks:
            about = "One frame through the network, block by block."
            paragraphs: tuple[Paragraph, ...] = (Paragraph(None, tuple(self._calls(block.blocks))),)
        else:
            about = "One frame through the network, layer by layer."
            paragraphs = self._with_pointers(self._inside(block))
        ports = list(self.ports) if whole else self._ports(block)
        signature, unused = self._signature(name, block, ports), _unused(paragraphs, ports)
        self.made.append(Function(about if whole else self._about(block), signature, unused, paragraphs))

    def _calls(self, blocks: Sequence[Block]) -> list[Code]:
        lines = []
        for block in blocks:
            idle = not any(paragraph.lines for paragraph in self._inside(block))
            name = self.names.take(f"{'trace' if idle else 'run'}_{'/'.join(block.path)}")
            self.add(block, name)
            call = listed(f"    {name}", ["ctx", *self._ports(block)], ";")
            flow = f"{call} /* {self._flow(block)} */"
            lines.append(Code(flow) if len(flow) <= WIDTH and not idle else call)
        return lines

    def _inside(self, block: Block) -> Sequence[Paragraph]:
        return self.paragraphs[block.first : block.end]

    def _written(self, block: Block) -> set[str]:
        return {name for paragraph in self._inside(block) for name in paragraph.writes}

    def _ports(self, block: Block) -> list[str]:
        """The memory of the caller that a block touches or traces."""
        inside = self._inside(block)
        seen = set(_names(text for p in inside for text in (*p.lines, *(expression for _, expression in p.traces))))
        return [name for name in self.ports if name in seen]

    def _signature(self, name: str, block: Block, ports: Sequence[str]) -> Code:
        written = self._written(block)
        plain = [f"{'' if p in written else 'const '}{self.ports[p].type} *{p}" for p in ports]
        return listed(f"static void {name}", [self.context, *plain], "")

    def _about(self, block: Block) -> str:
        return f"{'/'.join(block.path)}: {self._flow(block)}"

    def _flow(self, block: Block) -> str:
        """What a block reads of others, and what it makes for others."""
        written = self._written(block)
        used = dict.fromkeys(name for p in self._inside(block) for name in p.names if name in self.arena | self.ports)
        later = {*self.ports, *(name for p in self.paragraphs[block.end :] for name in p.names)}
        reads = [name for name in used if name not in written]
        makes = [name for name in used if name in written and name in later]
        return f"{', '.join(reads) or 'states'} -> {', '.join(makes) or 'states'}"

    def _with_pointers(self, paragraphs: Sequence[Paragraph]) -> tuple[Paragraph, ...]:
        written = {name for paragraph in paragraphs for name in paragraph.writes}
        known: set[str] = set()
        found = []
        for paragraph in paragraphs:
            needed = [name for name in paragraph.names if name in self.arena and name not in known]
            known.update(needed)
            pointers = tuple(Pointer(self.arena[name], name not in written) for name in needed)
            found.append(replace(paragraph, pointers=pointers))
        return tuple(found)


def _unused(paragraphs: Sequence[Paragraph], ports: Sequence[str]) -> tuple[str, ...]:
    seen = {name for paragraph in paragraphs for name in paragraph.names}
    if any(paragraph.pointers for paragraph in paragraphs):
        seen.add("ctx")
    return tuple(name for name in ("ctx", *ports) if name not in seen)
