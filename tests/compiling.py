"""One compilation of each text: the runtime's files are the same in every export, so tests and workers share their objects."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

_INCLUDE = re.compile(rb'^[ \t]*#[ \t]*include[ \t]+(?:["<]([^">\n]+)[">]|(\w+))', re.MULTILINE)
# Where the objects lie; `share` names a folder for all workers of a session.
_folder: Path | None = None


def share(folder: Path) -> None:
    """Keep objects in this folder from now on."""
    global _folder
    folder.mkdir(exist_ok=True)
    _folder = folder


def compile_object(command: Iterable[object], source: Path, output: Path) -> Path:
    """`command -c source -o output`; an object that the same command made of the same text is copied instead.

    Fails with what the compiler says. A compilation that warns is to fail by -Werror: a copy says nothing.
    """
    words = list(map(str, command))
    key = _key(words, source)
    kept = _folder / f"{source.stem}_{key}.o" if _folder and key else None
    if kept is None or not kept.is_file():
        done = subprocess.run(
            [*words, "-c", str(source), "-o", str(output)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        if kept is None:
            return output
        with tempfile.NamedTemporaryFile(dir=kept.parent, delete=False) as partial:
            partial.write(output.read_bytes())
        os.replace(partial.name, kept)
    else:
        shutil.copyfile(kept, output)
    return output


def compile_all(command: Sequence[object], sources: Iterable[Path], work: Path) -> list[str]:
    """Each file to an object in `work`, named after it and its folder."""
    return [str(compile_object(command, path, work / f"{path.parent.name}_{path.name}.o")) for path in sources]


def _key(words: list[str], source: Path) -> str:
    """A hash of the command, but for where headers lie, and of every text that goes in; "" where that is not known.

    Folders given by -isystem are taken as fixed. A header that a macro names, and that neither the command nor a text defines,
    is not read: `#ifdef` stands around it.
    """
    folders = [Path(word[2:]) for word in words if word.startswith("-I")]
    defined = dict(re.findall(r'-D(\w+)="([^"]+)"', " ".join(words)))
    texts: dict[Path, bytes] = {}
    left_out: set[bytes] = set()
    waiting = [source]
    while waiting:
        path = waiting.pop().resolve()
        if path in texts:
            continue
        texts[path] = path.read_bytes()
        for given, macro in _INCLUDE.findall(texts[path]):
            name = given.decode() or defined.get(macro.decode(), "")
            if not name:
                left_out.add(macro)
                continue
            found = [folder / name for folder in (path.parent, *folders) if (folder / name).is_file()]
            waiting += found[:1]
    given_here = " ".join(words).encode()
    for macro in left_out:
        by_a_text = re.compile(rb"^[ \t]*#[ \t]*define[ \t]+%s\b" % macro, re.MULTILINE)
        if b"-D" + macro in given_here or any(map(by_a_text.search, texts.values())):
            return ""
    said = [word for word in words if not word.startswith("-I")]
    return hashlib.sha256(repr([said, [*texts.values()]]).encode()).hexdigest()[:32]
