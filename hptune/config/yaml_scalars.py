"""What text written without quotes means: a number, a boolean, nothing or text; or why that is ambiguous.

YAML 1.1 reads `no`, `010`, `12:30` and `2024-01-01` as a boolean, 8, 750 and a date, and PyYAML reads `1e-4` as
text. Here the first are refused and the last is a number.
"""

from __future__ import annotations

import re

Scalar = float | int | str | bool | None

LEAST, MOST = -(2**63), 2**63 - 1  # whole numbers fit 64 bits, as a database keeps them
MAX_DIGITS = 19  # so that int() never gets thousands
NULLS = {"", "~", "null", "Null", "NULL"}
BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
NUMBER = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
INTEGER = re.compile(r"[-+]?[0-9]+")
NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
# No two neighbours in these patterns can match the same character: a megabyte of digits must not cost n² steps.
AMBIGUOUS = [
    (re.compile(r"(?i:yes|no|on|off|true|false)"), "is a boolean in some YAML: write true or false, or quote it"),
    (re.compile(r"[-+]?0[0-9_]+"), "has a leading zero, which is ambiguous (octal in YAML 1.1): drop it, or quote it"),
    (
        re.compile(r"[-+]?0([xX][0-9a-fA-F_]+|[bB][01_]+|[oO][0-7_]+)"),
        "is a hexadecimal, octal or binary number: write it in decimal, or quote it",
    ),
    (
        re.compile(r"[-+]?(?=[^_]*_)([0-9][0-9_]*(\.[0-9_]*)?|\.[0-9][0-9_]*)([eE][-+]?[0-9_]+)?"),
        "has underscores, which some YAML reads as a number: leave them out, or quote it",
    ),
    (re.compile(r"[-+]?[0-9][0-9_]*(:[0-9]+)+(\.[0-9_]*)?"), "looks like a time (a number in base 60): quote it"),
    (
        re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt \t][-0-9:.+Zz \t]*)?"),
        "looks like a date; dates are not supported: quote it",
    ),
]


def resolve(text: str) -> Scalar:
    """The value of text written without quotes; ValueError says why there is none."""
    if text in NULLS:
        return None
    if text in BOOLEANS:
        return BOOLEANS[text]
    for pattern, reason in AMBIGUOUS:
        if pattern.fullmatch(text):
            raise ValueError(reason)
    if NUMBER.fullmatch(text):
        return _number(text)
    return float(text.replace(".", "")) if NOT_FINITE.fullmatch(text) else text


def _number(text: str) -> int | float:
    if INTEGER.fullmatch(text):
        if len(text.lstrip("+-")) > MAX_DIGITS or not LEAST <= int(text) <= MOST:
            raise ValueError(f"is out of range: whole numbers end at {MOST}")
        return int(text)
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError("is too large: numbers end near 1.8e308")
    if number == 0 and re.search("[1-9]", re.split("[eE]", text)[0]):
        raise ValueError("is too small: it would become 0")
    return number


def reads_as_text(text: str) -> bool:
    try:
        return isinstance(resolve(text), str)
    except ValueError:
        return False
