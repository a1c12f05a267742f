"""`stapes schema`, and the schemas themselves; that the answers have them is held by the fixture `stapes`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
from stapes.tools.schemas import schema_names, schema_text

from tests.answers import answer

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/guide/json.md").read_text("utf-8")


@pytest.mark.parametrize("name", schema_names())
def test_a_schema_is_one_and_requires_its_own_name(name):
    schema = json.loads(schema_text(name))
    jsonschema.Draft202012Validator.check_schema(schema)
    assert re.fullmatch(r"stapes-[a-z-]+-\d+", name)
    assert schema["title"] == schema["properties"]["schema"]["const"] == name
    assert schema["required"][0] == "schema"


def test_every_schema_is_one_that_a_command_names_and_the_page_lists_them():
    commands = "".join(path.read_text("utf-8") for path in sorted((ROOT / "tools/commands").glob("*.py")))
    assert sorted(set(re.findall(r'"(stapes-[a-z-]+-\d+)"', commands))) == schema_names()
    assert re.findall(r"^\| .*`(stapes-[a-z-]+-\d+)` \|$", PAGE, re.M) == schema_names()


def test_every_command_that_speaks_json_has_a_schema():
    options = [path.stem for path in sorted((ROOT / "tools/cli").glob("*.py")) if '"--json"' in path.read_text("utf-8")]
    assert options == sorted({name.split("-")[1] for name in schema_names()})


def test_the_command_prints_a_schema_or_lists_all(stapes):
    assert stapes("schema").stdout.split() == schema_names()
    assert stapes("schema", "stapes-regress-1").stdout == schema_text("stapes-regress-1")
    assert stapes("schema", "../stapes-regress-1").error.startswith(
        "schema '../stapes-regress-1': unknown; choose from"
    )


DOCTOR = {"schema": "stapes-doctor-1", "healthy": True, "stapes": "1", "sources": "a", "findings": []}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"healthy": "yes"}, "is not of type 'boolean'"),
        ({"findings": [{"name": "gcc"}]}, "is a required property"),
        ({"more": 1}, "Additional properties are not allowed"),
    ],
)
def test_an_answer_of_another_form_is_seen(change, said):
    assert answer(json.dumps(DOCTOR), "doctor") == DOCTOR
    with pytest.raises(jsonschema.ValidationError, match=re.escape(said)):
        answer(json.dumps({**DOCTOR, **change}), "doctor")


def test_a_key_that_is_new_is_no_fault_to_a_user():
    jsonschema.validate({**DOCTOR, "more": 1}, json.loads(schema_text("stapes-doctor-1")))
