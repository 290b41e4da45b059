"""A damaged record: what can be read of it goes on, the rest is kept, and the chapters are never touched."""

import contextlib
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from studio import events as ev
from studio.book.journal import Journal, peek, sha256_of
from studio.errors import BookError

EVENTS = 400


def text_of(number: int) -> str:
    return random.Random(number).randbytes(300).hex()


@pytest.fixture
async def sound(root: Path) -> Path:
    """A book with a record of some hundred pages, and a chapter."""
    (root / "chapter_01.md").write_text("One.\n")
    journal = Journal.open(root)
    for number in range(EVENTS):
        journal.append(ev.NoteGiven(text=f"note {number}"), text_of(number))
        if number % 20 == 0:
            await journal.durable()  # so that both tables lie all over the file
    await journal.close()
    return root / ".studio/journal.db"


def overwrite(start: float, end: float) -> Callable[[Path], None]:
    """Noise over a part of the file, from 0.0 to 1.0."""

    def damage(file: Path) -> None:
        body = bytearray(file.read_bytes())
        a, b = int(start * len(body)), int(end * len(body))
        body[a:b] = random.Random(1).randbytes(b - a)
        file.write_bytes(bytes(body))

    return damage


def noise_page(number: int) -> Callable[[Path], None]:
    """Noise over one page; those of the roots of the tables are the first."""

    def damage(file: Path) -> None:
        with file.open("r+b") as handle:
            handle.seek((number - 1) * 4096)
            handle.write(random.Random(1).randbytes(4096))

    return damage


def cut(file: Path) -> None:
    with file.open("r+b") as handle:
        handle.truncate(file.stat().st_size // 2 + 123)


def change_an_event(file: Path) -> None:
    connection = sqlite3.connect(file)
    with connection:
        connection.execute("UPDATE events SET body = X'FF00' WHERE seq = 7")
    connection.close()


def drop_a_table(file: Path) -> None:
    connection = sqlite3.connect(file)
    with connection:
        connection.execute("DROP TABLE versions")
        connection.execute("CREATE TABLE versions (something)")
    connection.close()


@pytest.mark.parametrize(
    ("damage", "events"),
    [
        (overwrite(0.3, 0.4), EVENTS // 3),
        (overwrite(0.6, 0.65), EVENTS // 3),
        (overwrite(0.9, 1.0), EVENTS // 3),
        (cut, EVENTS // 4),
        (change_an_event, EVENTS - 1),
        (drop_a_table, EVENTS),
        (overwrite(0.0, 0.001), EVENTS),
        (noise_page(1), EVENTS),
        (noise_page(3), EVENTS),
        (noise_page(4), EVENTS),
        (lambda file: file.write_text("this is no database" * 1000), 0),
    ],
    ids=[
        *("noise early", "noise middle", "noise late", "cut", "an event", "no versions", "no header"),
        *("first page", "root of events", "root of versions", "text"),
    ],
)
async def test_what_can_be_read_of_a_damaged_record_goes_on(
    damage: Callable[[Path], object], events: int, sound: Path, root: Path
) -> None:
    damage(sound)
    broken = sound.read_bytes()
    journal = Journal.open(root)
    assert "was damaged: it is kept as journal.corrupt-" in journal.recovered
    found = list(journal.read())
    assert len(found) >= events
    seqs = [event.seq for event in found]
    assert seqs == sorted(set(seqs))
    for event in found:
        assert isinstance(event, ev.NoteGiven)
        assert event.text == f"note {event.seq - 1}"
        if journal.has_text(sha256_of(text_of(event.seq - 1))):
            assert journal.text(sha256_of(text_of(event.seq - 1))) == text_of(event.seq - 1)
    if events == EVENTS and damage is not drop_a_table:
        assert journal.names() == {sha256_of(text_of(number)) for number in range(EVENTS)}
    stamped = journal.append(ev.Resumed())
    assert stamped.seq == max(seqs, default=0) + 1
    await journal.close()
    aside = list((root / ".studio").glob("journal.corrupt-*.db"))
    assert [file.read_bytes()[: len(broken)] == broken for file in aside] == [True]
    assert (root / "chapter_01.md").read_text() == "One.\n"
    again = Journal.open(root)
    assert again.recovered == ""
    assert len(list(again.read())) == len(found) + 1
    await again.close()


@pytest.mark.parametrize("seed", range(int(os.environ.get("STUDIO_DAMAGES", "25"))))
async def test_whatever_happens_to_the_file_nothing_that_comes_back_is_altered(
    seed: int, sound: Path, root: Path
) -> None:
    chance = random.Random(seed)
    body = bytearray(sound.read_bytes())
    for _ in range(chance.choice([1, 1, 1, 5, 50])):
        at = chance.randrange(len(body))
        match chance.choice(["flip", "flip", "zero", "noise", "copy", "cut"]):
            case "flip":
                body[at] ^= 1 << chance.randrange(8)
            case "zero":
                body[at : at + 512] = bytes(len(body[at : at + 512]))
            case "noise":
                body[at : at + 512] = chance.randbytes(len(body[at : at + 512]))
            case "copy":  # a page written to the wrong place
                to = chance.randrange(len(body) // 4096) * 4096
                start = at // 4096 * 4096
                body[to : to + 4096] = body[start : start + 4096]
            case _:
                del body[max(at, 8192) :]
                body += b"\0"
    sound.write_bytes(bytes(body))
    journal = Journal.open(root)
    for event in journal.read():
        assert isinstance(event, ev.NoteGiven)
        assert event.text == f"note {event.seq - 1}"
        with contextlib.suppress(BookError):  # a version that is damaged says so
            assert journal.text(sha256_of(text_of(event.seq - 1))) == text_of(event.seq - 1)
    journal.append(ev.Resumed())
    await journal.close()
    assert (root / "chapter_01.md").read_text() == "One.\n"
    kept = [file.read_bytes() for file in (root / ".studio").glob("journal.corrupt-*.db")]
    assert all(one == bytes(body) for one in kept) or journal.recovered == ""
    assert bool(kept) == (journal.recovered != "")


RECOVERS = """
    import asyncio, sys
    from pathlib import Path
    from studio.book.journal import Journal
    async def main():
        journal = Journal.open(Path(sys.argv[1]))
        print(len(list(journal.read())), journal.recovered)
        await journal.close()
    asyncio.run(main())
"""


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace can't be had here: no kill at a chosen call")
@pytest.mark.parametrize("call", ["rename", "fsync"])
async def test_a_recovery_that_is_killed_is_carried_on_by_the_next(root: Path, tmp_path: Path, call: str) -> None:
    journal = Journal.open(root)
    for number in range(50):
        journal.append(ev.NoteGiven(text=f"note {number}"), text_of(number))
        await journal.durable()
    broken = tmp_path / "broken"
    shutil.copytree(root, broken)
    await journal.close()
    os.truncate(broken / ".studio/journal.db", 0)  # everything is in the log, and without it there seems to be nothing
    found = []
    for when in range(1, 20):
        book = tmp_path / "killed" / str(when)
        shutil.copytree(broken, book)
        inject = f"inject={call}:signal=SIGKILL:when={when}"
        strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", inject]
        code = textwrap.dedent(RECOVERS)
        done = subprocess.run([*strace, sys.executable, "-c", code, str(book)], capture_output=True, text=True)
        if done.returncode == 0:
            break
        again = Journal.open(book)
        found.append((len(list(again.read())), len(again.names())))
        await again.close()
        assert sorted(path.name for path in (book / ".studio").glob("*re*.db*")) == []
    assert done.returncode == 0 and len(found) >= 2, done.stderr
    assert set(found) == {(50, 50)}


async def test_without_room_for_it_a_recovery_leaves_nothing_behind(root: Path, sound: Path) -> None:
    overwrite(0.3, 0.4)(sound)
    broken = sound.read_bytes()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        for most in (20_000, len(broken) + 1):  # for the copy, for the new one
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
            with pytest.raises(BookError, match=r"can't be opened .* free some room"):
                Journal.open(root)
            assert [path for path in sound.parent.glob("journal.*") if not path.name.startswith(sound.name)] == []
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert sound.read_bytes() == broken
    journal = Journal.open(root)
    assert "was damaged" in journal.recovered
    await journal.close()


async def test_a_record_killed_in_the_middle_of_its_log_is_not_called_damaged(root: Path) -> None:
    journal = Journal.open(root)
    for number in range(50):
        journal.append(ev.NoteGiven(text=str(number)), text_of(number))
        await journal.durable()
    copy = root.parent / "copy"
    shutil.copytree(root, copy)
    await journal.close()
    log = copy / ".studio/journal.db-wal"
    with log.open("r+b") as handle:
        handle.truncate(log.stat().st_size - 1000)
    torn = Journal.open(copy)
    assert torn.recovered == ""
    assert len(list(torn.read())) >= 40
    await torn.close()


@pytest.fixture
async def killed(root: Path, tmp_path: Path) -> Path:
    """A book whose studio was killed when everything was in the log of the record only."""
    journal = Journal.open(root)
    for number in range(50):
        journal.append(ev.NoteGiven(text=f"note {number}"), text_of(number) * (1 + number % 3 * 20))
        await journal.durable()
    shutil.copytree(root, tmp_path / "killed")
    await journal.close()
    return tmp_path / "killed"


def change(file: str, start: int, body: bytes) -> Callable[[Path], None]:
    def damage(studio: Path) -> None:
        with (studio / file).open("r+b") as handle:
            handle.seek(start)
            handle.write(body)

    return damage


@pytest.mark.parametrize(
    ("damage", "lost"),
    [
        (lambda studio: os.truncate(studio / "journal.db", 0), 0),
        (lambda studio: (studio / "journal.db").unlink(), 0),
        (change("journal.db-wal", 0, bytes(32)), 0),
        (change("journal.db-wal", 20, b"salt"), 0),
        (change("journal.db-wal", 40000, b"\0\1\2"), 1),
        (change("journal.db-wal", 32 + 12 * 4120, bytes(4120)), 1),
    ],
    ids=["empty file", "no file", "no log header", "salts", "a byte of the log", "a page of the log"],
)
@pytest.mark.parametrize("listed", [True, False], ids=["seen in the library", "not seen"])
async def test_what_is_in_the_log_only_is_recovered_too(
    damage: Callable[[Path], object], lost: int, listed: bool, killed: Path
) -> None:
    damage(killed / ".studio")
    if listed:
        peek(killed)
    journal = Journal.open(killed)
    assert "was damaged: it is kept as" in journal.recovered
    assert len(list(journal.read())) >= 50 - lost
    assert len(journal.names()) >= 50 - lost
    await journal.close()


async def test_an_event_under_a_damaged_kind_and_a_version_under_a_damaged_name_are_kept(
    root: Path, sound: Path
) -> None:
    body = sound.read_bytes()
    name = sha256_of(text_of(7)).encode()
    assert body.count(name) == 2, "in the table and in its index"
    body = body[: body.index(name)] + b"\xff" + body[body.index(name) + 1 :]
    at = body.index(b"note_given{")
    sound.write_bytes(body[:at] + b"M" + body[at + 1 :])
    journal = Journal.open(root)
    assert "was damaged" in journal.recovered
    assert journal.text(sha256_of(text_of(7))) == text_of(7)
    assert len(list(journal.of(ev.NoteGiven))) == EVENTS
    await journal.close()


async def test_a_damaged_version_is_told_and_the_others_are_read(root: Path, sound: Path) -> None:
    connection = sqlite3.connect(sound)
    with connection:
        connection.execute("UPDATE versions SET body = X'00' WHERE sha256 = ?", (sha256_of(text_of(3)),))
    connection.close()
    reader = Journal.open_readonly(root)
    with pytest.raises(BookError, match="is damaged"):
        reader.text(sha256_of(text_of(3)))
    assert reader.text(sha256_of(text_of(4))) == text_of(4)


async def test_the_library_tells_a_damaged_record_and_leaves_it(root: Path, sound: Path) -> None:
    sound.write_text("this is no database" * 1000)
    before = sound.read_bytes()
    assert peek(root).readable is False
    assert sound.read_bytes() == before
    with pytest.raises(BookError, match="chapters are files of their own"):
        list(Journal.open_readonly(root).read())


async def test_a_record_that_was_emptied_is_told(root: Path) -> None:
    """It can't be told from one just made but by the chapters beside it."""
    journal = Journal.open(root)
    journal.append(ev.NoteGiven(text="one"))
    await journal.close()
    (root / ".studio/journal.db").write_bytes(b"")
    (root / "chapter_01.md").write_text("# One\n")
    journal = Journal.open(root)
    assert "was empty: its history begins anew, and the chapters are untouched" in journal.recovered
    await journal.close()
    journal = Journal.open(root)
    assert journal.recovered == ""
    await journal.close()
