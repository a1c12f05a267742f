"""`stapes export --package` as a user calls it: a bundle becomes each package, replaceable, the same bytes again."""

import json

import pytest

from tests.export.packages import texts

KINDS = ("cmake", "arduino", "zephyr", "cmsis-pack")


@pytest.fixture(scope="module")
def bundle(bundle_of):
    return bundle_of("published", "w8a8")


@pytest.mark.parametrize("kind", KINDS)
def test_a_bundle_becomes_a_package_and_again_the_same(stapes, bundle, kind, tmp_path):
    for _ in range(2):
        done = stapes("export", bundle.folder, "-o", tmp_path / "made", "--package", kind)
        assert done.code == 0, done
        files = texts(tmp_path / "made")
        assert f"{kind} package of {len(files)} files, read README.md, bundle {bundle.hash[:16]}" in done.stdout
    marker = json.loads(files["stapes-package.json"])
    assert (marker["bundle_sha256"], marker["package"], marker["recipe"]) == (bundle.hash, kind, "w8a8")
    again = stapes("export", bundle.folder, "-o", tmp_path / "again", "--package", kind)
    assert again.code == 0, again
    assert texts(tmp_path / "again") == files


def test_help_shows_an_example_of_each(stapes):
    shown = stapes("export", "--help").stdout
    for kind in KINDS:
        assert f"--package {kind}" in shown


def test_a_package_without_cmsis_dsp_is_one_clear_error(stapes, bundle, tmp_path, monkeypatch):
    monkeypatch.setenv("STAPES_CMSIS_DSP", str(tmp_path / "none"))
    error = stapes("export", bundle.folder, "-o", tmp_path / "made", "--package", "arduino").error
    assert "STAPES_CMSIS_DSP" in error
    assert list(tmp_path.iterdir()) == []
    # The package managers of these bring their own.
    assert stapes("export", bundle.folder, "-o", tmp_path / "made", "--package", "zephyr").code == 0


def test_an_exported_folder_is_not_taken_for_a_package(stapes, bundle, tmp_path):
    assert stapes("export", bundle.folder, "-o", tmp_path / "c").code == 0
    before = texts(tmp_path / "c")
    error = stapes("export", bundle.folder, "-o", tmp_path / "c", "--package", "cmake").error
    assert "holds an export that stapes wrote" in error
    assert texts(tmp_path / "c") == before
