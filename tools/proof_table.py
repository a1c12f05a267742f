"""The overflow proof as a table."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from ..quantize.proof import Bound


def proof_table(bounds: list[Bound]) -> Table:
    """The overflow proof, one line a bound."""
    table = Table(title="overflow proof: bounds over every possible input", title_justify="left")
    for heading in ("operator", "kind", "rows", "worst row", "bound", "bits", "allowed", "what"):
        table.add_column(
            heading, justify="right" if heading in ("rows", "worst row", "bound", "bits", "allowed") else "left"
        )
    for b in bounds:
        table.add_row(b.operator, b.kind, str(b.rows), str(b.row), str(b.largest), str(b.bits), str(b.allowed), b.what)
    return table


def overflow_words(bounds: Sequence[Bound]) -> str:
    """The verdict over all bounds in a line."""
    if not bounds:
        return "impossible: values are only moved"
    worst = max(bounds, key=lambda bound: bound.largest / bound.allowed)
    verdict = "impossible" if all(bound.holds for bound in bounds) else "POSSIBLE"
    return f"{verdict}: {len(bounds)} bounds, nearest {worst.operator} ({worst.bits} bits, {worst.what})"
