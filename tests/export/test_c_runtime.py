"""The runtime lies in rooms: a file is known by its name, and finds its neighbours without an include path."""

import re

from stapes.export.c.runtime import RUNTIME, runtime_file, runtime_files
from stapes.export.targets import CORES, REPLACING, TARGETS

FILES = [path for path in sorted(RUNTIME.rglob("*.[ch]")) if path.parent.name not in REPLACING]


def test_a_name_is_that_of_one_file():
    assert len({path.name for path in FILES}) == len(FILES)
    assert all(runtime_file(path.name) == path for path in FILES)


def test_includes_name_the_place_of_a_file():
    for path in FILES:
        for include in re.findall(r'^#include "([^"]+)"', path.read_text(), re.MULTILINE):
            name = include.rpartition("/")[2]
            if name.startswith("stapes_"):
                assert (path.parent / include).resolve() == runtime_file(name), f"{path}: {include}"


def test_what_a_file_needs_comes_with_it():
    for path in FILES:
        if path.suffix == ".c":
            needed = {runtime_file(name) for name in runtime_files([], [path.name])}
            for other in needed:
                included = re.findall(r'^#include "(?:[^"]*/)?(stapes_[^"/]+)"', other.read_text(), re.MULTILINE)
                assert {runtime_file(name) for name in included} <= needed, other


def test_every_room_has_a_header_of_its_name():
    rooms = {path.parent for path in FILES} - {RUNTIME}
    assert all((room / f"stapes_{room.name}.h").is_file() for room in rooms)
    assert {room.name for room in rooms} >= set(CORES)


def test_what_takes_the_place_of_a_file_bears_its_name_and_finds_its_headers_there():
    for room in REPLACING:
        for path in (RUNTIME / room).iterdir():
            place = runtime_file(path.name)
            assert place != path
            takers = {target.name for target in TARGETS.values() if runtime_file(path.name, target) == path}
            assert room in takers
            assert all(room in TARGETS[name].replacing for name in takers)
            for include in re.findall(r'^#include "([^"]+)"', path.read_text(), re.MULTILINE):
                assert (place.parent / include).resolve() == runtime_file(include.rpartition("/")[2]), include
