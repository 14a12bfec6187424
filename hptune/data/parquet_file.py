"""A Parquet file -> its columns, on which table.py decides by the same rules as on those of a CSV file.

Numbers are read as such, for as texts they would need ten times the memory; all else as text.

It needs pyarrow, which is imported only here and only when there is a Parquet file to read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hptune.data.csv_file import TextTable
from hptune.data.files import excess
from hptune.data.missing import Missing, marked
from hptune.data.problems import FileProblems, listed, quoted

PYARROW_MISSING = "Parquet files are read with pyarrow, which is not installed: pip install pyarrow"
EXPECTED = "expected numbers, truth values or text: convert it, or put the column under data.ignore"


def read_parquet(
    path: str, ignored: Container[str], as_text: Container[str], missing: Missing, problems: FileProblems
) -> TextTable | None:
    """The table, or None where nothing in it can be checked further; ignored columns have no cells.

    Columns in as_text become texts, whatever is in them.
    """
    try:
        from pyarrow import parquet
    except ImportError:
        problems.add(PYARROW_MISSING)
        return None
    try:
        file = parquet.ParquetFile(path)
        schema = file.schema_arrow
        needed = [name for name in schema.names if name not in ignored]
        if not _check_columns(schema, ignored, problems) or not _check_size(file.metadata, len(needed), problems):
            return None
        texts = [name for name in needed if _is_text(schema.field(name).type)]  # a repeated text is kept once
        file = parquet.ParquetFile(path, read_dictionary=texts, page_checksum_verification=True)
        cells: dict[str, tuple[str, ...]] = dict.fromkeys(schema.names, ())
        numbers: dict[str, NDArray[np.float64]] = {}
        rows = np.empty((len(needed), file.metadata.num_rows))  # one array for all, which the system gets back at once
        for name, row in zip(
            needed, rows, strict=True
        ):  # one after the other: what Arrow makes of a column goes when ours is made
            table = file.read(columns=[name], use_threads=False)
            table.validate(full=True)  # a wrong byte can make codes of texts that are not there
            column = table.column(name)
            if name not in as_text and _are_numbers(column, row, or_missing=missing.todo != "refuse"):
                numbers[name] = row
            else:
                cells[name] = _texts(column)
    except (OSError, ValueError, NotImplementedError, KeyError, UnicodeDecodeError) as error:  # Arrow's are among them
        what = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        problems.add(f"damaged, incomplete or not a Parquet file ({what}): copy it again, or save it again")
        return None
    in_order = tuple(cells[name] for name in schema.names)
    return TextTable(tuple(schema.names), 0, in_order, range(1, file.metadata.num_rows + 1), numbers)


def _check_columns(schema: Any, ignored: Container[str], problems: FileProblems) -> bool:
    """Whether columns have names of their own and types that can be read."""
    found = len(problems.found)
    twice = [name for name, count in Counter(schema.names).items() if count > 1 and name not in ignored]
    if twice:
        problems.add(f"duplicate column names: {listed(twice)}: rename or remove one of each")
    if "" in schema.names and "" not in ignored:
        problems.add(f"no name for column {schema.names.index('') + 1}: name it, or write data.ignore: ['']")
    for field in schema:
        if field.name not in ignored and not _is_readable(field.type):
            problems.add(f"column {quoted(field.name)} holds {field.type}, {EXPECTED}")
    return len(problems.found) == found


def _check_size(metadata: Any, columns: int, problems: FileProblems) -> bool:
    """Whether there are rows, and not more than fit into memory."""
    if metadata.num_rows < 1:
        problems.add("columns and no rows")
        return False
    unpacked = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
    if too_much := excess(max(unpacked, metadata.num_rows * columns * 8)):
        what = f"{metadata.num_rows:,} rows of {columns:,} columns, {unpacked:,} bytes unpacked"
        problems.add(f"{what}: {too_much}; use fewer rows or columns")
        return False
    return True


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_string(kind) or types.is_large_string(kind))


def _is_readable(kind: Any) -> bool:
    from pyarrow import types

    if types.is_dictionary(kind):
        return _is_readable(kind.value_type)
    numbers = (types.is_integer, types.is_floating, types.is_boolean, types.is_decimal, types.is_null)
    return _is_text(kind) or any(check(kind) for check in numbers)


def _are_numbers(column: Any, values: NDArray[np.float64], *, or_missing: bool) -> bool:
    """Whether all cells are finite numbers or, if they may be so, missing: NaN; if so, they are written to values."""
    from pyarrow import float64, types

    if not (types.is_integer(column.type) or types.is_floating(column.type)):
        return False
    start = 0
    for chunk in column.chunks:
        cells = chunk.cast(float64(), safe=False)
        validity, data = cells.buffers()  # Arrow's own way to NumPy imports pandas
        stop = start + len(cells)
        values[start:stop] = np.frombuffer(data, np.float64, len(cells), 8 * cells.offset)
        if validity is not None:
            is_there = np.unpackbits(np.frombuffer(validity, np.uint8), bitorder="little")[cells.offset :]
            values[start:stop][is_there[: len(cells)] == 0] = np.nan
        start = stop
    return bool(not np.isinf(values).any() if or_missing else np.isfinite(values).all())


def _texts(column: Any) -> tuple[str, ...]:
    """The cells as text, an empty one for a missing value; each distinct value is converted once.

    A text that would stand for a missing value in a CSV file is a text here, where there are nulls.
    """
    from pyarrow import float32, types

    if types.is_null(column.type):
        return ("",) * len(column)
    if types.is_float16(column.type):
        column = column.cast(float32())  # exact, and float16 has no dictionary
    texts: list[str] = []
    for chunk in column.chunks:
        encoded = chunk.dictionary_encode()
        values = encoded.dictionary.to_pylist()
        distinct: dict[int | None, str] = {
            code: "" if value is None or value != value else marked(str(value))  # noqa: PLR0124  (NaN)
            for code, value in enumerate(values)
        }
        distinct[None] = ""
        texts += [distinct[code] for code in encoded.indices.to_pylist()]
    return tuple(texts)
