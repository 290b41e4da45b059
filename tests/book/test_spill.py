"""What the disk refuses outlives the studio: a crash, an end while it is full, a book that went on elsewhere."""

import contextlib
import os
import resource
import shutil
import signal
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from studio import events as ev
from studio.book.journal import Journal, sha256_of
from studio.book.spill import Spill
from studio.errors import BookUnsaved

# A disk that is full for files of some size: the record of the book may not grow, the spill may.
CHILD = """
    import asyncio, os, resource, signal, sys
    from pathlib import Path
    from studio import events as ev
    from studio.book.journal import Journal
    from studio.errors import BookUnsaved
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    root, spill = Path(sys.argv[1]), Path(sys.argv[2])
    async def main():
        journal = Journal.open(root, spill_folders=[Path("/proc/no/such"), spill])
        journal.append(ev.NoteGiven(text="before"))
        await journal.durable()
        full = os.path.getsize(root / ".studio/journal.db-wal")
        resource.setrlimit(resource.RLIMIT_FSIZE, (full, resource.RLIM_INFINITY))
        for number in range(3):
            edited = ev.AuthorEdited(file="a.md", sha256="x", words=1, diff="d" * (full // 4))
            journal.append(edited, f"Mine {number}.\\n" * 20)
            try:
                await journal.durable()
            except BookUnsaved as error:
                print(error, flush=True)
        if sys.argv[3] == "close":
            try:
                await journal.close()
            except BookUnsaved:
                pass
        os.kill(os.getpid(), signal.SIGKILL)
    asyncio.run(main())
"""


def refused(run_child: Callable[..., "subprocess.Popen[str]"], spill: Path, how: str) -> str:
    child = run_child(CHILD, str(spill), how)
    out, err = child.communicate(timeout=60)
    assert child.returncode == -signal.SIGKILL, err
    assert f"is held in memory and in {spill}" in out, out
    return out


@contextlib.contextmanager
def small_files(size: int) -> Iterator[None]:
    """No file of this process grows beyond `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


@pytest.mark.parametrize("how", ["crash", "close"])
async def test_what_was_refused_is_in_the_record_once_there_is_room(
    how: str, root: Path, tmp_path: Path, run_child: Callable[..., "subprocess.Popen[str]"]
) -> None:
    spill = tmp_path / "state"
    refused(run_child, spill, how)
    kept = list(spill.iterdir())
    assert [file.stat().st_mode & 0o077 for file in kept] == [0] * len(kept)
    journal = Journal.open(root, spill_folders=[spill])
    if how == "crash":  # an end in good order tries once more, and this disk has room again after a checkpoint
        assert "could not take before are in its record now" in journal.recovered
    assert [event.seq for event in journal.read()] == list(range(1, 5))
    assert [journal.has_text(sha256_of(f"Mine {number}.\n" * 20)) for number in range(3)] == [True] * 3
    assert list(spill.iterdir()) == []
    journal.append(ev.NoteGiven(text="after"))
    await journal.close()
    again = Journal.open(root, spill_folders=[spill])
    assert again.recovered == ""
    await again.close()


async def test_what_does_not_fit_any_more_is_kept_beside(
    root: Path, tmp_path: Path, run_child: Callable[..., "subprocess.Popen[str]"]
) -> None:
    spill = tmp_path / "state"
    refused(run_child, spill, "crash")
    elsewhere = Journal.open(root)  # a studio that did not know of it
    for number in range(5):
        elsewhere.append(ev.NoteGiven(text=f"elsewhere {number}"))
    await elsewhere.close()
    journal = Journal.open(root, spill_folders=[spill])
    assert "does not fit it any more" in journal.recovered
    (kept,) = spill.iterdir()
    assert kept.name in journal.recovered
    assert b"Mine" not in kept.read_bytes() and kept.stat().st_size > 100  # versions are compressed
    assert [event.text for event in journal.read() if isinstance(event, ev.NoteGiven)][-1] == "elsewhere 4"
    await journal.close()


async def test_a_book_that_was_moved_to_another_disk_finds_what_its_own_refused(
    root: Path, tmp_path: Path, run_child: Callable[..., "subprocess.Popen[str]"]
) -> None:
    spill = tmp_path / "state"
    refused(run_child, spill, "crash")
    other = tmp_path / "other"
    other.mkdir()
    journal = Journal.open(other, spill_folders=[spill])
    assert (journal.recovered, list(journal.read())) == ("", [])
    await journal.close()
    moved = root.rename(tmp_path / "moved")
    for told in ("3 events that moved could not take before are in its record now.", ""):
        journal = Journal.open(moved, spill_folders=[spill])
        assert journal.recovered == told
        assert [event.seq for event in journal.read()] == list(range(1, 5))
        assert [journal.has_text(sha256_of(f"Mine {number}.\n" * 20)) for number in range(3)] == [True] * 3
        await journal.close()


async def test_a_new_book_in_the_place_of_a_removed_one_gets_nothing_of_it(
    root: Path, tmp_path: Path, run_child: Callable[..., "subprocess.Popen[str]"]
) -> None:
    spill = tmp_path / "state"
    refused(run_child, spill, "crash")
    shutil.rmtree(root)
    root.mkdir()
    journal = Journal.open(root, spill_folders=[spill])
    assert "does not fit it any more" in journal.recovered
    assert (list(journal.read()), journal.names()) == ([], set())
    await journal.close()


async def test_what_comes_while_the_disk_refuses_is_put_down_at_once(
    root: Path, tmp_path: Path, until: Callable[..., Awaitable[None]]
) -> None:
    journal = Journal.open(root, spill_folders=[tmp_path / "state"])
    kept = Spill([tmp_path / "state"], root)
    journal.append(ev.NoteGiven(text="before"), "a version")
    await journal.durable()
    with small_files((root / ".studio/journal.db-wal").stat().st_size):
        journal.append(ev.NoteGiven(text="refused"))
        with pytest.raises(BookUnsaved):
            await journal.durable()
        journal.append(ev.AuthorEdited(file="a.md", sha256=sha256_of("Mine."), words=1, diff=""), "Mine.")
        journal.append(ev.ReplyDelta(text="Streamed."))
        await until(lambda: [row[2] for row in kept.read().events] == ["note_given", "author_edited", "reply_delta"])
        assert [row[0] for row in kept.read().versions] == [sha256_of("Mine.")]
    await journal.close()
    assert kept.read().events == []


async def test_once_the_disk_takes_it_nothing_is_left_elsewhere(root: Path, tmp_path: Path) -> None:
    spill = tmp_path / "state"
    journal = Journal.open(root, spill_folders=[spill])
    kept = Spill([spill], root)
    with small_files(4096):
        journal.append(ev.NoteGiven(text="long " * 3000))
        with pytest.raises(BookUnsaved, match=r"is held in memory"):
            await journal.durable()
    await journal.durable()
    assert kept.read().events == []
    await journal.close()
    assert [path.name for path in spill.iterdir()] == [] if spill.exists() else True


def test_a_damaged_file_holds_nothing(root: Path, tmp_path: Path) -> None:
    spill = Spill([tmp_path], root)
    file = spill.keep([(1, 0.0, "note_given", b"{}")], [])
    assert file is not None and len(spill.read().events) == 1
    os.truncate(file, 5)
    assert spill.read().events == []
