"""The overflow proof as a table."""

from __future__ import annotations

from rich.table import Table

from quantize.proof import Bound


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
