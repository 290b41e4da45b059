"""The ways editors save, by their system calls: the last content is seen, and the agent's own writes are no news."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from studio import events as ev
from studio.book.files import Folder
from studio.book.journal import sha256_of

ONE = "# One\n\nThe lamp was lit. The door stood open.\n"
MINE = ONE.replace("was lit", "was blown out")

Until = Callable[[Callable[[], object]], Awaitable[None]]
Save = Callable[[Path, str], None]


@contextlib.asynccontextmanager
async def watched_while_the_agent_writes(book: Any, **settings: Any) -> AsyncIterator[None]:
    """The watcher looks, and the agent writes one file after the other, until the block ends."""
    watcher = book.watcher(**settings)
    await watcher.scan()
    enough = asyncio.Event()

    async def write() -> None:
        number = 0
        while not enough.is_set():
            mode = "append" if number % 3 else "overwrite"
            await book.write(f"agents_{number % 2}.md", f"Piece {number}.\n", mode, id=f"agent {number}")
            number += 1
            await asyncio.sleep(0.005)

    watching, writing = asyncio.create_task(watcher.watch()), asyncio.create_task(write())
    await asyncio.sleep(0.3)  # until the system's events flow; what comes before is found by the scans
    try:
        yield
    finally:
        enough.set()
        await writing
        watching.cancel()
        await asyncio.wait([watching])
    await watcher.scan(full=True)
    assert len(book.named(ev.FileWritten)) > 2, "the agent did not write"
    assert [event.file for event in book.named(ev.AuthorEdited) if event.file.startswith("agents")] == []


def flushed(path: Path, text: str, flags: int = os.O_CREAT | os.O_EXCL, mode: int = 0o644) -> None:
    handle = os.open(path, os.O_WRONLY | flags, mode)
    os.write(handle, text.encode())
    os.fsync(handle)
    os.close(handle)


def jetbrains(file: Path, text: str) -> None:
    new, old = Path(f"{file}___jb_tmp___"), Path(f"{file}___jb_old___")
    flushed(new, text)
    file.rename(old)
    new.rename(file)
    old.unlink()


def gnome(file: Path, text: str) -> None:
    new = file.with_name(".goutputstream-4XK1Z2")
    flushed(new, text, mode=0o600)
    backup = Path(f"{file}~")
    backup.unlink(missing_ok=True)
    os.link(file, backup)
    new.chmod(0o644)
    new.rename(file)


def unnamed_then_linked(file: Path, text: str) -> None:
    handle = os.open(file.parent, os.O_TMPFILE | os.O_WRONLY, 0o644)
    os.write(handle, text.encode())
    os.fsync(handle)
    file.unlink()
    os.link(f"/proc/self/fd/{handle}", file, src_dir_fd=handle, follow_symlinks=True)
    os.close(handle)


def emacs(file: Path, text: str) -> None:
    lock, auto = file.with_name(f".#{file.name}"), file.with_name(f"#{file.name}#")
    lock.symlink_to("ann@desk.4711:1795490000")
    flushed(auto, text, os.O_CREAT | os.O_TRUNC)
    file.rename(f"{file}~")
    flushed(file, text, os.O_CREAT | os.O_TRUNC)
    lock.unlink()
    auto.unlink()


def qt(file: Path, text: str) -> None:
    new = Path(f"{file}.XUyBHf")
    flushed(new, text, mode=0o600)
    new.chmod(0o644)
    new.rename(file)


def code(file: Path, text: str) -> None:
    flushed(file, text, os.O_TRUNC)


def word_processor(file: Path, text: str) -> None:
    lock = file.with_name(f".~lock.{file.name}#")
    lock.write_text(",ann,desk,24.11.2026 10:10,file:///;")
    code(file, text)
    lock.unlink()


def in_pieces(file: Path, text: str) -> None:
    with file.open("w") as out:
        for start in range(0, len(text), 20):
            out.write(text[start : start + 20])
            out.flush()
            time.sleep(0.02)


def vim(backupcopy: str) -> Save:
    def save(file: Path, text: str) -> None:
        settings = f"set nocompatible backup writebackup swapfile backupcopy={backupcopy}"
        commands = ["-c", settings, "-c", "%s/was lit/was blown out/", "-c", "wq"]
        subprocess.run(["vim", "-es", "-u", "NONE", *commands, str(file)], check=True, stdin=subprocess.DEVNULL)

    save.__name__ = f"vim, backupcopy={backupcopy}"
    return save


def sed(file: Path, text: str) -> None:
    subprocess.run(["sed", "-i", "s/was lit/was blown out/", str(file)], check=True)


def perl(file: Path, text: str) -> None:
    subprocess.run(["perl", "-pi", "-e", "s/was lit/was blown out/", str(file)], check=True)


def ed(file: Path, text: str) -> None:
    subprocess.run(["ed", "-s", str(file)], input="g/was lit/s//was blown out/\nw\nq\n", text=True, check=True)


SAVES: list[Save] = [
    jetbrains, gnome, unnamed_then_linked, emacs, qt, code, word_processor, in_pieces,
    *(save for name, save in [("vim", vim("yes")), ("vim", vim("no")), ("sed", sed), ("perl", perl), ("ed", ed)]
      if shutil.which(name)),
]  # fmt: skip


@pytest.mark.parametrize("hints", [True, False], ids=["events", "scans only"])
@pytest.mark.parametrize("save", SAVES, ids=lambda save: save.__name__)
async def test_the_last_content_is_seen_whatever_way_an_editor_saves(
    save: Save, hints: bool, book: Any, root: Path, until: Until
) -> None:
    await book.write("a.md", ONE)
    async with watched_while_the_agent_writes(book, hints=hints, rescan=0.1):
        await asyncio.to_thread(save, root / "a.md", MINE)
        await until(lambda: book.ledger.disk("a.md") == sha256_of(MINE))
    assert (root / "a.md").read_text() == MINE
    edits = book.named(ev.AuthorEdited)
    assert {event.file for event in edits} == {"a.md"}
    assert len(edits) == 1 or save is in_pieces
    assert book.journal.text(sha256_of(MINE)) == MINE


@pytest.mark.parametrize("save", [jetbrains, qt, code], ids=lambda save: save.__name__)
async def test_of_a_thousand_saves_of_one_file_the_last_is_seen(
    save: Save, book: Any, root: Path, until: Until
) -> None:
    await book.write("a.md", ONE)
    texts = [f"{ONE}Line {number}.\n" for number in range(1000)]
    async with watched_while_the_agent_writes(book):

        def burst() -> None:
            for text in texts:
                save(root / "a.md", text)

        await asyncio.to_thread(burst)
        await until(lambda: book.ledger.disk("a.md") == sha256_of(texts[-1]))
    shas = [event.sha256 for event in book.named(ev.AuthorEdited)]
    assert shas[-1] == sha256_of(texts[-1]) and len(shas) == len(set(shas))
    order = [sha256_of(text) for text in texts]  # and none of a file that is empty for a moment
    assert [order.index(sha) for sha in shas] == sorted(order.index(sha) for sha in shas)


async def test_a_thousand_files_saved_at_once_are_each_seen_once(book: Any, root: Path, until: Until) -> None:
    names = [f"notes/{number:04}.md" for number in range(1000)]
    (root / "notes").mkdir()
    async with watched_while_the_agent_writes(book):

        def burst(text: str, save: Save) -> None:
            for name in names:
                save(root / name, f"{text} {name}.\n")

        def all_seen(text: str) -> bool:
            return all(book.ledger.disk(name) == sha256_of(f"{text} {name}.\n") for name in names)

        await asyncio.to_thread(burst, "First", qt)
        await until(lambda: all_seen("First"))
        await asyncio.to_thread(burst, "Second", qt)
        await until(lambda: all_seen("Second"))
    assert len(book.named(ev.AuthorEdited)) == 2000


async def test_saves_of_the_file_the_agent_writes_are_told_and_its_own_are_not(
    open_book: Callable[..., Any], root: Path, until: Until
) -> None:
    book = open_book(look_again=0.5)
    await book.write("agents_0.md", "It began.\n", id="0")
    saved: set[str] = set()
    watcher = book.watcher(rescan=0.02)
    watching = asyncio.create_task(watcher.watch())

    def save(number: int) -> None:
        text = f"{(root / 'agents_0.md').read_text()}Author {number}.\n"
        saved.add(sha256_of(text))
        qt(root / "agents_0.md", text)

    for number in range(60):
        saving = asyncio.to_thread(save, number)
        await asyncio.gather(saving, book.write("agents_0.md", f"Agent {number}.\n", "append", id=f"{number + 1}"))
    last = (root / "agents_0.md").read_text() + "The end is mine.\n"
    saved.add(sha256_of(last))
    await asyncio.sleep(0.6)  # the displaced files have been looked at
    qt(root / "agents_0.md", last)
    await until(lambda: book.ledger.disk("agents_0.md") == sha256_of(last))
    watching.cancel()
    await asyncio.wait([watching])
    told = [event.sha256 for event in book.named(ev.AuthorEdited)]
    assert len(told) > 10 and told[-1] == sha256_of(last)
    assert set(told) <= saved, "a text that the author never saved"


class NoTimes(Folder):
    """A folder on a file system that keeps no times."""

    def stat(self, name: str) -> os.stat_result | None:
        status = super().stat(name)
        return status and os.stat_result([*status[:7], 1, 1, 1], {"st_mtime_ns": 10**9, "st_ctime_ns": 10**9})


async def test_a_save_whose_time_was_set_back_is_seen_by_any_scan(book: Any, root: Path) -> None:
    (root / "a.md").write_text("The cat.\n")
    await asyncio.sleep(2.1)  # from now on the times are trusted
    watcher = book.watcher()
    await watcher.scan()
    before = (root / "a.md").stat()
    (root / "a.md").write_text("The dog.\n")
    os.utime(root / "a.md", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (root / "a.md").stat().st_mtime_ns == before.st_mtime_ns
    assert [event.sha256 for event in await watcher.scan()] == [sha256_of("The dog.\n")]


async def test_a_save_that_no_time_tells_of_is_found_by_the_full_hash(
    open_book: Callable[..., Any], root: Path, until: Until
) -> None:
    book = open_book(folder=NoTimes(root))
    (root / "a.md").write_text("The cat.\n")
    watcher = book.watcher(hints=False, rescan=0.05, rehash=0.3)
    for _ in range(2):  # it is news, then it is known
        await watcher.scan()
    (root / "a.md").write_text("The dog.\n")
    assert await watcher.scan() == [], "it looks like the same"
    watching = asyncio.create_task(watcher.watch())
    await until(lambda: book.ledger.disk("a.md") == sha256_of("The dog.\n"))
    watching.cancel()
    await asyncio.wait([watching])


CHILD = """
    import asyncio, os, sys
    from pathlib import Path
    from studio import events as ev
    from studio.book.files import Folder
    from studio.book.journal import Journal
    from studio.book.ledger import Ledger
    from studio.book.manuscript import Manuscript
    from studio.book.watcher import Watcher

    if "polling" in sys.argv:
        os.environ["WATCHFILES_FORCE_POLLING"] = "1"
    root = Path(sys.argv[1])
    folder, journal, ledger = Folder(root), Journal.open(root), Ledger()

    def record(event, *texts):
        stamped = journal.append(event, *texts)
        ledger.apply(stamped)
        if isinstance(stamped, ev.AuthorEdited):
            print(stamped.file, stamped.sha256, flush=True)
        return stamped

    async def main():
        manuscript = Manuscript(folder, journal, ledger, record)
        watching = asyncio.create_task(Watcher(folder, ledger, journal.text, record).watch())
        await asyncio.sleep(1.0)
        print("ready", flush=True)
        number = 0
        while True:
            number += 1
            await manuscript.write(f"{number}", "agents.md", f"Piece {number}. ", "append", lambda written: "")
            await asyncio.sleep(0.05)

    asyncio.run(main())
"""


class Watched:
    """A child that watches the book and writes in it, and what it reports."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.told: list[tuple[str, str]] = []
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            file, _, sha256 = line.strip().partition(" ")
            self.told.append((file, sha256))

    def knows(self, file: str, text: str) -> bool:
        """Whether the last it said of this file is this text."""
        return [sha256 for told, sha256 in self.told if told == file][-1:] == [sha256_of(text)]

    @contextlib.contextmanager
    def asleep(self) -> Iterator[None]:
        """Stopped, as by Ctrl+Z or a lid that was closed."""
        os.kill(self.process.pid, signal.SIGSTOP)
        os.waitpid(self.process.pid, os.WUNTRACED)
        yield
        os.kill(self.process.pid, signal.SIGCONT)


@pytest.fixture(params=["events", "polling"])
async def child(
    request: pytest.FixtureRequest, run_child: Callable[..., "subprocess.Popen[str]"], until: Until
) -> Watched:
    watched = Watched(run_child(CHILD, request.param))
    await until(lambda: watched.told == [("ready", "")])
    return watched


def assert_only_the_authors(child: Watched) -> None:
    assert child.process.poll() is None
    assert {file for file, _ in child.told} <= {"ready", "a.md"} | {f"other_{n}.md" for n in range(64)}


async def test_more_events_than_the_system_holds_hide_no_save(child: Watched, root: Path, until: Until) -> None:
    held = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text()) if sys.platform == "linux" else 16384

    def flood() -> None:
        for number in range(held + 1000):  # each of them at least one event, no two neighbours of one file
            (root / f"other_{number % 64}.md").write_text(f"Save {number}.\n")
        (root / "a.md").write_text(MINE)

    with child.asleep():
        await asyncio.to_thread(flood)
    await until(lambda: child.knows("a.md", MINE))
    for number in range(held + 1000 - 64, held + 1000):
        await until(lambda number=number: child.knows(f"other_{number % 64}.md", f"Save {number}.\n"))
    (root / "a.md").write_text(ONE)  # and what comes after is seen, too
    await until(lambda: child.knows("a.md", ONE))
    assert_only_the_authors(child)


async def test_saves_made_while_the_machine_slept_are_seen(child: Watched, root: Path, until: Until) -> None:
    (root / "a.md").write_text("The cat.\n")
    await until(lambda: child.knows("a.md", "The cat.\n"))
    await asyncio.sleep(3)  # from now on the times are trusted
    before = (root / "a.md").stat()
    with child.asleep():
        for animal in ("dog", "owl"):
            (root / "a.md").write_text(f"The {animal}.\n")
            os.utime(root / "a.md", ns=(before.st_atime_ns, before.st_mtime_ns))
            await asyncio.sleep(1)
    await until(lambda: child.knows("a.md", "The owl.\n"))
    assert_only_the_authors(child)


async def test_saves_close_to_each_other_are_seen_without_file_events(child: Watched, root: Path, until: Until) -> None:
    for number in range(20):
        (root / "a.md").write_text(f"Save {number:02}.\n")
        await asyncio.sleep(0.1)
    await until(lambda: child.knows("a.md", "Save 19.\n"))
    assert_only_the_authors(child)
