"""The CMSIS-Pack: components with their conditions, an example project for the CMSIS-Toolbox, and the archive.

Format: Open-CMSIS-Pack specification 1.7, PACK.xsd 1.7.32. CMSIS-DSP is a component of Arm's own pack, which the
conditions require.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping

from ..template import Code
from .contents import Contents, as_bytes, licence

VENDOR = "stapes"
# The oldest time that a zip archive can hold: what is packed when is not to be seen in the bytes.
_EPOCH = (1980, 1, 1, 0, 0, 0)
_LONGEST_CSUB = 32
_SELF_TEST = " self-test"


def _is_self_test(name: str, file: str) -> bool:
    return file.startswith((f"{name}_self_test.", f"{name}_vectors."))


def _component(name: str) -> str:
    """What the component is called: the name, or where that is too long its beginning with a mark of the whole.

    >>> _component("gru_mask"), _component("a" * 40)
    ('gru_mask', 'aaaaaaaaaaaaa_e33cdf9c')
    """
    longest, mark = _LONGEST_CSUB - len(_SELF_TEST), hashlib.sha256(name.encode()).hexdigest()[:8]
    return name if len(name) <= longest else f"{name[: longest - 9]}_{mark}"


def archive(files: Mapping[str, str | bytes]) -> bytes:
    """A zip archive whose bytes depend on nothing but the names and the contents."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            packed.writestr(entry, as_bytes(files[name]))
    return buffer.getvalue()


def cmsis_pack_files(contents: Contents) -> dict[str, str | bytes]:
    """Relative name -> content: the pack's files and the archive of them."""
    name, audio = contents.name, contents.program.audio is not None
    pack = f"{VENDOR}.{name}"
    tested = [file for file in contents.library if _is_self_test(name, file)]
    example = f"examples/{name}_example"
    main = "cmsis_pack/main.c.j2" if audio else "common/network_main.c.j2"
    sources = {f"{example}/{file}": text for file, text in contents.example(main).items()}
    board = {file: contents.render(f"cmake/{file}.j2") for file in ("startup.c", "mps2_an500.ld")}
    values = {
        "vendor": VENDOR,
        "component": _component(name),
        "cclass": Code("Audio" if audio else "Machine Learning"),
        "cgroup": "Enhancement" if audio else "Network",
        "pack": pack,
        "date": Code("{:04}-{:02}-{:02}".format(*_EPOCH)),
        "example": example,
        "main_files": [file.removeprefix(f"{example}/") for file in sources if file.endswith(".c")],
        "library": [file for file in contents.sources if file not in tested],
        "headers": [file for file in contents.headers if file not in tested],
        "self_test": tested,
    }
    files: dict[str, str | bytes] = {
        f"{pack}.pdsc": contents.render("cmsis_pack/pack.pdsc.j2", **values),
        "README.md": contents.render("cmsis_pack/README.md.j2", **values),
        "LICENSE": licence(),
        f"{example}/{name}_example.csolution.yml": contents.render("cmsis_pack/csolution.yml.j2", **values),
        f"{example}/{name}_example.cproject.yml": contents.render("cmsis_pack/cproject.yml.j2", **values),
        f"{example}/README.md": contents.render("cmsis_pack/example.md.j2", **values),
        **sources,
        **{f"{example}/board/{file}": text for file, text in board.items()},
        **{f"src/{file}": text for file, text in contents.library.items()},
    }
    files[f"{pack}.{contents.version}.pack"] = archive(files)
    return files
