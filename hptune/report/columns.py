"""Tables that fit any terminal: columns that have no room go into further tables, keyed by the same first column.

Nothing is ever cut off. Without boxes, so that a table looks the same piped and can be split at two spaces.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from hptune.report.safe_text import plain, print_trimmed, safe, say

GAP = 2  # spaces between columns
MISSING = "-"


@dataclass(frozen=True, slots=True)
class Column:
    """A header and the texts below it."""

    header: str
    cells: tuple[str, ...]
    justify: JustifyMethod = "right"
    always: bool = False  # shown even where all rows are the same

    @property
    def is_needless(self) -> bool:
        """Whether there is nothing to compare: several rows, all the same."""
        return not self.always and len(self.cells) > 1 and len(set(self.cells)) == 1


Group = tuple[Column, ...]
"""Columns that stay side by side: a hyperparameter and its complement."""


def print_columns(console: Console, first: Group, key: Column, groups: Sequence[Group]) -> None:
    """Print `first` and the groups as one table or, where they are too wide, as several that begin with `key`."""
    for number, block in enumerate(_blocks(console, first, key, groups)):
        if number:
            console.print()
        _print_block(console, block)


def print_differing(console: Console, first: Group, key: Column, groups: Sequence[Group]) -> None:
    """The same, with what is equal in all rows said in one line below."""
    print_columns(console, first, key, [group for group in groups if not group[0].is_needless])
    constant = [f"{group[0].header} {group[0].cells[0]}" for group in groups if group[0].is_needless]
    if constant:
        say(console, f"the same in all: {', '.join(constant)}")


def _blocks(console: Console, first: Group, key: Column, groups: Sequence[Group]) -> Iterator[Group]:
    block, n_keys = first, len(first)
    for group in groups:
        if len(block) > n_keys and _width(console, (*block, *group)) > console.width:
            yield block
            block, n_keys = (key,), 1
        block = (*block, *group)
    yield block


def _width(console: Console, block: Group) -> int:
    return sum(_column_width(console, column) for column in block) + GAP * (len(block) - 1)


def _column_width(console: Console, column: Column) -> int:
    return max(cell_len(safe(text, console.encoding)) for text in (column.header, *column.cells))


def _print_block(console: Console, block: Group) -> None:
    if _width(console, block) > console.width:
        _print_folded(console, block)
        return
    columns = [_padded(console, column) for column in block]
    console.print(Text((" " * GAP).join(column[0] for column in columns).rstrip(), style="bold"), soft_wrap=True)
    lines = ((" " * GAP).join(cells).rstrip() for cells in zip(*(column[1:] for column in columns), strict=True))
    console.out("\n".join(lines), highlight=False)


def _padded(console: Console, column: Column) -> list[str]:
    """The header and the cells, all as wide as the widest."""
    width = _column_width(console, column)
    texts = [safe(text, console.encoding) for text in (column.header, *column.cells)]
    gaps = [" " * (width - cell_len(text)) for text in texts]
    pairs = zip(texts, gaps, strict=True)
    return [text + gap if column.justify == "left" else gap + text for text, gap in pairs]


def _print_folded(console: Console, block: Group) -> None:
    """A block of which one column alone is wider than the console: its cells go over several lines."""
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    for column in block:
        table.add_column(plain(console, column.header), justify=column.justify, overflow="fold")
    for cells in zip(*(column.cells for column in block), strict=True):
        table.add_row(*(plain(console, cell) for cell in cells))
    print_trimmed(console, table)
