"""Where generated files come from: every one of them says so in its first lines."""

from __future__ import annotations

import re
from dataclasses import dataclass

from models.errors import StapesError


@dataclass(frozen=True)
class Stamp:
    """Hash of the bundle in hexadecimal (16 digits or more), version of the tool, and name of the recipe.

    Raises `StapesError` for a hash that is none and for text of several lines.
    """

    bundle_hash: str
    version: str
    recipe: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[0-9a-f]{16,}", self.bundle_hash):
            raise StapesError(
                f"bundle hash '{self.bundle_hash}' is no hash; use at least 16 lower-case hexadecimal digits"
            )
        for name, text in (("version", self.version), ("recipe", self.recipe)):
            if not text or not text.isprintable():
                raise StapesError(f"{name} {text!r} cannot stand in a stamp; use one line of printable text")

    @property
    def short_hash(self) -> str:
        """The first 16 digits: what symbols carry."""
        return self.bundle_hash[:16]

    @property
    def guard(self) -> int:
        """32 bits of the hash, never 0: what a context of this bundle begins with."""
        return int(self.bundle_hash[:8], 16) | 1
