"""`studio history`: what was changed when by whom, word by word; and putting it back."""

import asyncio
import re
import shlex
import sys
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn, TextIO, TypeVar

import msgspec

from studio.agent.commands import Restored
from studio.agent.open_book import OpenBook
from studio.agent.past import BookVersions, PastVersions
from studio.book.history import AUTHOR, MERGE, Revision, file_at, files_of, name_now, number_at, of_file, state_at
from studio.book.journal import Journal
from studio.book.layout import find_book
from studio.book.provenance import runs
from studio.book.pruning import KEEP, Pruned
from studio.book.room import in_words
from studio.book.word_diff import Piece, lines_of, word_diff, words_changed
from studio.book.words import count_words
from studio.config import spill_folders
from studio.errors import BookHeld, UsageError
from studio.events import plain_json
from studio.printable import printable, printable_line

_AGO = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_MARKS = {"-": ("[-", "-]"), "+": ("{+", "+}"), "=": ("", "")}
_COLOURS = {"-": "31;9", "+": "32", "dim": "2", "bold": "1", AUTHOR: "32", "agent": "36", MERGE: "35"}

T = TypeVar("T")


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line asks for."""

    book: str
    file: str | None = None
    show: int | None = None
    diff: list[int] | None = None
    who: bool = False
    restore: int | None = None
    whole: bool = False  # with `restore`: the whole book
    undo_agent: str | None = None
    prune: bool = False
    keep: int | None = None
    json: bool = False


def run_history(
    projects: Path,
    asked: Asked,
    out: TextIO,
    *,
    environment: Mapping[str, str],
    clock: Callable[[], float] = time.time,
) -> int:
    """Carry out the command; returns the exit code.

    Raises:
        UsageError: there is no such book, file or revision.
        BookHeld: files are to change, and another studio has the book.
        BookError: the record can't be read, or a version is gone.
    """
    root = find_book(projects, asked.book)
    if asked.whole and asked.restore is None:
        raise UsageError("--book goes with --restore N: the whole book as it was at revision N.")
    if asked.keep is not None and not asked.prune:
        raise UsageError("--keep goes with --prune.")
    if asked.keep is not None and asked.keep < 1:
        raise UsageError("--keep wants at least 1: the newest of each file stays.")
    plain = not out.isatty() or "NO_COLOR" in environment or environment.get("TERM") == "dumb"
    page = _Page(out, json=asked.json, colour=not plain)
    if asked.restore is not None or asked.undo_agent is not None:
        page.restored(asyncio.run(_with_book(root, lambda book: _change(book, asked, clock()))), root.name)
    elif asked.prune:
        page.pruned(asyncio.run(_with_book(root, lambda book: book.journal.prune(asked.keep or KEEP))))
    else:
        _read(PastVersions(Journal.open_readonly(root)), asked, page)
    return 0


# --- reading ------------------------------------------------------------------------------------------------------


def _read(past: PastVersions, asked: Asked, page: "_Page") -> None:
    revisions = past.revisions()
    file = None if asked.file is None else _file(revisions, asked)
    if asked.show is not None:
        number = _number(revisions, asked.show, asked.book)
        one = _revision(revisions, number)
        name = file or one.file
        sha256 = one.sha256 if file is None else file_at(revisions, file, number)
        page.text(name, number, past.text(sha256 or _absent(revisions, name, number)))
    elif asked.diff is not None:
        if len(asked.diff) > 2:
            raise UsageError("--diff wants one revision or two: --diff A B.")
        first, last = [_number(revisions, number, asked.book) for number in (*asked.diff, len(revisions))[:2]]
        for name, before, after in _pairs(revisions, file, first, last):
            texts = past.text(before), past.text(after)
            page.diff(name, word_diff(*texts), words_changed(*texts))
    elif asked.who:
        for name in [file] if file else state_at(revisions, len(revisions)):
            page.who(name, [(one.by, one.text) for one in runs(past.provenance(name))])
    else:
        page.list(past, of_file(revisions, file) if file else revisions, revisions)


def _pairs(revisions: Sequence[Revision], file: str | None, first: int, last: int) -> list[tuple[str, str, str]]:
    """(file, text before, text after) of what a difference of two moments is to show."""
    earlier, later = sorted((first, last))
    if file is not None:
        names = [file]
    else:
        revisions = revisions[:later]  # what came since may have given the names to other files
        there, renamed = state_at(revisions, later), {one.renamed_from for one in revisions[earlier:]}
        names = sorted({*(state_at(revisions, earlier).keys() - renamed), *there})
        if earlier and any(one.number == earlier for one in of_file(revisions, revisions[-1].file)):
            names = [revisions[-1].file]  # both are of one file
    found = [(name, file_at(revisions, name, first), file_at(revisions, name, last)) for name in names]
    return [row for row in found if row[1] != row[2]]


def _absent(revisions: Sequence[Revision], file: str, number: int) -> NoReturn:
    there = [one.number for one in of_file(revisions, file) if one.sha256]
    raise UsageError(f"{file} was not there at revision {number}; it was at {', '.join(map(str, there[:12]))}.")


def _number(revisions: Sequence[Revision], number: int, book: str) -> int:
    if not 0 <= number <= len(revisions):
        raise UsageError(f"There is no revision {number}; {book} has {_range(len(revisions))}.")
    return number


def _revision(revisions: Sequence[Revision], number: int) -> Revision:
    if number < 1:
        raise UsageError("Revision 0 is the book before its first change; there is no file in it.")
    return revisions[number - 1]


def _range(count: int) -> str:
    return "none yet" if count == 0 else "only revision 1" if count == 1 else f"1 to {count}"


def _file(revisions: Sequence[Revision], asked: Asked) -> str:
    names = files_of(revisions)
    wanted = str(asked.file).removeprefix("./")
    for name in (wanted, f"{wanted}.md"):
        if name in names or any(one.renamed_from == name for one in revisions):
            return name
    for name in names:
        if name.casefold() in (wanted.casefold(), f"{wanted}.md".casefold()):
            return name
    shown = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
    raise UsageError(f"{asked.book} has no history of “{wanted}”; it has one of {shown or 'no file yet'}.")


# --- changing -----------------------------------------------------------------------------------------------------


async def _with_book(root: Path, do: Callable[[OpenBook], Coroutine[Any, Any, T]]) -> T:
    """Take the book, finish what a crash left, do it, let go."""
    try:
        book = await asyncio.to_thread(OpenBook.open, root, spill_folders=spill_folders())
    except BookHeld as held:
        raise BookHeld(f"{held} On its desk, h opens the history, where you can do this too.") from held
    if book.journal.recovered:
        sys.stderr.write(f"studio: {printable(book.journal.recovered)}\n")
    try:
        await book.manuscript.settle()
        await book.restoring.settle()
        return await do(book)
    finally:
        await book.close()


async def _change(book: OpenBook, asked: Asked, now: float) -> Restored:
    past = BookVersions(book)
    revisions = past.revisions()
    file = None if asked.file is None else _file(revisions, asked)
    if asked.undo_agent is not None:
        since = since_number(asked.undo_agent, revisions, now)
        return await past.undo_agent(_number(revisions, since, asked.book), file)
    number = _number(revisions, asked.restore or 0, asked.book)
    if asked.whole:
        if file is not None:
            raise UsageError("--book puts every file back; leave FILE out, or --book.")
        return await past.restore_book(number)
    return await past.restore(file or name_now(revisions, _revision(revisions, number).number), number)


def since_number(since: str, revisions: Sequence[Revision], now: float) -> int:
    """The revision that a SINCE means: its number, or the last one by a time such as 14:30 or 2h ago.

    Args:
        now: seconds since the epoch.

    Raises:
        UsageError: it is neither.
    """
    text = since.strip()
    if text.isdecimal():
        return int(text)
    if ago := _AGO.fullmatch(text):
        return number_at(revisions, now - float(ago[1]) * _SECONDS[ago[2]])
    try:
        if re.fullmatch(r"\d{1,2}:\d{2}(:\d{2})?", text):
            today = datetime.fromtimestamp(now).date().isoformat()
            moment = datetime.fromisoformat(f"{today}T{text.zfill(5)}").timestamp()
            moment -= _SECONDS["d"] if moment > now else 0  # last evening's
        else:
            moment = datetime.fromisoformat(text).timestamp()
    except ValueError as error:
        raise UsageError(
            f"“{since}” is no revision and no time; write 12, 14:30, 2026-11-24T14:30 or 2h (two hours ago)."
        ) from error
    return number_at(revisions, moment)


# --- writing it out -----------------------------------------------------------------------------------------------


class _Page:
    """Readable text, or one JSON object a line."""

    def __init__(self, out: TextIO, *, json: bool, colour: bool) -> None:
        self._out = out
        self._json = json
        self._colour = colour

    def _line(self, text: str = "") -> None:
        self._out.write(f"{text}\n")

    def _object(self, **fields: object) -> None:
        self._line(plain_json(msgspec.json.encode(fields)).decode())

    def _in(self, look: str, text: str) -> str:
        return f"\x1b[{_COLOURS[look]}m{text}\x1b[0m" if self._colour and look in _COLOURS and text else text

    def list(self, past: PastVersions, shown: Sequence[Revision], every: Sequence[Revision]) -> None:
        missing = past.missing()
        rows = [(one, *past.words_changed(one)) for one in shown]
        space, files = past.space(), len(files_of(every))
        if self._json:
            for one, added, removed in rows:
                fields = msgspec.structs.asdict(one) | {"words_added": added, "words_removed": removed}
                self._object(**fields, pruned=one.number in missing)
            self._object(revisions=len(every), files=files, versions=space.size, record=space.record)
            return
        wide = max((_cells(one.file) for one, *_ in rows), default=4)
        wide = min(max(wide, 4), 40)
        if rows:
            head = f"{'#':>5}  {'when':<16}  {'who':<6}  {'step':>4}  {_pad('file', wide)}  {'words':>7}  change"
            self._line(self._in("dim", head))
        for one, added, removed in rows:
            when = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.at))
            change = " ".join(f"{sign}{count:,}" for sign, count in (("+", added), ("−", removed)) if count) or "±0"
            who = self._in(one.who, f"{one.who:<6}")
            note = "; ".join(part for part in (_note(one), "pruned" if one.number in missing else "") if part)
            file = _pad(one.file, wide)
            line = f"{one.number:>5}  {when}  {who}  {one.step:>4}  {file}  {one.words:>7,}  {change:<12}"
            self._line(f"{line}  {self._in('dim', printable_line(note))}".rstrip())
        counted = f"{len(every):,} revision{'s' * (len(every) != 1)} of {files:,} file{'s' * (files != 1)}"
        self._line(f"{counted}; {in_words(space.size)} of versions in a record of {in_words(space.record)}")

    def text(self, file: str, number: int, text: str) -> None:
        if self._json:
            self._object(file=file, number=number, words=count_words(text), text=text)
        else:
            self._out.write(printable(text) + "\n" * (not text.endswith("\n")))

    def diff(self, file: str, pieces: Sequence[Piece], words: tuple[int, int]) -> None:
        if self._json:
            self._object(file=file, diff=[[piece.kind, piece.text] for piece in pieces])
            return
        self._line(self._in("bold", printable_line(file)) + f"  +{words[0]:,} −{words[1]:,} words")
        for line in lines_of(pieces):
            self._line(self._in("dim", "  …") if line is None else "  " + "".join(map(self._piece, line)))
        self._line()

    def _piece(self, piece: Piece) -> str:
        text = printable(piece.text)
        return self._in(piece.kind, text) if self._colour else text.join(_MARKS[piece.kind])

    def who(self, file: str, found: Sequence[tuple[str, str]]) -> None:
        if self._json:
            self._object(file=file, sentences=[{"by": by, "text": text} for by, text in found])
            return
        words = {by: sum(count_words(text) for who, text in found if who == by) for by in (AUTHOR, "agent")}
        total = sum(words.values())
        share = f" ({words[AUTHOR] * 100 / total:.0f} %)" if total else ""
        told = f"{total:,} words, {words[AUTHOR]:,} the author's{share}, {words['agent']:,} the agent's"
        self._line(f"{self._in('bold', printable_line(file))}: {told}")
        for by, text in found:
            for number, line in enumerate(printable(text.strip("\n")).split("\n")):
                self._line(f"  {self._in(by, f'{by if number == 0 else str():<6}')}  {line}".rstrip())
        self._line()

    def restored(self, done: Restored, book: str) -> None:
        if self._json:
            self._object(restored=done.why, files=done.files, before=done.before, in_editor=done.in_editor)
        elif not done.files:
            self._line(printable_line(f"Nothing to do: {done.why} is what stands there now."))
        else:
            one = len(done.files) == 1
            self._line(printable_line(f"{done.files[0] if one else f'{len(done.files)} files'} changed: {done.why}."))
            back = f"{shlex.quote(done.files[0])} --restore {done.before}" if one else f"--restore {done.before} --book"
            if done.in_editor:
                self._line(printable_line(done.warning()))
            self._line(printable_line(f"To take it back: studio history {shlex.quote(book)} {back}"))

    def pruned(self, done: Pruned) -> None:
        if self._json:
            self._object(pruned=done.versions, freed=done.freed)
        elif not done.versions:
            self._line("Nothing to prune: every version is the author's, or is still of use.")
        else:
            plural = "s" * (done.versions != 1)
            self._line(f"{done.versions:,} old version{plural} of the agent's removed; {in_words(done.freed)} freed.")


def _note(one: Revision) -> str:
    return f"renamed from {one.renamed_from}" if one.renamed_from else one.why


def _cells(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(printable_line(text))


def _pad(text: str, cells: int) -> str:
    """`text` on one line of exactly so many cells, with an ellipsis where it was cut."""
    from rich.cells import cell_len, set_cell_size

    line = printable_line(text)
    return set_cell_size(line, cells) if cell_len(line) <= cells else set_cell_size(line, cells - 1) + "…"
