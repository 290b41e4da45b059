"""The author is shown once what an edit leaves standing elsewhere: however it was saved, and across crashes."""

import asyncio
import shutil
from pathlib import Path

import pytest
from loopback import Answer, Request
from played_book import FINISH, ONE, TWO, Stage, calls, writes

from studio import events as ev
from studio.agent.facts.watch import told_author
from studio.agent.open_book import OpenBook
from studio.agent.past import BookVersions
from studio.book import layout
from studio.headless import describe

LUIS = "# Ebb\n\nThe tide went out, and Luis rowed. It was 1843.\n"
LUCA = LUIS.replace("Luis", "Luca")
FLOW = "# Flow\n\nThen Luis sang, in 1843. And Luis slept.\n"
CHANGED = [("Luis", "Luca", 2, (TWO,))]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return layout.create_book(tmp_path, "A book about the tide", "tide")


async def written(root: Path) -> OpenBook:
    """The book, opened, its two chapters written by the agent the first time."""
    book = OpenBook.open(root)
    for file, text in ((ONE, LUIS), (TWO, FLOW)):
        if not (root / file).exists():
            await book.manuscript.write(f"1.{file}", file, text, "create", lambda _: "ok")
    return book


async def recorded(book: OpenBook) -> list[tuple[str, str, int, tuple[str, ...]]]:
    await book.journal.durable()
    return [
        (one.old, one.new, one.places, one.files)
        for one in book.journal.of(ev.FactChanged)
        if isinstance(one, ev.FactChanged)
    ]


async def test_a_save_while_the_agent_works_is_shown_and_told_before_the_next_call(stage: Stage) -> None:
    script = [writes(LUIS, ONE, id="w:0"), writes(FLOW, TWO, id="w:1"), calls("list_files", "l:0"), FINISH]
    root = stage._projects / "tide"

    def model(request: Request) -> Answer:
        if len(script) == 2:
            (root / ONE).write_text(LUCA, encoding="utf-8")
        return script.pop(0)

    stage.model = model
    played = await stage.play()
    assert (played.code, len(played.of(ev.FactChanged))) == (0, 1)
    kinds = [kind for kind in played.kinds if kind in ("author_edited", "fact_changed", "step_started")]
    edited = kinds.index("author_edited")
    assert kinds[edited : edited + 3] == ["author_edited", "fact_changed", "step_started"]
    assert f"Luis → Luca: the old one still stands in 2 places in 1 file: {TWO} (2)" in played.told(3)


async def test_the_author_is_shown_it_though_no_step_comes(root: Path) -> None:
    book = await written(root)
    watching = asyncio.create_task(book.watch())
    (root / ONE).write_text(LUCA, encoding="utf-8")
    async with asyncio.timeout(20):
        while not await recorded(book):
            await asyncio.sleep(0.05)
    watching.cancel()
    await asyncio.wait([watching])
    assert await recorded(book) == CHANGED
    await book.close()


async def test_a_save_found_by_a_read_before_a_write_is_shown(root: Path) -> None:
    book = await written(root)
    (root / ONE).write_text(LUCA, encoding="utf-8")
    await book.manuscript.read(ONE)
    await book.facts.look()
    await book.facts.look()
    assert await recorded(book) == CHANGED
    await book.close()


async def test_a_renaming_made_in_every_file_is_no_news(root: Path) -> None:
    book = await written(root)
    for file, text in ((ONE, LUIS), (TWO, FLOW)):
        (root / file).write_text(text.replace("Luis", "Luca"), encoding="utf-8")
    await book.watcher.scan(full=True)
    await book.facts.look()
    assert await recorded(book) == []
    await book.close()


async def test_what_is_put_back_is_shown_as_any_edit_and_a_whole_book_put_back_is_no_news(root: Path) -> None:
    book = await written(root)
    for file, text in ((ONE, LUIS), (TWO, FLOW)):
        await book.manuscript.write(f"2.{file}", file, text.replace("Luis", "Luca"), "overwrite", lambda _: "ok")
    past = BookVersions(book)
    watching = asyncio.create_task(book.watch())
    done = await past.restore_book(2)
    await asyncio.sleep(0.8)
    assert await recorded(book) == []
    await past.restore_book(done.before)
    await past.restore(ONE, 1)
    await book.facts.look()
    assert await recorded(book) == [("Luca", "Luis", 2, (TWO,))]
    watching.cancel()
    await asyncio.wait([watching])
    await book.close()


@pytest.mark.parametrize("crash", ["before the look", "after the look", "before the step", "after the step"])
async def test_a_crash_at_any_instant_leaves_each_told_once(root: Path, crash: str) -> None:
    book = await written(root)
    (root / ONE).write_text(LUCA.replace("1843", "1848"), encoding="utf-8")
    await book.watcher.scan(full=True)
    if crash != "before the look":
        await book.facts.look()
    if crash == "after the step":
        book.record(ev.StepStarted(step=1, limit=9, message="…", told=book.steering.told()))
    await book.journal.durable()
    copy = root.parent / "after"
    shutil.copytree(root, copy)  # as the disk is at this instant
    await book.close()
    again = OpenBook.open(copy)
    await again.watcher.scan(full=True)
    await again.facts.look()
    await again.facts.look()
    assert await recorded(again) == [*CHANGED, ("1843", "1848", 1, (TWO,))]
    await again.close()


async def test_half_of_what_an_edit_changed_recorded_before_a_crash_is_not_recorded_again(root: Path) -> None:
    book = await written(root)
    (root / ONE).write_text(LUCA.replace("1843", "1848"), encoding="utf-8")
    await book.watcher.scan(full=True)
    book.record(ev.FactChanged(file=ONE, old="Luis", new="Luca", places=2, files=(TWO,)))
    await book.close()
    again = OpenBook.open(root)
    await again.facts.look()
    assert await recorded(again) == [*CHANGED, ("1843", "1848", 1, (TWO,))]
    await again.close()


async def test_a_later_edit_is_looked_at_anew(root: Path) -> None:
    book = await written(root)
    (root / ONE).write_text(LUCA, encoding="utf-8")
    await book.watcher.scan(full=True)
    await book.facts.look()
    book.record(ev.StepStarted(step=1, limit=9, message="…", told=book.steering.told()))
    (root / ONE).write_text(LUCA.replace("1843", "1848"), encoding="utf-8")
    await book.watcher.scan(full=True)
    await book.facts.look()
    assert await recorded(book) == [*CHANGED, ("1843", "1848", 1, (TWO,))]
    await book.close()


def test_the_author_reads_it_in_a_line() -> None:
    event = ev.FactChanged(file=ONE, old="Luis", new="Luca", places=12, files=("a", "b", "c", "d"))
    assert told_author(event) == "Luis → Luca: 12 places in 4 files"
    assert describe(event) == "≈ Luis → Luca: 12 places in 4 files"
    assert told_author(ev.FactChanged(file=ONE, old="She swore it.", new="", places=1, files=("a",))) == (
        "«She swore it.» struck: 1 place in 1 file"
    )
