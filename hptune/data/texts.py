"""Columns of text: what they make of the inputs, and what they look like that they may not be meant for.

A text is a category, with an input of its own: 70% and 71% are as far from each other as red and blue.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence

from hptune.data.columns import Column
from hptune.data.dataset import Dataset
from hptune.data.problems import listed, quoted
from hptune.data.table import TableSchema
from hptune.wording import counted

NUMBER = r"[0-9]{1,3}([,.'_ ][0-9]{3})*([.,][0-9]+)?|[0-9]+([.,][0-9]+)?"
CODE = r"(?!0[0-9])"  # PAL0708 is no amount
UNIT = r"[^\w\s]{0,2}[^\W\d_]{0,4}(/[^\W\d_]{1,4}|[23])?"
AMOUNT = re.compile(rf"(?P<before>[^\w\s]{{0,3}}|[A-Z]{{3}})\s*{CODE}({NUMBER})\s*(?P<after>{UNIT})")
"""A number with what may stand around it: $12, EUR 3, 1.5 kg, 70%, 1,234, 20 m2, 80 km/h."""

DATE = re.compile(
    r"([0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.]([0-9]{2}){1,2})([T ][0-9:.]+Z?)?"
)


def columns_of_text(dataset: Dataset) -> tuple[Column, ...]:
    """The columns that are one-hot encoded, in the order of the file; none of data that came from no table."""
    columns = TableSchema.of(dataset).columns if dataset.schema else ()
    return tuple(column for column in columns if column.categories is not None)


def advice(dataset: Dataset, categorical: Collection[str]) -> Iterator[str]:
    """What of texts and classes to look at; columns in categorical (data.categorical) are known to be names."""
    for column in columns_of_text(dataset):
        if column.name not in categorical:
            yield from _about_numbers_and_dates(column.name, column.categories or ())
        yield from _about_likeness(f"column {quoted(column.name)}: ", column.categories or (), "a category")
    yield from _about_likeness("classes: ", dataset.classes, "a class")


def _about_numbers_and_dates(name: str, texts: Sequence[str]) -> Iterator[str]:
    names = "or put it under data.categorical if they are names"
    own = "and each is an input of its own"
    if dates := _most([text for text in texts if DATE.fullmatch(text)], texts):
        what = f"{dates} look like dates, {own}"
        yield f"column {quoted(name)}: {what}: write numbers (days, or month and weekday), {names}."
        return
    found = {text: match for text in texts if (match := AMOUNT.fullmatch(text))}
    around = {(match["before"].strip("+-"), match["after"]) for match in found.values()}
    if 2 * len(around) > len(found):  # 12a, 12b and 13c are numbers of houses
        return
    if amounts := _most(list(found), texts):
        what = f"{amounts} look like numbers, {own}"
        yield f"column {quoted(name)}: {what}: write them without sign, unit and separator, {names}."


def _most(found: Sequence[str], texts: Sequence[str]) -> str:
    """'4 of 5 texts (as "70%")', where they are more than half; else an empty text."""
    return (
        f"{len(found):,} of {counted(len(texts), 'text')} (as {quoted(found[0])})"
        if 2 * len(found) > len(texts)
        else ""
    )


def _about_likeness(place: str, texts: Iterable[str], each: str) -> Iterator[str]:
    """Texts that are one but for capitals and blanks."""
    alike = defaultdict(list)
    for text in texts:
        alike["".join(text.split()).casefold()].append(text)
    groups = [group for group in alike.values() if len(group) > 1]
    if groups:
        others = len(groups) - 1
        more = f" (and so {'does' if others == 1 else 'do'} {counted(others, 'more group')})" if others else ""
        what = f"{listed(groups[0])} differ only in case or blanks{more}, and each is {each} of its own"
        yield f"{place}{what}: spell them alike if they mean the same."
