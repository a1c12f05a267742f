"""The examples of CONTRIBUTING.md work to the letter: its blocks, written into a copy of the project, and the commands after them."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.machine import require

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
_BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
# What a copy needs of the folders that git knows.
_PARTS = ("models", "quantize", "export", "firmware_sim", "tools", "tests")


@dataclass(frozen=True)
class Block:
    """One block of an example: what it is written in, the file that it goes to, or "" for commands, and its text."""

    language: str
    file: str
    text: str

    def write(self, root: Path) -> None:
        """The new file, or the change of the one that is there; its place must stand there once."""
        path = root / self.file
        if self.language != "diff":
            assert not path.exists(), self.file
            path.write_text(self.text, "utf-8")
            return
        lines = self.text.splitlines()
        before = "".join(f"{line[1:]}\n" for line in lines if line[:1] != "+")
        after = "".join(f"{line[1:]}\n" for line in lines if line[:1] != "-")
        text = path.read_text("utf-8")
        assert before, self
        assert text.count(before) == 1, f"{self.file} holds this {text.count(before)} times, not once:\n{before}"
        path.write_text(text.replace(before, after), "utf-8")


def examples() -> dict[str, list[Block]]:
    """Heading -> blocks, of each section that is an example."""
    sections = re.split(r"^## ", TEXT, flags=re.MULTILINE)[1:]
    named = {section.partition("\n")[0]: section for section in sections if section.startswith("An example: ")}
    return {heading: [Block(*found) for found in _BLOCK.findall(section)] for heading, section in named.items()}


@pytest.fixture
def project(tmp_path, shared_folder):
    """A copy of the project as the package `stapes`, and the environment in which it is the one that is imported; what is compiled
    of the runtime is that of these tests.
    """
    root = tmp_path / "stapes"
    root.mkdir()
    for part in _PARTS:
        shutil.copytree(ROOT / part, root / part, ignore=shutil.ignore_patterns("__pycache__"))
    for path in ROOT.iterdir():
        if path.is_file():
            shutil.copy(path, root)
    (root / ".cache").symlink_to(ROOT / ".cache")
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    objects = str(shared_folder / "objects")
    return root, {**os.environ, "PYTHONPATH": str(tmp_path), "PATH": path, "STAPES_TEST_OBJECTS": objects}


@pytest.mark.parametrize("heading", examples())
def test_an_example_works_to_the_letter(heading, project):
    """It takes seconds, as the commands are those of a person who follows it: kernels are compiled and held to their oracles."""
    require("gcc")
    root, environment = project
    blocks = examples()[heading]
    for block in blocks:
        if block.file:
            block.write(root)
    commands = [line for block in blocks if block.language == "sh" for line in block.text.splitlines()]
    assert commands
    for command in commands:
        words = [sys.executable if word == "python" else word for word in shlex.split(command)]
        done = subprocess.run(words, cwd=root, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (command, done.stdout[-6000:], done.stderr[-2000:])


def test_every_block_of_an_example_is_followed():
    for heading, blocks in examples().items():
        assert all(block.file or block.language == "sh" for block in blocks), heading
    assert examples()
