"""The splits share no speaker, language or noise."""

from __future__ import annotations

import dataclasses
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from stapes.models.errors import StapesError
from stapes.tools.corpus.games import GAMES
from stapes.tools.corpus.manifest import Item, Manifest
from stapes.tools.corpus.rules import OWN
from stapes.tools.corpus.sources import APART, FULL, LEAN, SHARED, SPLITS, Noise, Package, Speech, split_of_language


def item(**changes: object) -> Item:
    blank = Item("f", "speech", "train", ("s",), "p", "1", "anna", "en", "", 1.0, "CC0-1.0", "", "")
    return dataclasses.replace(blank, **changes)  # type: ignore[arg-type]


class TestSplits:
    def test_a_manifest_whose_splits_share_nothing_passes(self) -> None:
        records = [
            item(),
            item(split="test", speaker="bruno", language="it", sources=("t",)),
            item(split="validation", kind="noise", speaker="", language="", label="rain", sources=("u",)),
            item(split="train", kind="noise", speaker="", language="", label="rain", sources=("v",)),
        ]
        Manifest(Path(), records).check_disjoint()

    @pytest.mark.parametrize(
        ("changes", "named"),
        [
            ({"language": "it", "sources": ("t",)}, "speaker anna"),
            ({"speaker": "bruno", "language": "en_GB", "sources": ("t",)}, "language en"),
            ({"speaker": "bruno", "language": "it"}, "recording p: s"),
            ({"split": "apart", "speaker": "bruno", "sources": ("t",)}, "package p"),
            ({"split": "apart", "package": "q"}, "speaker anna"),
        ],
    )
    def test_what_stands_in_two_splits_is_named(self, changes: dict[str, object], named: str) -> None:
        with pytest.raises(StapesError, match=f"{named} is in more than one split"):
            Manifest(Path(), [item(), item(**{"split": "test"} | changes)]).check_disjoint()

    def test_a_language_may_stand_in_a_package_apart_and_so_may_own_recordings(self) -> None:
        apart = item(split="apart", package="q", speaker="bruno", sources=("t",))
        own = [
            item(package=OWN, speaker=who, split=split, sources=(who,))
            for who, split in [("c", "train"), ("d", "apart")]
        ]
        Manifest(Path(), [item(), apart, *own]).check_disjoint()

    def test_no_rule_of_a_package_apart_stands_in_another_split(self) -> None:
        names = {package.name for package in APART}
        for package in FULL:
            assert {rule.split not in SHARED for rule in package.rules} == {package.name in names}
        assert not names & {package.name for package in LEAN}

    @pytest.mark.parametrize("package", FULL, ids=lambda package: package.name)
    def test_every_rule_of_the_table_puts_its_language_into_its_split(self, package: Package) -> None:
        for rule in package.rules:
            assert rule.split in SPLITS
            if isinstance(rule, Speech) and rule.split in SHARED:
                assert rule.split == split_of_language(rule.language)

    def test_the_noises_of_the_test_are_heard_nowhere_else(self) -> None:
        kept = {"train interior", "rainforest", "radio static", "airport announcements", "outdoor crowd"}
        splits = {(rule.label, rule.split) for package in FULL for rule in package.rules if isinstance(rule, Noise)}
        for label in kept | {"restaurant babble"}:
            assert {split for other, split in splits if other == label} == {"test"}

    @pytest.mark.parametrize("package", GAMES, ids=lambda package: package.name)
    def test_games_widen_the_training_and_nothing_else(self, package: Package) -> None:
        assert {rule.split for rule in package.rules} == {"train"}

    def test_speakers_of_the_table_stay_in_one_split(self) -> None:
        splits: dict[str, set[str]] = {}
        for package in FULL:
            for rule in package.rules:
                if isinstance(rule, Speech):
                    splits.setdefault(rule.speaker, set()).add(rule.split)
        assert all(len(found) == 1 for found in splits.values())

    def test_tones_are_not_taken_for_speech(self) -> None:
        rule = LEAN[0].rules[0]
        assert isinstance(rule, Speech)
        for name in ("/usr/share/asterisk/sounds/en/silence/1.g722", "/usr/share/asterisk/sounds/en/beep.g722"):
            assert fnmatchcase(name, rule.pattern)
            assert any(fnmatchcase(name, skip) for skip in rule.skip)
