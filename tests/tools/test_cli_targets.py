"""`--target` of `export` and `inspect`: which processors there are, and what the option cannot mean."""

import json

import pytest
from stapes.export.targets import TARGETS, find_target
from stapes.models.errors import StapesError
from stapes.tools.targets import Processor


@pytest.fixture(scope="module")
def bundle(bundle_of):
    return bundle_of("published", "w8a16").folder


def test_the_target_is_chosen_at_the_export_and_told(stapes, bundle, tmp_path):
    done = stapes("export", bundle, "-o", tmp_path / "c", "--target", "portable")
    assert done.code == 0, done.stderr
    assert "target portable" in " ".join(done.stdout.split())  # a long path breaks the line
    assert not (tmp_path / "c" / "runtime" / "cortex_m7").exists()
    done = stapes("export", bundle, "-o", tmp_path / "package", "--package", "cmake", "--target", "portable")
    assert done.code == 0, done.stderr
    assert json.loads((tmp_path / "package" / "stapes-package.json").read_text())["target"] == "portable"


def test_inspect_names_the_kernels_of_a_target(stapes, bundle):
    told = {
        target: json.loads(stapes("inspect", bundle, "--target", target, "--json").stdout)
        for target in ("cortex-m7", "portable")
    }
    kernels = {
        target: {op["kernel"] for op in document["operators"] if op["macs"]} for target, document in told.items()
    }
    assert kernels["portable"] == {"portable C"}
    assert "row pairs in 64 bits" in kernels["cortex-m7"]
    for name in ("bundle_sha256", "macs_per_frame", "flash_bytes", "ram_bytes"):
        assert told["portable"][name] == told["cortex-m7"][name], name


def test_the_option_offers_every_target_that_there_is_or_will_be():
    assert set(TARGETS) < {processor.value for processor in Processor}
    for processor in set(Processor) - set(TARGETS):
        with pytest.raises(StapesError, match="do not exist yet"):
            find_target(processor)


@pytest.mark.parametrize("command", [["export", "-o", "c"], ["inspect"]])
def test_a_target_whose_kernels_do_not_exist_is_refused(stapes, bundle, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name, *options = command
    told = stapes(name, bundle, *options, "--target", "cortex-m55").error
    assert (
        told
        == "target 'cortex-m55': its own kernels (Helium) do not exist yet; use cortex-m7, which gives the same bits on it"
    )
    assert not list(tmp_path.iterdir())


def test_a_target_is_of_no_use_for_what_is_no_c(stapes, bundle, tmp_path):
    told = stapes("export", bundle, "-o", tmp_path / "out", "--to", "tflite", "--target", "portable").error
    assert "leave it out with --to tflite" in told
    assert not (tmp_path / "out").exists()


def test_a_target_that_nobody_knows_is_refused_with_those_there_are(stapes, bundle, tmp_path):
    told = stapes("export", bundle, "-o", tmp_path / "out", "--target", "nonsense").error
    assert told.startswith(
        "Invalid value for '--target': 'nonsense' is not one of 'cortex-m7', 'portable', 'host', 'cortex-m55'; see"
    )
