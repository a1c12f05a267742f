"""Where the C sources of CMSIS-DSP's real Q31 transform are: the user's own pack, or the pinned source distribution.

Only the transform's code is needed; its tables are the project's own (`quantize.audio.rfft.rfft_tables`).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

from ..models import children
from ..models.archives import extract_files
from ..models.errors import StapesError
from ..models.files import staging
from ..quantize.audio.rfft import CMSIS_DEFINES, CMSIS_SOURCES

VERSION = "1.10.3"
ENVIRONMENT = "STAPES_CMSIS_DSP"
_SHA256 = "307d32298faa7c58db912851027fce35f886fec7eb1a27c4b309ce1a97f47519"
_KEPT = ("Include", "PrivateInclude", "Source", "LICENSE")


@dataclass(frozen=True)
class CmsisDsp:
    """What a compiler needs: include folders, C files and defines.

    `defines` serve for the host and for a Cortex-M7 alike: `__GNUC_PYTHON__` (GCC, Clang) keeps CMSIS-Core's headers out,
    of which none of these files uses an intrinsic; `ARM_MATH_LOOPUNROLL` makes the inverse transform 8 % shorter.
    """

    include_dirs: tuple[Path, ...]
    c_files: tuple[Path, ...]
    defines: tuple[str, ...]


def sources() -> CmsisDsp:
    """CMSIS-DSP from $STAPES_CMSIS_DSP, else version 1.10.3 from the cache, fetched once with pip.

    Raises StapesError when the folder is incomplete or nothing can be fetched.
    """
    own = os.environ.get(ENVIRONMENT)
    root = own_copy() or _cached()
    missing = [name for name in ("Include/dsp/transform_functions.h", *CMSIS_SOURCES) if not (root / name).is_file()]
    if missing:
        remedy = (
            "set it to the CMSIS-DSP folder that holds Include and Source"
            if own
            else "remove this folder and run again"
        )
        raise StapesError(f"{ENVIRONMENT if own else 'CMSIS-DSP'} {root}: {missing[0]} is not there; {remedy}")
    include_dirs = tuple(root / name for name in ("Include", "PrivateInclude") if (root / name).is_dir())
    return CmsisDsp(include_dirs, tuple(root / name for name in CMSIS_SOURCES), CMSIS_DEFINES)


def own_copy() -> Path | None:
    """The folder that `sources` takes without fetching anything, or None."""
    if own := os.environ.get(ENVIRONMENT):
        return Path(own)
    target = _target()
    return target if target.is_dir() else None


def _target() -> Path:
    return _cache_folder() / f"cmsisdsp-{VERSION}"


def _cache_folder() -> Path:
    """`.cache` of a checkout, else the user's cache folder."""
    checkout = Path(__file__).resolve().parents[1]
    if (checkout / ".git").exists():
        return checkout / ".cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "stapes"


def _cached() -> Path:
    """Fetch and unpack the source distribution."""
    target = _target()
    target.parent.mkdir(parents=True, exist_ok=True)
    with staging(target.parent, "cmsisdsp-") as folder:
        unpacked = _unpack(_download(folder), folder)
        # Another process may have put it there in the meantime: theirs is as good.
        with contextlib.suppress(OSError):
            os.replace(unpacked, target)
    return target


def _download(folder: Path) -> Path:
    """The archive from the user's package index; pip reads its metadata but builds nothing."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "cmsisdsp"]
    command += ["--dest", str(folder), f"cmsisdsp=={VERSION}"]
    # The environment at hand usually has what reading the metadata takes; an isolated one must be fetched first.
    for isolation in (["--no-build-isolation"], []):
        done = children.run([*command, *isolation])
        archives = sorted(folder.glob("cmsisdsp-*.tar.gz"))
        if archives:
            return archives[0]
    reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    raise StapesError(
        f"cmsisdsp {VERSION}: pip cannot fetch its source distribution ({reason}); "
        f"give access to a package index, or set {ENVIRONMENT} to a CMSIS-DSP folder"
    )


def _unpack(archive: Path, folder: Path) -> Path:
    """The C folders of the archive, and its license."""
    if hashlib.sha256(archive.read_bytes()).hexdigest() != _SHA256:
        raise StapesError(
            f"{archive.name}: not the known source distribution; set {ENVIRONMENT} to a CMSIS-DSP {VERSION} folder"
        )
    with tarfile.open(archive) as tar:
        wanted = [member for member in tar.getmembers() if member.name.partition("/")[2].startswith(_KEPT)]
        extract_files(tar, folder / "unpacked", wanted)
    return next((folder / "unpacked").iterdir())
