"""The board: where each chapter stands, live; it reads, edits and reports by keys and by mouse, and loses no place."""

import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from board_book import outline, reviewed
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.widgets import OptionList

from studio import events as ev
from studio.agent.board import Card
from studio.book.plan import STATUSES, Chapter, Entry, Target
from studio.tui.app import StudioApp
from studio.tui.chapter_looks import as_card, as_row
from studio.tui.screens.board import BoardScreen
from studio.tui.screens.desk import DeskScreen
from studio.tui.sheet_looks import sections_of, title_of_sheet, told_page

WIDE, SMALL = (200, 50), (80, 24)
DeskOf = Callable[..., StudioApp]


async def opened(pilot: Any, glass: Any, *texts: str) -> None:
    """From the desk to its board."""
    await glass.until(pilot, lambda: isinstance(pilot.app.screen, DeskScreen))
    await glass.shows(pilot, "tell the agent")
    await pilot.press("B")
    await glass.shows(pilot, *(texts or ("12 of 30 chapters",)))


def said(app: StudioApp) -> str:
    return "\n".join(toast.message for toast in app._notifications)


async def test_columns_by_status_the_chapter_below_and_the_totals_above(
    desk_of: DeskOf, planned: Any, glass: Any
) -> None:
    app = desk_of(planned())
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, glass, "Planned 18", "Drafted 4", "Reviewed 5", "Finished 3")
        await glass.shows(pilot, "35,234 of ≈112,500 words", "more steps", "13 Slack Water", "3,750 planned")
        await glass.shows(pilot, "… writing", "✎", "1,420 / 3,250", "→ therefore she has to know who pitched")
        await pilot.press("right", "down")
        await glass.shows(pilot, "5  A Whistle  reviewed", "★ 6.7 of 10", "has changed since", "seamlessness")
        await glass.shows(pilot, "chapter_05.md · 3,420 words of 4,000-4,500 · you touched it last")
        await pilot.press("right", "right", "right", "left", "left", "left", "left")
        await glass.shows(pilot, "13  Slack Water  planned", "Not written yet.")


@pytest.mark.parametrize("key", ["escape", "q", "B"])
async def test_it_is_left_to_the_desk_as_it_was(desk_of: DeskOf, planned: Any, glass: Any, key: str) -> None:
    app = desk_of(planned())
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, glass)
        await pilot.press(key)
        await glass.until(pilot, lambda: isinstance(app.screen, DeskScreen))
        await glass.shows(pilot, "chapter_12.md · live")


@pytest.mark.parametrize("size", [WIDE, SMALL])
async def test_enter_reads_the_chapter_on_the_desk(
    desk_of: DeskOf, planned: Any, glass: Any, size: tuple[int, int]
) -> None:
    app = desk_of(planned())
    async with app.run_test(size=size) as pilot:
        await opened(pilot, glass, "Salt for the Horses" if size == WIDE else "Eleven Fathoms")
        await pilot.press(*(["right"] if size == WIDE else ["down", "down", "down"]), "enter")
        await glass.shows(pilot, "chapter_04.md · on disk", "Maren counted the guy-ropes twice.")


async def test_enter_on_the_live_one_goes_back_to_the_stream(desk_of: DeskOf, planned: Any, glass: Any) -> None:
    app = desk_of(planned())
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, glass)
        await pilot.press("end", "enter")
        await glass.shows(pilot, "chapter_12.md · live", "The road was wet.")


async def test_what_is_not_written_or_reviewed_is_said_and_nothing_is_left(
    desk_of: DeskOf, planned: Any, glass: Any
) -> None:
    app = desk_of(planned())
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, glass)
        await pilot.press("r", "left", "enter", "e")
        await glass.until(pilot, lambda: "not reviewed yet" in said(app) and "Chapter 13 is not written" in said(app))
        assert isinstance(app.screen, BoardScreen)


async def test_r_opens_the_report_of_the_last_review(desk_of: DeskOf, planned: Any, glass: Any) -> None:
    session = planned()
    reports = session.root / "notes/reviews"
    reports.mkdir(parents=True)
    (reports / "chapter_05-2.md").write_text("# Review of chapter 5, round 2\n", encoding="utf-8")
    app = desk_of(session)
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, glass)
        await pilot.press("right", "down", "r")
        await glass.shows(pilot, "chapter_05-2.md · on disk", "Review of chapter 5, round 2")


async def test_a_report_that_is_gone_is_said(desk_of: DeskOf, planned: Any, glass: Any) -> None:
    app = desk_of(planned())
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, glass)
        await pilot.press("right", "r")
        await glass.until(pilot, lambda: "chapter_04-1.md can't be read" in said(app))


@pytest.fixture
def editor(tmp_path: Path) -> Any:
    """An editor that can't be had here: what it was to open is said."""
    before = {name: os.environ.pop(name, None) for name in ("VISUAL", "EDITOR")}
    os.environ["EDITOR"] = "true"
    yield
    for name, value in before.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


async def test_e_and_o_hand_the_file_to_the_editor(desk_of: DeskOf, planned: Any, glass: Any, editor: None) -> None:
    session = planned()
    app = desk_of(session)
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, glass)
        await pilot.press("e")  # a terminal that a test plays can't be handed over
        await glass.until(pilot, lambda: said(app).count("can't be handed over") == 1)
        await pilot.press("o")
        await glass.until(pilot, lambda: said(app).count("can't be handed over") == 2)
        (session.root / "outline.md").unlink()
        (session.root / "outline.md").symlink_to("/etc/hostname")
        await pilot.press("o")
        await glass.until(pilot, lambda: "outline.md is no file of the book any more" in said(app))


async def test_the_board_is_live_and_the_place_stays(desk_of: DeskOf, planned: Any, glass: Any) -> None:
    session = planned()
    app = desk_of(session)
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, glass, "9  Salt for the Horses  drafted")
        session.tell(ev.FileWritten(file="chapter_09.md", sha256="9b", words=3_300, mode="overwrite"))
        await glass.shows(pilot, "3,300 / 3,250", "9  Salt for the Horses  drafted")
        session.tell(reviewed(9, 1))
        await glass.shows(pilot, "9  Salt for the Horses  reviewed", "Drafted 3", "Reviewed 6", "★")
        column = app.screen.query_one("#reviewed", OptionList)
        await glass.until(pilot, lambda: app.focused is column and column.highlighted == 5)
        session.tell(ev.AuthorEdited(file="chapter_09.md", sha256="9c", words=3_111, diff=""))
        await glass.shows(pilot, "3,111 / 3,250")
        (session.root / "outline.md").write_text(outline().replace("Slack Water", "Quick Water"), encoding="utf-8")
        session.tell(ev.AuthorEdited(file="outline.md", sha256="o", words=9, diff=""))
        await glass.shows(pilot, "13 Quick Water")
        session.tell(ev.ReplyFinished(), ev.ProseDelta(file="chapter_10.md", text="She went."))
        await glass.until(pilot, lambda: re.search(r"10 A Letter Not Meant for Her +… writing", glass.text(app)))


async def test_v_shows_a_list_and_the_chapter_stays(desk_of: DeskOf, planned: Any, glass: Any) -> None:
    app = desk_of(planned())
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, glass)
        await pilot.press("right", "down", "v")
        await glass.shows(pilot, "5  A Whistle  reviewed", "1 The Harbour at Low Water", "13 Slack Water")
        assert app.focused is app.screen.query_one("#rows")
        await pilot.press("down", "v")
        await glass.shows(pilot, "6  What the Gulls Knew  reviewed", "Reviewed 5")
        await pilot.resize_terminal(*SMALL)
        await glass.shows(pilot, "6  What the Gulls Knew  reviewed", "12/30")
        await pilot.press("v")
        await glass.until(pilot, lambda: "larger window" in said(app))
        await pilot.resize_terminal(*WIDE)
        await glass.shows(pilot, "6  What the Gulls Knew  reviewed", "Reviewed 5")


async def test_the_bible_has_its_tabs(desk_of: DeskOf, planned: Any, glass: Any) -> None:
    app = desk_of(planned())
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, glass, "2 Characters", "3 Timeline", "4 Threads")
        await pilot.press("tab")
        await glass.shows(pilot, "Maren Voss", "Anchor object  a tin whistle", "The Ringmaster", "Voice  asks, never")
        await pilot.press("3")
        await glass.shows(pilot, "12 March  the bay runs dry")
        await pilot.click("PaneTabs", offset=(48, 0))
        await glass.shows(pilot, "the whistle has no pea   5, 30")
        await pilot.press("enter", "r", "right", "pagedown")  # nothing of a chapter is meant here
        await pilot.press("tab")
        await glass.shows(pilot, "Drafted 4")
        await pilot.press("shift+tab", "shift+tab", "9")
        await glass.shows(pilot, "12 March")


async def test_the_mouse_selects_a_chapter_of_any_column(desk_of: DeskOf, planned: Any, glass: Any) -> None:
    app = desk_of(planned())
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, glass, "Finished 3")
        await pilot.hover("#finished", offset=(10, 7))
        await pilot.click("#finished", offset=(10, 7))
        await glass.shows(pilot, "chapter_02.md · on disk")  # as in the list of files: a click is a choice
        await glass.until(pilot, lambda: isinstance(app.screen, DeskScreen))


async def test_help_names_every_key(desk_of: DeskOf, planned: Any, glass: Any) -> None:
    app = desk_of(planned())
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, glass)
        await pilot.press("question_mark")
        await glass.shows(pilot, "The board", "read the chapter on the desk", "open the outline", "columns by status")


async def test_without_an_outline_it_says_what_to_do_and_fills_when_there_is_one(
    desk_of: DeskOf, new_session: Any, glass: Any
) -> None:
    session = new_session(ev.TitleGiven(title="Salt"))
    app = desk_of(session)
    async with app.run_test(size=SMALL) as pilot:
        await opened(pilot, glass, "There is no outline yet", "Press o")
        await pilot.press("enter", "e", "r", "left", "down", "v", "tab", "pagedown")
        (session.root / "outline.md").write_text("It is 1912.\n", encoding="utf-8")
        session.tell(ev.FileWritten(file="outline.md", sha256="1", words=3, mode="create"))
        await glass.shows(pilot, "outline.md names no chapters")
        (session.root / "outline.md").write_text("1. Ebb\n2. Flow\n", encoding="utf-8")
        session.tell(ev.FileWritten(file="outline.md", sha256="2", words=3, mode="create"))
        await glass.shows(pilot, "1 Ebb", "2 Flow", "0 of 2 chapters")


async def test_a_book_that_can_t_be_read_is_said_and_the_board_stays(desk_of: DeskOf, planned: Any, glass: Any) -> None:
    session = planned()
    app = desk_of(session)
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, glass)
        (session.root / "book.yaml").write_text("chapters: [many]\n", encoding="utf-8")
        session.tell(ev.FileWritten(file="chapter_09.md", sha256="9b", words=3_300, mode="overwrite"))
        await glass.until(pilot, lambda: "book.yaml" in said(app))
        await glass.shows(pilot, "1,420 / 3,250")


async def test_a_book_that_another_studio_writes_has_its_board(desk_of: DeskOf, planned: Any, glass: Any) -> None:
    app = desk_of(planned(held_by="Another studio (process 42) is writing this book."))
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot, glass)
        await pilot.press("right", "enter")
        await glass.shows(pilot, "chapter_04.md · on disk")


# --- looks ------------------------------------------------------------------------------------------------------------

TEXT = st.text(max_size=60)
CARDS = st.builds(
    lambda number, title, cause, words, status, target: Card(
        entry=Entry(chapter=Chapter(number=number, title=title, cause=cause), file="a.md", words=words, status=status),
        target=target,
        by="author",
    ),
    st.none() | st.integers(0, 99_999),
    TEXT,
    TEXT,
    st.integers(0, 10**7),
    st.sampled_from(STATUSES),
    st.none() | st.just(Target(3_000, 4_000)),
)


@given(CARDS, st.integers(16, 180), st.booleans())
def test_whatever_a_chapter_is_called_its_card_and_its_row_keep_their_width(
    card: Card, width: int, writing: bool
) -> None:
    rows = as_card(card, width, writing=writing).plain.split("\n")
    assert 3 <= len(rows) <= 5 and rows[-1] == ""
    assert all(cell_len(row) <= width for row in rows if width >= 26), rows
    row = as_row(card, width, writing=writing).plain
    assert "\n" not in row and (width < 60 or cell_len(row) <= width), row


_MARKED = st.text(st.sampled_from(["|", "-", " ", "a", "\n", "*", "#", ":", "_", "海"]), max_size=120)


@given(st.text() | _MARKED, st.integers(0, 120))
def test_any_page_is_set_and_every_word_of_it_stands(text: str, width: int) -> None:
    told_page(text, width)
    sections_of(text)
    words = ["ebb", "flow", "slack"]
    page = told_page(f"{' '.join(words)}\n\n- {' '.join(words)}", max(8, width)).plain
    assert [word for word in page.split() if word != "•"] == 2 * words


def test_a_page_of_marks_without_an_end_is_set_at_once() -> None:
    began = time.process_time()
    told_page("**a " * 20_000, 80)
    assert time.process_time() - began < 5  # quadratic, it took over a minute


@pytest.mark.parametrize("page", ["| a | b |", f"{' ' * 12}- {'ebb ' * 9}", "- ebb", "ebb and flow"])
@pytest.mark.parametrize("width", [0, 1, 8, 12])
def test_a_page_is_set_in_a_place_too_narrow_for_it(page: str, width: int) -> None:
    assert told_page(page, width).plain.strip()


def test_a_character_is_a_section_and_its_traits_are_labels() -> None:
    before, sections = sections_of("# People\n\n## Mara\n- **Want:** home\n\n## Elio\nWound: the sea\n")
    assert before == "# People"
    assert [(name, told_page(text, 60).plain) for name, text in sections] == [
        ("Mara", "• Want  home"),
        ("Elio", "Wound  the sea"),
    ]
    assert title_of_sheet("bible/story_threads.md") == "Story threads"
