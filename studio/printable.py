"""One door to the screen: what models, files and servers send is made visible, never obeyed and never hidden."""

from collections.abc import Iterable

_UNSEEN = "\ufffd"


def _ranges(*ranges: tuple[int, int]) -> list[int]:
    return [code for first, last in ranges for code in range(first, last + 1)]


# Marks, embeddings, overrides and isolates of direction: what is shown stands in another order than what is there.
_DIRECTIONS = _ranges((0x061C, 0x061C), (0x200E, 0x200F), (0x202A, 0x202E), (0x2066, 0x2069))

# Unicode's Default_Ignorable_Code_Point, whose members show nothing: two names that look the same need not be, and a
# text can hold what nobody sees. Not in it: U+200C and U+200D, which Persian, Indian scripts and emoji need, and the
# variation selectors (U+180B-180D, U+180F, U+FE00-FE0F, U+E0100-E01EF), which only choose between two forms of a sign.
_HIDDEN = _ranges(
    (0x034F, 0x034F),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180E, 0x180E),
    (0x200B, 0x200B),
    (0x2060, 0x2065),
    (0x206A, 0x206F),
    (0x3164, 0x3164),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFFB),  # with U+FFF9-FFFB, which annotate
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE00FF),  # tags: a whole second text in ASCII
    (0xE01F0, 0xE0FFF),
)
_SOFT_HYPHEN = 0x00AD


def _table(unseen: Iterable[int]) -> dict[int, str | None]:
    table: dict[int, str | None] = {code: chr(0x2400 + code) for code in range(0x20) if code not in (0x09, 0x0A)}
    table[0x7F] = "\u2421"
    # C1 has no pictures of its own; a terminal would read 0x9b as the start of a command.
    table.update(dict.fromkeys(range(0x80, 0xA0), _UNSEEN))
    # Line and paragraph separators break the count of lines.
    table.update({0x2028: "\n", 0x2029: "\n"})
    # Half a character, as a broken escape or a file name can bring it: no output can encode it.
    table.update(dict.fromkeys(range(0xD800, 0xE000), _UNSEEN))
    table.update(dict.fromkeys(unseen, _UNSEEN))
    table[_SOFT_HYPHEN] = "\u2010"  # terminals disagree on whether it takes a cell; a hyphen takes one everywhere
    return table


_VISIBLE = _table([*_DIRECTIONS, *_HIDDEN])
_DROPPED = dict.fromkeys([*_DIRECTIONS, *_HIDDEN, _SOFT_HYPHEN])


def printable(text: str) -> str:
    """`text` safe to show, whatever it holds: each character by itself, so the same for any split of a stream.

    Tabs and newlines stay, U+2028 and U+2029 become newlines. C0 and DEL become their pictures (U+2400-2421), a soft
    hyphen a hyphen. C1, lone surrogates and what is invisible or turns the direction of writing become U+FFFD; the
    joiners U+200C and U+200D and the variation selectors stay. Markup is no matter of characters: whatever takes markup
    must be told not to.
    """
    return text.translate(_VISIBLE)


def printable_line(text: str) -> str:
    """As `printable`, on one line: a newline becomes a picture of itself, so that no text passes for another row."""
    return printable(text).replace("\n", "␊").replace("\t", " ")


def typed(text: str) -> str:
    """What an author pasted, safe to show in a field: as `printable`, but what is invisible goes without a trace.

    A text copied from a page or a word processor is full of it, and becomes a note or a prompt.
    """
    return text.translate(_DROPPED).translate(_VISIBLE)
