"""The store with one care left out, each a mistake that is easily made: what a test of power cuts must catch.

Run in the child that plays the scene. Here patching is the point: it proves that the test can fail.
"""

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio import events as ev
from studio.book import displaced, files, journal, layout, manuscript, recovery

LOST_EVENT, LOST_TEXT, HALF = "event lost", "author's text lost", "not a whole file"
GONE, BOOK_GONE, REMOVED = "file gone", "book gone", "loss taken for a removal"
TAKEN = "agent's text taken for the author's"


@dataclass(frozen=True)
class Broken:
    """A store with a mistake in it."""

    break_it: Callable[[], None]
    loses: str  # the kind of loss that gives it away
    part: str = ""  # the part of the day in which it shows
    scene: str = "day"


def _nothing(*_: object, **__: object) -> None:
    pass


def _connect_with(pragma: str) -> None:
    whole = recovery.connect

    def connect(file: Path, *, read_only: bool = False) -> sqlite3.Connection:
        connection = whole(file, read_only=read_only)
        connection.execute(pragma)
        return connection

    journal.connect = connect  # type: ignore[attr-defined]


def synchronous_normal() -> None:
    """SQLite's usual advice for WAL: commits are flushed with the next checkpoint."""
    _connect_with("PRAGMA synchronous = NORMAL")


def synchronous_off() -> None:
    _connect_with("PRAGMA synchronous = OFF")


def told_before_the_commit() -> None:
    """Readers hear of an event when it is taken in, not when it is on the disk."""
    take_in = journal.Journal._take_in

    def early(self: Any, event: ev.Event, texts: tuple[str, ...] = ()) -> ev.Event:
        stamped = take_in(self, event, texts)
        for reader in self._readers:
            reader(stamped)
        return stamped

    journal.Journal._take_in = early  # type: ignore[method-assign]
    journal.Journal._tell = lambda self: self._committed.clear()  # type: ignore[method-assign]


def staged_without_flush() -> None:
    def stage(self: files.Folder, temp: str, text: str) -> None:
        self._make_folder(self.temp_path("").absolute())
        self.temp_path(temp).write_text(text, encoding="utf-8", newline="")
        layout.sync_folder(self.temp_path(""))

    files.Folder.stage = stage  # type: ignore[method-assign]


def put_without_flush() -> None:
    """The exchange is made, but no folder is flushed."""

    def put(self: files.Folder, temp: str, name: str, *, over: bool = False) -> bool:
        with self._parent(name, make=True) as parent:
            return self._put(self.temp_path(temp), name.rpartition("/")[2], parent, over)

    files.Folder.put = put  # type: ignore[method-assign]


def written_in_place() -> None:
    """No temporary file, no exchange: truncate, write, flush."""

    def put(self: files.Folder, temp: str, name: str, *, over: bool = False) -> bool:
        with self._parent(name, make=True) as parent:
            handle = os.open(name.rpartition("/")[2], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644, dir_fd=parent)
            os.write(handle, self.temp_path(temp).read_bytes())
            os.fsync(handle)
            os.close(handle)
            os.fsync(parent)
        self.drop(temp)
        return False

    files.Folder.put = put  # type: ignore[method-assign]


def renamed_over() -> None:
    """The usual atomic save: what an editor put there a moment before is gone."""

    def put(self: files.Folder, temp: str, name: str, *, over: bool = False) -> bool:
        with self._parent(name, make=True) as parent:
            os.rename(self.temp_path(temp), name.rpartition("/")[2], dst_dir_fd=parent)
            os.fsync(parent)
        return False

    files.Folder.put = put  # type: ignore[method-assign]


@contextlib.contextmanager
def _held_back(record: journal.Journal) -> Iterator[None]:
    """Nothing reaches the disk meanwhile, and nobody waits for it."""

    async def at_once() -> None:
        pass

    held: list[Any] = []
    queue, durable = record._queue, record.durable
    record._queue = type("Held", (), {"put": staticmethod(held.append)})()
    record.durable = at_once  # type: ignore[method-assign]
    try:
        yield
    finally:
        record._queue, record.durable = queue, durable  # type: ignore[method-assign]
        for item in held:
            queue.put(item)


def put_before_the_intent() -> None:
    """The write does not wait for its intent to be durable."""
    carry_out = manuscript.Manuscript._carry_out

    async def hasty(self: manuscript.Manuscript, *arguments: Any, **named: Any) -> Any:
        with _held_back(self._journal):
            return await carry_out(self, *arguments, **named)

    manuscript.Manuscript._carry_out = hasty  # type: ignore[method-assign]


def displaced_dropped_unseen() -> None:
    def drop(self: displaced.DisplacedFiles, temp: str, *_: str) -> None:
        self._folder.drop(temp)

    displaced.DisplacedFiles.keep_an_eye = drop  # type: ignore[method-assign]


def author_not_recorded() -> None:
    """A save found right before a write is merged, but not kept as a version."""
    manuscript.Manuscript._note_author = _nothing  # type: ignore[method-assign]


def dropped_before_the_commit() -> None:
    """A late save into a file since removed is recorded, and its only copy dropped before the record is durable."""
    merge_late = manuscript.Manuscript._merge_late

    async def hasty(self: manuscript.Manuscript, temp: str, file: str, *texts: str) -> None:
        if self._folder.read_bytes(file) is not None:
            await merge_late(self, temp, file, *texts)
        else:
            with _held_back(self._journal):
                await merge_late(self, temp, file, *texts)
                self._folder.drop(temp)

    manuscript.Manuscript._merge_late = hasty  # type: ignore[method-assign]


def new_folder_not_flushed() -> None:
    """bible/ is made, what is in it flushed, its own name not."""
    whole = files.Folder._parent

    @contextlib.contextmanager
    def parent(self: files.Folder, name: str, *, make: bool = False) -> Any:
        if make:
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        with whole(self, name) as handle:
            yield handle

    files.Folder._parent = parent  # type: ignore[assignment, method-assign]


def _sync_but(spared: Callable[[Path], bool], *modules: Any) -> None:
    whole = layout.sync_folder

    def sync(folder: Path) -> None:
        if not spared(Path(folder)):
            whole(folder)

    for module in modules:
        module.sync_folder = sync


def book_not_flushed() -> None:
    """The new book's folder has no lasting name among the projects."""
    _sync_but(lambda folder: folder.name == "projects", layout)


def record_folder_not_flushed() -> None:
    """.studio/ has no lasting name in the book."""
    _sync_but(lambda folder: folder.name == "tide", layout)


def temporary_folder_not_flushed() -> None:
    """.studio/tmp has no lasting name: what was displaced goes with it."""
    _sync_but(lambda folder: folder.name == layout.STUDIO, layout, files)


def kept_not_flushed() -> None:
    """A save that is no text is put aside into a folder without a lasting name."""

    def keep(self: files.Folder, temp: str, name: str) -> Path:
        kept = self.root / layout.STUDIO / "kept" / f"{temp[:8]}-{name.replace('/', '-')}"
        kept.parent.mkdir(exist_ok=True)
        self.temp_path(temp).replace(kept)
        layout.sync_folder(self.temp_path(""))
        return kept

    files.Folder.keep = keep  # type: ignore[method-assign]


def settings_not_flushed() -> None:
    """book.yaml is renamed into place before its bytes are on the disk."""

    def replace(path: Path, text: str) -> None:
        temp = path.with_name(".new")
        temp.write_text(text, encoding="utf-8")
        temp.replace(path)
        layout.sync_folder(path.parent)

    layout._replace = replace


def broken_record_not_flushed() -> None:
    """What could not be read is set aside, and its copy left to the system's leisure."""
    recovery._flush = _nothing
    _sync_but(lambda _: True, recovery)


BROKEN = {
    "synchronous_normal": Broken(synchronous_normal, LOST_EVENT),
    "synchronous_off": Broken(synchronous_off, LOST_EVENT),
    "told_before_the_commit": Broken(told_before_the_commit, LOST_EVENT),
    "staged_without_flush": Broken(staged_without_flush, HALF),
    "put_without_flush": Broken(put_without_flush, GONE),
    "written_in_place": Broken(written_in_place, HALF),
    "renamed_over": Broken(renamed_over, LOST_TEXT, "the_author_r"),
    "put_before_the_intent": Broken(put_before_the_intent, TAKEN),
    "displaced_dropped_unseen": Broken(displaced_dropped_unseen, LOST_TEXT, "the_author_r"),
    "author_not_recorded": Broken(author_not_recorded, LOST_TEXT, "the_author_saves"),
    "dropped_before_the_commit": Broken(dropped_before_the_commit, LOST_TEXT, "the_author_removes"),
    "new_folder_not_flushed": Broken(new_folder_not_flushed, GONE, "first_step"),
    "book_not_flushed": Broken(book_not_flushed, BOOK_GONE),
    "record_folder_not_flushed": Broken(record_folder_not_flushed, LOST_EVENT, "first_step"),
    "temporary_folder_not_flushed": Broken(temporary_folder_not_flushed, LOST_TEXT, "the_author_races"),
    "kept_not_flushed": Broken(kept_not_flushed, LOST_TEXT, "the_author_removes"),
    "broken_record_not_flushed": Broken(broken_record_not_flushed, LOST_TEXT, "recovery", "damaged"),
    "settings_not_flushed": Broken(settings_not_flushed, HALF),
}
