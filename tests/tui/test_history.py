"""The history on the screen: who changed what, word by word; putting back asks first, and says what came of it."""

import asyncio
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from textual.content import Content

from studio.agent.commands import Restored
from studio.book.provenance import Sentence
from studio.book.word_diff import Piece
from studio.tui.app import StudioApp
from studio.tui.screens.desk import DeskScreen
from studio.tui.screens.history import HistoryScreen
from studio.tui.widgets.revision_view import RevisionView, told_changes, told_text, told_whose
from studio.tui.widgets.timeline import sparkline, when

DeskOf = Callable[..., StudioApp]
SIZE = (150, 40)


def said(app: StudioApp) -> str:
    """What the toasts say, one after the other."""
    return "\n".join(toast.message for toast in app._notifications)


async def opened(pilot: Any, glass: Any) -> None:
    """From the desk to its history, come to rest."""
    await glass.until(pilot, lambda: isinstance(pilot.app.screen, DeskScreen))
    await pilot.press("h")
    await glass.shows(pilot, "5 revisions of 2 files", "Nobody came.")


async def test_it_lists_every_revision_and_shows_what_the_newest_changed(
    desk_of: DeskOf, written: Any, glass: Any
) -> None:
    app = desk_of(written)
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, glass)
        await glass.shows(pilot, "1 ", "agent", "author", "step 4", "chapter_02.md", "+2", "+4", "+2 −2")
        rows = [line for line in glass.text(app).splitlines() if "chapter_0" in line and "│" in line]
        assert [row.split()[1] for row in rows[:5]] == ["5", "4", "3", "2", "1"]
        await pilot.press("down", "down", "down")
        await glass.shows(pilot, "[red] and 白", "author")  # no markup of a text is ever heeded
        await pilot.press("escape")
        await glass.until(pilot, lambda: isinstance(app.screen, DeskScreen))


async def test_a_damaged_version_is_said_and_the_others_are_shown(desk_of: DeskOf, written: Any, glass: Any) -> None:
    with closing(sqlite3.connect(written.root / ".studio/journal.db")) as record, record:
        record.execute("UPDATE versions SET body = X'00'")
    app = desk_of(written)
    async with app.run_test(size=SIZE) as pilot:
        await glass.until(pilot, lambda: isinstance(pilot.app.screen, DeskScreen))
        await pilot.press("h")
        await glass.shows(pilot, "5 revisions of 2 files", "is damaged")
        await pilot.press("tab", "tab")
        await glass.shows(pilot, "words are the author's")
    assert app.failure == ""


async def test_tab_goes_through_changes_text_and_whose(desk_of: DeskOf, written: Any, glass: Any) -> None:
    app = desk_of(written)
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, glass)
        await pilot.press("down", "down", "tab")
        await glass.shows(pilot, "“Forty-one,” she whispered", "chapter_01.md at revision 3")
        await pilot.press("tab")
        await glass.shows(pilot, "words are the author's")
        await pilot.press("tab")
        await glass.shows(pilot, "overwrite")


async def test_two_marked_revisions_are_compared(desk_of: DeskOf, written: Any, glass: Any) -> None:
    app = desk_of(written)
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, glass)
        await pilot.press("end", "m", "up", "up")
        await glass.shows(pilot, "chapter_01.md from revision 1 to 3", "[red] and 白", "whispered", "◆")
        await pilot.press("end", "m")
        await glass.hides(pilot, "◆")


async def test_f_shows_one_file(desk_of: DeskOf, written: Any, glass: Any) -> None:
    app = desk_of(written)
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, glass)
        await pilot.press("f")
        await glass.hides(pilot, "chapter_01.md")
        await pilot.press("f")
        await glass.shows(pilot, "chapter_01.md", "All files")


async def test_r_puts_the_file_back_after_a_word_of_the_authors(desk_of: DeskOf, written: Any, glass: Any) -> None:
    app = desk_of(written)
    chapter = written.root / "chapter_01.md"
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, glass)
        before = chapter.read_text()
        await pilot.press("end", "r")
        await glass.shows(pilot, "chapter_01.md gets the text it had at revision 1", "Enter does it")
        await pilot.press("escape")
        await glass.hides(pilot, "Enter does it")
        assert chapter.read_text() == before
        await pilot.press("r")
        await glass.shows(pilot, "Enter does it")
        await pilot.press("enter")
        await glass.shows(pilot, "6 revisions of 2 files", "▇█████")
        assert "r on revision 5 takes it back." in said(app)
        assert "[red]" not in chapter.read_text() and "“Forty,” she said" in chapter.read_text()


async def test_a_restore_goes_on_when_its_screen_is_left(desk_of: DeskOf, written: Any, glass: Any) -> None:
    restore, may_go_on = written.versions.restore, asyncio.Event()

    async def slow(file: str, number: int) -> Restored:
        await may_go_on.wait()
        done: Restored = await restore(file, number)
        return done

    written.versions.restore = slow
    app = desk_of(written)
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, glass)
        await pilot.press("end", "r")
        await glass.shows(pilot, "Enter does it")
        await pilot.press("enter")
        await glass.hides(pilot, "Enter does it")
        await pilot.press("escape")
        await glass.until(pilot, lambda: isinstance(app.screen, DeskScreen))
        may_go_on.set()
        await glass.until(pilot, lambda: "r on revision 5 takes it back." in said(app))
        assert "[red]" not in (written.root / "chapter_01.md").read_text()


async def test_the_whole_book_goes_back(desk_of: DeskOf, written: Any, glass: Any) -> None:
    app = desk_of(written)
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, glass)
        await pilot.press("R")
        await glass.until(pilot, lambda: "The whole book is as it was then." in said(app))
        await pilot.press("end", "up", "R")
        await glass.shows(pilot, "As of revision 2; of the files, 1 get an older text, 1 go.")
        await pilot.press("enter")
        await glass.shows(pilot, "7 revisions of 2 files", "removed")
        assert "R on revision 5 takes it back." in said(app)
        assert not (written.root / "chapter_02.md").exists()


async def test_u_undoes_the_agent_and_keeps_the_author(desk_of: DeskOf, written: Any, glass: Any) -> None:
    app = desk_of(written)
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, glass)
        await pilot.press("u")
        await glass.until(pilot, lambda: "The agent has done nothing since revision 5." in said(app))
        await pilot.press("end", "u")
        await glass.shows(pilot, "3 changes of 2 files", "wrote since stays")
        await pilot.press("enter")
        await glass.until(pilot, lambda: "2 files changed" in said(app))
        text = (written.root / "chapter_01.md").read_text()
        assert "striped [red] and 白" in text and "“Forty,” she said" in text
        assert not (written.root / "chapter_02.md").exists()


async def test_a_book_that_another_studio_writes_is_read_and_not_changed(
    desk_of: DeskOf, written: Any, glass: Any
) -> None:
    from studio.agent.past import PastVersions
    from studio.book.journal import Journal

    held = "circus is being written by another studio; close that one, or watch it here."
    written.held_by, written.versions = held, PastVersions(Journal.open_readonly(written.root), held)
    app = desk_of(written)
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, glass)
        await pilot.press("end", "r")
        await glass.shows(pilot, "Enter does it")
        await pilot.press("enter")
        await glass.until(pilot, lambda: "being written by another studio" in said(app))


async def test_a_book_without_a_past_says_so(desk_of: DeskOf, new_session: Any, glass: Any) -> None:
    app = desk_of(new_session())
    async with app.run_test(size=(80, 24)) as pilot:
        await glass.until(pilot, lambda: isinstance(app.screen, DeskScreen))
        await pilot.press("h")
        await glass.shows(pilot, "Nothing has been written yet")
        await pilot.press("r", "R", "u", "m", "f", "tab")
        assert isinstance(app.screen, HistoryScreen)


async def test_of_a_removed_file_it_says_that_there_is_no_text(desk_of: DeskOf, written: Any, glass: Any) -> None:
    (written.root / "chapter_02.md").unlink()
    await written.versions.restore("chapter_01.md", 3)  # looks at the disk, and has nothing to put back
    app = desk_of(written)
    async with app.run_test(size=SIZE) as pilot:
        await glass.until(pilot, lambda: isinstance(pilot.app.screen, DeskScreen))
        await pilot.press("h")
        await glass.shows(pilot, "6 revisions", "removed", "Nobody came.")
        for _ in range(2):
            await pilot.press("tab")
            await glass.shows(pilot, "there is no text of it")
            assert "0 of 0 words" not in glass.text(app)


async def test_what_is_written_while_it_is_open_appears(desk_of: DeskOf, written: Any, glass: Any) -> None:
    app = desk_of(written)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, glass)
        (written.root / "chapter_01.md").write_text("Mine alone.\n")
        await written.versions.restore("chapter_02.md", 5)  # looks at the disk, and has nothing to put back
        await glass.shows(pilot, "6 revisions", "Mine alone.")


async def test_what_is_read_stays_in_place_while_the_agent_writes(desk_of: DeskOf, written: Any, glass: Any) -> None:
    app = desk_of(written)
    async with app.run_test(size=(80, 17)) as pilot:
        await opened(pilot, glass)
        await pilot.press("end", "tab")
        await glass.shows(pilot, "chapter_01.md at revision 1")
        view = app.screen.query_one(RevisionView)
        await pilot.press("pagedown")
        await glass.until(pilot, lambda: view.scroll_y > 0)
        place = view.scroll_y
        (written.root / "chapter_02.md").write_text("Mine alone.\n")
        await written.versions.restore("chapter_01.md", 3)  # looks at the disk, and has nothing to put back
        await glass.shows(pilot, "6 revisions")
        await pilot.pause(0.3)
        assert view.scroll_y == place
        await pilot.press("up")
        await glass.until(pilot, lambda: view.scroll_y == 0)


@pytest.mark.parametrize(
    "told",
    [
        lambda text: told_changes([Piece("-", text), Piece("+", text)]),
        told_text,
        lambda text: told_whose([Sentence(text, "author"), Sentence(text, "agent")]),
    ],
)
def test_of_a_book_in_one_file_no_more_is_shown_than_the_desk_can_hold(told: Callable[[str], Content]) -> None:
    chapter = "The tide was out. " * 2000
    assert "more characters" not in told(chapter).plain
    plain = told("\n".join([chapter] * 20)).plain
    assert len(plain) < 210_000 and re.search(r"… and [\d,]{7,} more characters$", plain)


@pytest.mark.parametrize(
    ("values", "cells", "bars"),
    [
        ([], 10, ""),
        ([0, 0], 10, "▁▁"),
        ([0, 50, 100], 3, "▁▄█"),
        (range(100), 4, "▂▄▆█"),
        ([5], 0, ""),
    ],
)
def test_a_sparkline_ends_with_what_is_now(values: list[int], cells: int, bars: str) -> None:
    assert sparkline(values, cells) == bars


def test_a_moment_is_an_hour_today_and_a_day_before() -> None:
    noon = 1_790_000_000.0
    assert ":" in when(noon, noon + 60)
    assert when(noon - 40 * 86_400, noon)[-3:].isalpha()
    assert len(when(noon - 500 * 86_400, noon)) == 6
