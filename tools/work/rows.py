"""Results as rows of one Parquet file, written as they come, so that a run that was stopped goes on where it was.

While the work goes on, the rows of each piece are a small file `NAME.parquet.parts/0000012.parquet`, whole or not there. At the
end they become `NAME.parquet`, in the order of the pieces, whoever was first: the same rows give the same bytes.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...models.errors import StapesError
from ...models.files import check_file, locked, staging, write_whole

if TYPE_CHECKING:
    from pyarrow import Schema, Table

# Columns of a row: name -> type as Arrow calls it.
Columns = Mapping[str, str]
Row = dict[str, Any]
KEY = b"stapes"
MAGIC = b"PAR1"
CODEC = "zstd"
ROWS_A_TABLE = 4096
_PART = re.compile(r"\d{7}\.parquet")


class Rows:
    """The rows of `pieces` pieces of work; `about` says what they are results of: a file of another is refused.

    Raises StapesError for a file that is no such file, is damaged, or holds results of something else.
    """

    def __init__(self, path: Path, about: Mapping[str, str], columns: Columns, pieces: int) -> None:
        self.path, self.about, self.pieces = path, dict(about), pieces
        self._parts = path.with_name(f"{path.name}.parts")
        self._schema = _schema(columns, self.about)
        self.whole = False
        if path.exists():
            self._check(path)
            self.whole = True

    def begin(self) -> set[int]:
        """Make the folder of the parts, and tell the pieces whose rows are there already."""
        if self.whole:
            self._forget_parts()
            return set(range(self.pieces))
        self._parts.mkdir(parents=True, exist_ok=True)
        done = set()
        for name in sorted(os.listdir(self._parts)):
            if _PART.fullmatch(name):
                self._check(self._parts / name)
                done.add(int(name.split(".")[0]))
        return done

    def add(self, piece: int, rows: Sequence[Row]) -> None:
        """Write the rows of a piece; raises StapesError where there is no room. What was written before stays."""
        import pyarrow as pa

        write_whole(self._part(piece), _bytes(pa.Table.from_pylist(list(rows), schema=self._schema)))

    def finish(self) -> None:
        """Put the parts together, where all are there; raises StapesError where there is no room, and the parts stay."""
        import pyarrow.parquet as pq

        if self.whole:
            return
        try:
            with staging(self.path.parent, ".stapes-") as folder:
                with (
                    (folder / "rows").open("wb") as file,
                    pq.ParquetWriter(file, self._schema, compression=CODEC) as to,
                ):
                    for table in self._tables():
                        to.write_table(table)
                os.replace(folder / "rows", self.path)
        except OSError as error:
            raise StapesError(
                f"{self.path}: cannot be written ({error.strerror or error}); what was done is kept in {self._parts}: make room, "
                "and run the same command again"
            ) from None
        self.whole = True
        self._forget_parts()

    def _tables(self) -> Iterator[Table]:
        """The rows in order, some thousands at a time: each table of a file takes its room in the file's list of contents."""
        import pyarrow as pa

        tables: list[Table] = []
        for piece in range(self.pieces):
            tables.append(self._read(self._part(piece)))
            if piece == self.pieces - 1 or sum(table.num_rows for table in tables) >= ROWS_A_TABLE:
                yield pa.concat_tables(tables).combine_chunks()
                tables = []

    def _forget_parts(self) -> None:
        for piece in range(self.pieces):
            self._part(piece).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._parts.rmdir()

    def __iter__(self) -> Iterator[Row]:
        """The rows in the order of the pieces, one piece at a time."""
        import pyarrow.parquet as pq

        if self.whole:
            with pq.ParquetFile(self.path) as file:
                for batch in file.iter_batches():
                    yield from batch.to_pylist()
            return
        for piece in range(self.pieces):
            yield from self._read(self._part(piece)).to_pylist()

    def busy(self) -> contextlib.AbstractContextManager[None]:
        """A block in which no other run writes the same file."""
        return contextlib.nullcontext() if self.whole else locked(self._parts, "another run is writing these results")

    def _part(self, piece: int) -> Path:
        return self._parts / f"{piece:07}.parquet"

    def _read(self, path: Path) -> Table:
        import pyarrow.parquet as pq

        with pq.ParquetFile(path) as file:
            return file.read()

    def _check(self, path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            found = pq.read_schema(path)
            about = json.loads((found.metadata or {})[KEY])
        except (pa.ArrowException, OSError, KeyError, ValueError):
            raise StapesError(
                f"{path}: no results of stapes, or damaged; give another name for --results, or delete it"
            ) from None
        if not isinstance(about, dict):
            about = {}
        for what, ours in self.about.items():
            if about.get(what) != ours:
                raise StapesError(
                    f"{path}: holds results of another {what} ({str(about.get(what))[:40]}, not {ours[:40]}); "
                    "give another name for --results"
                )
        if not found.equals(self._schema):
            raise StapesError(f"{path}: has other columns; give another name for --results")


@contextlib.contextmanager
def rows_in(
    path: Path | None, about: Mapping[str, str], columns: Columns, pieces: int
) -> Iterator[tuple[Rows, set[int]]]:
    """Rows at `path`, or in a temporary folder that goes with the block, and the pieces done before."""
    with contextlib.ExitStack() as stack:
        if path is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="rows-", ignore_cleanup_errors=True))
            path = Path(folder) / "rows.parquet"
        rows = Rows(path, about, columns, pieces)
        done = rows.begin()
        stack.enter_context(rows.busy())
        yield rows, done


def check_results(path: Path) -> None:
    """Raise StapesError where no results can be written; to be asked before the work."""
    if path.suffix != ".parquet":
        raise StapesError(f"--results {path}: give a name that ends with .parquet")
    check_file(path, begins=MAGIC)


def _schema(columns: Columns, about: Mapping[str, str]) -> Schema:
    import pyarrow as pa

    types = {"text": pa.string(), "number": pa.float64(), "place": pa.int64()}
    fields = [pa.field(name, types[kind]) for name, kind in columns.items()]
    return pa.schema(fields, metadata={KEY: json.dumps(dict(about), sort_keys=True)})


def _bytes(table: Table) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression=CODEC)
    return bytes(sink.getvalue())
