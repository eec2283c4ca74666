"""What strangers wrote, made such that it does nothing where it is shown.

One place for terminals, logs' readers and spreadsheets. HTML is escaped by the template engine.
"""

import re

# What acts in a terminal or turns the direction of what follows: control characters (those of 8
# bits too, which some terminals obey), marks of direction, and halves of characters, which no
# output can write. A tab and the end of a line stay.
ACTS = (
    "\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069"
    "\\ufeff\\ufff9-\\ufffb\\ud800-\\udfff"
)
# and what has no shape of its own, so that two names look alike
INVISIBLE = ACTS + "\\u200b-\\u200d\\u2060-\\u2065\\u206a-\\u206f\\U000e0000-\\U000e007f"
INSTEAD = "\ufffd"

_acts = re.compile(f"[{ACTS}]")
_invisible = re.compile(f"[{INVISIBLE}]")
# Where a spreadsheet would begin a formula: at the start of a cell, and within it where one that
# takes the file's commas for text begins a cell or a row.
_formula = re.compile(r"(^|[;\t\n])(?=[\s\"']*[=+\-@\uff1d\uff0b\uff0d\uff20]|(?<![;\t\n])\t)")
_number = re.compile(r"[+-]?[0-9][0-9 .,:]*(e[+-]?[0-9]+)?%?", re.IGNORECASE)


def tame(text: str) -> str:
    """Lines of text in which nothing acts.

    >>> tame("a\\x1b[31m\\r\\nb\\tc\\u202ed\\x9b")
    'a\ufffd[31m\\nb\\tc\ufffdd\ufffd'
    """
    return _acts.sub(INSTEAD, text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """Text on one line, without what cannot be seen.

    >>> one_line(" a\\u202eb\\n c\\x1b[0m\\u200b")
    'a\ufffdb c\ufffd[0m\ufffd'
    """
    return " ".join(_invisible.sub(INSTEAD, text.replace("\r\n", "\n")).split())


def cell(text: str) -> str:
    """A cell of a CSV file that may be opened in a spreadsheet: what would begin a formula has an
    apostrophe before it, a number has not.

    >>> cell("=1+1"), cell("@kim"), cell("-5"), cell("+44 20 7946 0123"), cell("a-b = c")
    ("'=1+1", "'@kim", '-5', '+44 20 7946 0123', 'a-b = c')
    >>> cell("so; =1+1"), cell("one\\n- two"), cell('"=1'), cell("\\tx")
    ("so;' =1+1", "one\\n'- two", '\\'"=1', "'\\tx")
    """
    text = tame(text)
    return text if _number.fullmatch(text) else _formula.sub(r"\1'", text)
