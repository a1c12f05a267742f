"""Names that must be treated alike: disjoint sets that grow by joining."""

from __future__ import annotations

from collections.abc import Iterable


class Groups:
    """Disjoint sets of names."""

    def __init__(self, names: Iterable[str]) -> None:
        self._parent = {name: name for name in names}

    def root(self, name: str) -> str:
        while self._parent[name] != name:
            self._parent[name] = self._parent[self._parent[name]]
            name = self._parent[name]
        return name

    def join(self, a: str, b: str) -> None:
        self._parent[self.root(b)] = self.root(a)

    def members(self) -> dict[str, list[str]]:
        sets: dict[str, list[str]] = {}
        for name in self._parent:
            sets.setdefault(self.root(name), []).append(name)
        return sets
