"""A book from someone else brings its record along: whatever stands in it, nothing outside the folder is touched."""

import sqlite3
import tracemalloc
import zlib
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio import events as ev
from studio.book.files import Folder
from studio.book.journal import Journal, peek, sha256_of
from studio.book.names import stays_inside
from studio.book.reading import JournalReader, tag
from studio.book.recovery import add_rows, connect, pack, unpack
from studio.errors import BookError, PathRefused

SECRET = "What lies outside."
NAME, _, _ = pack(SECRET)


def made_elsewhere(root: Path, events: Iterable[ev.Event], *texts: str) -> None:
    """Put a record into a book, as anyone could."""
    (root / ".studio").mkdir(exist_ok=True)
    stamped = [msgspec.structs.replace(event, seq=seq, at=1.0) for seq, event in enumerate(events, 1)]
    with closing(connect(root / ".studio/journal.db")) as record, record:
        rows = [(event.seq, event.at, tag(type(event)), ev.encode(event)) for event in stamped]
        add_rows(record, rows, map(pack, texts))


def intended(temp: str, file: str = "a.md", sha256: str = NAME, before: str = "") -> ev.Event:
    return ev.WriteIntended(id=temp, file=file, before=before, sha256=sha256, agent_sha256="", mode="create", temp=temp)


FOREIGN: dict[str, Callable[[Path], ev.Event]] = {
    "a file above": lambda secret: ev.AuthorEdited(file="../secret", sha256="0" * 64, words=1, diff=""),
    "an absolute file": lambda secret: ev.FileWritten(file=str(secret), sha256="0" * 64, words=1, mode="create"),
    "a hidden file": lambda secret: ev.AuthorEdited(file=".git/config", sha256="0" * 64, words=1, diff=""),
    "a new name above": lambda secret: ev.AuthorRenamed(file="a.md", to="../secret"),
    "a text that is known": lambda secret: intended("../../../secret"),
    "a part": lambda secret: intended("../../../secret.part"),
    "a text that is lost": lambda secret: intended("../../../secret", sha256="0" * 64, before="1" * 64),
    "an absolute temporary file": lambda secret: intended(str(secret)),
    "a folder": lambda secret: intended(".."),
    "a restore": lambda secret: ev.RestoreBegun(files={"../secret": ""}, why=""),
}


@pytest.mark.parametrize("kind", FOREIGN)
async def test_a_record_that_names_what_lies_outside_reads_moves_and_removes_nothing_there(
    kind: str, root: Path, open_book: Callable[..., Any]
) -> None:
    outside = [root.parent / "secret", root.parent / "secret.part"]
    (root / ".git").mkdir()
    outside.append(root / ".git/config")
    for file in outside:
        file.write_text(SECRET)
    (root / "b.md").write_text("Ours.\n")
    known = ev.AuthorEdited(file="a.md", sha256=NAME, words=3, diff="")
    made_elsewhere(root, [known, FOREIGN[kind](outside[0]), ev.NoteGiven(text="and on")], SECRET)
    book = open_book()
    await book.manuscript.settle()
    await book.restoring.settle()
    await book.watcher().scan(full=True)
    await book.close()
    assert [file.read_text() for file in outside] == [SECRET] * 3
    assert {event.file for event in book.named(ev.AuthorEdited)} == {"a.md", "b.md"}
    assert list((root / ".studio").rglob("kept/*")) == []
    assert "was damaged: it is kept as" in book.journal.recovered
    assert [note.text for note in book.named(ev.NoteGiven)] == ["and on"]


def test_such_a_record_is_not_read_by_who_only_looks(root: Path) -> None:
    made_elsewhere(root, [FOREIGN["a file above"](root)])
    with pytest.raises(BookError, match="can't be read"):
        list(JournalReader(root).read())


AT = "UPDATE events SET body = CAST(replace(body, '1.0', '{}') AS BLOB) WHERE seq = 2"
ODD = {
    "a number": "UPDATE events SET body = 5 WHERE seq = 2",
    "a text": "UPDATE events SET body = CAST(body AS TEXT) WHERE seq = 2",
    "a text that is none": "UPDATE events SET body = CAST(X'FF7B' AS TEXT) WHERE seq = 2",
    "a time that no calendar has": AT.format("1e300"),
    "a time before all": AT.format("-1e300"),
}


@pytest.mark.parametrize("kind", ODD)
async def test_an_event_of_another_kind_than_ours_is_damage_and_no_failure(kind: str, root: Path) -> None:
    made_elsewhere(root, [ev.NoteGiven(text="one"), ev.Paused(why=""), ev.NoteGiven(text="three")])
    with closing(sqlite3.connect(root / ".studio/journal.db")) as record, record:
        record.execute("UPDATE events SET crc = NULL")
        record.execute(ODD[kind])
    assert not peek(root).readable  # said in the library, which goes on
    with pytest.raises(BookError, match="can't be read"):
        list(JournalReader(root).read())
    journal = Journal.open(root)
    readable = 3 if kind == "a text" else 2  # its bytes are an event all the same
    assert f"{readable} events" in journal.recovered
    assert [event.text for event in journal.read() if isinstance(event, ev.NoteGiven)] == ["one", "three"]
    await journal.close()


def test_a_version_that_would_fill_the_memory_is_not_unpacked(root: Path) -> None:
    packing = zlib.compressobj(9)
    body = b"".join(packing.compress(bytes(2**20)) for _ in range(600)) + packing.flush()
    made_elsewhere(root, [ev.AuthorEdited(file="a.md", sha256=NAME, words=3, diff="")], SECRET)
    with closing(sqlite3.connect(root / ".studio/journal.db")) as record, record:
        record.execute("UPDATE versions SET body = ?", (body,))
    tracemalloc.start()
    try:
        with pytest.raises(BookError, match="damaged"):
            JournalReader(root).text(NAME)
        assert tracemalloc.get_traced_memory()[1] < 200 * 2**20
    finally:
        tracemalloc.stop()


def test_a_large_text_that_repeats_itself_is_read_whole() -> None:
    text = "The tide went out, and nobody came.\n" * 800_000  # 28 MB in 90 KB
    assert unpack(pack(text)[2]) == text


PROGRAMS = {
    "a trigger that drops what is written": """
        CREATE TRIGGER t BEFORE INSERT ON versions BEGIN SELECT RAISE(IGNORE); END;
        CREATE TRIGGER u AFTER INSERT ON events BEGIN DELETE FROM events WHERE seq = new.seq; END;""",
    "a view that never ends": """
        ALTER TABLE events RENAME TO kept;
        CREATE VIEW events AS WITH RECURSIVE n (seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM n)
            SELECT seq, 1.0 AS at, 'paused' AS kind, 'x' AS body, NULL AS crc FROM n;""",
}


@pytest.mark.parametrize("kind", PROGRAMS)
async def test_a_record_with_programs_in_it_runs_none_of_them(kind: str, root: Path) -> None:
    made_elsewhere(root, [ev.NoteGiven(text="one")], SECRET)
    with closing(sqlite3.connect(root / ".studio/journal.db")) as record:
        record.executescript(PROGRAMS[kind])
    assert not peek(root).readable
    journal = Journal.open(root)
    assert "was damaged: it is kept as" in journal.recovered
    journal.append(ev.NoteGiven(text="ours"), "Our text.")
    await journal.close()
    reader = JournalReader(root)
    assert [event.text for event in reader.read() if isinstance(event, ev.NoteGiven)][-1] == "ours"
    assert (reader.text(NAME), reader.text(sha256_of("Our text."))) == (SECRET, "Our text.")


@pytest.mark.parametrize("seq", [2**63 - 1, 2**53 + 1, 0, -1])
async def test_a_number_after_which_none_can_come_is_damage(seq: int, root: Path) -> None:
    made_elsewhere(root, [ev.NoteGiven(text="one"), ev.NoteGiven(text="two")])
    with closing(sqlite3.connect(root / ".studio/journal.db")) as record, record:
        record.execute("UPDATE events SET crc = NULL, seq = ?1 WHERE seq = 2", (seq,))
        record.execute(
            "UPDATE events SET body = CAST(replace(body, '\"seq\":2', '\"seq\":' || ?1) AS BLOB) WHERE seq = ?1", (seq,)
        )
    journal = Journal.open(root)
    assert "1 events" in journal.recovered
    journal.append(ev.NoteGiven(text="ours"))
    await journal.close()
    assert [event.seq for event in JournalReader(root).read()] == [1, 2]


HALF = zlib.compress("x\ud83dy".encode("utf-8", "surrogatepass")).hex()  # half a character, which no file holds


@pytest.mark.parametrize("body", ["5", "'text'", "CAST(X'FF' AS TEXT)", "X'00'", f"X'{HALF}'"])
def test_a_version_that_is_no_text_is_told_as_such(body: str, root: Path) -> None:
    made_elsewhere(root, [ev.AuthorEdited(file="a.md", sha256=NAME, words=3, diff="")], SECRET)
    with closing(sqlite3.connect(root / ".studio/journal.db")) as record, record:
        record.execute(f"UPDATE versions SET body = {body}")
    with pytest.raises(BookError, match=r"damaged|can't be read"):
        JournalReader(root).text(NAME)


@given(st.lists(st.sampled_from(["..", ".", "", "a", "b.md", ".git", "\0", "…"]), min_size=1, max_size=5))
def test_a_name_that_stays_inside_is_beneath_the_folder(parts: list[str]) -> None:
    if stays_inside("/".join(parts)):
        place = Path("/book").joinpath(*parts)
        assert Path("/book") in place.parents and ".." not in place.parts


def test_the_folder_itself_takes_no_name_that_leads_out(root: Path) -> None:
    (root.parent / "secret").write_text(SECRET)
    folder = Folder(root)
    for name in ("../secret", str(root.parent / "secret"), "sub/../../secret", ".studio/journal.db", "a\0b"):
        with pytest.raises(PathRefused):
            folder.read_bytes(name)
        with pytest.raises(PathRefused):
            folder.take_away(folder.temp_name(), name)
    with pytest.raises(PathRefused):
        folder.drop("../../../secret")
    assert (root.parent / "secret").read_text() == SECRET
