"""One door to the screen: control characters of models, files and servers are made visible, never obeyed."""

_PICTURES: dict[int, str] = {code: chr(0x2400 + code) for code in range(0x20) if code not in (0x09, 0x0A)}
_PICTURES[0x7F] = "\u2421"
# C1 has no pictures of its own; a terminal would read 0x9b as the start of a command.
_PICTURES.update(dict.fromkeys(range(0x80, 0xA0), "\ufffd"))
# Line and paragraph separators break the count of lines; bidirectional overrides can reorder what is shown.
_PICTURES.update({0x2028: "\n", 0x2029: "\n"})
_PICTURES.update(dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)], "\ufffd"))


def printable(text: str) -> str:
    """`text` safe to show, whatever it holds; tabs and newlines stay. The same for any split of a stream."""
    return text.translate(_PICTURES)
