"""Texts of others made to fit a place on the screen: on one line, cut to a width in cells."""

from rich.cells import cell_len, set_cell_size

from studio.printable import printable, typed

_TAB = "    "


def shown(text: str) -> str:
    """`text` safe to show on several lines; the same for any split of a stream."""
    return printable(text).replace("\t", _TAB)


def pasted(text: str) -> str:
    """What an author pasted, safe in a field of several lines; what is invisible in it is left out."""
    return typed(text).replace("\t", _TAB)


def one_line(text: str) -> str:
    """`text` safe to show on one line: a newline becomes a picture of itself."""
    return shown(text).replace("\n", "␊")


def fit(text: str, cells: int) -> str:
    """`text` on one line of at most `cells` cells, with an ellipsis where it was cut."""
    line = one_line(text)
    if cell_len(line) <= cells:
        return line
    return set_cell_size(line, cells - 1).rstrip() + "…" if cells > 0 else ""


def pad(text: str, cells: int) -> str:
    """`fit`, filled with blanks to exactly `cells`."""
    line = fit(text, cells)
    return line + " " * (cells - cell_len(line))
