"""The rules of a pack description: PACK.xsd 1.7.32 for the elements that the packages use, and packchk's messages by number.

Rebuilt from the Open-CMSIS-Pack specification and from the messages of its tool packchk; what packchk would look up in
other packs or in the network (M345, M362, M382) is left out.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

VERSION = r"[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?"
RESTRICTED = r"[-_A-Za-z0-9]+"
PART = r"[A-Za-z0-9][A-Za-z0-9_+()'/\-\s.]{1,31}"
SUB = r"([A-Za-z0-9][A-Za-z0-9_+():/\- .]{0,31})?"
VENDOR = r"[A-Za-z0-9][A-Za-z0-9\-\s]{1,31}"
CATEGORIES = "doc|header|include|library|object|source|linkerScript|utility|image|other"
COMPILERS = "GCC|ARMCC|IAR|CLANG"
FILTER = {"Cvendor": VENDOR, "Cclass": PART, "Cgroup": PART, "Csub": SUB, "Dmve": "NO_MVE|MVE|FP_MVE"}
FILTER |= {"Tcompiler": COMPILERS, "Toptions": "AC5|AC6|AC6LTO", "condition": ".+"}
COMPONENT = {"Cvendor": VENDOR, "Cclass": PART, "Cgroup": PART, "Csub": SUB, "Cversion": VERSION, "condition": ".+"}

# Element, by its path -> attributes with their patterns (a * before a required one), children with * before required ones.
ELEMENTS: dict[str, tuple[dict[str, str], str]] = {
    "package": (
        {"*schemaVersion": r"1\.\d+\.\d+", "noNamespaceSchemaLocation": ".+"},
        "*name *vendor *description *url license licenseSets requirements *releases keywords conditions boards examples components",
    ),
    "package/licenseSets": ({}, "*licenseSet"),
    "package/licenseSets/licenseSet": ({"*id": ".+", "default": "true|false", "gating": "true|false"}, "*license"),
    "package/licenseSets/licenseSet/license": ({"*name": ".+", "*title": ".+", "spdx": ".+"}, ""),
    "package/requirements": ({}, "packages languages compilers"),
    "package/requirements/packages": ({}, "*package"),
    "package/requirements/packages/package": ({"*vendor": ".+", "*name": ".+", "version": VERSION}, ""),
    "package/releases": ({}, "*release"),
    "package/releases/release": ({"*version": VERSION, "date": r"\d{4}-\d\d-\d\d"}, ""),
    "package/keywords": ({}, "*keyword"),
    "package/conditions": ({}, "*condition"),
    "package/conditions/condition": ({"*id": ".+"}, "description accept require deny"),
    **{f"package/conditions/condition/{rule}": (FILTER, "") for rule in ("accept", "require", "deny")},
    "package/boards": ({}, "*board"),
    "package/boards/board": ({"*name": ".+", "*vendor": ".+", "revision": ".+"}, "description *mountedDevice"),
    "package/boards/board/mountedDevice": ({"*deviceIndex": r"\d+", "*Dvendor": r".+:\d+", "*Dname": ".+"}, ""),
    "package/examples": ({}, "*example"),
    "package/examples/example": (
        {"*name": ".+", "*folder": ".+", "*doc": ".+"},
        "*description *board *project attributes",
    ),
    "package/examples/example/board": ({"*name": ".+", "*vendor": ".+"}, ""),
    "package/examples/example/project": ({}, "*environment"),
    "package/examples/example/project/environment": ({"*name": ".+", "*load": ".+"}, ""),
    "package/examples/example/attributes": ({}, "category component keyword"),
    "package/examples/example/attributes/component": (
        {"*Cclass": PART, "Cgroup": PART, "Csub": SUB, "Cvendor": VENDOR},
        "",
    ),
    "package/components": ({}, "component bundle"),
    "package/components/component": (
        {("*" if key in ("Cclass", "Cgroup", "Cversion") else "") + key: pattern for key, pattern in COMPONENT.items()},
        "*description RTE_Components_h *files",
    ),
    "package/components/component/files": ({}, "*file"),
    "package/components/component/files/file": (
        {"*category": CATEGORIES, "*name": ".+", "condition": ".+", "attr": "config|template"},
        "",
    ),
}


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def schema_errors(element: ElementTree.Element, path: str = "package") -> Iterator[str]:
    """What PACK.xsd does not allow."""
    attributes, children = ELEMENTS.get(path, ({}, ""))
    patterns = {key.lstrip("*"): pattern for key, pattern in attributes.items()}
    given = {_local(key): value for key, value in element.attrib.items()}
    for key, value in given.items():
        if key not in patterns:
            yield f"{path}: attribute {key} is not allowed"
        elif not re.fullmatch(patterns[key], value):
            yield f"{path}: {key}='{value}' does not fit"
    yield from (f"{path}: {key[1:]} is missing" for key in attributes if key[0] == "*" and key[1:] not in given)
    named = [_local(child.tag) for child in element]
    allowed = {name.lstrip("*") for name in children.split()}
    yield from (f"{path}: {name} is not allowed" for name in named if name not in allowed)
    yield from (
        f"{path}: {name[1:]} is missing" for name in children.split() if name[0] == "*" and name[1:] not in named
    )
    for child in element:
        yield from schema_errors(child, f"{path}/{_local(child.tag)}")


def packchk(folder: Path, pdsc: Path) -> Iterator[str]:
    """The messages that packchk would give for a description and the files beside it."""
    package = ElementTree.parse(pdsc).getroot()
    name, vendor = package.findtext("name") or "", package.findtext("vendor") or ""
    if pdsc.name != f"{vendor}.{name}.pdsc":
        yield "M207"
    if not re.fullmatch(RESTRICTED, name) or not re.fullmatch(RESTRICTED, vendor):
        yield "M383"
    if not (package.findtext("url") or "").endswith("/"):
        yield "M316"
    for release in package.iter("release"):
        if not (release.text or "").strip():
            yield "M329"
        if not release.get("date"):
            yield "M395"
    boards = {(board.get("vendor"), board.get("name")) for board in package.iterfind("boards/board")}
    shown = {(board.get("vendor"), board.get("name")) for board in package.iterfind("examples/example/board")}
    if shown - boards:
        yield "M324"
    if boards - shown:
        yield "M379"
    yield from _conditions(package)
    yield from _files(folder, package)


def _conditions(package: ElementTree.Element) -> Iterator[str]:
    defined = [condition.get("id") for condition in package.iter("condition")]
    used = {element.get("condition") for element in package.iter() if element.get("condition")}
    if len(set(defined)) < len(defined):
        yield "M330"
    if set(defined) - used:
        yield "M331"
    if used - set(defined):
        yield "M332"
    components = [
        tuple(c.get(key) for key in ("Cclass", "Cgroup", "Csub")) for c in package.iterfind("components/component")
    ]
    if len(set(components)) < len(components):
        yield "M367"
    if any(not component.get("condition") for component in package.iterfind("components/component")):
        yield "M333"


def _files(folder: Path, package: ElementTree.Element) -> Iterator[str]:
    named = [(file.get("name") or "", file.get("category") or "") for file in package.iter("file")]
    named += [(license.get("name") or "", "doc") for license in package.iter("license") if license.get("name")]
    for example in package.iter("example"):
        inside = [example.get("doc") or "", *(load.get("load") or "" for load in example.iter("environment"))]
        named += [(f"{example.get('folder')}/{file}", "doc") for file in inside]
    extensions = {"source": (".c", ".cpp", ".s"), "header": (".h",)}
    for file, category in named:
        if file.startswith("/") or ".." in file:
            yield "M326"
        if "\\" in file:
            yield "M327"
        if not (folder / file).exists():
            yield "M323"
        if " " in file:
            yield "M314"
        if category == "include" and not file.endswith("/"):
            yield "M340"
        if category in extensions and not file.endswith(extensions[category]):
            yield "M337"


def archive_errors(pack: Path, pdsc: Path) -> Iterator[str]:
    """What is wrong with the archive of a pack: its name, its order, what is in it."""
    package = ElementTree.parse(pdsc).getroot()
    version = next(package.iter("release")).get("version")
    if pack.name != f"{pdsc.stem}.{version}.pack":
        yield "the name is not vendor.name.version.pack"
    with zipfile.ZipFile(pack) as archive:
        names = archive.namelist()
        if archive.testzip() is not None:
            yield "damaged"
        if names != sorted(names):
            yield "not in order"
        if any(entry.date_time != (1980, 1, 1, 0, 0, 0) for entry in archive.infolist()):
            yield "has times"
        if [name for name in names if name.endswith(".pdsc")] != [pdsc.name]:
            yield "M206"
        if any(archive.read(name) != (pdsc.parent / name).read_bytes() for name in names):
            yield "differs from the folder"
