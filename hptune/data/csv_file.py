"""A CSV or TSV file -> its header and columns of text, or what is wrong with its form.

In a CSV file commas stand between the fields, in a TSV file tabs; everything else is the same.

What the cells mean is not decided here: table.py does that. Rows with too few or too many fields are reported and
left out, so that the cells of all others can still be checked.
"""

from __future__ import annotations

import codecs
import csv
import io
from array import array
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import compress, islice
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from hptune.data import csv_form
from hptune.data.csv_form import Lengths, Row
from hptune.data.files import excess, read_bytes
from hptune.data.missing import Missing, plain, quotes_marked
from hptune.data.problems import FileProblems

CHUNK = 100_000  # cells that are made numbers together
LONGEST_HEADER = 2**20  # bytes looked at for its separator


@dataclass(frozen=True)
class TextTable:
    """The cells of a table."""

    header: tuple[str, ...]
    header_line: int
    cells: tuple[Sequence[str], ...]  # by column, then by row; none of columns that are ignored or in numbers
    lines: Sequence[int]  # of each row
    numbers: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)  # columns of numbers, by name
    notes: tuple[str, ...] = ()  # what may have been meant otherwise

    def rows(self, some: NDArray[np.bool_]) -> TextTable:
        """The table with some of its rows."""
        cells = tuple(tuple(compress(column, some)) for column in self.cells)
        numbers = {name: values[some] for name, values in self.numbers.items()}
        return TextTable(self.header, self.header_line, cells, tuple(compress(self.lines, some)), numbers)

    @cached_property
    def places(self) -> Mapping[str, int]:
        """The number of each column."""
        return {name: number for number, name in enumerate(self.header)}

    def column(self, name: str) -> Sequence[str]:
        return self.cells[self.places[name]]


@dataclass(frozen=True, slots=True)
class _Columns:
    """What has been read of a table, by the numbers of columns."""

    lines: Sequence[int]  # of each row
    texts: dict[int, list[str]]
    numbers: dict[int, NDArray[np.float64]]


def read_csv(
    path: str, ignored: Container[str], as_text: Container[str], missing: Missing, problems: FileProblems
) -> TextTable | None:
    """The table, or None where nothing in it can be checked further; either way problems may have grown.

    Columns in as_text stay texts, whatever is in them. Numbers are made of some rows at a time, for as texts all
    cells would need many times the memory; a column that turns out to be none of numbers is read once more.
    """
    separator = csv_form.separator_of(path)
    content = read_bytes(path)
    if not csv_form.is_text(content, problems):
        return None
    content = quotes_marked(content, separator)
    begun = _begun(content, separator, ignored, problems)
    if begun is None:
        return None
    header_line, header, rows = begun
    wanted = [number for number, name in enumerate(header) if name not in ignored]
    at_most = content.count(b"\n") + content.count(b"\r") - content.count(b"\r\n") + 1
    if too_much := excess(8 * at_most * len(wanted)):
        problems.add(f"up to {at_most:,} rows of {len(wanted):,} columns: {too_much}; use fewer rows or columns")
        return None
    maybe_numbers = [number for number in wanted if header[number] not in as_text]
    certain = [number for number in wanted if header[number] in as_text]
    lengths = Lengths(len(header), separator)
    found = _read_columns(lengths.good(rows), certain, maybe_numbers, at_most, missing)
    is_fit = lengths.report(header, header_line, problems)
    if not found.lines and not problems.found:
        problems.add("a header and no rows", header_line)
    if not found.lines or not is_fit:
        return None
    texts, rest = found.texts, [number for number in maybe_numbers if number not in found.numbers]
    if rest:
        again = _rows(content, separator, FileProblems(path))
        next(again)  # the header
        once_more = Lengths(len(header), separator).good(again)
        texts = texts | _read_columns(once_more, rest, (), at_most, missing).texts
    cells = tuple(texts.get(number, ()) for number in range(len(header)))
    numbers = {header[number]: values for number, values in found.numbers.items()}
    names = {number: header[number] for number in found.numbers}
    once_more = _rows(content, separator, FileProblems(path))
    next(once_more)  # the header
    codes = csv_form.about_codes(content, Lengths(len(header), separator).good(once_more), names, separator)
    return TextTable(header, header_line, cells, found.lines, numbers, (*csv_form.about_header(header), *codes))


def _begun(
    content: bytes, separator: str, ignored: Container[str], problems: FileProblems
) -> tuple[int, tuple[str, ...], Iterator[Row]] | None:
    """The header, its line and the rows after it; None where one of these cannot be made out."""
    line, first = _first_line(content)
    if not csv_form.has_sound_quotes(content, separator, problems):
        return None
    if not csv_form.has_separator(first, separator, line, problems):
        return None
    rows = _rows(content, separator, problems)
    header_line, fields = next(rows, (0, []))
    if not fields and not problems.found:
        problems.add("nothing in it: expected a header line and rows")
    header = tuple(map(plain, fields))
    if not fields or not csv_form.check_header(header, header_line, ignored, problems):
        return None
    return header_line, header, rows


def _rows(content: bytes, separator: str, problems: FileProblems) -> Iterator[Row]:
    """All rows but blank lines, up to the first place where quotes go wrong."""
    lines = io.TextIOWrapper(io.BytesIO(content), "utf-8-sig", newline="")  # newline="": a lone CR ends a line, too
    # a quote is one, too, behind the space of ", "
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True)
    line = 1
    try:
        for fields in reader:
            if fields:
                yield line, fields
            line = reader.line_num + 1
    except csv.Error as error:
        where = content.splitlines()[reader.line_num - 1 : reader.line_num]
        problems.add(csv_form.quote_problem(str(error), b"".join(where), separator), line)


def _first_line(content: bytes) -> tuple[int, bytes]:
    """The first line with something in it, and its number."""
    lines = content[:LONGEST_HEADER].removeprefix(codecs.BOM_UTF8).splitlines()
    return next(((number, line) for number, line in enumerate(lines, start=1) if line.strip()), (0, b""))


def _read_columns(
    rows: Iterator[Row], as_text: Collection[int], others: Collection[int], at_most: int, missing: Missing
) -> _Columns:
    """The cells of some columns as text, and those of others where they are nothing but numbers, of at_most rows.

    A text that comes again is kept once, and a number goes to its place at once: memory is what may become scarce.
    """
    lines = array("q")
    texts: dict[int, list[str]] = {number: [] for number in as_text}
    known: dict[int, dict[str, str]] = {number: {} for number in as_text}
    # one array for all: the system gives what is written to, and gets all back at once
    found = dict(zip(others, np.empty((len(others), at_most)), strict=True))
    step = max(1, CHUNK // max(1, len(as_text) + len(others)))
    while chunk := list(islice(rows, step)):
        start = len(lines)
        lines.extend(line for line, _ in chunk)
        for number, same in known.items():
            texts[number] += (same.setdefault(text, text) for text in (fields[number] for _, fields in chunk))
        block = _block([fields for _, fields in chunk], tuple(found))
        for number in tuple(found):
            values = block[number] if block is not None else missing.as_numbers([fields[number] for _, fields in chunk])
            if values is None:
                del found[number]
            else:
                found[number][start : len(lines)] = values
    return _Columns(lines, texts, {number: values[: len(lines)] for number, values in found.items() if lines})


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
    return dict(zip(columns, values.T, strict=True))
