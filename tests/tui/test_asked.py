"""What the author asked for is said as it will come, and no longer than until it has come."""

import pytest

from studio import events as ev
from studio.agent.progress import Progress
from studio.tui.asked import Asked, asked_words, is_over

FAULT = ev.BackendFault(error="The server is busy.", retry_in=60.0)
GAVE_UP = ev.BackendFault(error="No key.", retry_in=None)
SWITCHED = ev.BackendSwitched(backend="b", model="m", context=1)


def after(*events: ev.Event) -> Progress:
    progress = Progress()
    for event in events:
        progress.apply(event)
    return progress


@pytest.mark.parametrize(
    ("last", "said"),
    [
        (ev.ReasoningDelta(text="x"), "⇄ switching after this reply…"),
        (ev.Paused(why="x"), "⇄ switching when the run goes on…"),
        (ev.Paused(why="x", by="limit"), "⇄ switching when the run goes on…"),
        (ev.Paused(why="x", by="fault"), "⇄ switching…"),
        (FAULT, "⇄ switching…"),
        (ev.QuestionAsked(text="x"), "⇄ switching after your answer…"),
    ],
)
def test_a_switch_is_said_to_come_when_it_will(last: ev.Event, said: str) -> None:
    assert asked_words(Asked.SWITCH, after(last)) == said


def test_cutting_over_is_said_only_where_there_is_something_to_cut() -> None:
    assert asked_words(Asked.CUT_OVER, after(ev.ReasoningDelta(text="x"))) == "⇄ cutting over…"
    assert asked_words(Asked.CUT_OVER, after(FAULT)) == "⇄ switching…"


@pytest.mark.parametrize(
    ("asked", "ends", "lasts"),
    [
        (Asked.PAUSE, [ev.Paused(why="x"), ev.RunFailed(error="x")], [FAULT, SWITCHED]),
        (Asked.CUT, [ev.Paused(why="x"), ev.RunFinished(reason="x")], [ev.ReplyCut(why="x")]),
        (
            Asked.SWITCH,
            [SWITCHED, GAVE_UP, ev.RunStarted(book="b", backend="b", model="m", context=1)],
            [FAULT, ev.Paused(why="x"), ev.Resumed()],
        ),
        (Asked.SAVE, [], [ev.Paused(why="x"), GAVE_UP, ev.RunFinished(reason="x")]),
    ],
)
def test_a_wish_is_over_when_the_run_says_so(asked: Asked, ends: list[ev.Event], lasts: list[ev.Event]) -> None:
    assert [is_over(asked, event, after(event)) for event in ends] == [True] * len(ends)
    assert [is_over(asked, event, after(event)) for event in lasts] == [False] * len(lasts)


def test_a_call_is_being_tried_again_until_something_comes_of_it() -> None:
    for event in (ev.ReasoningDelta(text="x"), SWITCHED, FAULT, GAVE_UP, ev.Paused(why="x", by="fault"), ev.Resumed()):
        assert is_over(Asked.RETRY, event, after(FAULT, event))
    for event in (ev.NoteGiven(text="x"), ev.AuthorEdited(file="a.md", sha256="1", words=1, diff="")):
        assert not is_over(Asked.RETRY, event, after(FAULT, event))
