"""Whether the form of a CSV or TSV file is sound: its encoding, separator, quotes and header, and how long rows are.

What is wrong with the form of a whole file is one problem, however many rows it shows in.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from hptune.data.kinds import kind
from hptune.data.numbers import parse_number
from hptune.data.problems import FileProblems, listed, quoted
from hptune.wording import counted

SEPARATORS = {",": "a comma", ";": '";"', "\t": "a tab", "|": '"|"'}
NEARLY_ALL = 0.9  # of the rows being alike in what only a fault of the header explains
CODE = re.compile(r"0[0-9]{2,}", re.ASCII)  # a number that begins with zeros, longer than that of a month or day
PART = 2**20  # bytes read at once
SIGNS_OF_A_COMMENT = ("#", "//", "%")

Row = tuple[int, list[str]]  # the line in the file where it begins, its fields


def separator_of(path: str) -> str:
    """What stands between the fields of a file of this name."""
    return "\t" if kind(path) == "tsv" else ","


def is_text(content: bytes, problems: FileProblems) -> bool:
    """Whether it is UTF-8; if not, a problem says where."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        problems.add("UTF-16, expected UTF-8 text: save as UTF-8")
        return False
    if b"\0" in content:
        at = content.index(b"\0")
        line = content.count(b"\n", 0, at) + 1
        problems.add(f"not a text file: NUL at byte {at:,} (from 0); expected CSV, saved as UTF-8", line)
        return False
    bad = _not_utf_8(content)
    if bad is not None:
        line = content.count(b"\n", 0, bad) + 1
        problems.add(f"not UTF-8 text: byte 0x{content[bad]:02x} at byte {bad:,} (from 0): save as UTF-8", line)
    return bad is None


def _not_utf_8(content: bytes) -> int | None:
    """The place of the first byte that cannot be read; looked for a part at a time, which needs little memory."""
    decoder, whole, start = codecs.getincrementaldecoder("utf-8")(), memoryview(content), 0
    while start <= len(content):  # the last, empty part ends the text
        part, waiting = whole[start : start + PART], len(decoder.getstate()[0])
        try:
            decoder.decode(part, final=not part)
        except UnicodeDecodeError as error:
            return start - waiting + error.start
        start += max(1, len(part))
    return None


def has_sound_quotes(content: bytes, separator: str, problems: FileProblems) -> bool:
    """Whether no quote stands behind a blank that the reader takes for a part of the value: any but the space."""
    odd = rb"(?:[\x0b\x0c]|\xc2\xa0)" if separator == "\t" else rb"(?:[\t\x0b\x0c]|\xc2\xa0)"
    pattern = rb"[%b\r\n] *%b(?: |%b)*\"(?!\")" % (separator.encode(), odd, odd)
    found = b'"' in content and re.search(pattern, content)
    if found:
        line = content.count(b"\n", 0, found.end()) + 1
        problems.add("a tab or another blank that is no space stands before a quote: remove it", line)
    return not found


def quote_problem(message: str, line: bytes, separator: str) -> str:
    """What the reader of the csv module means by a message about a line."""
    if "unexpected end of data" in message:
        return "a quote opened in this row is never closed: close it, or write a quote in a value as two"
    if "field limit" in message:
        limit = csv.field_size_limit()
        return f"a field of more than {limit:,} characters begins in this row: is a quote not closed?"
    if re.search(rb'"[ \t]+' + re.escape(separator.encode()), line) and separator != "\t":
        return f"a blank stands between a quote and {SEPARATORS[separator]} after it: remove the blank"
    other = ", not behind a backslash" if b'\\"' in line else ""
    return f"quotes that do not match ({message}): quote the whole value, and write a quote in it as two{other}"


def has_separator(first_line: bytes, separator: str, line: int, problems: FileProblems) -> bool:
    """Whether the fields of the header are parted by what is expected, or at least by nothing else."""
    text = first_line.decode("utf-8", "replace")
    if _n_fields(text, separator) > 1:
        return True
    other = next((sign for sign in SEPARATORS if _n_fields(text, sign) > 1), None)
    if other:
        what = f"the header is one field, {quoted(text.strip())}: the separator looks like {SEPARATORS[other]}"
        problems.add(f"{what}, expected {SEPARATORS[separator]}; {_how_to_separate(separator, other)}", line)
    return not other


def _n_fields(text: str, separator: str) -> int:
    """How many fields a line has, 0 where its quotes do not go with the separator."""
    try:
        return len(next(csv.reader([text], delimiter=separator, skipinitialspace=True, strict=True), ()))
    except csv.Error:
        return 0


def _how_to_separate(expected: str, found: str) -> str:
    if {expected, found} == {",", "\t"}:
        return f"name it .{'tsv' if found == chr(9) else 'csv'}, or save it with {SEPARATORS[expected]} between fields"
    return "save the file with " + ("commas" if expected == "," else "tabs")


def check_header(header: tuple[str, ...], line: int, ignored: Container[str], problems: FileProblems) -> bool:
    """Whether the columns that are not ignored can be told apart by their names."""
    if all(parse_number(name) is not None for name in header):
        what = f"the header looks like data ({listed(header, 5)})"
        problems.add(f"{what}: add a first line with the names of the columns", line)
        return False
    empty = [number for number, name in enumerate(header, start=1) if not name and name not in ignored]
    if empty:
        hint = "name it, or write data.ignore: ['']"
        if empty[0] == 1:
            hint += " (a first one without a name is often an index)"
        elif empty == [len(header)]:
            hint = "does every line end with a separator? Remove it; else name the column"
        problems.add(f"no name for column {', '.join(map(str, empty))} of the header: {hint}", line)
    twice = [name for name, count in Counter(header).items() if count > 1 and name and name not in ignored]
    if twice:
        problems.add(f"duplicate column names: {listed(twice)}: rename or remove one of each", line)
    return not empty and not twice


@dataclass(slots=True)
class Lengths:
    """How many fields the rows have, counted while they are read."""

    expected: int
    separator: str
    n_good: int = 0
    wrong: dict[int, _Wrong] = field(default_factory=dict)  # by the number of fields

    def good(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The rows that have as many fields as the header."""
        for line, row in rows:
            if len(row) == self.expected:
                self.n_good += 1
                yield line, row
            else:
                wrong = self.wrong.setdefault(len(row), _Wrong(line))
                wrong.n_rows += 1
                wrong.n_empty_last += not row[-1].strip()

    def report(self, header: tuple[str, ...], header_line: int, problems: FileProblems) -> bool:
        """Whether rows are as long as the header, most of them at least; what is not becomes a problem."""
        n_rows = self.n_good + sum(wrong.n_rows for wrong in self.wrong.values())
        for length, wrong in self.wrong.items():
            if wrong.n_rows >= NEARLY_ALL * n_rows and n_rows > 1:
                message, is_of_header = self._of_all_rows(header, length, wrong)
                problems.add(message, header_line if is_of_header else wrong.line)
                return False
        for length, wrong in self.wrong.items():
            rows = f" in {wrong.n_rows:,} rows, the first one here" if wrong.n_rows > 1 else ""
            what = f"expected {counted(self.expected, 'field')} as in the header, found {length:,}{rows}"
            few = "fill in what is missing or remove the line"
            many = f"put a value that contains {SEPARATORS[self.separator]} in quotes"
            problems.add(f"{what}: {few if length < self.expected else many}", wrong.line)
        return True

    def _of_all_rows(self, header: tuple[str, ...], length: int, wrong: _Wrong) -> tuple[str, bool]:
        """The one problem that all rows have, and whether it lies in the header."""
        sign, is_one_more = SEPARATORS[self.separator], length == self.expected + 1
        if is_one_more and wrong.n_empty_last == wrong.n_rows:
            return f"{counted(wrong.n_rows, 'row')} end with {sign}, the header does not: remove it from each", False
        lengths = f"the header has {counted(self.expected, 'field')}, {wrong.n_rows:,} rows have {length:,}"
        if header[0].startswith(SIGNS_OF_A_COMMENT) or self.expected == 1:
            what = f"{lengths}: {quoted(header[0])} does not look like names of columns"
            return f"{what}: remove what stands above them", True
        if is_one_more:
            hint = (
                "if each begins with a name or number of its own, as R writes them (row.names), give that column a name"
            )
            return f"{lengths}: {hint} in the header and put it under data.ignore, or save without it", True
        hint = f"name every column, and put values that contain {sign} in quotes"
        return f"{lengths}: {hint}", True


@dataclass(slots=True)
class _Wrong:
    """Rows of a length that the header does not have."""

    line: int  # of the first one
    n_rows: int = 0
    n_empty_last: int = 0


def about_header(header: Iterable[str]) -> Iterator[str]:
    """A note on names that are numbers and do not count anything, as years and pixels do."""
    numbers = {name: number for name in header if (number := parse_number(name)) is not None}
    values = list(numbers.values())
    counts = len(values) > 1 and values == sorted(values) and all(value.is_integer() for value in values)
    if numbers and not counts:
        what = f"the header has numbers among its names ({listed(numbers, 5)})"
        yield f"{what}: is it a row of data, or a line about the file?"


def about_codes(content: bytes, rows: Iterable[Row], names: Mapping[int, str], separator: str) -> Iterator[str]:
    """A note on each column of numbers, by its place, with a text such as 02100, whose zeros are lost."""
    sign = re.escape(separator.encode())
    if not names or not re.search(rb'(?:%b|[\r\n]) *"?0[0-9]{2,}"? *(?=%b|[\r\n]|\Z)' % (sign, sign), content):
        return
    left = dict(names)
    for _, fields in rows:
        for place in tuple(left):
            if CODE.fullmatch(text := fields[place].strip()):
                what = f"{quoted(text)} is read as the number {int(text)}"
                yield f"column {quoted(left.pop(place))}: {what}: if these are codes, put it under data.categorical"
        if not left:
            return
