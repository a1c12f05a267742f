"""The table of formats in ARCHITECTURE.md, made of what the stages say of themselves.

`python -m stapes.models.audio.formats ARCHITECTURE.md` writes it anew between its two marks.
"""

from __future__ import annotations

import sys
from pathlib import Path

from .stage import Quantity, kinds

BEGIN, END = "<!-- formats of the stages: begin -->", "<!-- formats of the stages: end -->"
_HEADINGS = ("stage", "quantity", "C type", "true value", "size", "what bounds it")
_BLOCK = Quantity("block_q15", "int16", ("H",), "sample * 2^15", "all of int16")


def formats_table() -> str:
    """One row a quantity of every kind of stage at its default settings, in Markdown."""
    rows = [("(microphone)", *_cells(_BLOCK))]
    rows += [(kind, *_cells(quantity)) for kind, stage in kinds().items() for quantity in stage().quantities]
    widths = [max(len(row[column]) for row in (_HEADINGS, *rows)) for column in range(len(_HEADINGS))]
    lines = [_line(_HEADINGS, widths), "|" + "|".join("-" * (width + 2) for width in widths) + "|"]
    return "\n".join([*lines, *(_line(row, widths) for row in rows)])


def _cells(quantity: Quantity) -> tuple[str, ...]:
    kind = quantity.dtype if quantity.dtype == "bool" else f"{quantity.dtype}_t"
    return quantity.name, kind, quantity.true_value, quantity.shape_in_words, quantity.bound


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"


def with_table(text: str) -> str:
    """A document with the table as it is now between its marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{formats_table()}\n{END}{after}"


if __name__ == "__main__":
    for name in sys.argv[1:]:
        path = Path(name)
        path.write_text(with_table(path.read_text(encoding="utf-8")), encoding="utf-8")
