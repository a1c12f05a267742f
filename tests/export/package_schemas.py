"""What the YAML files of packages may hold, as JSON Schema, and a reader that lets them hold nothing else.

Rebuilt from the documentation: Zephyr, "Modules (External projects)" and "Test Runner (Twister)"; CMSIS-Toolbox, "CSolution
Project Format". Only the keys that the packages use or that a mistake would most likely put there; any other key is an error.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import yaml

Schema = dict[str, Any]

STRING: Schema = {"type": "string", "minLength": 1}
BOOL: Schema = {"type": "boolean"}


def mapping(keys: dict[str, Schema], *required: str) -> Schema:
    """An object with these keys and no others."""
    return {"type": "object", "properties": keys, "required": list(required), "additionalProperties": False}


def items(schema: Schema) -> Schema:
    """A list that is not empty."""
    return {"type": "array", "items": schema, "minItems": 1}


def matching(pattern: str) -> Schema:
    return {"type": "string", "pattern": pattern}


_BUILD = {
    "cmake": STRING,
    "kconfig": STRING,
    "cmake-ext": BOOL,
    "kconfig-ext": BOOL,
    "depends": items(STRING),
    "settings": mapping({"board_root": STRING, "dts_root": STRING}),
}
MODULE = mapping(
    {
        "name": STRING,
        "build": mapping(_BUILD),
        "tests": items(STRING),
        "samples": items(STRING),
        "boards": items(STRING),
    }
)

_CONSOLE = {
    "type": {"enum": ["one_line", "multi_line"]},
    "ordered": BOOL,
    "regex": items(STRING),
    "fixture": STRING,
}
_TWISTER = {
    "tags": STRING,
    "harness": {"enum": ["console", "ztest", "pytest"]},
    "harness_config": mapping(_CONSOLE),
    "integration_platforms": items(STRING),
    "platform_allow": items(STRING),
    "min_ram": {"type": "integer"},
    "min_flash": {"type": "integer"},
    "timeout": {"type": "integer"},
    "filter": STRING,
    "extra_configs": items(matching(r"^CONFIG_[A-Z0-9_]+=(y|n|\d+)$")),
}
_SCENARIOS = {
    "type": "object",
    "patternProperties": {r"^[a-zA-Z0-9_]+(\.[a-zA-Z0-9_-]+)+$": mapping(_TWISTER)},
    "additionalProperties": False,
    "minProperties": 1,
}
TWISTER = mapping(
    {
        "sample": mapping({"name": STRING, "description": STRING}, "name"),
        "common": mapping(_TWISTER),
        "tests": _SCENARIOS,
    },
    "tests",
)

_BUILD_TYPE = {
    "type": STRING,
    "optimize": {"enum": ["balanced", "size", "speed", "debug", "none"]},
    "debug": {"enum": ["on", "off", True, False]},
}
_SOLUTION = {
    "created-for": matching(r"^CMSIS-Toolbox@\d+\.\d+\.\d+$"),
    "description": STRING,
    "compiler": {"enum": ["GCC", "AC6", "CLANG", "IAR"]},
    "packs": items(mapping({"pack": matching(r"^[^:@]+::[^:@]+(@[~^>=]*\d+\.\d+\.\d+)?$")}, "pack")),
    "target-types": items(mapping({"type": STRING, "device": STRING, "board": STRING}, "type")),
    "build-types": items(mapping(_BUILD_TYPE, "type")),
    "projects": items(mapping({"project": matching(r"\.cproject\.yml$")}, "project")),
}
SOLUTION = mapping({"solution": mapping(_SOLUTION, "target-types", "projects")}, "solution")
_GROUP = {"group": STRING, "files": items(mapping({"file": STRING}, "file"))}
_PROJECT = {
    "groups": items(mapping(_GROUP, "group")),
    "components": items(
        mapping({"component": matching(r"^([^:]+::)?[^:&@]+(:[^:&@]+){1,2}(&[^:&@]+)?$")}, "component")
    ),
    "define": items(STRING),
    "linker": items(mapping({"script": STRING, "for-compiler": STRING}, "script")),
    "misc": items(
        mapping({"for-compiler": STRING, "C": items(STRING), "Link": items(STRING), "Library": items(STRING)})
    ),
}
PROJECT = mapping({"project": mapping(_PROJECT)}, "project")


def read_yaml(path: Path, schema: Schema) -> Any:
    """The document of a YAML file that keeps to a schema."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    jsonschema.validate(document, schema)
    return document
