"""The record of a book: in order, durable when it says so, whole after any kill, and never in the way."""

import asyncio
import contextlib
import os
import random
import signal
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from studio import events as ev
from studio.book.journal import Journal, peek, sha256_of
from studio.errors import BookError, BookHeld

Child = Callable[..., "subprocess.Popen[str]"]


async def test_events_come_back_in_order_with_number_and_time(root: Path) -> None:
    times = iter([10.0, 11.0, 12.0])
    journal = Journal.open(root, clock=lambda: next(times))
    first = journal.append(ev.NoteGiven(text="more gulls"))
    journal.append(ev.Paused(why="author"))
    await journal.durable()
    assert (first.seq, first.at) == (1, 10.0)
    assert list(journal.read()) == [
        ev.NoteGiven(seq=1, at=10.0, text="more gulls"),
        ev.Paused(seq=2, at=11.0, why="author"),
    ]
    assert list(journal.read(after=1)) == [ev.Paused(seq=2, at=11.0, why="author")]
    await journal.close()
    again = Journal.open(root, clock=lambda: 20.0)
    assert again.append(ev.Resumed()).seq == 3
    assert again.recovered == ""
    await again.close()
    await again.close()


published = st.lists(
    st.one_of(
        st.builds(ev.ReasoningDelta, text=st.text(max_size=5)),
        st.builds(ev.ReplyDelta, text=st.text(max_size=5)),
        st.builds(ev.ProseDelta, file=st.sampled_from(["", "a.md", "b.md"]), text=st.text(max_size=5)),
        st.builds(ev.NoteGiven, text=st.text(max_size=5)),
        st.just(ev.Resumed()),
        st.just("durable"),
    ),
    max_size=40,
)


def joined(events: list[ev.Event]) -> list[tuple[type, str, str]]:
    """Events without stamps, neighbouring deltas of one kind and file as one."""
    found: list[tuple[type, str, str]] = []
    for event in events:
        key = (type(event), getattr(event, "file", ""))
        text = getattr(event, "text", "")
        if isinstance(event, ev.DELTAS) and found and found[-1][:2] == key:
            found[-1] = (*key, found[-1][2] + text)
        else:
            found.append((*key, text))
    return found


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(published)
def test_whatever_is_published_is_recorded_in_order_and_told_when_durable(
    tmp_path_factory: pytest.TempPathFactory, actions: list[ev.Event | str]
) -> None:
    async def run() -> None:
        journal = Journal.open(tmp_path_factory.mktemp("book"))
        told: list[ev.Event] = []
        journal.on_committed(told.append)
        for action in actions:
            if isinstance(action, ev.Event):
                journal.append(action)
            else:
                await journal.durable()
                assert told == list(journal.read())
        await journal.durable()
        recorded = list(journal.read())
        assert told == recorded
        assert [event.seq for event in recorded] == list(range(1, len(recorded) + 1))
        assert joined(recorded) == joined([action for action in actions if isinstance(action, ev.Event)])
        await journal.close()

    asyncio.run(run())


async def test_neighbouring_deltas_become_one_record(root: Path) -> None:
    journal = Journal.open(root)
    for piece in ("The ", "lamp ", "was lit."):
        assert journal.append(ev.ProseDelta(file="a.md", text=piece)).seq == 0
    journal.append(ev.ProseDelta(file="b.md", text="Other"))
    journal.append(ev.ReplyDelta(text="Hm."))
    await journal.close()
    assert [getattr(event, "text", "") for event in Journal.open_readonly(root).read()] == [
        "The lamp was lit.",
        "Other",
        "Hm.",
    ]


async def test_a_delta_is_on_disk_soon_although_nothing_follows(
    root: Path, until: Callable[..., "asyncio.Future[None]"]
) -> None:
    journal = Journal.open(root)
    journal.append(ev.ReplyDelta(text="Hm."))
    await until(lambda: list(Journal.open_readonly(root).read()))
    await journal.close()


async def test_readers_hear_of_events_recorded_before_they_could_be_told(root: Path) -> None:
    journal = await asyncio.to_thread(_opened_with_an_event, root)
    told: list[ev.Event] = []
    journal.on_committed(told.append)
    await journal.durable()
    assert [type(event) for event in told] == [ev.Resumed]
    await journal.close()


def _opened_with_an_event(root: Path) -> Journal:
    journal = Journal.open(root)
    journal.append(ev.Resumed())
    return journal


async def test_versions_are_kept_by_their_hash_also_before_they_are_committed(root: Path) -> None:
    journal = Journal.open(root)
    text = "島 🌊\r\n" * 1000
    journal.append(ev.NoteGiven(text="x"), text)
    assert journal.has_text(sha256_of(text))
    assert journal.text(sha256_of(text)) == text
    await journal.durable()
    reader = Journal.open_readonly(root)
    assert reader.text(sha256_of(text)) == text
    assert not reader.has_text("0" * 64)
    with pytest.raises(BookError, match="no version"):
        journal.text("0" * 64)
    await journal.close()


async def test_last_finds_the_newest_of_some_kinds(root: Path) -> None:
    journal = Journal.open(root)
    for event in (ev.NoteGiven(text="a"), ev.Paused(why="x"), ev.NoteGiven(text="b"), ev.Resumed()):
        journal.append(event)
    await journal.durable()
    assert isinstance(found := journal.last(ev.NoteGiven, ev.Paused), ev.NoteGiven)
    assert found.text == "b"
    assert isinstance(journal.last(), ev.Resumed)
    assert journal.last(ev.RunFailed) is None
    await journal.close()


async def test_half_a_character_from_a_terminal_does_not_stop_the_record(root: Path) -> None:
    journal = Journal.open(root)
    journal.append(ev.NoteGiven(text="caf\udce9"))
    journal.append(ev.ReplyDelta(text="\ud800"))
    await journal.durable()
    assert [getattr(event, "text", "") for event in journal.read()] == ["caf?", "?"]
    await journal.close()


async def test_every_commit_waits_for_the_disk(root: Path) -> None:
    journal = Journal.open(root)
    assert journal._writer._connection is not None
    # Kills can't find a missing flush; the setting that asks for it can be read.
    assert journal._writer._connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert journal._writer._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    await journal.close()


APPENDS = """
    import asyncio, sys
    from pathlib import Path
    from studio import events as ev
    from studio.book.journal import Journal

    async def main(root):
        journal = Journal.open(root)
        start = sum(1 for event in journal.read() if isinstance(event, ev.NoteGiven))
        for number in range(start, start + 100000):
            journal.append(ev.ReplyDelta(text="word "))
            journal.append(ev.NoteGiven(text=str(number)), f"version {number} " * 500)
            await journal.durable()
            print(number, flush=True)

    asyncio.run(main(Path(sys.argv[1])))
"""


async def test_what_was_acknowledged_survives_a_kill_at_any_moment(root: Path, run_child: Child) -> None:
    chance = random.Random(3)
    acknowledged = -1
    for _ in range(20):
        child = run_child(APPENDS)
        assert child.stdout is not None
        for _ in range(chance.randint(1, 20)):
            line = child.stdout.readline()
            assert line, child.stderr.read() if child.stderr else ""
            acknowledged = int(line)
        await asyncio.sleep(chance.random() * 0.004)
        os.kill(child.pid, signal.SIGKILL)
        rest = child.stdout.read().split("\n")[:-1]
        acknowledged = int(rest[-1]) if rest else acknowledged
        child.wait()
        journal = Journal.open(root)
        assert journal.recovered == ""
        events = list(journal.read())
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        notes = [int(event.text) for event in events if isinstance(event, ev.NoteGiven)]
        assert notes == list(range(len(notes)))
        assert notes[-1] >= acknowledged
        text = f"version {acknowledged} " * 500
        assert journal.text(sha256_of(text)) == text
        await journal.close()
    assert acknowledged > 20


async def test_a_second_writer_is_refused_and_told_who_holds_the_book(root: Path, run_child: Child) -> None:
    child = run_child(APPENDS)
    assert child.stdout is not None
    child.stdout.readline()
    with pytest.raises(BookHeld, match=rf"salt is being written by another studio \(process {child.pid} on .* since"):
        Journal.open(root)
    assert peek(root).held is True
    assert next(Journal.open_readonly(root).read()).seq == 1
    child.kill()
    child.wait()
    journal = Journal.open(root)  # the lock went with the process
    assert peek(root).held is True
    await journal.close()
    assert peek(root).held is False


async def test_looking_whether_a_book_is_held_never_keeps_a_writer_out(root: Path, run_child: Child) -> None:
    looks = "import sys, pathlib\nfrom studio.book.journal import peek\nprint('go', flush=True)\n"
    child = run_child(looks + "while True: peek(pathlib.Path(sys.argv[1]))")
    assert child.stdout is not None
    (root / ".studio").mkdir()
    (root / ".studio/lock").touch()
    child.stdout.readline()
    for _ in range(30):
        await Journal.open(root).close()


def test_a_book_without_a_record_can_be_looked_at(root: Path) -> None:
    assert peek(root).last is None
    assert list(Journal.open_readonly(root).read()) == []
    assert not (root / ".studio").exists()


async def test_the_library_sees_title_state_and_time(root: Path) -> None:
    journal = Journal.open(root, clock=lambda: 1234.5)
    journal.append(ev.TitleGiven(title="Salt"))
    journal.append(ev.RunFinished(reason="done"))
    journal.append(ev.NoteGiven(text="x"))
    await journal.close()
    seen = peek(root)
    assert (seen.title, type(seen.last), seen.touched, seen.held, seen.readable) == (
        "Salt",
        ev.RunFinished,
        1234.5,
        False,
        True,
    )


OLD = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE events (seq INTEGER PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE versions (sha256 TEXT PRIMARY KEY, size INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX events_by_kind ON events (kind, seq);
INSERT INTO meta VALUES ('schema', 1);
INSERT INTO events VALUES
    (1, 10.0, 'note_given', CAST('{"event":"note_given","seq":1,"at":10.0,"text":"old"}' AS BLOB)),
    (2, 11.0, 'paused', CAST('{"event":"paused","seq":2,"at":11.0,"why":"a limit"}' AS BLOB));
"""


async def test_a_record_of_an_older_studio_opens_and_goes_on(root: Path) -> None:
    (root / ".studio").mkdir()
    with sqlite3.connect(root / ".studio/journal.db") as connection:
        connection.executescript(OLD)
    connection.close()
    for text in ("new", "newer"):
        journal = Journal.open(root)
        assert journal.recovered == ""
        journal.append(ev.NoteGiven(text=text))
        await journal.close()
    notes = [event.text for event in Journal.open_readonly(root).read() if isinstance(event, ev.NoteGiven)]
    assert notes == ["old", "new", "newer"]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE meta SET value = 99",
        'INSERT INTO events VALUES (2, 1.0, \'dreamt\', CAST(\'{"event":"dreamt","seq":2,"at":1.0}\' AS BLOB), NULL)',
        "DROP INDEX events_by_kind; ALTER TABLE events RENAME COLUMN kind TO sort",
        "DROP TABLE versions; CREATE TABLE texts (name TEXT, body BLOB)",
    ],
    ids=["only newer", "another kind of event", "another column", "another table"],
)
async def test_a_record_of_a_newer_studio_is_refused_politely_and_left_as_it_is(change: str, root: Path) -> None:
    journal = Journal.open(root)
    journal.append(ev.NoteGiven(text="old"))
    await journal.close()
    with sqlite3.connect(root / ".studio/journal.db") as connection:
        connection.executescript(f"{change}; UPDATE meta SET value = 99 WHERE key = 'schema'")
    connection.close()
    before = (root / ".studio/journal.db").read_bytes()
    with pytest.raises(BookError, match="written by a newer studio; upgrade"):
        Journal.open(root)
    with contextlib.suppress(BookError):
        list(Journal.open_readonly(root).read())
    assert [file.name for file in (root / ".studio").glob("*corrupt*")] == []
    assert (root / ".studio/journal.db").read_bytes() == before
    assert peek(root).held is False


async def test_what_only_a_newer_studio_can_read_says_so(root: Path) -> None:
    await Journal.open(root).close()
    with sqlite3.connect(root / ".studio/journal.db") as connection:
        connection.executescript(
            "UPDATE meta SET value = 99; INSERT INTO events VALUES (1, 1.0, 'dreamt', X'7B7D', NULL)"
        )
    connection.close()
    with pytest.raises(BookError, match="written by a newer studio; upgrade"):
        list(Journal.open_readonly(root).read())


def test_a_folder_that_is_not_there_is_told_in_one_sentence(root: Path) -> None:
    with pytest.raises(BookError, match="can't be written"):
        Journal.open(root / "missing")
    (root / ".studio").write_text("a file")
    with pytest.raises(BookError, match="can't be written"):
        Journal.open(root)


async def test_nothing_can_be_written_into_a_closed_record(root: Path) -> None:
    journal = Journal.open(root)
    await journal.close()
    with pytest.raises(BookError, match="is closed"):
        journal.append(ev.Resumed())


FULL = """
    import asyncio, resource, sys
    from pathlib import Path
    from studio import events as ev
    from studio.book.journal import Journal, sha256_of
    from studio.errors import BookUnsaved
    import os, signal

    async def main(root):
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        journal = Journal.open(root)
        told = []
        journal.on_committed(lambda event: told.append(event.seq))
        journal.append(ev.NoteGiven(text="before"))
        await journal.durable()
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
        texts = [os.urandom(30_000).hex() for _ in range(8)]
        failed = 0
        for number, text in enumerate(texts):
            journal.append(ev.NoteGiven(text=str(number)), text)
            try:
                await journal.durable()
            except BookUnsaved as error:
                failed += 1
                assert "can't be written" in str(error) and "held in memory" in str(error), error
        assert failed, "the disk was not full"
        assert all(journal.text(sha256_of(text)) == text for text in texts)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        await journal.durable()
        assert told == list(range(1, 10)), told
        await journal.close()
        print(failed, flush=True)

    asyncio.run(main(Path(sys.argv[1])))
"""


async def test_a_full_disk_is_told_and_nothing_is_lost_once_there_is_room(root: Path, run_child: Child) -> None:
    out, err = run_child(FULL).communicate(timeout=60)
    assert out.strip().isdigit(), err
    journal = Journal.open(root)
    assert journal.recovered == ""
    notes = [event.text for event in journal.read() if isinstance(event, ev.NoteGiven)]
    assert notes == ["before", *map(str, range(8))]
    await journal.close()
