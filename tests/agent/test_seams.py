"""Where one way of steering a run meets another: gates, questions, the talk before the book, guided mode."""

import asyncio
from typing import Any

import pytest
from loopback import Wire
from played_book import FINISH, Played, Stage, calls, writes
from small_model import SmallModel, prose, sentence

from studio import events as ev
from studio.agent.open_book import OpenBook
from studio.agent.progress import Progress
from studio.agent.run import Run
from studio.book import layout

ONE, TWO, THREE = "chapter_01.md", "chapter_02.md", "chapter_03.md"
TWICE = " ".join(sentence(f"twice.{number}") for number in range(9))


def later(do: Any, *arguments: Any) -> None:
    asyncio.get_running_loop().call_soon(do, *arguments)


def goes_on(run: Run, event: ev.Event) -> None:
    if isinstance(event, ev.Paused):
        later(run.resume)


def repeating(number: int, begun: str) -> str:
    """The first chapter says a long passage twice; asked for other words it has some."""
    if number != 1 or len(begun) > 100:
        return " " + prose(f"chapter {number}, after {len(begun)}")
    return f" {prose('first')}\n\n{TWICE}\n\n{prose('first, on', 6)}\n\n{TWICE}\n\n{prose('first, end', 6)}"


def chapters_and_stops(book: Played) -> list[str]:
    """Which chapters were begun, and where the run stopped between them."""
    order = [
        "stop" if isinstance(event, ev.Paused) else event.file
        for event in book.events
        if isinstance(event, ev.Paused) or (isinstance(event, ev.FileWritten) and event.mode == "create")
    ]
    return [one for one in order if one == "stop" or one.startswith("chapter")]


async def test_in_guided_mode_a_chapter_without_a_fault_stops_the_run_before_the_next_is_begun(stage: Stage) -> None:
    """The last is read once, and those before it twice: no second reading of it is to come."""
    stage.model = SmallModel(repeating)
    book = await stage.play(
        guided=True, wish="A sea story in three chapters", steps=60, gate="chapter", stays=True, author=goes_on
    )
    assert book.code == 0
    assert [one.file for one in book.of(ev.ChapterReviewed)] == [ONE, ONE, TWO, TWO, THREE]
    stops = [event.why.partition(":")[0] for event in book.of(ev.Paused)]
    assert stops == [f"chapter {number} is done" for number in (1, 2, 3)]
    assert chapters_and_stops(book) == [ONE, "stop", TWO, "stop", THREE, "stop"]


@pytest.mark.parametrize("rounds", [0, 1])
async def test_in_guided_mode_the_gate_holds_however_often_a_chapter_is_read(stage: Stage, rounds: int) -> None:
    root = layout.create_book(stage.root.parent, "A sea story in three chapters", stage.root.name)
    layout.update_settings(root, review_rounds=rounds)
    stage.model = SmallModel(repeating)
    book = await stage.play(guided=True, steps=60, gate="chapter", stays=True, author=goes_on)
    assert book.code == 0
    assert chapters_and_stops(book) == [ONE, "stop", TWO, "stop", THREE, "stop"]


def test_an_answer_given_while_the_run_stands_paused_does_not_make_it_go_on() -> None:
    progress = Progress()
    states = []
    for event in [
        ev.QuestionAsked(text="What now?"),
        ev.Paused(why="the author paused"),
        ev.Resumed(),
        ev.Paused(why="the author paused"),
        ev.AnswerGiven(text="Write."),
        ev.Resumed(),
    ]:
        progress.apply(event)
        states.append(progress.state)
    assert states == ["asking", "paused", "asking", "paused", "paused", "working"]


async def test_go_ends_a_question_that_holds_up_the_talk(stage: Stage) -> None:
    def author(run: Run, event: ev.Event) -> None:
        if isinstance(event, ev.QuestionAsked | ev.Paused):
            later(run.go if isinstance(event, ev.QuestionAsked) else run.resume)

    book = await stage.play(*[Wire.reply(" ")] * 8, writes(), cowrite=True, stays=True, author=author, within=8)
    assert book.code == 0
    assert len(book.of(ev.QuestionAsked)) == 1


async def test_a_question_of_the_run_is_waited_for_over_a_crash_whatever_was_noted(stage: Stage) -> None:
    talk = [Wire.reply("Shall I begin?")] * 4

    def notes(run: Run, event: ev.Event) -> None:
        if isinstance(event, ev.QuestionAsked):
            later(run.note, "By the way: no ships.")
        elif isinstance(event, ev.NoteGiven):
            later(run.stop)

    assert (await stage.play(*talk, stays=True, author=notes)).code == 3

    def answers(run: Run, event: ev.Event) -> None:
        if isinstance(event, ev.QuestionAsked):
            later(run.answer, "Write chapter one.")

    book = await stage.play(writes(), stays=True, author=answers)
    assert book.code == 0
    assert [event.text for event in book.of(ev.AnswerGiven)] == ["Write chapter one."]
    assert "no ships" in book.told(0) and "Write chapter one." in book.told(0)


async def test_go_can_be_said_before_the_backend_is_there(stage: Stage) -> None:
    """Its model may have to be fetched first, which takes minutes; the desk knows of the talk by its event."""
    stage.routes["/v1/models"] = Wire.json({"data": [{"id": "m"}]})
    seen: list[str] = []

    def author(run: Run, event: ev.Event) -> None:
        seen.append(type(event).__name__)
        if isinstance(event, ev.CowritingStarted):
            later(run.go)

    book = await stage.play(writes(), cowrite=True, model="", author=author)
    assert book.code == 0
    assert seen.index("CowritingStarted") < seen.index("RunStarted")
    assert book.kinds.count("cowriting_started") == book.kinds.count("cowriting_ended") == 1
    assert "The author says go" in book.told(0)


async def test_a_question_that_an_older_studio_waited_with_is_queued(stage: Stage) -> None:
    root = layout.create_book(stage.root.parent, "A book about the tide", stage.root.name)
    before = OpenBook.open(root)
    call = ev.ToolCall(id="a", name="ask_author", arguments='{"question": "Does Mara live?"}')
    for event in (
        ev.RunStarted(book="tide", backend="openai", model="m", context=100_000),
        ev.ConversationStarted(system="s", prompt="p"),
        ev.StepStarted(step=1, limit=9),
        ev.ReplyFinished(tool_calls=(call,), finish_reason="tool_calls"),
        ev.ToolStarted(id="a", name="ask_author"),
        ev.QuestionAsked(text="Does Mara live?"),
    ):
        before.record(event)
    await before.close()

    def author(run: Run, event: ev.Event) -> None:
        if isinstance(event, ev.FileWritten):
            run.answer("She does.")

    book = await stage.play(writes(), calls("list_files"), author=author)
    assert (book.code, [event.waits for event in book.of(ev.QuestionAsked)]) == (0, [False])
    assert [event.id for event in book.of(ev.AnswerGiven)] == ["1.0"]
    assert book.told(1).startswith("You asked: Does Mara live?\nThe author answers: She does.")


async def test_a_limit_in_the_talk_and_go_beside_it(stage: Stage) -> None:
    """The author says go while the run stands at its limit of steps: it goes on with the book, not with the talk."""

    def author(run: Run, event: ev.Event) -> None:
        match event:
            case ev.TurnEnded():
                later(run.note, "No ships.")
            case ev.Paused(by="limit") if run._book.progress.cowriting.is_open:
                later(run.go)
                later(run.resume)
            case ev.Paused():
                later(run.resume)

    book = await stage.play(
        Wire.reply("A ship."), writes(), cowrite=True, steps=1, gate="step", stays=True, author=author
    )
    assert book.code == 0
    assert "No ships." in book.told(1) and "The author says go" in book.told(1)
    assert [event.by for event in book.of(ev.Paused)] == ["limit", "limit"]


async def test_an_answer_to_no_question_is_a_note_at_the_end_of_the_book(stage: Stage) -> None:
    def author(run: Run, event: ev.Event) -> None:
        if isinstance(event, ev.Paused) and len(seen) < 1:
            seen.append(event)
            later(run.answer, "More gulls.", "99.9")
            later(run.resume)
        elif isinstance(event, ev.Paused):
            later(run.resume)

    seen: list[ev.Event] = []
    asked = calls("ask_author", "q", question="Does Mara live?")
    book = await stage.play(asked, writes(), FINISH, calls("list_files"), stays=True, author=author)
    assert book.code == 0
    assert [event.text for event in book.of(ev.NoteGiven)] == ["More gulls."]
    assert "More gulls." in book.told(3)
    assert [event.by for event in book.of(ev.Paused)] == ["gate", "gate"], "the question is still open"


def test_a_question_that_an_older_studio_went_on_without_is_not_open_any_more() -> None:
    progress = Progress()
    for event in [
        ev.QuestionAsked(text="What now?"),
        ev.NoteGiven(text="No ships."),
        ev.RunStarted(book="b", backend="b", model="m", context=9),
        ev.StepStarted(step=2, limit=9),
    ]:
        progress.apply(event)
    assert (progress.question, progress.state) == ("", "thinking")
    progress.apply(ev.Paused(why="x"))
    progress.apply(ev.Resumed())
    assert progress.state == "working"


async def test_in_guided_mode_go_at_once_writes_the_book_from_the_wish_alone(stage: Stage) -> None:
    """There is no proposal to keep, and the gate holds as without a talk."""

    def author(run: Run, event: ev.Event) -> None:
        if isinstance(event, ev.CowritingStarted):
            later(run.note, "The sea is called Anne.")
            later(run.go)
        goes_on(run, event)

    model = stage.model = SmallModel()
    book = await stage.play(
        guided=True,
        cowrite=True,
        wish="A sea story in three chapters",
        steps=60,
        gate="chapter",
        stays=True,
        author=author,
    )
    assert (book.code, book.kinds.count("cowriting_ended")) == (0, 1)
    assert "bible/premise.md" not in book.files
    assert chapters_and_stops(book) == [ONE, "stop", TWO, "stop", THREE, "stop"]
    assert any("called Anne" in asked.said for asked in model.of("chapter")), "what was said is not lost"
