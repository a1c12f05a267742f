"""The walls between stages: a kind is one file on each floor, and nobody outside asks which kind a stage is."""

import ast
from pathlib import Path

import pytest
from stapes.models.audio import kinds

ROOT = Path(__file__).parents[2]
FLOORS = ("models/audio/{}.py", "quantize/audio/{}.py", "firmware_sim/audio/{}.py", "export/c/audio/{}.py")
RUNTIME = ("export/runtime/audio/stapes_{}.h", "export/runtime/audio/stapes_{}.c")
# The one place that knows the paths which were stored before there were stages.
TRANSLATION = "models/audio/front_end.py"


@pytest.mark.parametrize("kind", kinds())
def test_a_kind_is_a_file_of_its_name_on_every_floor(kind):
    missing = [name for name in (*FLOORS, *RUNTIME) if not (ROOT / name.format(kind)).is_file()]
    assert not missing


def test_nobody_outside_asks_which_kind_a_stage_is():
    """Neither by its name, nor by its class."""
    names = {kind: stage.__name__ for kind, stage in kinds().items()}
    own = {floor.format(kind) for floor in FLOORS for kind in names} | {TRANSLATION}
    found = []
    for folder in ("models", "quantize", "export", "firmware_sim", "tools"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            place = path.relative_to(ROOT).as_posix()
            if place not in own:
                found += [f"{place}:{line}" for line in questions(path, set(names), set(names.values()))]
    assert not found


def questions(path, kinds, classes):
    """Lines that compare something of a stage with the name of a kind, or ask for a class of stages other than the first."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Compare) and ast.unparse(node.left).endswith("stage.kind"):
            words = {item.value for item in ast.walk(node) if isinstance(item, ast.Constant)}
            if words & kinds:
                yield node.lineno
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance":
            asked = {item.id for item in ast.walk(node.args[1]) if isinstance(item, ast.Name)}
            if asked & (classes - {"Transform"}):
                yield node.lineno
