"""What makes the report more than paper: a table to sort and to filter, and blind tests. Everything stands in the page itself.

The table is DataTables, as the package itables brings it in one file; `blind.js` and `page.js` are ours.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from ...export.template import Code
from ...models.text import printable
from ..metrics import DIGITS, LABELS
from .run import Evaluation

HERE = Path(__file__).parent
OURS = ("blind.js", "page.js")
# Of the table's columns: what is not there, and an integer output that is the float one.
NONE, EQUAL = "none", "equal"


@cache
def script() -> Code:
    """The module of the page; it asks for nothing outside of it."""
    library = base64.b64encode(_of_tables("dt_bundle.js")).decode()
    own = "".join((HERE / name).read_text(encoding="utf-8") for name in OURS)
    return Code(f'import DataTable from "data:text/javascript;base64,{library}";\n{own}')


@cache
def table_style() -> Code:
    """What DataTables wants of the page's style."""
    return Code(_of_tables("dt_bundle.css").decode())


def _of_tables(name: str) -> bytes:
    return files("itables").joinpath("html", name).read_bytes()


def page_data(about: Mapping[str, str], result: Evaluation, examples: Sequence[int]) -> Code:
    """JSON for the script: every recording with all figures, and the recordings that can be heard."""
    columns = _columns(result)
    data = {
        "about": {what: printable(fact) for what, fact in about.items()},
        "columns": columns,
        "rows": [_row(result, file) for file in result.files],
        "sort": next(place for place, column in enumerate(columns) if "metric" in column and column["change"]),
        "examples": [
            {"name": printable(result.files[place]["name"]), "systems": ["clean", *result.names]} for place in examples
        ],
    }
    # Nothing in it ends the element that it stands in.
    return Code(json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c"))


def _columns(result: Evaluation) -> list[dict[str, Any]]:
    """Column -> title, digits of a number, metric where it is shown for one metric only, and whether it is a change."""
    plain = [("SNR dB", 1), ("level dBFS", 1), ("seconds", 1)]
    columns: list[dict[str, Any]] = [{"title": "recording"}, {"title": "noise"}]
    columns += [{"title": title, "digits": digits, "none": NONE} for title, digits in plain]
    for metric in result.metrics:
        of = {"digits": DIGITS[metric], "none": NONE, "metric": metric}
        columns += [{"title": f"{LABELS[metric]} {system}", **of, "change": False} for system in result.names]
        columns.append({"title": f"{LABELS[metric]} integer − noisy", **of, "change": True})
    return [*columns, {"title": "integer against float, dB", "digits": 1, "none": EQUAL}]


def _row(result: Evaluation, file: Mapping[str, Any]) -> list[str | float | None]:
    row: list[str | float | None] = [printable(file["name"]), printable(file["noise"])]
    row += [file["snr_db"], file["level_dbfs"], round(file["seconds"], 3)]
    for metric in result.metrics:
        values = {system: file["systems"][system][metric] for system in result.names}
        row += [_rounded(values[system], metric) for system in result.names]
        after, before = values["integer"], values["noisy"]
        row.append(None if after is None or before is None else _rounded(after - before, metric))
    ratio = file["output_snr_db"]
    return [*row, ratio if math.isfinite(ratio) else None]


def _rounded(value: float | None, metric: str) -> float | None:
    return None if value is None else round(value, DIGITS[metric]) + 0.0
