"""Still screens as pictures: a change of their looks is seen before it is shipped (`--snapshot-update` takes it)."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from studio import events as ev
from studio.tui.widgets.steering_line import SteeringLine

PAUSED = ev.Paused(why="the author paused")
OUTAGE = ev.BackendFault(
    error="https://api.moonshot.ai/v1 can't be reached (its name is unknown, or there is no network); see that the "
    "server runs and that the address is right.",
    retry_in=272.0,
    at=1_790_000_000.0,
)


def paused(salt: Any) -> Callable[[Pilot[int]], Awaitable[None]]:
    """Lets the desk come to rest: paused, so that no clock is on it."""

    async def rest(pilot: Pilot[int]) -> None:
        while not salt.working:
            await pilot.pause(0.01)
        salt.tell(PAUSED)
        await pilot.pause(0.4)

    return rest


@pytest.mark.parametrize("size", [(200, 50), (80, 24)], ids=["200x50", "80x24"])
@pytest.mark.parametrize("theme", ["ink", "paper"])
def test_the_desk(snap_compare: Any, desk_of: Any, salt: Any, size: tuple[int, int], theme: str) -> None:
    assert snap_compare(desk_of(salt, theme), terminal_size=size, run_before=paused(salt))


@pytest.mark.parametrize("size", [(200, 50), (80, 24)], ids=["200x50", "80x24"])
def test_an_outage(snap_compare: Any, desk_of: Any, salt: Any, size: tuple[int, int]) -> None:
    async def fail(pilot: Pilot[int]) -> None:
        while not salt.working:
            await pilot.pause(0.01)
        salt.tell(OUTAGE)
        await pilot.pause(0.4)

    assert snap_compare(desk_of(salt, clock=lambda: OUTAGE.at), terminal_size=size, run_before=fail)


GATE = ev.Paused(why="chapter 3 is done: chapter_03.md, 3,104 words", by="gate")
QUESTIONS = [
    ev.QuestionAsked(text=text, id=f"{number}.0", waits=False)
    for number, text in enumerate(
        (
            "Is it 1912 or 1921? In 1912 the harbour still has its sailing ships and Maren's father can be at sea; in "
            "1921 he has come back from the war, and the circus is what is left of another country.",
            "Does Maren live?",
            "Whose is the tent?",
        )
    )
]


@pytest.mark.parametrize("size", [(200, 50), (80, 24)], ids=["200x50", "80x24"])
@pytest.mark.parametrize("asked", [0, 3], ids=["nothing_asked", "three_asked"])
def test_a_gate(snap_compare: Any, desk_of: Any, salt: Any, size: tuple[int, int], asked: int) -> None:
    async def stop(pilot: Pilot[int]) -> None:
        while not salt.working:
            await pilot.pause(0.01)
        salt.tell(ev.GateChosen(gate="chapter"), *QUESTIONS[:asked], GATE)
        await pilot.pause(0.4)

    assert snap_compare(desk_of(salt), terminal_size=size, run_before=stop)


@pytest.mark.parametrize("size", [(200, 50), (80, 24)], ids=["200x50", "80x24"])
@pytest.mark.parametrize("keys", [[], ["i"]], ids=["beside", "answering"])
def test_three_questions(snap_compare: Any, desk_of: Any, salt: Any, size: tuple[int, int], keys: list[str]) -> None:
    async def ask(pilot: Pilot[int]) -> None:
        while not salt.working:
            await pilot.pause(0.01)
        pilot.app.screen.query_one(SteeringLine).cursor_blink = False
        salt.tell(*QUESTIONS, ev.ToolStarted(id="t", name="write_file"))  # at work, without a speed that a clock is in
        await pilot.pause(0.4)
        await pilot.press(*keys)
        await pilot.pause(0.4)

    assert snap_compare(desk_of(salt), terminal_size=size, run_before=ask)


@pytest.mark.parametrize("size", [(200, 50), (80, 24)], ids=["200x50", "80x24"])
def test_the_history(snap_compare: Any, desk_of: Any, written: Any, utc: None, size: tuple[int, int]) -> None:
    async def look_back(pilot: Pilot[int]) -> None:
        while not written.working:
            await pilot.pause(0.01)
        await pilot.press("h")
        await pilot.pause(0.5)
        await pilot.press("down", "down")
        await pilot.pause(0.5)

    assert snap_compare(desk_of(written, clock=lambda: 1_790_000_400.0), terminal_size=size, run_before=look_back)


CHINESE = ("港口", "十一寻", "跟随潮水的马戏团，标题长得放不下，只好截断", "四十根绳", "口哨") * 6
HOSTILE = (
    "[red]EVIL[/red] [/]",
    "\x1b]52;c;EVIL\x07 clip",
    "\u202eright\u2066 to left",
    "[@click=app.bell]x[/] $nope",
    "tab\there \x9b31m :skull:",
) * 6


def board(session: Any, *keys: str) -> Callable[[Pilot[int]], Awaitable[None]]:
    """From the desk to its board, come to rest."""

    async def look(pilot: Pilot[int]) -> None:
        while not session.working:
            await pilot.pause(0.01)
        await pilot.press("B")
        await pilot.pause(0.6)
        await pilot.press(*keys)
        await pilot.pause(0.4)

    return look


@pytest.mark.parametrize("size", [(200, 50), (120, 40), (80, 24)], ids=["200x50", "120x40", "80x24"])
@pytest.mark.parametrize("theme", ["ink", "paper"])
def test_the_board(snap_compare: Any, desk_of: Any, planned: Any, size: tuple[int, int], theme: str) -> None:
    session = planned()
    keys = ("right",) if size[0] > 100 else ("down", "down")
    assert snap_compare(desk_of(session, theme), terminal_size=size, run_before=board(session, *keys))


@pytest.mark.parametrize("titles", [CHINESE, HOSTILE], ids=["chinese", "hostile"])
@pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["120x40", "80x24"])
def test_the_board_of_other_titles(
    snap_compare: Any, desk_of: Any, planned: Any, titles: tuple[str, ...], size: tuple[int, int]
) -> None:
    session = planned(titles)
    assert snap_compare(desk_of(session), terminal_size=size, run_before=board(session, "down"))


@pytest.mark.parametrize("tab", ["2", "3", "4"], ids=["characters", "timeline", "threads"])
def test_the_bible_on_the_board(snap_compare: Any, desk_of: Any, planned: Any, tab: str) -> None:
    session = planned()
    assert snap_compare(desk_of(session, "harbour"), terminal_size=(120, 40), run_before=board(session, tab))


@pytest.mark.parametrize("size", [(200, 50), (80, 24)], ids=["200x50", "80x24"])
def test_the_board_without_an_outline(snap_compare: Any, desk_of: Any, new_session: Any, size: tuple[int, int]) -> None:
    session = new_session()
    assert snap_compare(desk_of(session), terminal_size=size, run_before=board(session))


def test_the_help(snap_compare: Any, desk_of: Any, salt: Any) -> None:
    async def ask(pilot: Pilot[int]) -> None:
        await paused(salt)(pilot)
        await pilot.press("question_mark")
        await pilot.pause(0.2)

    assert snap_compare(desk_of(salt), terminal_size=(120, 40), run_before=ask)


def test_an_empty_library(snap_compare: Any, library_of: Any) -> None:
    assert snap_compare(library_of(), terminal_size=(120, 30))


def test_the_library(snap_compare: Any, library_of: Any, shelf: Any) -> None:
    assert snap_compare(library_of(cards=shelf), terminal_size=(120, 30))
