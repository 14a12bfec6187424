"""A CSV or TSV file -> its header and columns of text, or what is wrong with its form.

In a CSV file commas stand between the fields, in a TSV file tabs; everything else is the same.

What the cells mean is not decided here: table.py does that. Rows with too few or too many fields are reported and
left out, so that the cells of all others can still be checked.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from hptune.data.files import excess, read_bytes
from hptune.data.kinds import kind
from hptune.data.numbers import finite_numbers, parse_number
from hptune.data.problems import FileProblems, listed, quoted
from hptune.wording import counted

SEPARATORS = {",": "a comma", ";": '";"', "\t": "a tab", "|": '"|"'}

Row = tuple[int, list[str]]  # the line in the file where it begins, its fields


CHUNK = 1000  # rows whose cells are made numbers together


@dataclass(frozen=True)
class TextTable:
    """The cells of a table."""

    header: tuple[str, ...]
    header_line: int
    cells: tuple[Sequence[str], ...]  # by column, then by row; none of columns that are ignored or in numbers
    lines: Sequence[int]  # of each row
    numbers: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)  # columns of finite numbers, by name

    @cached_property
    def places(self) -> Mapping[str, int]:
        """The number of each column."""
        return {name: number for number, name in enumerate(self.header)}

    def column(self, name: str) -> Sequence[str]:
        return self.cells[self.places[name]]


@dataclass(frozen=True, slots=True)
class _Columns:
    """What has been read of a table, by the numbers of columns."""

    lines: list[int]  # of each row
    texts: dict[int, list[str]]
    numbers: dict[int, NDArray[np.float64]]


def read_csv(path: str, ignored: Container[str], as_text: Container[str], problems: FileProblems) -> TextTable | None:
    """The table, or None where nothing in it can be checked further; either way problems may have grown.

    Columns in as_text stay texts, whatever is in them. Numbers are made of some rows at a time, for as texts all
    cells would need many times the memory; a column that turns out to be none of numbers is read once more.
    """
    content = read_bytes(path)
    if not _is_text(content, problems):
        return None
    separator = "\t" if kind(path) == "tsv" else ","
    rows = _rows(content, separator, problems)
    header_line, fields = next(rows, (0, []))
    if not fields:
        if not problems.found:
            problems.add("nothing in it: expected a header line and rows")
        return None
    header = tuple(field.strip() for field in fields)
    if not _check_header(header, header_line, separator, problems):
        return None
    wanted = [number for number, name in enumerate(header) if name not in ignored]
    at_most = max(content.count(b"\n"), content.count(b"\r")) + 1
    if too_much := excess(2 * 8 * at_most * len(wanted)):  # once as read, once as X
        problems.add(f"up to {at_most:,} rows of {len(wanted):,} columns: {too_much}; use fewer rows or columns")
        return None
    maybe_numbers = [number for number in wanted if header[number] not in as_text]
    certain = [number for number in wanted if header[number] in as_text]
    found = _read_columns(_of_length(len(header), rows, separator, problems), certain, maybe_numbers)
    if not found.lines and not problems.found:
        problems.add("a header and no rows", header_line)
    if not found.lines:
        return None
    texts, rest = found.texts, [number for number in maybe_numbers if number not in found.numbers]
    if rest:
        again = _rows(content, separator, unsaid := FileProblems(path))
        next(again)  # the header
        texts = texts | _read_columns(_of_length(len(header), again, separator, unsaid), rest, ()).texts
    cells = tuple(texts.get(number, ()) for number in range(len(header)))
    numbers = {header[number]: values for number, values in found.numbers.items()}
    return TextTable(header, header_line, cells, found.lines, numbers)


def _is_text(content: bytes, problems: FileProblems) -> bool:
    """Whether it is UTF-8; if not, a problem says where."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        problems.add("UTF-16, expected UTF-8 text: save as UTF-8")
        return False
    if b"\0" in content:
        at = content.index(b"\0")
        line = content.count(b"\n", 0, at) + 1
        problems.add(f"not a text file: NUL at byte {at:,} (from 0); expected CSV, saved as UTF-8", line)
        return False
    start = len(codecs.BOM_UTF8) if content.startswith(codecs.BOM_UTF8) else 0
    try:
        content[start:].decode("utf-8")
    except UnicodeDecodeError as error:
        at = start + error.start
        line = content.count(b"\n", 0, at) + 1
        problems.add(f"not UTF-8 text: byte 0x{content[at]:02x} at byte {at:,} (from 0): save as UTF-8", line)
        return False
    return True


def _rows(content: bytes, separator: str, problems: FileProblems) -> Iterator[Row]:
    """All rows but blank lines, up to the first place where quotes go wrong."""
    lines = io.TextIOWrapper(io.BytesIO(content), "utf-8-sig", newline="")  # newline="": a lone CR ends a line, too
    reader = csv.reader(lines, delimiter=separator, strict=True)
    line = 1
    try:
        for fields in reader:
            if fields:
                yield line, fields
            line = reader.line_num + 1
    except csv.Error as error:
        problems.add(_quote_problem(str(error)), line)


def _quote_problem(message: str) -> str:
    if "unexpected end of data" in message:
        return "a quote opened in this row is never closed: close it, or write a quote in a value as two"
    if "field limit" in message:
        limit = csv.field_size_limit()
        return f"a field of more than {limit:,} characters begins in this row: is a quote not closed?"
    return f"quotes that do not match ({message}): quote the whole value, and write a quote in it as two"


def _check_header(header: tuple[str, ...], line: int, separator: str, problems: FileProblems) -> bool:
    """Whether columns can be told apart by their names."""
    other = next((sign for sign in SEPARATORS if len(header) == 1 and sign in header[0]), None)
    if other:
        what = f"the header is one field, {quoted(header[0])}: the separator looks like {SEPARATORS[other]}"
        problems.add(f"{what}, expected {SEPARATORS[separator]}; {_how_to_separate(separator, other)}", line)
        return False
    if all(parse_number(name) is not None for name in header):
        what = f"the header looks like data ({listed(header, 5)})"
        problems.add(f"{what}: add a first line with the names of the columns", line)
        return False
    empty = [str(number) for number, name in enumerate(header, start=1) if not name]
    if empty:
        hint = "name it (a first one without a name is often an index: save without it)"
        problems.add(f"no name for column {', '.join(empty)} of the header: {hint}", line)
    twice = [name for name, count in Counter(header).items() if count > 1 and name]
    if twice:
        problems.add(f"duplicate column names: {listed(twice)}: rename or remove one of each", line)
    return not empty and not twice


def _how_to_separate(expected: str, found: str) -> str:
    if {expected, found} == {",", "\t"}:
        return f"name it .{'tsv' if found == chr(9) else 'csv'}, or save it with {SEPARATORS[expected]} between fields"
    return "save the file with " + ("commas" if expected == "," else "tabs")


def _of_length(expected: int, rows: Iterable[Row], separator: str, problems: FileProblems) -> Iterator[Row]:
    """The rows that have as many fields as the header."""
    for line, row in rows:
        if len(row) == expected:
            yield line, row
        else:
            what = f"expected {counted(expected, 'field')} as in the header, found {len(row):,}"
            few = "fill in what is missing or remove the line"
            many = f"put a value that contains {SEPARATORS[separator]} in quotes"
            problems.add(f"{what}: {few if len(row) < expected else many}", line)


def _read_columns(rows: Iterator[Row], as_text: Collection[int], others: Collection[int]) -> _Columns:
    """The cells of some columns as text, and those of others where they are nothing but finite numbers."""
    lines: list[int] = []
    texts: dict[int, list[str]] = {number: [] for number in as_text}
    found: dict[int, list[NDArray[np.float64]]] = {number: [] for number in others}
    while chunk := list(islice(rows, CHUNK)):
        lines += (line for line, _ in chunk)
        for number in texts:
            texts[number] += (fields[number] for _, fields in chunk)
        block = _block([fields for _, fields in chunk], tuple(found))
        for number in tuple(found):
            values = block[number] if block is not None else finite_numbers([fields[number] for _, fields in chunk])
            if values is None:
                del found[number]
            else:
                found[number].append(values)
    return _Columns(lines, texts, {number: np.concatenate(found.pop(number)) for number in tuple(found) if lines})


def _block(rows: Sequence[list[str]], columns: tuple[int, ...]) -> dict[int, NDArray[np.float64]] | None:
    """Some columns of some rows, where all are finite numbers that NumPy's reader takes as Python does, but faster."""
    if len(columns) < 2:
        return None
    pick = itemgetter(*columns)
    texts = [",".join(pick(fields)) for fields in rows]
    if not all(map(str.isprintable, texts)):  # of blanks other than the space they think differently
        return None
    try:
        values = np.loadtxt(texts, delimiter=",", comments=None, ndmin=2)
    except ValueError:
        return None
    if values.shape != (len(rows), len(columns)) or not np.isfinite(values).all():
        return None
    return dict(zip(columns, values.T.copy(), strict=True))
