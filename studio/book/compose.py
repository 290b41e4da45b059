"""What a file should become by a write of the agent's: its text, the kept prose, and the author's untold changes."""

import difflib
from collections.abc import Callable
from typing import Literal

import msgspec

from studio.book.journal import JournalReader, sha256_of
from studio.book.ledger import Ledger
from studio.book.locks import Locks, check_passages, with_passages
from studio.book.merge import Conflict, merge, sentences
from studio.book.partials import begins_anew, heading, joined, whole
from studio.book.walk import folded
from studio.book.words import count_words
from studio.errors import BookError

Mode = Literal["create", "append", "overwrite", "edit", "restore"]  # the last is the author's own wish
_BOM = "\ufeff"  # what some editors of Windows begin a file with


class WriteRefused(BookError):
    """The write was not made; the message tells the agent what to do instead."""


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What stands on disk after a write."""

    file: str
    text: str
    agent_text: str  # as the agent believes the file to be: without the author's untold changes
    mode: Mode
    words: int
    merged: bool = False  # the author's changes were merged in
    conflicts: tuple[Conflict, ...] = ()
    continued: bool = False  # it goes on from prose kept of a cut reply

    @property
    def sha256(self) -> str:
        """Of the text on disk."""
        return sha256_of(self.text)


Describe = Callable[[Written], str]


class Composer:
    """Makes texts of what the ledger and the record know; touches no file."""

    def __init__(self, ledger: Ledger, journal: JournalReader, locks: Locks) -> None:
        self._ledger = ledger
        self._journal = journal
        self._locks = locks

    def known(self, sha256: str) -> str:
        """A version; "" for none, and for one that a damaged record has lost."""
        return self._journal.text(sha256) if sha256 and self._journal.has_text(sha256) else ""

    def view(self, file: str, disk: str | None) -> str | None:
        """The file as the agent believes it to be; None when it never saw it."""
        sha256 = self._ledger.agent_view(file)
        if disk is not None and sha256 == sha256_of(disk):
            return disk
        return self._journal.text(sha256) if sha256 and self._journal.has_text(sha256) else None

    def partial(self, file: str) -> tuple[str, str]:
        """The prose kept of cut replies to this file, and the mode they were sent in; both may be ""."""
        return whole((self.known(piece.sha256), piece.mode) for piece in self._ledger.pieces(file))

    def write(self, file: str, text: str, mode: Mode, disk: str | None) -> Written:
        """What `write_file` makes of a file that holds `disk` (None: none). Raises `WriteRefused`, `Locked`."""
        self._locks.check(file)
        if disk is None:
            self._refuse_what_went(file, mode)
        text = _as_on_disk(_encodable(text), disk)
        view = self.view(file, disk)
        holds = disk is not None and disk.strip() != ""
        continued = False
        if mode == "append":
            text, mode, continued = self._gone_on(file, text, disk, view)
            text = _as_on_disk(text, disk)
        if mode == "create" and holds:
            raise WriteRefused(
                f"{file} exists already with {count_words(disk or ''):,} words, so it was not created again. Use mode "
                '"append" to add to it, "overwrite" to replace it after read_file, or edit_file to change a passage.'
            )
        if mode == "overwrite" and holds and view is None:
            raise WriteRefused(
                f"{file} holds {count_words(disk or ''):,} words that you have not read; read_file it first."
            )
        if mode in ("create", "overwrite") and disk is not None and disk.startswith(_BOM):
            text = _BOM + text
        if mode == "overwrite" and disk is not None:
            text = with_passages(file, text, disk)
        agent_text = text
        merged, conflicts = False, tuple[Conflict, ...]()
        if mode == "append" and disk is not None:
            agent_text, text = (view or "") + text, disk + text
        elif mode == "overwrite" and disk is not None and disk != view:
            both = merge(view or "", disk, text)
            text, merged, conflicts = both.text, True, both.conflicts
        check_passages(file, disk or "", text)
        return Written(
            file=file,
            text=text,
            agent_text=agent_text,
            mode=mode,
            words=count_words(text),
            merged=merged,
            conflicts=conflicts,
            continued=continued,
        )

    def _refuse_what_went(self, file: str, mode: Mode) -> None:
        """A file the author took away is not made again without a word from the author, under no spelling."""
        file = next((name for name in self._ledger.taken_by_author() if folded(name) == folded(file)), file)
        if new := self._ledger.renamed_to(file):
            if self._ledger.has_spoken_since_renamed(file):  # about a new file of that name, it may be
                if mode == "create":
                    return
                raise WriteRefused(
                    f"The author renamed {file} to {new}, so nothing was written; use that name, or mode create if "
                    f"the author wants a new {file}."
                )
            raise WriteRefused(f"The author renamed {file} to {new}, so nothing was written; use that name.")
        if self._ledger.is_taken_away(file):
            raise WriteRefused(removed(file))

    def _gone_on(self, file: str, text: str, disk: str | None, view: str | None) -> tuple[str, Mode, bool]:
        """An append, with the prose that was kept of a cut reply and in that reply's mode: (text, mode, continued)."""
        kept, mode = self.partial(file)
        if not kept:
            return text, "append", False
        continued = not begins_anew(kept, text)
        text = joined(kept, text) if continued else text
        if disk is None or not disk.strip():
            return text, "create", continued
        # A cut reply may not have said its mode: the heading of what is there says that it was to be replaced.
        if mode == "overwrite" or (not mode and view is not None and heading(kept) and heading(kept) == heading(disk)):
            return text, "overwrite", continued
        return text, "append", continued

    def edit(self, file: str, old: str, new: str, disk: str | None) -> Written:
        """What `edit_file` makes of a file that holds `disk`. Raises `WriteRefused`, `Locked`."""
        self._locks.check(file)
        old, new = _encodable(old), _encodable(new)
        if disk is None:
            self._refuse_what_went(file, "edit")
            raise WriteRefused(f"There is no file {file}; list_files shows what there is, write_file makes one.")
        if old not in disk or _ends_crlf(disk):  # an editor's line ends, which no model sees
            old, new = _with_ends_of(old, disk), _with_ends_of(new, disk)
        if old.startswith(_BOM) and disk.startswith(old):
            new = _BOM + new.removeprefix(_BOM)
        elif old not in disk:
            old, new = old.removeprefix(_BOM), new.removeprefix(_BOM)
        count = disk.count(old) if old else 0
        if count != 1:
            raise WriteRefused(_not_once(file, disk, old, count))
        text = disk.replace(old, new)
        check_passages(file, disk, text)
        view = self.view(file, disk) or ""
        # The rest of the agent's own view stays the base of later merges: it has not read the file by editing it.
        if view.count(old) == 1:
            agent_text = view.replace(old, new)
        else:
            agent_text = merge(disk, text, view).text if view.strip() else new
        return Written(file=file, text=text, agent_text=agent_text, mode="edit", words=count_words(text))


def removed(file: str) -> str:
    """Why a file that the author took away is not written."""
    return (
        f"The author removed {file}, so it was not written again. Go on without it; if the book needs it, ask_author "
        "first, or put what it held into another file."
    )


def merged_late(base: str, late: str, disk: str, file: str, view: str | None, is_newest: bool) -> Written:
    """An author's save that arrived beside the file, made from `base`, brought into what is on disk now.

    Args:
        is_newest: the author has not saved since; else the file holds a newer text of the author's, which wins.
    """
    both = merge(base, late, disk) if is_newest else merge(base, disk, late)
    return Written(
        file=file,
        text=both.text,
        agent_text=disk if view is None else view,
        mode="edit",
        words=count_words(both.text),
        merged=True,
        conflicts=both.conflicts if is_newest else (),
    )


def rebased(written: Written, before: str, saved: str, other: str) -> Written:
    """A write that was made on `before`, on top of what the author saved meanwhile.

    Args:
        other: a further text that the author's may have been made from, whose changes `written` has.
    """
    if written.mode == "append" and written.text.startswith(before):
        added = _with_ends_of(written.text[len(before) :], saved)
        is_there = added.strip() != "" and saved.count(added.strip()) > before.count(added.strip())
        text = saved if is_there else saved + added
        check_passages(written.file, saved, text)
        return msgspec.structs.replace(written, text=text, words=count_words(text), merged=True)
    base, wanted = _with_ends_of(nearest(saved, before, other), saved), _with_ends_of(written.text, saved)
    both = merge(base, saved, wanted)
    if written.mode != "restore":  # what the author locked the author may put back
        check_passages(written.file, saved, both.text)
    return msgspec.structs.replace(
        written,
        text=both.text,
        words=count_words(both.text),
        merged=True,
        conflicts=written.conflicts + both.conflicts,
    )


def nearest(text: str, *candidates: str) -> str:
    """The text that `text` was most likely made from: the one with the fewest sentences that are not in both."""
    bodies = set(sentences(text))
    return min(candidates, key=lambda candidate: len(bodies ^ set(sentences(candidate))))


def _as_on_disk(text: str, disk: str | None) -> str:
    """The agent's text with the file's line ends, and without a byte order mark of its own where a file is."""
    return text if disk is None else _with_ends_of(text.removeprefix(_BOM), disk)


def _ends_crlf(disk: str) -> bool:
    """Whether every line of a file ends as on Windows."""
    return "\r\n" in disk and disk.count("\n") == disk.count("\r\n")


def _with_ends_of(text: str, disk: str) -> str:
    return text.replace("\r\n", "\n").replace("\n", "\r\n") if "\r\n" in disk and _ends_crlf(disk) else text


def _encodable(text: str) -> str:
    """Without halves of characters, which no file can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _not_once(file: str, disk: str, old: str, count: int) -> str:
    if not old:
        return f"old_text is empty; give the passage of {file} to replace, or use write_file with mode append."
    if count > 1:
        return f"old_text stands {count} times in {file}; give a longer passage that stands there only once."
    first = next((line.strip() for line in old.splitlines() if line.strip()), "")
    near = difflib.get_close_matches(first, [one.strip() for one in sentences(disk)], n=1, cutoff=0.4)
    hint = f" The nearest passage is: «{near[0][:300]}»." if near else ""
    return f"old_text does not stand in {file} as it is now; read_file it and quote the passage exactly.{hint}"
