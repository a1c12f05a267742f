"""What is no manifest is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from stapes.models.errors import StapesError
from stapes.tools.corpus import load_manifest
from stapes.tools.corpus.manifest import Manifest


class TestManifest:
    def test_a_folder_without_manifest_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(StapesError, match=r"run `stapes corpus fetch .*` first"):
            load_manifest(tmp_path)

    @pytest.mark.parametrize("text", ["", "[]", '{"format": 1}', '{"format": 1, "items": [{}], "packages": {}}'])
    def test_a_file_that_is_no_manifest_is_refused(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "manifest.json").write_text(text)
        with pytest.raises(StapesError, match="no corpus manifest"):
            load_manifest(tmp_path)

    def test_a_manifest_of_another_format_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "manifest.json").write_text('{"format": 99}')
        with pytest.raises(StapesError, match="is of format 99"):
            load_manifest(tmp_path)

    @pytest.mark.parametrize(("kind", "split"), [("music", "train"), ("speech", "dev")])
    def test_unknown_kinds_and_splits_are_refused(self, kind: str, split: str) -> None:
        with pytest.raises(StapesError, match="is unknown; use"):
            Manifest(Path()).items(kind, split)

    def test_a_missing_file_is_named(self, corpus: Path, tmp_path: Path) -> None:
        shutil.copy(corpus / "manifest.json", tmp_path)
        manifest = load_manifest(tmp_path)
        with pytest.raises(StapesError, match=r"own-it_1.*\.flac: cannot be read"):
            manifest.read(next(record for record in manifest.records if record.speaker == "own-it_1"))
