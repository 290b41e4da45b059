"""What became of a write that was intended and never recorded as done: told from the files it left behind."""

import msgspec

from studio.book.merge import sentences

_ENOUGH = 0.5  # share of what a write changed that must still be there


class Evidence(msgspec.Struct, kw_only=True):
    """What is found on disk, as bytes; None = no such file."""

    staged: bytes | None  # in the temporary file, which is whole if it is there
    disk: bytes | None  # in the book's file


def was_done(before: str | None, intended: str, found: Evidence) -> bool:
    """Whether `intended` was put in the place of `before` (None: of no file).

    An author may have saved since: then it was done if the disk has most of what the write was to change.
    """
    text = intended.encode("utf-8", "surrogatepass")
    if found.staged is not None and found.staged != text:
        return True  # it holds what was displaced, or is the book's file itself and was saved into
    if found.disk == text:
        return True
    if found.disk is None or (before is not None and found.disk == before.encode("utf-8", "surrogatepass")):
        return False
    return _derives(found.disk.decode("utf-8", "replace"), intended, before or "")


def was_taken_away(found: Evidence) -> bool:
    """Whether a file that was to go is gone: it lies beside the record, or nowhere."""
    return found.staged is not None or found.disk is None


def _derives(disk: str, intended: str, before: str) -> bool:
    is_there, was, wanted = _bodies(disk), _bodies(before), _bodies(intended)
    if new := wanted - was:
        return len(new & is_there) >= _ENOUGH * len(new)
    gone = was - wanted
    return bool(gone) and len(gone - is_there) >= _ENOUGH * len(gone)


def _bodies(text: str) -> set[str]:
    return {body for one in sentences(text) if (body := one.strip())}
