"""An outage at the desk: a call that failed counts down to its next try, and `r` makes it now."""

from collections.abc import Callable
from typing import Any

import pytest
from textual.content import Content

from studio import events as ev
from studio.agent.progress import Progress
from studio.tui.app import StudioApp
from studio.tui.countdown import again, countdown, seconds_left
from studio.tui.widgets.banner import Banner
from studio.tui.widgets.gauge import Gauge

WIDE, SMALL, SMALLEST = (200, 50), (80, 24), (60, 16)
BUSY = ev.BackendFault(error="moonshot is busy (503: overloaded).", retry_in=272.0, at=1_000.0)
REFUSED = ev.BackendFault(error="moonshot refused the key.", retry_in=None, at=1_000.0)
BY_FAULT = ev.Paused(why="moonshot refused the key.", by="fault")
DeskOf = Callable[..., StudioApp]


class Clock:
    """Stands still until the test moves it."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(1, "1 s"), (7, "7 s"), (59, "59 s"), (60, "1:00"), (272, "4:32"), (3_600, "1:00:00"), (7_500, "2:05:00")],
)
def test_a_countdown_is_read_at_a_glance(seconds: int, said: str) -> None:
    assert countdown(seconds) == said
    assert again(seconds) == f"again in {said}"


def test_the_seconds_are_those_until_the_next_try() -> None:
    progress = Progress()
    assert seconds_left(progress, 0.0) == 0
    progress.apply(BUSY)
    assert seconds_left(progress, 1_000.0) == 272
    assert seconds_left(progress, 1_271.1) == 1
    assert seconds_left(progress, 1_272.0) == 0
    assert seconds_left(progress, 9_999.0) == 0
    progress.apply(ev.ReasoningDelta(text="x"))
    assert seconds_left(progress, 1_000.0) == 0


@pytest.mark.parametrize("size", [WIDE, SMALL, SMALLEST])
async def test_a_call_that_failed_counts_down_to_its_next_try(
    desk_of: DeskOf, salt: Any, glass: Any, size: tuple[int, int]
) -> None:
    clock = Clock()
    app = desk_of(salt, clock=clock)
    async with app.run_test(size=size, notifications=True) as pilot:
        await glass.shows(pilot, "✎ writing")
        salt.tell(BUSY)
        await glass.shows(
            pilot, "moonshot is busy (503: overloaded).", "again in 4:32 — r tries now", "! again in 4:32"
        )
        assert "pauses" in glass.text(app)
        clock.now += 1
        await glass.shows(pilot, "again in 4:31 — r tries now", "! again in 4:31")
        await glass.hides(pilot, "4:32 —")
        clock.now = 1_265.0
        await glass.shows(pilot, "again in 7 s — r tries now", "! again in 7 s")
        clock.now = 1_272.0
        await glass.shows(pilot, "trying again… — r tries now", "! trying again…")
        salt.tell(ev.BackendFault(error="Still busy.", retry_in=7_500.0, at=clock.now))
        await glass.shows(pilot, "Still busy.", "again in 2:05:00 — r tries now")
        salt.tell(ev.ReasoningDelta(text="Back again."))
        await glass.hides(pilot, "again in")


async def test_a_long_fault_leaves_room_for_what_the_author_can_do(desk_of: DeskOf, salt: Any, glass: Any) -> None:
    app = desk_of(salt, clock=Clock())
    async with app.run_test(size=SMALLEST, notifications=True) as pilot:
        await glass.shows(pilot, "✎ writing")
        salt.tell(ev.BackendFault(error="漢字 [/] \x1b[2J\n" * 400, retry_in=272.0, at=1_000.0))
        await glass.shows(pilot, "漢字 [/] ␛[2J", "again in 4:32 — r tries now")
        assert "pauses" in glass.text(app)


async def test_a_countdown_paints_once_a_second(desk_of: DeskOf, salt: Any, glass: Any) -> None:
    clock = Clock()
    app = desk_of(salt, clock=clock)
    painted: list[str] = []
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await glass.shows(pilot, "✎ writing")
        salt.tell(BUSY)
        await glass.shows(pilot, "again in 4:32 — r tries now")
        await pilot.pause(0.2)
        for widget in (app.screen.query_one(Banner), app.screen.query_one(Gauge)):
            render = widget.render

            def noting(render: Callable[[], Content] = render, name: str = type(widget).__name__) -> Content:
                painted.append(name)
                return render()

            widget.render = noting  # type: ignore[method-assign, assignment]
        await pilot.pause(0.3)
        assert painted == []
        for second in (1, 2):
            for tenth in range(10):
                clock.now = 1_000.0 + second + tenth / 20
                await pilot.pause(0.02)
            await glass.shows(pilot, f"again in 4:{32 - second}")
        assert painted.count("Gauge") == 2


@pytest.mark.parametrize("told", [[BUSY], [REFUSED, BY_FAULT]], ids=["retrying", "paused"])
async def test_r_tries_again_exactly_once(desk_of: DeskOf, salt: Any, glass: Any, told: list[ev.Event]) -> None:
    app = desk_of(salt, clock=Clock())
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await glass.shows(pilot, "✎ writing")
        salt.tell(*told)
        await glass.shows(pilot, "r tries", "b another backend")
        await pilot.press("r", "r")
        await glass.shows(pilot, "! trying again…")
        assert salt.run.calls == [("retry", None)]
        # A note in between is no news of the call.
        salt.tell(ev.NoteGiven(text="meanwhile"))
        await glass.shows(pilot, "› meanwhile", "! trying again…")
        salt.tell(BUSY)
        await glass.shows(pilot, "! again in 4:32")
        await pilot.press("r")
        assert salt.run.calls == [("retry", None), ("retry", None)]


async def test_r_gets_through_when_the_clock_says_that_it_is_time(desk_of: DeskOf, salt: Any, glass: Any) -> None:
    # After the machine slept, the run may still be waiting.
    clock = Clock()
    clock.now = 9_999.0
    app = desk_of(salt, clock=clock)
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await glass.shows(pilot, "✎ writing")
        salt.tell(BUSY)
        await glass.shows(pilot, "! trying again…")
        await pilot.press("r")
        assert salt.run.calls == [("retry", None)]


@pytest.mark.parametrize(
    "told",
    [[], [ev.Paused(why="the author paused")], [ev.Paused(why="the limit of 9 steps is reached", by="limit")]],
    ids=["writing", "paused", "at a limit"],
)
async def test_r_is_harmless_otherwise(desk_of: DeskOf, salt: Any, glass: Any, told: list[ev.Event]) -> None:
    app = desk_of(salt, clock=Clock())
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await glass.shows(pilot, "✎ writing")
        salt.tell(*told)
        if told:
            await glass.shows(pilot, "Space goes on")
        await pilot.press("r")
        await glass.shows(pilot, "nothing to try again")
        assert salt.run.calls == []


async def test_r_is_a_letter_in_the_steering_line(desk_of: DeskOf, salt: Any, glass: Any) -> None:
    app = desk_of(salt, clock=Clock())
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await glass.shows(pilot, "✎ writing")
        salt.tell(BUSY)
        await glass.shows(pilot, "! again in 4:32")
        await pilot.press("i", *"error", "enter")
        await glass.until(pilot, lambda: salt.run.calls)
        assert salt.run.calls == [("note", "error")]


async def test_a_pause_by_a_fault_says_what_helps(desk_of: DeskOf, salt: Any, glass: Any) -> None:
    app = desk_of(salt, clock=Clock())
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await glass.shows(pilot, "✎ writing")
        salt.tell(REFUSED, BY_FAULT)
        await glass.shows(pilot, "‖ paused", "moonshot refused the key.", "r tries again, b another backend")
        assert "Space goes on" not in glass.text(app)
        salt.tell(ev.Resumed())
        await glass.hides(pilot, "r tries again")


async def test_a_switch_ends_the_outage_and_one_that_gets_ready_does_not(
    desk_of: DeskOf, salt: Any, glass: Any
) -> None:
    app = desk_of(salt, clock=Clock())
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await glass.shows(pilot, "✎ writing")
        salt.tell(BUSY)
        await glass.shows(pilot, "! again in 4:32")
        await pilot.press("b")
        await glass.shows(pilot, "Another backend")
        await pilot.press("enter")
        await glass.shows(pilot, "⇄ switching…")
        salt.tell(ev.BackendPreparing(text="Loading weights"))
        await glass.shows(pilot, "Loading weights", "⇄ switching…", "r tries now")
        salt.tell(ev.BackendSwitched(backend="embedded", model="small", context=8_000))
        await glass.shows(pilot, "● working", "small @ embedded")
        await glass.hides(pilot, "r tries now")
