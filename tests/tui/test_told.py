"""What the author has to hear of the record: on the desk when it was mended, in the terminal when it can't be saved."""

from collections.abc import Callable
from typing import Any

from studio import events as ev
from studio.errors import BookUnsaved
from studio.tui.app import StudioApp

DeskOf = Callable[..., StudioApp]


async def test_a_record_that_was_mended_is_told_on_the_desk(desk_of: DeskOf, new_session: Any, glass: Any) -> None:
    session = new_session(ev.TitleGiven(title="Salt"))
    session.recovered = "The record of salt was damaged: it is kept as journal.corrupt-1.db."
    app = desk_of(session)
    async with app.run_test(size=(200, 50), notifications=True) as pilot:
        await glass.shows(pilot, "was damaged", "journal.corrupt-1.db")
        await pilot.press("q")
        await glass.until(pilot, lambda: session.closed)


async def test_what_can_t_be_saved_at_the_end_is_told_and_nothing_is_called_saved(
    desk_of: DeskOf, new_session: Any, glass: Any
) -> None:
    session = new_session(ev.TitleGiven(title="Salt"))

    async def refused() -> None:
        session.closed = True
        raise BookUnsaved("The record can't be written (full). What came since is held in /state/unsaved.")

    session.close = refused
    app = desk_of(session)
    async with app.run_test(size=(200, 50)) as pilot:
        await glass.until(pilot, lambda: session.working)
        await pilot.press("q")
        await glass.until(pilot, lambda: session.closed)
    assert app.return_value == 1
    assert app.failure == "The record can't be written (full). What came since is held in /state/unsaved."
    assert app._exit_renderables == []
