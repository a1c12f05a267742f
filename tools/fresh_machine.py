"""The README's two commands on a new Debian, made in a folder and thrown away: what a newcomer's machine would say.

    python tools/fresh_machine.py [--suite trixie] [--only demo] [--keep]

Takes root, and mmdebstrap or debootstrap. The new machine holds python3 with its venv and headers, make and a C compiler. From
this machine it takes along where packages come from: apt's sources, pip's settings, the folders that those name, the
certificates and the names of hosts; and the checkout's files, but nothing that was built. All mounts live in a namespace of
their own: they are gone with the last process, whatever ends it. Plain Python, no packages.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
# Python's headers for the packages that are compiled (cmsisdsp, pesq).
PACKAGES = ("python3", "python3-venv", "python3-dev", "make", "gcc", "libc6-dev", "ca-certificates")
COMMANDS = ("demo", "test")
USER = 1000
HOME = "/home/newcomer"
# Files that say where names and packages are; what of them is not there is left out.
SETTINGS = (
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pip.conf",
    "/etc/xdg/pip",
)
# Mounts and processes that end with the command.
SPACES = ("unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child")
VARIABLES = re.compile(r"PIP_\w+|\w+_proxy|SSL_CERT_\w+|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE", re.IGNORECASE)
_PATH = re.compile(r"(?:(?<=file://)|(?<![\w./:-]))/[\w.+/-]+")


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0 where all was green, 1 where it was not, 2 where this machine cannot make another."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", default="", help="Debian's name of the release; this machine's own by default")
    parser.add_argument("--only", choices=COMMANDS, help="one of the two commands")
    parser.add_argument("--keep", action="store_true", help="leave the folder, and tell where it is")
    options = parser.parse_args(arguments)
    if reason := impossible():
        print(f"fresh: {reason}", file=sys.stderr)
        return 2
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(128 + signal.SIGTERM))
    root = Path(tempfile.mkdtemp(prefix="stapes-fresh-"))
    root.chmod(0o755)
    try:
        return _run(root, options.suite or own_suite(), (options.only,) if options.only else COMMANDS)
    except subprocess.CalledProcessError:
        print("fresh: the new machine could not be made; see the lines above", file=sys.stderr)
        return 1
    finally:
        if options.keep:
            print(f"fresh: left in {root}", flush=True)
        else:
            shutil.rmtree(root, ignore_errors=True)


def impossible() -> str:
    """Why this machine cannot make another; empty where it can."""
    if sys.platform != "linux" or shutil.which("apt-get") is None:
        return "a new Debian is made on Debian only"
    if os.geteuid() != 0:
        return "making a new machine takes root"
    if _bootstrap() is None:
        return "neither mmdebstrap nor debootstrap is here; apt install mmdebstrap"
    if subprocess.run([*SPACES, "true"], capture_output=True).returncode:
        return "namespaces for mounts and processes cannot be made here"
    return ""


def _run(root: Path, suite: str, commands: Iterable[str]) -> int:
    """Make the machine and run the commands there."""
    start = time.monotonic()
    print(f"fresh: Debian {suite} with {', '.join(PACKAGES)}", flush=True)
    _make(root, suite)
    shared = _take_along(root)
    _copy_checkout(root / HOME.lstrip("/") / "stapes")
    print(f"fresh: made in {time.monotonic() - start:.0f} s", flush=True)
    for command in commands:
        print(f"fresh: make {command}", flush=True)
        start = time.monotonic()
        code = _inside(root, shared, f"cd {HOME}/stapes && make {command}")
        print(f"fresh: make {command} ended with {code} after {time.monotonic() - start:.0f} s", flush=True)
        if code:
            return 1
    print("fresh: green", flush=True)
    return 0


def _bootstrap() -> str | None:
    return next(filter(None, map(shutil.which, ("mmdebstrap", "debootstrap"))), None)


def own_suite() -> str:
    """The codename of this machine's release."""
    for line in Path("/etc/os-release").read_text().splitlines():
        if line.startswith("VERSION_CODENAME="):
            return line.partition("=")[2].strip('"')
    return "stable"


def apt_sources(listed: str, own: str, suite: str) -> list[str]:
    """Lines of `apt-get indextargets` (URI, suite, component) -> lines of sources.list, for another suite where asked."""
    found: dict[tuple[str, str], list[str]] = {}
    for line in listed.splitlines():
        uri, name, component = line.split()
        if name.partition("-")[0] == own:
            found.setdefault((uri, name.replace(own, suite, 1)), []).append(component)
    return [f"deb {uri} {name} {' '.join(dict.fromkeys(parts))}" for (uri, name), parts in found.items()]


def _make(root: Path, suite: str) -> None:
    """A minimal Debian with `PACKAGES`, from where this machine takes its own."""
    listing = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages"]
    listed = subprocess.run(listing, check=True, capture_output=True, text=True).stdout
    sources = apt_sources(listed, own_suite(), suite)
    tool = _bootstrap()
    assert tool
    if tool.endswith("mmdebstrap"):
        # How apt reaches its servers from here.
        acquire = subprocess.run(["apt-config", "dump", "Acquire"], check=True, capture_output=True, text=True).stdout
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as settings:
            settings.write("\n".join(line for line in acquire.splitlines() if not line.endswith(' "";')) + "\n")
            settings.flush()
            command = [tool, "--quiet", "--variant=apt", f"--include={','.join(PACKAGES)}", f"--aptopt={settings.name}"]
            subprocess.run([*SPACES, *command, suite, str(root), *sources], check=True)
    else:
        mirror = sources[0].split()[1] if sources else ""
        command = [tool, "--variant=minbase", f"--include={','.join(PACKAGES)}", suite, str(root), mirror]
        subprocess.run([*SPACES, *filter(None, command)], check=True)


def local_paths(texts: Iterable[str]) -> list[Path]:
    """Folders and files of this machine that settings name, as a path or a file: address.

    An index of packages by address points to files beside it: the folder above it comes along.
    """
    found: set[Path] = set()
    for text in texts:
        for word in _PATH.findall(text):
            path = Path(word)
            if path.exists() and len(path.parts) > 2:
                found.add(path.parent if f"file://{word}" in text and len(path.parts) > 3 else path)
    return sorted(path for path in found if not any(other in path.parents for other in found))


def carried_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What of this machine's environment says where packages come from."""
    return {name: value for name, value in environment.items() if VARIABLES.fullmatch(name)}


def _take_along(root: Path) -> list[Path]:
    """Copy the settings -> what they name, to be mounted."""
    own = Path.home()
    placed = {Path(name): Path(name) for name in SETTINGS}
    for name in (".config/pip/pip.conf", ".pip/pip.conf"):
        placed[own / name] = Path(HOME) / name
    if given := os.environ.get("PIP_CONFIG_FILE"):
        placed[Path(given)] = Path(given)
    texts = list(carried_environment(os.environ).values())
    for source, target in placed.items():
        there = root / target.relative_to("/")
        there.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, there, dirs_exist_ok=True)
            texts += [path.read_text(errors="replace") for path in source.iterdir() if path.is_file()]
        elif source.is_file():
            shutil.copyfile(source, there)
            if "pip" in str(source):
                texts.append(source.read_text(errors="replace"))
    return [path for path in local_paths(texts) if not (root / path.relative_to("/")).exists()]


def _copy_checkout(target: Path) -> None:
    """The files of the checkout that are its own, for the user there."""
    listing = ["git", "-C", str(CHECKOUT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, check=True, capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, names):
        source, there = CHECKOUT / name, target / name
        if source.is_file():
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, there)
    home = target.parent
    for path in (home, *home.rglob("*")):
        os.chown(path, USER, USER, follow_symlinks=False)


# What a machine has beside its files; arguments: the root, then what is mounted from outside.
_MOUNTS = """set -e
root=$1; shift
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 dev "$root/dev"
for node in null zero full random urandom tty; do touch "$root/dev/$node"; mount --bind "/dev/$node" "$root/dev/$node"; done
mkdir "$root/dev/shm"; mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
ln -s /proc/self/fd "$root/dev/fd"
ln -s fd/0 "$root/dev/stdin"; ln -s fd/1 "$root/dev/stdout"; ln -s fd/2 "$root/dev/stderr"
while [ "$1" != -- ]; do
    if [ -d "$1" ]; then mkdir -p "$root$1"; else mkdir -p "$root$(dirname "$1")"; touch "$root$1"; fi
    mount --bind "$1" "$root$1"; mount -o remount,bind,ro "$root$1"; shift
done
shift
exec chroot --userspec="$USER_ID:$USER_ID" "$root" "$@"
"""


def _inside(root: Path, shared: Iterable[Path], line: str) -> int:
    """Run a line of shell on the machine, as a user of no rights -> its exit code."""
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": HOME,
        **carried_environment(os.environ),
    }
    mounts = ["sh", "-c", _MOUNTS, "sh", str(root), *map(str, shared), "--"]
    cleared = ["env", "-i", *(f"{name}={value}" for name, value in environment.items()), "sh", "-c", line]
    process = subprocess.Popen([*SPACES, *mounts, *cleared], env={**os.environ, "USER_ID": str(USER)})
    try:
        return process.wait()
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    sys.exit(main())
