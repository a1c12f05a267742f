"""`stapes corpus` from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile
from stapes.models.errors import StapesError
from stapes.tools.cli.corpus import app
from stapes.tools.corpus import load_manifest
from stapes.tools.corpus.sources import SPLITS
from typer.testing import CliRunner

from tests.tools.corpus.clips import ratio_db


class TestCommandLine:
    def test_mix_writes_pairs_that_have_the_ratio_asked_for(self, corpus: Path, tmp_path: Path) -> None:
        arguments = ["mix", str(corpus), "-o", str(tmp_path / "out"), "--count", "4", "--seconds", "2", "--snr", "5"]
        result = CliRunner().invoke(app, [*arguments, "--split", "train", "--noise", "water", "--noise", "pink"])
        assert result.exit_code == 0, result.output
        names = sorted(path.name for path in (tmp_path / "out" / "noisy").iterdir())
        assert names == [f"train-{i:05d}.wav" for i in range(4)]
        for name in names:
            noisy, clean = (soundfile.read(tmp_path / "out" / side / name)[0] for side in ("noisy", "clean"))
            assert abs(ratio_db(noisy, clean) - 5) < 0.02
        assert len((tmp_path / "out" / "pairs.tsv").read_text().splitlines()) == 5

    def test_mix_leaves_nothing_behind_when_it_fails(self, corpus: Path, tmp_path: Path) -> None:
        result = CliRunner().invoke(app, ["mix", str(corpus), "-o", str(tmp_path / "out"), "--noise", "trumpet"])
        assert isinstance(result.exception, StapesError)
        assert not list(tmp_path.iterdir())

    def test_mix_does_not_write_over_a_folder(self, corpus: Path, tmp_path: Path) -> None:
        result = CliRunner().invoke(app, ["mix", str(corpus), "-o", str(tmp_path)])
        assert isinstance(result.exception, StapesError)
        assert "name a new folder" in str(result.exception)

    def test_status_tells_the_splits(self, corpus: Path) -> None:
        result = CliRunner().invoke(app, ["status", str(corpus)], env={"COLUMNS": "120"})
        assert result.exit_code == 0
        assert all(split in result.output for split in SPLITS)

    def test_fetch_takes_own_folders(self, own: Path, tmp_path: Path) -> None:
        result = CliRunner().invoke(app, ["fetch", str(tmp_path / "c"), "--own", str(own), "--only-own", "--quiet"])
        assert result.exit_code == 0, result.output
        assert load_manifest(tmp_path / "c").items("speech", "test")

    def test_only_own_without_own_is_refused(self, tmp_path: Path) -> None:
        result = CliRunner().invoke(app, ["fetch", str(tmp_path / "c"), "--only-own"])
        assert isinstance(result.exception, StapesError)
        assert "--own FOLDER" in str(result.exception)

    @pytest.mark.parametrize("command", ["fetch", "status", "mix"])
    def test_help_shows_an_example(self, command: str) -> None:
        result = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "120"})
        assert f"stapes corpus {command} corpus" in result.output
