"""What is shipped for GitHub and GitLab keeps to their schemas, and its scripts do what they say."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

CI = Path(__file__).parents[1] / "ci"
SAID = "engine | bits\n```\n<script> ~~~\nFAILED"


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("github/action.yml", ["--builtin-schema", "vendor.github-actions"]),
        ("gitlab.yml", ["--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci"]),
    ],
)
def test_each_keeps_to_its_own_schema(path, options, tmp_path):
    pytest.importorskip("check_jsonschema", reason="check-jsonschema is not installed")

    def checked(file):
        return subprocess.run(
            [sys.executable, "-m", "check_jsonschema", *options, str(file)], capture_output=True, text=True
        )

    done = checked(CI / path)
    assert done.returncode == 0, done.stdout
    wrong = yaml.safe_load((CI / path).read_text("utf-8"))
    next(iter(value for value in wrong.values() if isinstance(value, dict)))["surprise"] = 3
    wrong["runs"] = {"using": "magic"}
    (tmp_path / "wrong.yml").write_text(yaml.safe_dump(wrong))
    assert checked(tmp_path / "wrong.yml").returncode == 1


def shown(script, folder, settings, shell):
    """What the script gave to stapes, and what it made of the answer."""
    fake = folder / "bin" / "stapes"
    fake.parent.mkdir()
    fake.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >"{folder}/given"\ncat "{folder}/said"\nexit 1\n')
    fake.chmod(0o755)
    (folder / "said").write_text(SAID + "\n")
    environment = {**os.environ, "PATH": f"{fake.parent}:{os.environ['PATH']}", **settings}
    done = subprocess.run([*shell, script], cwd=folder, env=environment, capture_output=True, text=True)
    assert "FAILED" in done.stdout
    return done.returncode, (folder / "given").read_text().splitlines()


GIVEN = ["regress", "a bundle", "noisy 1.wav", "more", "--engine", "native"]
AUDIO = "noisy 1.wav\nmore\n"


def test_the_action_shows_the_table_as_it_is_and_ends_as_the_engines_did(tmp_path):
    steps = yaml.safe_load((CI / "github" / "action.yml").read_text("utf-8"))["runs"]["steps"]
    (step,) = [step for step in steps if step.get("id") == "regress"]
    paths = {name: str(tmp_path / name) for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")}
    settings = {"BUNDLE": "a bundle", "AUDIO": AUDIO, "ENGINE": "native", "RUNNER_TEMP": str(tmp_path), **paths}
    # As GitHub calls the shell `bash`.
    code, given = shown(step["run"], tmp_path, settings, ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c"])
    assert (code, given) == (0, GIVEN)
    assert (tmp_path / "GITHUB_OUTPUT").read_text() == "code=1\n"
    assert table_of(tmp_path / "GITHUB_STEP_SUMMARY") == SAID.splitlines()
    # No input is put into a script by its text, where it would be code.
    assert all("${{" not in step.get("run", "") for step in steps)


def test_the_job_of_gitlab_does_the_same(tmp_path):
    (script,) = yaml.safe_load((CI / "gitlab.yml").read_text("utf-8"))["stapes-regress"]["script"]
    settings = {"STAPES_BUNDLE": "a bundle", "STAPES_AUDIO": AUDIO, "STAPES_ENGINE": "native", "STAPES_TOKEN": ""}
    assert shown(script, tmp_path, settings, ["sh", "-e", "-c"]) == (1, GIVEN)
    assert table_of(tmp_path / "regress.md") == SAID.splitlines()


def table_of(path):
    head, blank, *lines = path.read_text().splitlines()
    assert (head, blank) == ("### stapes regress, exit code 1", "")
    assert all(line.startswith("    ") for line in lines)
    return [line[4:] for line in lines]
