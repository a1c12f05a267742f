"""Objects are shared where the same command reads the same texts, and nowhere else."""

import subprocess

import pytest
from stapes.export.c.runtime import RUNTIME

from tests import compiling
from tests.compiling import compile_object
from tests.machine import require

COMMAND = ["gcc", "-O0"]


@pytest.fixture
def compiled(tmp_path, monkeypatch):
    """Function (text of a header, options) -> whether a compiler was started for the file that includes it."""
    require("gcc")
    monkeypatch.setattr(compiling, "_folder", None)
    compiling.share(tmp_path / "objects")
    started, real = [], subprocess.run
    monkeypatch.setattr(
        subprocess, "run", lambda command, **options: started.append(command) or real(command, **options)
    )

    def compile_it(header, *options):
        for name, text in {
            "f.h": header,
            "mine.h": "",
            "f.c": '#include "f.h"\nint f(void);\nint f(void) { return 1; }\n',
        }.items():
            (tmp_path / name).write_text(text)
        before = len(started)
        compile_object([*COMMAND, *options], tmp_path / "f.c", tmp_path / "f.o")
        return len(started) > before

    return compile_it


CHOSEN = "#ifdef CHOSEN\n#include CHOSEN\n#endif\n"


def test_the_same_texts_are_compiled_once_and_others_anew(compiled):
    assert compiled("/* a */")
    assert not compiled("/* a */")
    assert compiled("/* b */")
    assert compiled("/* b */", "-O1")


def test_a_header_that_nobody_names_does_not_matter_and_one_that_is_not_known_does(compiled):
    assert compiled(CHOSEN)
    assert not compiled(CHOSEN)
    for _ in range(2):
        assert compiled('#define CHOSEN "mine.h"\n' + CHOSEN)


def test_every_file_of_the_runtime_is_shared():
    files = list(RUNTIME.rglob("*.c"))
    assert files
    assert all(compiling._key([*COMMAND, f"-I{RUNTIME}"], path) for path in files)
