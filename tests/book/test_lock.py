"""One writer a book: a living owner is never pushed aside, a dead one always, and one who slept writes nothing more."""

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from studio import events as ev
from studio.book import lock as locks
from studio.book.journal import Journal
from studio.book.lock import BookLock, Owner
from studio.errors import BookHeld


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "salt" / ".studio").mkdir(parents=True)
    return tmp_path / "salt" / ".studio" / "lock"


def written_by(host: str, *, process: int = 99, ago: float = 0.0, token: str = "other") -> bytes:
    return msgspec.json.encode(
        Owner(process=process, host=host, since="09:00 on 2026-01-01", beat=time.time() - ago, token=token)
    )


def test_the_second_one_is_told_who_has_it(path: Path) -> None:
    first = BookLock.take(path)
    with pytest.raises(BookHeld, match=rf"salt is being written by another studio \(process {os.getpid()} on "):
        BookLock.take(path)
    assert BookLock.is_held(path)
    first.release()
    assert not BookLock.is_held(path)
    BookLock.take(path).release()


def test_a_lock_left_behind_on_this_machine_is_taken_over_at_once(path: Path) -> None:
    code = "import os, sys, pathlib; from studio.book.lock import BookLock; BookLock.take(pathlib.Path(sys.argv[1])); "
    subprocess.run([sys.executable, "-c", code + "os.kill(os.getpid(), 9)", str(path)], check=False)
    assert b'"process"' in path.read_bytes(), "the owner had no time to say goodbye"
    assert not BookLock.is_held(path)
    began = time.monotonic()
    BookLock.take(path).release()
    assert time.monotonic() - began < locks.WATCHED / 2


def test_an_owner_on_another_machine_is_believed_while_his_heart_beats(path: Path) -> None:
    path.write_bytes(written_by("elsewhere", ago=5))
    with pytest.raises(BookHeld, match="process 99 on elsewhere, since 09:00"):
        BookLock.take(path, watched=0.5)
    assert BookLock.is_held(path)


@pytest.mark.parametrize("ago", [3600.0, -3600.0], ids=["long ago", "by a clock that is fast"])
def test_an_owner_on_another_machine_who_is_silent_is_taken_over(path: Path, ago: float) -> None:
    path.write_bytes(written_by("elsewhere", ago=ago))
    BookLock.take(path, watched=0.6).release()


@pytest.mark.parametrize("ago", [3600.0, -3600.0], ids=["slow clock", "fast clock"])
def test_an_owner_whose_clock_is_wrong_is_known_by_his_heartbeat(path: Path, ago: float) -> None:
    path.write_bytes(written_by("elsewhere", ago=ago))
    beating = threading.Timer(0.4, lambda: path.write_bytes(written_by("elsewhere", ago=ago - 10)))
    beating.start()
    with pytest.raises(BookHeld, match="elsewhere"):
        BookLock.take(path, watched=3.0)
    beating.join()


def test_an_owner_is_not_taken_for_dead_while_he_writes_his_heartbeat(path: Path) -> None:
    lock = BookLock.take(path)
    handle = os.open(path, os.O_RDONLY)
    ended = threading.Event()

    def work() -> None:
        while not ended.is_set():
            lock._beaten -= locks.BEAT
            lock.beat()

    beating = threading.Thread(target=work)
    beating.start()
    try:
        assert None not in [locks._owner(handle) for _ in range(30_000)]
    finally:
        ended.set()
        beating.join()
        os.close(handle)
    lock.release()


def test_an_owner_whose_name_is_half_written_is_looked_at_again(path: Path) -> None:
    whole = written_by("elsewhere")
    path.write_bytes(whole + b"}")  # a heartbeat of an older studio, shorter than the one before
    writing = threading.Timer(0.01, lambda: os.truncate(path, len(whole)))
    writing.start()
    with pytest.raises(BookHeld, match="elsewhere"):
        BookLock.take(path, watched=0.5)
    writing.join()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    (tmp_path / "salt").mkdir()
    yield Journal.open(tmp_path / "salt")


async def test_one_who_was_taken_over_while_he_slept_writes_nothing_more(journal: Journal, tmp_path: Path) -> None:
    journal.append(ev.NoteGiven(text="before"))
    await journal.durable()
    (tmp_path / "salt/.studio/lock").write_bytes(written_by("elsewhere"))  # as by a machine our lock does not reach
    journal.append(ev.NoteGiven(text="after"))
    for _ in range(2):
        with pytest.raises(BookHeld, match=r"taken over by another studio .process 99 on elsewhere"):
            await journal.durable()
    with pytest.raises(BookHeld):
        await journal.close()
    texts = [event.text for event in Journal.open_readonly(tmp_path / "salt").read() if isinstance(event, ev.NoteGiven)]
    assert texts == ["before"]
    assert b"elsewhere" in (tmp_path / "salt/.studio/lock").read_bytes(), "the new owner's name stays"


def test_an_owner_who_works_shows_that_he_is_alive(path: Path) -> None:
    lock = BookLock.take(path)
    first = msgspec.json.decode(path.read_bytes(), type=Owner)
    lock.beat()
    assert msgspec.json.decode(path.read_bytes(), type=Owner) == first, "not more often than needed"
    lock._beaten -= locks.BEAT
    lock.beat()
    assert msgspec.json.decode(path.read_bytes(), type=Owner).beat > first.beat
    lock.release()


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace can't be had here: no file system without locks")
def test_where_the_file_system_has_no_locks_the_owner_file_is_enough(path: Path) -> None:
    code = """
import sys, time, pathlib
from studio.book.lock import BookLock
from studio.errors import BookHeld
try:
    lock = BookLock.take(pathlib.Path(sys.argv[1]), watched=0.5)
except BookHeld as held:
    print("held", held, flush=True)
else:
    print("taken", flush=True)
    sys.stdin.readline()
    if sys.argv[2] == "leave":
        lock.release()
"""
    strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=flock", "-e", "inject=flock:error=ENOLCK"]

    def start(how: str) -> subprocess.Popen[str]:
        command = [*strace, sys.executable, "-c", code, str(path), how]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def said(child: subprocess.Popen[str]) -> str:
        assert child.stdout is not None
        return child.stdout.readline()

    first, second = start("crash"), None
    assert said(first) == "taken\n"
    second = start("leave")
    assert said(second).startswith("held salt is being written by another studio (process")
    first.communicate("\n")  # it goes without a word: its name stays, and no process bears that number
    third = start("leave")
    assert said(third) == "taken\n"
    third.communicate("\n")
    fourth = start("leave")
    assert said(fourth) == "taken\n"
    fourth.communicate("\n")
    second.communicate("\n")


def test_of_many_that_come_at_once_one_gets_it(path: Path) -> None:
    code = """
import sys, pathlib
from studio.book.lock import BookLock
from studio.errors import BookHeld
sys.stdin.readline()
try:
    lock = BookLock.take(pathlib.Path(sys.argv[1]))
    print("taken", flush=True)
except BookHeld:
    print("held", flush=True)
sys.stdin.readline()
"""
    command = [sys.executable, "-c", code, str(path)]
    children = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(6)]
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    said = [child.stdout.readline() for child in children if child.stdout is not None]
    for child in children:
        child.communicate("end\n")
    assert sorted(said) == ["held\n"] * 5 + ["taken\n"]
