"""Text from elsewhere (reasons, names, paths) made fit for any terminal: no markup, no escapes, no surprises."""

from __future__ import annotations

from rich.console import Console, RenderableType
from rich.text import Text

from hptune.wording import visible


def safe(text: str, encoding: str) -> str:
    """The text with what cannot be printed, or not in this encoding, shown as a backslash escape."""
    return visible(text).encode(encoding, "backslashreplace").decode(encoding)


def plain(console: Console, text: str, style: str = "") -> Text:
    """The text for a console, taken literally and folded where a word is wider than the console."""
    return Text(safe(text, console.encoding), style=style, overflow="fold")


def say(console: Console, text: str, style: str = "") -> None:
    """Print a line."""
    print_trimmed(console, plain(console, text, style))


def print_trimmed(console: Console, what: RenderableType) -> None:
    """Print it without the spaces that rich leaves at the ends of lines, where it folds a text or fills a table."""
    for segments in console.render_lines(what, pad=False):
        line = Text.assemble(*((segment.text, segment.style or "") for segment in segments))
        line.rstrip()
        console.print(line, soft_wrap=True)


def heading(console: Console, text: str) -> None:
    """Print the title of a section, an empty line before it."""
    console.print()
    say(console, text, "bold")
