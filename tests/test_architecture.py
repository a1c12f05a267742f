"""The walls of the house: imports run downwards, and nothing speaks of machines it was made on."""

import ast
import subprocess
from pathlib import Path

import pytest

from tests.machine import require

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "models": set(),
    "quantize": {"models"},
    "export": {"models", "quantize"},
    "firmware_sim": {"models", "quantize"},
    "tools": {"models", "quantize", "export", "firmware_sim"},
}


def modules():
    return [path.relative_to(ROOT) for folder in MAY_IMPORT for path in sorted((ROOT / folder).rglob("*.py"))]


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_imports_run_downwards(folder):
    allowed = MAY_IMPORT[folder] | {folder}
    wrong = []
    for path in sorted((ROOT / folder).rglob("*.py")):
        for name in imported(path):
            top = name.split(".")[1] if name.startswith("stapes.") else ""
            wrong += [f"{path.relative_to(ROOT)}: {top}"] if top in set(MAY_IMPORT) - allowed else []
    assert not wrong


def imported(path):
    """The full names of what a file imports: `from ..quantize import graph` -> `stapes.quantize.graph`."""
    package = ["stapes", *path.relative_to(ROOT).parent.parts]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            module = [*above, *filter(None, [node.module])]
            yield from (".".join([*module, alias.name]) for alias in node.names)


def test_folders_import_each_other_by_relative_names():
    """So that readers' tools see every arrow, whatever name the package is installed under."""
    wrong = [
        (str(path), name) for path in modules() for name in absolute(ROOT / path) if name in MAY_IMPORT | {"stapes": 0}
    ]
    assert not wrong


def absolute(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        if isinstance(node, ast.ImportFrom) and not node.level:
            yield (node.module or "").split(".")[0]


def test_every_module_says_what_it_is():
    missing = [str(path) for path in modules() if not ast.get_docstring(ast.parse((ROOT / path).read_text("utf-8")))]
    assert not missing


def test_no_checkpoint_is_loaded_in_a_way_that_runs_code():
    for path in modules():
        for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
                assert any(k.arg == "weights_only" and ast.unparse(k.value) == "True" for k in node.keywords), path
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("np.load", "numpy.load"):
                assert any(k.arg == "allow_pickle" and ast.unparse(k.value) == "False" for k in node.keywords), path


def test_every_warning_is_a_remark_that_the_command_line_shows():
    for path in modules():
        for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "warnings.warn":
                category = ast.unparse(node.args[1]) if len(node.args) > 1 else "none"
                assert category == "Remark" or category.endswith(".category"), f"{path}:{node.lineno}: {category}"


def test_tracked_files_name_no_machine():
    require("git")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    words = ["/".join(("", top, "")) for top in ("work", "root")] + ["index-url", "extra-index"]
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if path == Path(__file__) or not path.is_file() or path.suffix in (".pt", ".flac", ".png", ".npz"):
            continue
        text = path.read_text("utf-8", errors="replace")
        assert not [word for word in words if word in text], name


def test_tests_find_out_in_one_place_what_the_machine_has():
    for path in sorted((ROOT / "tests").rglob("*.py")):
        calls = [
            ast.unparse(node.func)
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.Call)
        ]
        assert "shutil.which" not in calls or path.name == "machine.py", f"{path.name}: ask tests.machine"
