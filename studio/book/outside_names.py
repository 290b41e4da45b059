"""Names of files as models and authors give them: what may be a file of a book, on any system. Pure."""

import re
import unicodedata

from studio.book.leavings import copied_from, is_leaving
from studio.book.walk import CLOSED, DEEPEST, folded
from studio.errors import PathRefused

LONGEST_PART = 200  # bytes of one part of a name
_RESERVED = re.compile(r"(?:con|conin\$|conout\$|prn|aux|nul|(?:com|lpt)[0-9¹²³])\s*(?:\..*)?", re.IGNORECASE)


def parts_of(raw: str, *, is_authors: bool = False) -> list[str]:
    """The parts of a name inside the book, `.md` added.

    Args:
        is_authors: the author once had a file of this name: refused is only what is no place of the book's.

    Raises:
        PathRefused: the name would leave the folder, or no system can hold it; nothing is repaired.
    """
    parts = raw.removeprefix("./").split("/")
    for part in parts:
        if not is_authors or not part or part[0] == "." or "\0" in part:
            _check_part(raw, part)
    if not parts[-1].lower().endswith(".md"):
        parts[-1] += ".md"
    if not is_authors and (len(parts) > DEEPEST or any(len(part.encode()) > LONGEST_PART for part in parts)):
        raise PathRefused(f"The file name {shown(raw)} is too long; use a short one such as chapter_01.md.")
    if folded(parts[0]) in CLOSED:
        raise PathRefused(f"{shown(raw)} lies in a folder the studio keeps for itself; use another name.")
    return parts


def _check_part(raw: str, part: str) -> None:
    wrong = ""
    if not raw.strip():
        wrong = "is empty"
    elif part in ("", ".", ".."):
        wrong = "leads out of the book's folder"
    elif part.startswith("."):
        wrong = "begins with a dot"
    elif part[-1] in ". " or part[0] == " ":
        wrong = "begins or ends with a blank or ends with a dot"
    elif any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") or c in '\\:*?"<>|' for c in part):
        wrong = "has a character that file names can't have everywhere"
    elif _RESERVED.fullmatch(part):
        wrong = "is reserved on some systems"
    elif is_leaving(part) or is_leaving(f"{part}.md"):
        wrong = "looks like an editor's temporary file"
    elif copied_from(part) or copied_from(f"{part}.md"):
        wrong = "looks like a sync program's second version of a file"
    if wrong:
        raise PathRefused(
            f"The file name {shown(raw)} {wrong}; use a plain one such as chapter_01.md or bible/people.md."
        )


def shown(raw: str) -> str:
    """A name in quotes, as a sentence for the author can hold it."""
    short = raw if len(raw) <= 60 else raw[:60] + "…"
    return "“" + "".join(c if c.isprintable() else "�" for c in short) + "”"
