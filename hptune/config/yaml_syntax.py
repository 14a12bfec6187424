"""PyYAML's syntax errors in words that say what to do."""

# What PyYAML says, what to say instead, and whether it is the start of the construct that should be pointed at.
SYNTAX = [
    (r"found character '\\t'", "use spaces, not tabs, to indent", False),
    (r"found character '(.)' that cannot start", "a value cannot start with {0}: quote the value", False),
    (r"scanning a directive", 'a line cannot start with "%": quote the text', True),
    (r"quoted scalar found unexpected", "the quote opened here is never closed: close the quote", True),
    (
        r"double-quoted scalar",
        'in double quotes "\\" starts an escape sequence, and this is none: use single quotes, or double the backslash',
        False,
    ),
    (r"expected <block end>, but found ':'", 'expected a name before ":", found none', False),
    (r"flow sequence .*got '(.*)'", 'the "[" opened here is not closed, or a comma is missing{at}: found {0}', True),
    (r"flow mapping .*got '(.*)'", 'the "{{" opened here is not closed, or a comma is missing{at}: found {0}', True),
    (
        r"(expected '<document start>'|expected <block end>), but found '(.*)'",
        "{1} is not expected here: check the indentation, and the quotes and brackets before it",
        False,
    ),
    (
        r"expected the node content, but found '(.*)'",
        "expected a value, found {0}: quote the value if it is text",
        False,
    ),
    (r"could not find expected ':'", 'expected "name: value", found no ":" after this name', True),
    (r"sequence entries are not allowed", 'a list with "- " starts on a line of its own; or write [1, 2]', False),
    (r"mapping keys are not allowed", 'text starting with "?" needs quotes', False),
    (r"scanning a block scalar", 'text starting with "|" or ">" needs quotes', True),
    (r"an (anchor|alias) ", 'anchors and aliases ("&", "*") are not supported: quote the value if it is text', True),
    (r"(a tag|tag handle)", 'tags ("!") are not supported: quote the value if it is text', True),
]
TOKENS = {
    "<stream end>": "the end of the text",
    "<document start>": '"---"',
    "<document end>": '"..."',
    "<block mapping start>": "a deeper name",
    "<block sequence start>": "a deeper list",
    "<block end>": "the end of the block",
    "<scalar>": "another text",
    "?": "another name",
}
