"""What the author puts back, the agent is told like any edit; two restores at once come one after the other."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from played_book import CHAPTER, OTHER, Stage, writes
from played_book import ONE as ONE_MD

from studio import events as ev
from studio.agent.open_book import OpenBook
from studio.agent.past import BookVersions
from studio.agent.telling import message
from studio.book import layout
from studio.book.journal import sha256_of
from studio.errors import BookError

ONE = "# Ebb\n\nThe lamp was lit. Mara waited.\n"
TWO = "# Ebb\n\nThe lamp was dark. Mara slept.\n"


@pytest.fixture
async def book(tmp_path: Path) -> AsyncIterator[OpenBook]:
    """Two chapters, each written twice by the agent."""
    book = OpenBook.open(layout.create_book(tmp_path, "A book about the tide", "tide"))
    for number, text in enumerate((ONE, TWO)):
        for file in ("a.md", "b.md"):
            mode = "overwrite" if number else "create"
            await book.manuscript.write(f"{number}.{file}", file, text, mode, lambda _: "ok")  # type: ignore[arg-type]
    yield book
    await book.close()


async def test_the_agent_is_told_of_what_was_put_back_by_its_difference(book: OpenBook) -> None:
    done = await BookVersions(book).restore("a.md", 1)
    assert (done.files, done.before) == (("a.md",), 4)
    told = message(book.steering.now(), book.journal.text, book.texts())
    assert "-The lamp was dark. Mara slept." in told and "+The lamp was lit. Mara waited." in told
    assert [(r.who, r.why) for r in BookVersions(book).revisions()][-1] == ("author", "a.md as of revision 1")


async def test_restored_and_taken_back_is_nothing_to_tell(book: OpenBook) -> None:
    past = BookVersions(book)
    done = await past.restore_book(2)
    assert (await past.restore_book(done.before)).files == ("a.md", "b.md")
    assert message(book.steering.now(), book.journal.text, book.texts()) == ""


async def test_a_removed_file_comes_back_though_another_has_its_name_now(book: OpenBook) -> None:
    (book.root / "b.md").unlink()
    await book.watcher.scan(full=True)
    (book.root / "a.md").rename(book.root / "b.md")
    await book.watcher.scan(full=True)
    past = BookVersions(book)
    assert [one.text for one in past.provenance("b.md", 4)] == ["# Ebb\n\n", "The lamp was dark. ", "Mara slept.\n"]
    done = await past.restore("b.md", 2)
    assert (done.files, done.before) == (("b.md",), 6)
    assert (book.root / "b.md").read_text() == ONE
    await past.restore("b.md", 6)
    assert (book.root / "b.md").read_text() == TWO
    await past.restore("b.md", 5)
    assert not (book.root / "b.md").exists()


async def test_two_restores_at_once_come_one_after_the_other(book: OpenBook) -> None:
    past = BookVersions(book)
    await asyncio.gather(past.restore("a.md", 1), past.restore("b.md", 2))
    kinds = [type(event) for event in book.journal.read() if isinstance(event, ev.RestoreBegun | ev.RestoreFinished)]
    assert kinds == [ev.RestoreBegun, ev.RestoreFinished] * 2
    assert {file.name: file.read_text() for file in book.root.glob("*.md")} == {"a.md": ONE, "b.md": ONE}


async def test_a_file_that_an_editor_has_open_is_named(book: OpenBook) -> None:
    (book.root / ".a.md.swp").write_bytes(b"b0VIM 9.1")
    done = await BookVersions(book).restore_book(2)
    assert (done.files, done.in_editor) == (("a.md", "b.md"), ("a.md",))
    assert done.warning() == "a.md is open in your editor: load it anew before you save."


async def test_a_run_finishes_a_restore_that_a_crash_cut_short_and_tells_the_agent(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    await stage.start()
    try:
        await stage.play(writes(), writes(OTHER, mode="overwrite"))
        book = OpenBook.open(tmp_path / "tide")
        # As a studio leaves it that is killed before the first file is exchanged.
        book.record(ev.RestoreBegun(files={ONE_MD: sha256_of(CHAPTER)}, why="chapter_01.md as of revision 1"))
        book.record(ev.NoteGiven(text="Go on."))
        await book.close()
        played = await stage.play()
    finally:
        await stage.stop()
    assert played.files[ONE_MD] == CHAPTER.encode()
    assert [
        type(event) for event in played.of(ev.Event) if isinstance(event, ev.AuthorEdited | ev.RestoreFinished)
    ] == [
        ev.AuthorEdited,
        ev.RestoreFinished,
    ]
    assert "-The tide came in again." in played.told(0) and "+The tide went out." in played.told(0)


async def test_a_revision_that_is_not_there_is_refused(book: OpenBook) -> None:
    for number in (-1, 5):
        with pytest.raises(BookError, match=r"no revision .*has 4"):
            await BookVersions(book).restore_book(number)
