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
from dataclasses import dataclass

from hptune.data.files import read_bytes
from hptune.data.kinds import kind
from hptune.data.numbers import parse_number
from hptune.data.problems import FileProblems, listed, quoted
from hptune.wording import counted

SEPARATORS = {",": "a comma", ";": '";"', "\t": "a tab", "|": '"|"'}

Row = tuple[int, list[str]]  # the line in the file where it begins, its fields


@dataclass(frozen=True, slots=True)
class TextTable:
    """The cells of a table."""

    header: tuple[str, ...]
    header_line: int
    cells: tuple[tuple[str, ...], ...]  # by column, then by row
    lines: tuple[int, ...]  # of each row

    def column(self, name: str) -> tuple[str, ...]:
        return self.cells[self.header.index(name)]


def read_csv(path: str, problems: FileProblems) -> TextTable | None:
    """The table, or None where nothing in it can be checked further; either way problems may have grown."""
    text = _decode(read_bytes(path), problems)
    if text is None:
        return None
    separator = "\t" if kind(path) == "tsv" else ","
    rows = _rows(text, separator, problems)
    if not rows:
        if not problems.found:
            problems.add("nothing in it: expected a header line and rows")
        return None
    (header_line, fields), *body = rows
    header = tuple(field.strip() for field in fields)
    if not _check_header(header, header_line, separator, problems):
        return None
    if not body and not problems.found:
        problems.add("a header and no rows", header_line)
    good = _check_lengths(len(header), body, separator, problems)
    if not good:
        return None
    return TextTable(header, header_line, tuple(zip(*(row for _, row in good), strict=True)), tuple(n for n, _ in good))


def _decode(content: bytes, problems: FileProblems) -> str | None:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        problems.add("UTF-16, expected UTF-8 text: save as UTF-8")
        return None
    if b"\0" in content:
        at = content.index(b"\0")
        line = content.count(b"\n", 0, at) + 1
        problems.add(f"not a text file: NUL at byte {at:,} (from 0); expected CSV, saved as UTF-8", line)
        return None
    start = len(codecs.BOM_UTF8) if content.startswith(codecs.BOM_UTF8) else 0
    try:
        return content[start:].decode("utf-8")
    except UnicodeDecodeError as error:
        at = start + error.start
        line = content.count(b"\n", 0, at) + 1
        problems.add(f"not UTF-8 text: byte 0x{content[at]:02x} at byte {at:,} (from 0): save as UTF-8", line)
        return None


def _rows(text: str, separator: str, problems: FileProblems) -> list[Row]:
    """All rows but blank lines, up to the first place where quotes go wrong."""
    lines = io.StringIO(text, newline="")  # newline="": a lone CR ends a line, too
    reader = csv.reader(lines, delimiter=separator, strict=True)
    rows: list[Row] = []
    line = 1
    try:
        for fields in reader:
            if fields:
                rows.append((line, fields))
            line = reader.line_num + 1
    except csv.Error as error:
        problems.add(_quote_problem(str(error)), line)
    return rows


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


def _check_lengths(expected: int, rows: list[Row], separator: str, problems: FileProblems) -> list[Row]:
    """The rows that have as many fields as the header."""
    for line, row in rows:
        if len(row) != expected:
            what = f"expected {counted(expected, 'field')} as in the header, found {len(row):,}"
            few = "fill in what is missing or remove the line"
            many = f"put a value that contains {SEPARATORS[separator]} in quotes"
            problems.add(f"{what}: {few if len(row) < expected else many}", line)
    return [(line, row) for line, row in rows if len(row) == expected]
