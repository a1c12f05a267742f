"""A new machine is made from this one's own settings, and where it cannot be made that is said in a line."""

from pathlib import Path

import pytest
from stapes.tools import fresh_machine, setup_venv

TOOL = Path(fresh_machine.__file__)


def test_apt_sources_are_those_of_this_machine_for_any_release():
    listed = "\n".join(
        [
            "http://debian.example/debian/ bookworm main",
            "http://debian.example/debian/ bookworm contrib",
            "http://debian.example/debian/ bookworm-updates main",
            "http://security.example/ bookworm-security main",
            "http://node.example/ nodistro main",
        ]
    )
    assert fresh_machine.apt_sources(listed, "bookworm", "trixie") == [
        "deb http://debian.example/debian/ trixie main contrib",
        "deb http://debian.example/debian/ trixie-updates main",
        "deb http://security.example/ trixie-security main",
    ]


def test_folders_that_settings_name_come_along(tmp_path):
    wheels, index = tmp_path / "wheels", tmp_path / "index" / "simple"
    wheels.mkdir()
    index.mkdir(parents=True)
    texts = [f"find-links = {wheels}\nextra = file://{index} https://index.example/simple {tmp_path}/absent"]
    assert fresh_machine.local_paths(texts) == sorted([index.parent, wheels])
    # What lies in a folder that comes along needs no mount of its own.
    assert fresh_machine.local_paths([*texts, str(tmp_path)]) == [tmp_path]


def test_only_what_says_where_packages_are_is_taken_from_the_environment():
    given = {"PIP_FIND_LINKS": "a", "https_proxy": "b", "SSL_CERT_FILE": "c", "TOKEN": "d", "HOME": "e", "XPIP_X": "f"}
    assert fresh_machine.carried_environment(given) == {"PIP_FIND_LINKS": "a", "https_proxy": "b", "SSL_CERT_FILE": "c"}


@pytest.mark.parametrize(
    ("lacks", "said"), [("root", "takes root"), ("tools", "apt install mmdebstrap"), ("debian", "on Debian only")]
)
def test_what_is_missing_for_it_is_said_in_a_line(lacks, said, monkeypatch, capsys):
    here = {"debian": [], "tools": ["apt-get"]}.get(lacks, ["apt-get", "mmdebstrap"])
    monkeypatch.setattr(fresh_machine.shutil, "which", lambda name: f"/bin/{name}" if name in here else None)
    monkeypatch.setattr(fresh_machine.os, "geteuid", lambda: 1000 if lacks == "root" else 0)
    assert fresh_machine.main([]) == 2
    error = capsys.readouterr().err
    assert error.startswith("fresh: ")
    assert said in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda patch, _: patch.setattr(setup_venv.importlib.util, "find_spec", lambda name: None), "apt install python3-venv"),
        (lambda patch, place: patch.setattr(setup_venv.sysconfig, "get_path", lambda name: place), "apt install python3-dev"),
        (lambda patch, _: patch.setenv("CC", "no-compiler-of-this-name"), "apt install gcc libc6-dev"),
        (lambda patch, _: patch.setenv("CC", "false"), "apt install libc6-dev"),
    ],
    ids=["venv", "headers", "compiler", "libc"],
)  # fmt: skip
def test_the_set_up_names_what_a_bare_machine_lacks_before_it_begins(change, said, monkeypatch, tmp_path):
    change(monkeypatch, str(tmp_path))
    with pytest.raises(SystemExit, match=said):
        setup_venv.main(tmp_path / "venv")
    assert list(tmp_path.iterdir()) == []


def test_a_machine_without_a_cpp_compiler_says_so_to_cmake(monkeypatch, tmp_path):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("CC", "gcc -m64")
    monkeypatch.setattr(setup_venv.shutil, "which", lambda name: None)
    (settings,) = setup_venv.cmake_settings(tmp_path).values()
    assert 'set(CMAKE_CXX_COMPILER "gcc")' in Path(settings).read_text()
    monkeypatch.setattr(setup_venv.shutil, "which", lambda name: "/usr/bin/c++" if name == "c++" else None)
    assert setup_venv.cmake_settings(tmp_path) == {}
