"""Package archives through the ordinary clients (apt-get, pip, npm), without root, and unpacked."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from urllib.parse import unquote

from ...models import children
from ...models.archives import extract_files
from ...models.errors import StapesError
from ...models.files import staging
from .decode import AUDIO_SUFFIXES
from .rules import Package

_NEEDS = {
    "apt": ("apt-get", "it needs Debian or Ubuntu"),
    "pip": (sys.executable, "it needs a Python with pip"),
    "npm": ("npm", "install Node.js"),
}
_SUFFIX = {"apt": ".deb", "pip": ".whl", "npm": ".tgz"}
_NESTED_SUFFIXES = frozenset({".pk3", ".zip"})


def download(package: Package, folder: Path) -> Path:
    """Download a package's archive into `folder` and return its path.

    Raises:
        StapesError: the client is missing, or it could not fetch the package (its last error line is repeated).
    """
    program, remedy = _NEEDS[package.client]
    if shutil.which(program) is None:
        raise StapesError(
            f"{package.name}: {program} is not on this machine; {remedy}, or leave the package out with --without"
        )
    folder.mkdir(parents=True, exist_ok=True)
    with staging(folder, ".download-") as work:
        result = children.run(_command(package), cwd=work)
        archives = sorted(work.glob(f"*{_SUFFIX[package.client]}"))
        if result.returncode != 0 or len(archives) != 1:
            raise StapesError(
                f"{package.name}: {program} could not fetch it ({_last_error(result)}); "
                f"{'run `apt-get update`, ' if package.client == 'apt' else ''}check the network "
                "and call again: what is already there is kept"
            )
        kept = folder / unquote(archives[0].name)
        archives[0].replace(kept)
    return kept


def _command(package: Package) -> list[str]:
    if package.client == "apt":
        return ["apt-get", "download", "-q", package.name + (f"={package.version}" if package.version else "")]
    if package.client == "pip":
        pinned = package.name + (f"=={package.version}" if package.version else "")
        return [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "-d", ".", pinned]
    return ["npm", "pack", "--silent", package.name + (f"@{package.version}" if package.version else "")]


def _last_error(result: subprocess.CompletedProcess[str]) -> str:
    lines = [line.strip() for line in (result.stderr + "\n" + result.stdout).splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith(("e:", "error", "npm err"))]
    return (errors or lines or [f"exit code {result.returncode}"])[0]


def version_of(package: Package, archive: Path) -> str:
    """Return the version in an archive's name.

        >>> from stapes.tools.corpus.decode import AUDIO_SUFFIXES
    from .rules import Package
        >>> version_of(Package("klettres-data", "apt", "", ()), Path("klettres-data_4:22.12.3-1_all.deb"))
        '4:22.12.3-1'
    """
    if package.client == "apt":
        return archive.name.split("_")[1]
    if package.client == "pip":
        return archive.name.split("-")[1]
    return archive.stem.removeprefix(package.name + "-")


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a .deb, .whl or .tgz into `folder`, and the recordings of the zips in it beside those zips.

    Raises:
        StapesError: the archive is damaged, or `dpkg` is missing for a .deb.
    """
    try:
        if archive.suffix == ".deb":
            children.run(["dpkg", "-x", str(archive), str(folder)]).check_returncode()
        elif archive.suffix == ".whl":
            with zipfile.ZipFile(archive) as wheel:
                wheel.extractall(folder)
        else:
            with tarfile.open(archive) as tarball:
                extract_files(tarball, folder)
        _unpack_nested(folder)
    except FileNotFoundError as error:
        raise StapesError(f"{archive.name}: dpkg is not on this machine; it needs Debian or Ubuntu") from error
    except (subprocess.CalledProcessError, zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise StapesError(f"{archive}: the archive is damaged; delete it and call again") from error


def _unpack_nested(folder: Path) -> None:
    """Games keep their sounds in zips of their own; of these only the recordings are unpacked."""
    nested = [path for path in sorted(folder.rglob("*")) if path.suffix in _NESTED_SUFFIXES and path.is_file()]
    for path in nested:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if Path(name).suffix.lower() in AUDIO_SUFFIXES]
            archive.extractall(path.with_name(f"{path.name}.unpacked"), names)
