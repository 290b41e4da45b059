"""The talk before the book on the desk: to be read in comfort, to be answered, to be ended by G or the word go."""

from collections.abc import Callable
from typing import Any

import pytest

from studio import events as ev
from studio.tui.app import StudioApp
from studio.tui.widgets.steering_line import SteeringLine
from studio.tui.widgets.text_pane import TextPane

WIDE, SMALL = (200, 50), (80, 24)

PROPOSAL = (
    "**Premise.** A keeper of a lighthouse that no ship passes any more is sent a boy who says that he is the light's "
    "owner. She has one winter to prove him wrong, and finds that she does not want to.\n\n"
    "**Maren**, 54, wants to be left alone; her wound is the night on which she let the lamp go out. "
    "**Tom**, 11, wants a house; he has been passed on three times.\n\n"
    "**Setting.** A rock in the North Sea, 1931. What the sea takes it gives back on the third day.\n\n"
    "Two other books: told by the boy, fifty years on; or the lamp itself is what the village fears.\n\n"
    "Which is it to be, and does the lamp go out again?"
)


def turn(text: str, step: int, *told: int) -> list[ev.Event]:
    return [
        ev.StepStarted(step=step, limit=300, told=told),
        ev.ReasoningDelta(text="A lighthouse is an old hat; make it the boy's."),
        ev.ReplyDelta(text=text),
        ev.ReplyFinished(),
        ev.StepFinished(step=step, usage=ev.Usage(), context_tokens=2_100, cost=0.01),
        ev.TurnEnded(),
    ]


def begun() -> list[ev.Event]:
    """One setup rejected, another one proposed."""
    told: list[ev.Event] = [
        ev.RunStarted(book="salt", backend="moonshot", model="kimi-k3", context=200_000),
        ev.CowritingStarted(),
        ev.ConversationStarted(system="…", prompt="…"),
        *turn("A ship in a bottle. Inside it, a crew that doesn't know.", 1),
        ev.NoteGiven(text="stupid setup, try again [red]", seq=100),
        *turn(PROPOSAL, 2, 100),
    ]
    return told


@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["200x50", "80x24"])
async def test_the_talk_stands_where_the_prose_will(
    desk_of: Callable[..., StudioApp], new_session: Any, glass: Any, size: tuple[int, int]
) -> None:
    session = new_session(*begun())
    app = desk_of(session)
    async with app.run_test(size=size) as pilot:
        await glass.shows(pilot, "does the lamp go out again?", "your turn", "› answer, or say go", "G go: write it")
        prose = app.screen.query_one("#prose", TextPane)
        for words in ("› stupid setup, try again [red]", "·  the agent  ·", "A ship in a bottle."):
            assert prose.text.find(words, -1) is not None, words
        assert app.screen.query_one("#reasoning", TextPane).text.find("A ship in a bottle.", -1) is None
        assert "The talk" in str(prose.border_title)


async def test_what_is_said_is_a_note_and_the_word_go_is_none(
    desk_of: Callable[..., StudioApp], new_session: Any, glass: Any
) -> None:
    session = new_session(*begun())
    app = desk_of(session)
    async with app.run_test(size=WIDE) as pilot:
        await glass.shows(pilot, "your turn")
        await pilot.press("i", *"No", "enter")
        await pilot.press("i", *"Go!", "enter")
        await glass.until(pilot, lambda: len(session.run.calls) == 2)
        assert session.run.calls == [("note", "No"), ("go", None)]


async def test_g_ends_the_talk_once(desk_of: Callable[..., StudioApp], new_session: Any, glass: Any) -> None:
    session = new_session(*begun())
    app = desk_of(session)
    async with app.run_test(size=WIDE) as pilot:
        await glass.shows(pilot, "your turn")
        await pilot.press("G")
        await glass.until(pilot, lambda: session.run.calls == [("go", None)])
        session.tell(ev.CowritingEnded(seq=200), ev.StepStarted(step=3, limit=300, message="go", told=(200,)))
        session.tell(ev.ReplyDelta(text="I begin with the outline."))
        await glass.hides(pilot, "G go: write it")
        await glass.shows(pilot, "I begin with the outline.", "› tell the agent…", "writing")
        assert app.screen.query_one("#prose", TextPane).text.find("› go", -1) is not None
        await pilot.press("G")
        await pilot.press("i", *"go", "enter")
        await glass.until(pilot, lambda: len(session.run.calls) == 2)
        assert session.run.calls[1] == ("note", "go"), "without a talk it is a word like any other"


async def test_while_the_agent_speaks_the_line_takes_notes(
    desk_of: Callable[..., StudioApp], new_session: Any, glass: Any
) -> None:
    session = new_session(*begun())
    app = desk_of(session)
    async with app.run_test(size=WIDE) as pilot:
        await glass.shows(pilot, "› answer, or say go")
        session.tell(ev.NoteGiven(text="The boy tells it.", seq=300), ev.StepStarted(step=3, limit=300, told=(300,)))
        session.tell(ev.ReplyDelta(text="Then Tom tells it, at sixty."))
        await glass.shows(pilot, "› The boy tells it.", "Then Tom tells it, at sixty.", "writing")
        await glass.hides(pilot, "your turn  i")
        assert app.screen.query_one(SteeringLine).placeholder == SteeringLine.PROMPT


@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["200x50", "80x24"])
@pytest.mark.parametrize("theme", ["ink", "paper"])
def test_the_talk_in_a_picture(
    snap_compare: Any, desk_of: Any, new_session: Any, size: tuple[int, int], theme: str
) -> None:
    session = new_session(*begun())

    async def rest(pilot: Any) -> None:
        while not session.working:
            await pilot.pause(0.01)
        await pilot.pause(0.4)

    assert snap_compare(desk_of(session, theme), terminal_size=size, run_before=rest)


async def test_the_library_can_begin_with_a_talk(library_of: Any, salt: Any, glass: Any) -> None:
    app = library_of(salt)
    async with app.run_test(size=SMALL) as pilot:
        await glass.shows(pilot, "Press n")
        await pilot.press("n", *"sea", "enter", *"salt", "tab", "tab")
        await glass.shows(pilot, "[ ] talk it over first")
        await pilot.press("space")
        await glass.shows(pilot, "[x] talk it over first")
        await pilot.press("enter")
        await glass.until(pilot, lambda: app._studio.created)
        assert (app._studio.created, app._studio.cowritten) == ([("sea\nsalt", None)], ["sea\nsalt"])
