"""Every save of the author's is seen once, whatever way an editor saves, and the agent's own writes never."""

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from studio import events as ev
from studio.book.history import History, of_file
from studio.book.journal import sha256_of
from studio.book.manuscript import WriteRefused
from studio.book.provenance import provenance
from studio.book.watcher import Watcher, diff_of, wait_up_to
from studio.errors import BookError, BookGone, BookUnsaved

ONE = "# One\n\nThe lamp was lit. The door stood open.\n"
MINE = ONE.replace("was lit", "was blown out")

Until = Callable[[Callable[[], object]], Awaitable[None]]


@contextlib.asynccontextmanager
async def watching(watcher: Watcher) -> AsyncIterator[None]:
    await watcher.scan()
    task = asyncio.create_task(watcher.watch())
    await asyncio.sleep(0.3)  # until the system's events flow; what comes before is found by the scans
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def in_place(file: Path, text: str) -> None:
    file.write_text(text)


def rename_over(file: Path, text: str) -> None:
    new = file.with_name(f".{file.name}.new")
    new.write_text(text)
    new.rename(file)


def with_a_backup(file: Path, text: str) -> None:
    file.rename(f"{file}~")
    file.write_text(text)
    Path(f"{file}~").unlink()


def sed(file: Path, text: str) -> None:
    subprocess.run(["sed", "-i", "s/was lit/was blown out/", str(file)], check=True)
    assert file.read_text() == text


def removed_and_made_again(file: Path, text: str) -> None:
    file.unlink()
    file.write_text(text)


def unlinked_folder(file: Path, text: str) -> None:
    other = file.with_name("other")
    other.mkdir()
    (other / file.name).write_text(text)
    (other / file.name).rename(file)
    shutil.rmtree(other)


SAVES = [in_place, rename_over, with_a_backup, sed, removed_and_made_again, unlinked_folder]


@pytest.mark.parametrize("hints", [True, False], ids=["events", "scans only"])
@pytest.mark.parametrize("save", SAVES)
async def test_a_save_is_seen_exactly_once(
    save: Callable[[Path, str], None], hints: bool, book: Any, root: Path, until: Until
) -> None:
    await book.write("a.md", ONE)
    watcher = book.watcher(hints=hints, rescan=0.1)
    async with watching(watcher):
        save(root / "a.md", MINE)
        await until(lambda: book.named(ev.AuthorEdited))
    assert await watcher.scan(full=True) == []
    (edited,) = book.named(ev.AuthorEdited)
    assert (edited.file, edited.sha256, edited.words) == ("a.md", sha256_of(MINE), 10)
    assert edited.diff == diff_of("a.md", ONE, MINE)
    assert "-The lamp was lit." in edited.diff and "+The lamp was blown out." in edited.diff
    assert book.journal.text(sha256_of(MINE)) == MINE
    assert book.ledger.touched_by("a.md") == "author"


async def test_a_save_in_vim_is_seen_exactly_once(book: Any, root: Path, until: Until) -> None:
    await book.write("a.md", ONE)
    vim = shutil.which("vim")
    command = (
        [vim, "-es", "-u", "NONE", "-c", "set backup writebackup", "-c", "%s/was lit/was blown out/", "-c", "wq"]
        if vim
        else ["sed", "-i.bak", "s/was lit/was blown out/"]  # a machine without it: a backup and a rename all the same
    )
    watcher = book.watcher()
    async with watching(watcher):
        await asyncio.to_thread(subprocess.run, [*command, str(root / "a.md")], check=True, stdin=subprocess.DEVNULL)
        await until(lambda: book.named(ev.AuthorEdited))
    await watcher.scan(full=True)
    assert [(event.file, event.sha256) for event in book.named(ev.AuthorEdited)] == [("a.md", sha256_of(MINE))]


async def test_the_agents_own_writes_are_no_news(book: Any, root: Path) -> None:
    watcher = book.watcher(rescan=0.02)
    async with watching(watcher):
        for number in range(30):
            await book.write(f"chapter_{number % 3}.md", f"Piece {number}.\n", "append", id=f"{number}")
    await watcher.scan(full=True)
    assert book.named(ev.AuthorEdited) == []


async def test_a_burst_of_saves_ends_with_the_last_one(book: Any, root: Path, until: Until) -> None:
    await book.write("a.md", ONE)
    watcher = book.watcher()
    async with watching(watcher):
        for number in range(200):
            (root / "a.md").write_text(f"{ONE}Line {number}.\n")
            await asyncio.sleep(0)
        last = sha256_of(f"{ONE}Line 199.\n")
        await until(lambda: book.ledger.disk("a.md") == last)
    shas = [event.sha256 for event in book.named(ev.AuthorEdited)]
    assert shas[-1] == last
    assert len(shas) == len(set(shas))
    assert all(book.journal.text(sha).startswith("# One") for sha in shas)


async def test_two_saves_of_one_size_at_one_time_are_both_seen(book: Any, root: Path) -> None:
    watcher = book.watcher()
    file = root / "a.md"
    for text in ("cat\n", "dog\n", "owl\n"):
        file.write_text(text)
        status = file.stat()
        os.utime(file, ns=(status.st_atime_ns, 10**18 * 2))  # the grain of a coarse clock, made visible
        assert [event.sha256 for event in await watcher.scan()] == [sha256_of(text)]
        assert await watcher.scan() == []


async def test_files_the_author_adds_and_removes_are_told(book: Any, root: Path) -> None:
    await book.write("a.md", ONE)
    watcher = book.watcher()
    (root / "notes").mkdir()
    (root / "notes/idea.md").write_text("Gulls.\n")
    (root / "a.md").unlink()
    edited = {event.file: event for event in await watcher.scan()}
    assert edited["notes/idea.md"].sha256 == sha256_of("Gulls.\n")
    assert (edited["a.md"].sha256, edited["a.md"].words) == ("", 0)
    assert "-The lamp was lit." in edited["a.md"].diff
    assert book.ledger.removed_by_author() == ["a.md"]
    assert await watcher.scan(full=True) == []


async def test_what_is_no_chapter_is_no_news(book: Any, root: Path) -> None:
    watcher = book.watcher()
    for name in ("book.yaml", "4913", "a.md~", ".a.md.swp", "picture.png", "exports/x.md", ".git/x.md", "~$a.md"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("x")
    (root / "latin.md").write_bytes(b"caf\xe9")
    (root / "link.md").symlink_to("/etc/hostname")
    assert await watcher.scan(full=True) == []


@pytest.mark.skipif(sys.platform == "darwin", reason="names are UTF-8 there")
async def test_a_name_that_is_not_utf_8_is_left_alone(book: Any, root: Path) -> None:
    (root / os.fsdecode(b"caf\xe9.md")).write_text("Mine.\n")
    (root / os.fsdecode(b"caf\xe9")).mkdir()
    (root / os.fsdecode(b"caf\xe9") / "a.md").write_text("Mine.\n")
    watcher = book.watcher(hints=False)
    for _ in range(3):
        assert await watcher.scan(full=True) == []
    assert (book.events, book.folder.names()) == ([], [])


async def test_a_file_that_is_empty_for_a_moment_is_not_a_deletion(book: Any, root: Path) -> None:
    await book.write("a.md", ONE)
    watcher = book.watcher()
    (root / "a.md").write_text("")
    scanning = asyncio.create_task(watcher.scan())
    await asyncio.sleep(0.03)  # the first look has found it empty
    (root / "a.md").write_text(MINE)
    assert [event.sha256 for event in await scanning] == [sha256_of(MINE)]
    (root / "a.md").write_text("")
    assert [event.sha256 for event in await watcher.scan()] == [sha256_of("")]


@pytest.mark.parametrize("turns", range(5))
async def test_a_cancellation_that_comes_with_an_event_is_not_swallowed(turns: int) -> None:
    event = asyncio.Event()

    async def watch() -> None:
        while True:
            await wait_up_to(10, event)
            event.clear()

    task = asyncio.create_task(watch())
    for _ in range(5):
        await asyncio.sleep(0)
    event.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=5)
    assert done and task.cancelled()


async def test_a_book_that_was_moved_away_and_put_back_is_watched_on(book: Any, root: Path, until: Until) -> None:
    await book.write("a.md", ONE)
    watcher = book.watcher(rescan=0.05)
    async with watching(watcher):
        root.rename(root.with_name("away"))
        await asyncio.sleep(0.2)  # scans find nothing
        assert book.named(ev.AuthorEdited) == []
        root.with_name("away").rename(root)
        (root / "a.md").write_text(MINE)
        await until(lambda: book.named(ev.AuthorEdited))
    assert [event.sha256 for event in book.named(ev.AuthorEdited)] == [sha256_of(MINE)]


async def test_an_edit_made_while_the_studio_was_closed_is_found(open_book: Callable[..., Any], root: Path) -> None:
    book = open_book()
    await book.write("a.md", ONE)
    await book.close()
    (root / "a.md").write_text(MINE)
    again = open_book()
    (edited,) = await again.watcher().scan(full=True)
    assert edited.diff == diff_of("a.md", ONE, MINE)


async def test_a_save_right_after_the_agents_write_is_not_taken_for_it(book: Any, root: Path) -> None:
    watcher = book.watcher()
    await watcher.scan()
    await book.write("a.md", ONE)
    (root / "a.md").write_text(MINE)
    assert [event.sha256 for event in await watcher.scan()] == [sha256_of(MINE)]
    (root / "a.md").write_text(ONE)  # and back: content that was the agent's once is the author's now
    assert [event.sha256 for event in await watcher.scan()] == [sha256_of(ONE)]


@pytest.mark.parametrize("why", ["the disk refuses", "the author locks the passage"])
async def test_a_text_put_back_after_a_write_that_never_came_is_seen(why: str, book: Any, root: Path) -> None:
    await book.write("a.md", ONE)
    mine = ONE.replace("The lamp", "<!-- lock -->\nThe lamp") + "<!-- /lock -->\n"
    stage = book.folder.stage

    def disturbed(temp: str, text: str) -> None:
        book.folder.stage = stage
        if why == "the disk refuses":
            raise BookUnsaved("a.md can't be written (No space left on device).")
        stage(temp, text)
        (root / "a.md").write_text(mine)

    book.folder.stage = disturbed
    with pytest.raises(BookError):
        await book.edit("a.md", "The lamp was lit.", "It was dark.", id="2.0")
    watcher = book.watcher(hints=False)
    (root / "a.md").write_text(mine)
    await watcher.scan(full=True)
    assert book.ledger.disk("a.md") == sha256_of(mine)
    (root / "a.md").write_text(ONE)  # and back: what the write began from is the author's now
    assert [event.sha256 for event in await watcher.scan(full=True)] == [sha256_of(ONE)]


def test_a_diff_names_the_file_and_only_the_lines_around_a_change() -> None:
    before = "".join(f"Line {n}.\n" for n in range(50))
    lines = diff_of("a.md", before, before.replace("Line 20.", "Line twenty.")).split("\n")
    assert lines[:2] == ["--- a.md", "+++ a.md"]
    assert lines[3:] == [" Line 19.", "-Line 20.", "+Line twenty.", " Line 21."]
    assert diff_of("a.md", before, before) == ""


async def test_a_renamed_file_is_the_same_file(book: Any, root: Path) -> None:
    await book.write("chapter_02.md", ONE)
    (root / "chapter_02.md").rename(root / "02 The Crossing.md")
    watcher = book.watcher(hints=False)
    assert await watcher.scan() == []
    assert [(event.file, event.to) for event in book.named(ev.AuthorRenamed)] == [
        ("chapter_02.md", "02 The Crossing.md")
    ]
    assert book.named(ev.AuthorEdited) == []
    assert (book.ledger.disk("chapter_02.md"), book.ledger.disk("02 The Crossing.md")) == ("", sha256_of(ONE))
    with pytest.raises(WriteRefused, match=r"renamed chapter_02\.md to 02 The Crossing\.md"):
        await book.write("chapter_02.md", "Again.\n", id="2.0")
    await book.write("02 The Crossing.md", "# One\n\nAnew.\n", "overwrite", id="3.0")  # it knows what it wrote there
    (root / "02 The Crossing.md").rename(root / "chapter_02.md")
    await watcher.scan()
    await book.write("chapter_02.md", "More.\n", "append", id="4.0")


async def test_chapters_that_make_room_for_another_stay_the_same_chapters(book: Any, root: Path) -> None:
    texts = {number: ONE.replace("One", str(number)) for number in range(2, 6)}
    for number, text in texts.items():
        await book.write(f"chapter_{number:02}.md", text, id=f"{number}.0")
    for number in reversed(texts):
        (root / f"chapter_{number:02}.md").rename(root / f"chapter_{number + 1:02}.md")
    watcher = book.watcher(hints=False)
    assert await watcher.scan(full=True) == await watcher.scan(full=True) == []
    assert [(event.file, event.to) for event in book.named(ev.AuthorRenamed)] == [
        (f"chapter_{number:02}.md", f"chapter_{number + 1:02}.md") for number in reversed(texts)
    ]
    for number, text in texts.items():
        assert book.ledger.disk(f"chapter_{number + 1:02}.md") == sha256_of(text)
        assert [
            one.by
            for one in provenance(
                of_file(History(book.events).revisions, f"chapter_{number + 1:02}.md"), book.journal.text
            )
        ] == ["agent"] * 3


async def test_a_chapter_put_over_another_is_an_edit_of_that_one(book: Any, root: Path) -> None:
    await book.write("a.md", ONE, id="1.0")
    await book.write("b.md", MINE, id="2.0")
    (root / "a.md").rename(root / "b.md")
    await book.watcher(hints=False).scan()
    assert {event.file: event.sha256 for event in book.named(ev.AuthorEdited)} == {"a.md": "", "b.md": sha256_of(ONE)}
    assert book.journal.text(sha256_of(MINE)) == MINE


async def test_two_names_exchanged_are_two_edits(book: Any, root: Path) -> None:
    await book.write("a.md", ONE, id="1.0")
    await book.write("b.md", MINE, id="2.0")
    (root / "a.md").rename(root / "c")
    (root / "b.md").rename(root / "a.md")
    (root / "c").rename(root / "b.md")
    await book.watcher(hints=False).scan()
    assert sorted(event.file for event in book.named(ev.AuthorEdited)) == ["a.md", "b.md"]
    assert (book.ledger.disk("a.md"), book.ledger.disk("b.md")) == (sha256_of(MINE), sha256_of(ONE))


async def test_a_removed_file_comes_back_only_with_a_word_from_the_author(book: Any, root: Path) -> None:
    await book.write("a.md", ONE, id="1.0")
    (root / "a.md").unlink()
    watcher = book.watcher(hints=False)
    await watcher.scan()
    for mode in ("create", "append", "overwrite"):
        with pytest.raises(WriteRefused, match=r"The author removed a\.md.*ask_author"):
            await book.write("a.md", ONE, mode, id=f"2.{mode}")
    with pytest.raises(WriteRefused, match=r"The author removed a\.md"):
        await book.edit("a.md", "One", "Two", id="3.0")
    assert not (root / "a.md").exists()
    book.record(ev.AnswerGiven(text="Write it again."))
    await book.write("a.md", ONE, id="4.0")
    assert (root / "a.md").read_text() == ONE


async def test_a_file_removed_while_the_agent_thinks_is_not_brought_back_by_its_write(book: Any, root: Path) -> None:
    await book.write("a.md", ONE, id="1.0")
    (root / "a.md").unlink()
    with pytest.raises(WriteRefused, match="The author removed"):
        await book.write("a.md", "And then.\n", "append", id="2.0")
    assert not (root / "a.md").exists()


async def test_a_folder_moved_away_is_no_book_emptied(book: Any, root: Path) -> None:
    await book.write("a.md", ONE, id="1.0")
    watcher = book.watcher(hints=False)
    away = root.rename(root.with_name("elsewhere"))
    for _ in range(2):
        with pytest.raises(BookGone, match="not there"):
            await watcher.scan(full=True)
        with pytest.raises(BookGone):
            await book.write("a.md", "More.\n", "append", id="2.0")
        root.mkdir(exist_ok=True)
        (root / "b.md").write_text("Another book.\n")
        with pytest.raises(BookGone, match="Another folder"):
            await watcher.scan(full=True)
        with pytest.raises(BookGone):
            await book.write("a.md", "More.\n", "append", id="2.0")
        assert sorted(path.name for path in root.iterdir()) == ["b.md"], "nothing was written into it"
        (root / "b.md").unlink()
        root.rmdir()
    away.rename(root)
    await book.write("a.md", "More.\n", "append", id="2.0")
    assert (root / "a.md").read_text() == ONE + "More.\n"
    assert book.named(ev.AuthorEdited) == []
