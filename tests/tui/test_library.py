"""The library: what there is, the first words when there is nothing, and one sentence for whatever goes wrong."""

from collections.abc import Callable
from typing import Any

import pytest

from studio.tui.app import StudioApp
from studio.tui.screens.desk import DeskScreen
from studio.tui.screens.library import ago

LibraryOf = Callable[..., StudioApp]
SIZE = (110, 30)


async def test_every_book_with_its_words_state_and_age(library_of: LibraryOf, shelf: Any, glass: Any) -> None:
    app = library_of(cards=shelf)
    async with app.run_test(size=SIZE) as pilot:
        await glass.shows(pilot, "The Salt Circus", "9,412", "unfinished", "3 hours ago", "finished", "1 day ago")
        await glass.shows(pilot, "unreadable")
        lines = glass.text(app).splitlines()
        heads = next(line for line in lines if "last touched" in line)
        row = next(line for line in lines if "The Salt Circus" in line)
        assert row.index("unfinished") == heads.index("state")
        assert row.rstrip().endswith("3 hours ago")
        assert len(row.rstrip()) == len(heads.rstrip())


async def test_an_empty_library_says_how_to_begin(library_of: LibraryOf, glass: Any) -> None:
    app = library_of()
    async with app.run_test(size=SIZE) as pilot:
        await glass.shows(pilot, "Press n", "without a key", "MOONSHOT_API_KEY", "--base-url")


async def test_enter_opens_the_selected_book(library_of: LibraryOf, salt: Any, shelf: Any, glass: Any) -> None:
    app = library_of(salt, cards=shelf)
    async with app.run_test(size=SIZE) as pilot:
        await glass.shows(pilot, "The Salt Circus", "unfinished")
        await pilot.press("enter")
        await glass.until(pilot, lambda: isinstance(app.screen, DeskScreen))


async def test_a_book_that_cant_be_opened_is_said_in_a_sentence(library_of: LibraryOf, shelf: Any, glass: Any) -> None:
    app = library_of(cards=shelf)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await glass.shows(pilot, "The Salt Circus", "unfinished")
        await pilot.press("enter")
        await glass.shows(pilot, "There is no book “salt”; [/]")
        assert app.failure == ""


async def test_a_new_book_is_started_and_opened(library_of: LibraryOf, salt: Any, glass: Any) -> None:
    app = library_of(salt)
    async with app.run_test(size=SIZE) as pilot:
        await glass.shows(pilot, "Press n")
        await pilot.press("n")
        await glass.shows(pilot, "A new book")
        await pilot.press(*"A sea", "enter", *"story", "tab", *"sea", "enter")
        await glass.until(pilot, lambda: isinstance(app.screen, DeskScreen))
        assert app._studio.created == [("A sea\nstory", "sea")]  # type: ignore[attr-defined]


async def test_a_book_without_a_prompt_is_not_started(library_of: LibraryOf, salt: Any, glass: Any) -> None:
    app = library_of(salt)
    async with app.run_test(size=SIZE) as pilot:
        await glass.shows(pilot, "Press n")
        await pilot.press("n", "ctrl+s")
        await glass.shows(pilot, "Say what the book should be first.")
        await pilot.press("escape")
        await glass.hides(pilot, "A new book")


async def test_a_name_that_is_taken_is_said_in_a_sentence(library_of: LibraryOf, salt: Any, glass: Any) -> None:
    app = library_of(salt)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await glass.shows(pilot, "Press n")
        await pilot.press("n", *"x", "tab", *"taken", "enter")
        await glass.shows(pilot, "There is a book [taken] already")


async def test_q_leaves_with_nothing_to_report(library_of: LibraryOf, shelf: Any, glass: Any) -> None:
    app = library_of(cards=shelf)
    async with app.run_test(size=SIZE) as pilot:
        await glass.shows(pilot, "The Salt Circus")
        await pilot.press("q")
    assert not app.return_value
    assert app.return_code == 0


async def test_text_pasted_into_a_field_comes_whole_and_harmless(library_of: LibraryOf, salt: Any, glass: Any) -> None:
    from textual.events import Paste

    app = library_of(salt)
    async with app.run_test(size=SIZE) as pilot:
        await glass.shows(pilot, "Press n")
        await pilot.press("n")
        await glass.shows(pilot, "A new book")
        assert app.focused is not None
        app.focused.post_message(Paste("one\r\ntwo \x1b]52;c;eA==\x07"))
        await pilot.press("tab")
        assert app.focused is not None
        app.focused.post_message(Paste("a\nb\x1b"))
        await pilot.press("enter")
        await glass.until(pilot, lambda: app._studio.created)  # type: ignore[attr-defined]
        assert app._studio.created == [("one\ntwo ␛]52;c;eA==␇", "a b␛")]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-5, "just now"),
        (59, "just now"),
        (60, "1 minute ago"),
        (7300, "2 hours ago"),
        (90_000, "1 day ago"),
        (1e8, "3 years ago"),
    ],
)
def test_how_long_ago_is_said_as_one_says_it(seconds: float, said: str) -> None:
    assert ago(seconds) == said
