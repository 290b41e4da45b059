"""Going on from prose that was kept of a cut reply: how the pieces of one text come together."""

from collections.abc import Iterable

_ENDS = ".!?…\"'”’»)"


def joined(kept: str, text: str) -> str:
    """What was kept and what goes on from it; a blank between two sentences is the model's to forget, not ours."""
    kept_blank, text_blank = kept[len(kept.rstrip()) :], text[: len(text) - len(text.lstrip())]
    if kept.strip() and kept_blank and text_blank:
        # The model was shown where the kept text ends without its blanks, and begins with them: once is enough.
        same_line = "\n" in kept_blank and "\n" not in text_blank
        return kept + text.lstrip() if same_line else kept.rstrip() + text
    if kept and text and kept[-1] in _ENDS and (text[0].isascii() or text[0] in "“‘«") and text[0].isprintable():
        apart = text[0].isalnum() or text[0] in "\"'“‘«"
        return f"{kept} {text}" if apart else kept + text
    return kept + text


def begins_anew(kept: str, text: str) -> bool:
    """Whether `text` is the whole once more, not what goes on: it repeats what was kept, or its heading."""
    return text.startswith(kept) or (heading(kept) != "" and heading(text) == heading(kept))


def heading(text: str) -> str:
    """The Markdown heading a text begins with, or ""."""
    first = text.lstrip().partition("\n")[0].strip()
    return first if first.startswith("#") else ""


def whole(pieces: Iterable[tuple[str, str]]) -> tuple[str, str]:
    """Pieces kept one after the other, as (text, mode of its write); returns the text they make and its mode."""
    text = mode = ""
    for piece, piece_mode in pieces:
        if not text or piece_mode in ("create", "overwrite") or begins_anew(text, piece):
            text, mode = piece, piece_mode or mode
        else:
            text = joined(text, piece)
    return text, mode
