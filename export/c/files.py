"""The files of a program as text: templates filled in, runtime files copied."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..stamp import Stamp
from ..template import Code, Templates
from ..vectors import Vectors
from .audio import Port
from .costs import ears_bytes, ram_by_part
from .program import Program, Traced, memory_type
from .runtime import FOLDER, exported_headers, exported_path, runtime_files, runtime_text
from .self_test import FUNCTIONS, replays, self_test
from .text import code, condition, listed
from .variables import Variable

TEMPLATES = Templates(Path(__file__).parent / "templates")
WARNINGS = Code(
    "-Wall -Wextra -Wconversion -Wsign-conversion -Wshadow -Wdouble-promotion -Wundef -Wcast-align -Wstrict-prototypes"
)


def _parameter(variable: Variable, name: str, const: bool) -> str:
    return f"{'const ' if const else ''}{variable.type} {variable.name}[{name.upper()}_{variable.macro}_SIZE]"


def _signatures(program: Program) -> dict[str, Code]:
    name = program.name
    context = f"{name}_context *ctx"
    hop = f"{name.upper()}_HOP"
    public = [_parameter(v, name, True) for v in program.inputs] + [_parameter(v, name, False) for v in program.outputs]
    audio = [context, f"const int16_t in[{hop}]", f"int16_t out[{hop}]"]
    ears = [f"{name}_ears *ears", *(f"const int16_t {side}_in[{hop}]" for side in ("left", "right"))]
    ears += [f"int16_t {side}_out[{hop}]" for side in ("left", "right")]
    signatures = {"network": [context, *public], "process": audio, "process_ears": ears}
    made = {
        f"{function}{what}": listed(f"stapes_status {name}_{function}", parameters, tail)
        for function, parameters in signatures.items()
        for what, tail in (("", ""), ("_declaration", ";"))
    }
    return made | {"hop": listed("static void run_hop", [f"{name}_ear *ctx", *audio[1:]], "")}


def _calls(program: Program) -> dict[str, Any]:
    """Statements of the functions that the caller sees."""
    ports = [port.name for port in (*program.inputs, *program.outputs)]
    calls: dict[str, Any] = {
        "any_null": condition("{0} == NULL", ports),
        "any_misaligned": condition("misaligned({0}, sizeof *{0})", ports),
        "run_on_ports": listed("    run_network", ["ctx" if program.audio is None else "&ctx->ear", *ports], ";"),
    }
    if program.audio is None:
        return calls
    members = {port.tensor: f"ctx->scratch->{port.name}" for port in (*program.inputs, *program.outputs)}

    def crossing(port: Port, *arguments: str) -> Code:
        return listed(f"    {port.function}", [f"&{port.scaling}", str(port.tensor.size), *arguments], ";")

    inputs = [crossing(port, port.expression, members[port.tensor.name]) for port in program.audio.inputs]
    outputs = [crossing(port, members[port.tensor.name], port.expression) for port in program.audio.outputs]
    return calls | {
        "to_network": inputs,
        "run_on_context": listed("    run_network", ["ctx", *(f"ctx->scratch->{port}" for port in ports)], ";"),
        "from_network": list(zip(program.audio.outputs, outputs, strict=True)),
    }


def _ports(program: Program) -> list[tuple[str, Variable]]:
    """What the table of the network lists."""
    kinds = (("input", program.inputs), ("output", program.outputs), ("state", program.states))
    return [(kind, variable) for kind, variables in kinds for variable in variables]


def _traced(program: Program) -> tuple[Traced, ...]:
    """All traced tensors in the order in which a frame makes them."""
    if program.audio is None:
        return program.traced
    before, after = (
        tuple(Traced(quantity.entry, quantity.name, quantity.bytes) for quantity in quantities)
        for quantities in (program.audio.traced_before, program.audio.traced_after)
    )
    return (*before, *program.traced, *after)


def render(program: Program, stamp: Stamp, vectors: Vectors | None) -> dict[str, str]:
    """Relative name -> text of every file."""
    name, audio = program.name, program.audio
    functions = (*program.functions, *(FUNCTIONS if vectors is not None else ()))
    copied = runtime_files(functions, audio.sources if audio is not None else (), program.target)
    own = ["", "_weights", *(("_self_test", "_vectors") if vectors is not None else ())]
    sources = [f"{name}{part}.c" for part in own]
    sources += [f"{FOLDER}/{file}" for file in copied if file.endswith(".c")]
    guard, vector_guard = (f"{name}_{what}_{stamp.short_hash}" for what in ("bundle", "vectors"))
    values: dict[str, Any] = {
        "name": name,
        "NAME": name.upper(),
        "program": program,
        "audio": audio,
        "arrays": program.arrays,
        "traced": _traced(program),
        "stamp": stamp,
        "mark": stamp.mark(program.target),
        "target": program.target,
        "guard": guard,
        "vector_guard": vector_guard,
        "vectors": vectors,
        "sources": sources,
        "arena": code("ctx->scratch->shared.arena" if audio is not None else "ctx->arena"),
        "own": memory_type(program),
        "warnings": WARNINGS,
        "exported_path": exported_path,
        "kernel_headers": exported_headers(program.functions),
        "ports": _ports(program),
        "ram": ram_by_part(program),
        "ears_bytes": ears_bytes(program),
        **_signatures(program),
        **_calls(program),
    }
    if vectors is not None:
        values["self_test"] = self_test(program, vectors, copied, guard, vector_guard, stamp)
        values |= replays(program)
    templates = {
        f"{name}.h": "program.h.j2",
        f"{name}.c": "program.c.j2",
        f"{name}_weights.h": "weights.h.j2",
        f"{name}_weights.c": "weights.c.j2",
        "Makefile": "Makefile.j2",
        "CMakeLists.txt": "CMakeLists.txt.j2",
        "README.md": "README.md.j2",
    }
    files = {file: TEMPLATES.render(template, values) for file, template in templates.items()}
    if vectors is not None:
        for file in ("vectors.h", "vectors.c", "self_test.h", "self_test.c", "runner.c"):
            files[f"{name}_{file}"] = TEMPLATES.render(f"{file}.j2", values)
    return files | {f"{FOLDER}/{file}": runtime_text(file, program.target) for file in copied}
