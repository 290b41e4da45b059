"""Which of the agent's old versions may go when a record gets large; the author's never do."""

import contextlib
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from studio import events as ev
from studio.book.history import AUTHOR, History, Revision
from studio.book.ledger import Ledger
from studio.book.reading import size_of
from studio.book.recovery import connect
from studio.errors import BookError

KEEP = 50  # of the agent's revisions of each file that all stay, the newest
LIMIT = 256 * 2**20  # bytes of versions from which a record is pruned by itself
_HOURLY = 7 * 86_400.0  # seconds before the newest revision in which one an hour stays; before that, one a day

KINDS: tuple[type[ev.Event], ...] = (
    ev.RunStarted,
    ev.WriteIntended,
    ev.FileWritten,
    ev.FileRead,
    ev.PartialKept,
    ev.AuthorEdited,
    ev.AuthorRenamed,
    ev.RestoreBegun,
    ev.RestoreFinished,
)
"""The events that decide it."""


class Pruned(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it."""

    versions: int  # that went
    freed: int  # bytes on the disk


def prunable(events: Iterable[ev.Event], *, keep: int = KEEP) -> set[str]:
    """SHA-256 of every version that may go.

    Never the author's, a text the author's was made from, what is on disk, or what the agent believes to be there;
    nor what a write, a cut reply or a restore still needs. Of the rest each file keeps the newest `keep`, the last of
    each run, one an hour in the week before the newest, and one a day before that. What no event tells of stays.
    """
    ledger, history = Ledger(), History()
    agents: set[str] = set()
    kept: set[str] = {""}
    files: set[str] = set()
    restoring: ev.RestoreBegun | None = None
    run = 0
    runs: list[int] = []  # for each revision, the run it was made in
    for event in events:
        ledger.apply(event)
        history.apply(event)
        files |= {getattr(event, "file", ""), getattr(event, "to", "")}
        match event:
            case ev.RunStarted():
                run += 1
            case ev.WriteIntended() | ev.FileWritten():
                agents |= {event.sha256, event.agent_sha256}
            case ev.PartialKept(sha256=sha256):
                agents.add(sha256)
            case ev.AuthorEdited(sha256=sha256):
                kept.add(sha256)
            case ev.RestoreBegun():
                restoring = event
            case ev.RestoreFinished():
                restoring = None
            case _:
                pass
        runs += [run] * (len(history.revisions) - len(runs))
    for revision in history.revisions:
        if revision.who == AUTHOR:
            kept |= {revision.before, revision.sha256}
    for intent in ledger.unsettled():
        kept |= {intent.before, intent.sha256, intent.agent_sha256}
    for file in files:
        kept |= {ledger.disk(file), ledger.agent_view(file), *(piece.sha256 for piece in ledger.pieces(file))}
    if restoring is not None:
        kept |= set(restoring.files.values())
    return agents - kept - _worth_keeping(history.revisions, runs, keep)


def _worth_keeping(revisions: Sequence[Revision], runs: Sequence[int], keep: int) -> set[str]:
    by_file: dict[str, list[tuple[Revision, int]]] = {}
    for revision, run in zip(revisions, runs, strict=True):
        if revision.who != AUTHOR:
            by_file.setdefault(revision.file, []).append((revision, run))
    found: set[str] = set()
    for made in by_file.values():
        newest = made[-1][0].at
        last: dict[object, str] = {}
        old = max(0, len(made) - keep)
        for revision, run in made[:old]:
            span = 3600 if newest - revision.at <= _HOURLY else 86_400
            last["time", span, revision.at // span] = revision.sha256
            last["run", run] = revision.sha256
        found |= {*last.values(), *(revision.sha256 for revision, _ in made[old:]), made[-1][0].sha256}
    return found


def remove_versions(record: Path, names: Collection[str]) -> Pruned:
    """Take versions out of a record that nobody else writes, in one transaction, and give their room back.

    Raises:
        BookError: the disk refused; nothing is gone.
    """
    before = size_of(record)
    try:
        with closing(connect(record)) as connection:
            with connection:
                rows = [(name,) for name in names]
                gone = connection.executemany("DELETE FROM versions WHERE sha256 = ?", rows).rowcount if rows else 0
            if gone:
                # Giving the room back needs room itself: where there is none, new versions will use what is free.
                with contextlib.suppress(sqlite3.OperationalError):
                    connection.execute("VACUUM")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        raise BookError(f"The record {record} can't be pruned ({error}); free some room, then try again.") from error
    return Pruned(versions=gone, freed=max(0, before - size_of(record)))
