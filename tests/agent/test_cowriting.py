"""Before the book its author and the agent talk it over, in turns; nothing is written until the author says go."""

import asyncio
from collections.abc import Callable

import msgspec
import pytest
from loopback import Answer, Wire
from played_book import FINISH, SUMMARY, Stage, assert_echoed, calls, writes

from studio import events as ev
from studio.agent.cowriting.stage import Cowriting, is_go
from studio.agent.cowriting.stage import Stage as At
from studio.agent.cowriting.transcript import spoken, transcript
from studio.agent.limits.loops import Loops
from studio.agent.limits.spending import Spending
from studio.agent.memory.compression import Compressing
from studio.agent.memory.summary import is_request
from studio.agent.progress import Progress
from studio.agent.prompts import prompt
from studio.agent.run import Run
from studio.backends.backend import BackendChoice

USAGE = ev.Usage()


def numbered(*events: ev.Event) -> list[ev.Event]:
    return [msgspec.structs.replace(event, seq=seq) for seq, event in enumerate(events, 1)]


def talked(*events: ev.Event) -> Cowriting:
    """The fold of these events."""
    talk = Cowriting()
    for event in numbered(*events):
        talk.apply(event)
    return talk


def turn(*told: int, step: int = 1) -> list[ev.Event]:
    """The agent's."""
    return [
        ev.StepStarted(step=step, limit=9, told=told),
        ev.ReplyFinished(),
        ev.StepFinished(step=step, usage=USAGE, context_tokens=1, cost=None),
        ev.TurnEnded(),
    ]


BEGUN = ev.CowritingStarted()
NOTE = ev.NoteGiven(text="stupid setup, try again")
GO = ev.CowritingEnded()


# --- the fold ---------------------------------------------------------------------------------------------------------


def test_without_a_talk_there_is_none() -> None:
    talk = talked(*turn()[:3], NOTE)
    assert (talk.stage, talk.is_on, talk.has_replied) == (At.OFF, False, False)


def test_turns_alternate() -> None:
    assert talked(BEGUN).stage is At.AGENT
    assert talked(BEGUN, *turn()).stage is At.AUTHOR
    assert talked(BEGUN, *turn(), NOTE).stage is At.AGENT
    assert talked(BEGUN, *turn(), NOTE, *turn(6, step=2)).stage is At.AUTHOR


def test_who_speaks_while_the_agent_does_has_had_a_turn() -> None:
    started, *rest = turn()
    interrupted = talked(BEGUN, started, NOTE, *rest)
    assert interrupted.stage is At.AGENT
    assert talked(BEGUN, started, NOTE, *rest, *turn(3, step=2)).stage is At.AUTHOR


def test_an_edit_alone_does_not_end_the_author_s_turn() -> None:
    assert talked(BEGUN, *turn(), ev.AuthorEdited(file="a.md", sha256="1", words=1, diff="")).stage is At.AUTHOR


def test_a_reply_is_part_of_the_talk_until_the_agent_was_told_to_go() -> None:
    started, *rest = turn()
    said = talked(BEGUN, started, GO)
    assert said.is_on and not said.is_open
    assert talked(BEGUN, started, GO, *rest).stage is At.GO
    over = talked(BEGUN, started, GO, *rest, ev.StepStarted(step=2, limit=9, told=(3,)))
    assert (over.stage, over.told_in, over.is_on) == (At.OVER, 2, False)
    assert talked(BEGUN, *turn(), GO, ev.StepStarted(step=2, limit=9)).is_on, "it was not told"


def test_a_step_with_a_call_is_no_turn() -> None:
    called = ev.ReplyFinished(tool_calls=(ev.ToolCall(id="1", name="read_file", arguments="{}"),))
    started, _, finished, _ = turn()
    assert not talked(BEGUN, started, called, finished).has_replied
    assert talked(BEGUN, *turn()[:3]).has_replied


@pytest.mark.parametrize("text", ["go", "GO!", " Go. ", "/go", "/GO !"])
def test_the_word_go_is_known(text: str) -> None:
    assert is_go(text)


@pytest.mark.parametrize("text", ["go on", "let's go", "goat", "g", "", "go?", "no go", "go!!"])
def test_what_is_more_than_the_word_is_a_note(text: str) -> None:
    assert not is_go(text)


def test_the_state_says_whose_turn_it_is() -> None:
    progress = Progress()
    started = ev.RunStarted(book="b", backend="b", model="m", context=9)
    states = []
    told = [started, BEGUN, *turn(), ev.Paused(why="x"), started, ev.Resumed(), NOTE, *turn(10, step=2), GO]
    for event in numbered(*told):
        progress.apply(event)
        states.append(progress.state)
    assert states[5:] == ["turn", "paused", "turn", "turn", "working", "thinking", *["thinking"] * 2, "turn", "working"]


def test_turns_are_no_loop() -> None:
    loops = Loops()
    for step in range(1, 40):
        for event in turn(step=step):
            loops.apply(event)
        assert (loops.nudge, loops.diagnosis) == ("", "")


def test_the_author_s_turn_is_no_work() -> None:
    spending = Spending()
    started = ev.RunStarted(book="b", backend="b", model="m", context=9)
    told = [started, BEGUN, *turn(), started, ev.Resumed(), NOTE, *turn(9, step=2), GO]
    for number, event in enumerate(told):
        # A second between the events; an hour of the author's in each turn.
        at = 1.0 + number + 3600.0 * sum(isinstance(one, ev.TurnEnded) for one in told[:number])
        spending.apply(msgspec.structs.replace(event, seq=number + 1, at=at))
    assert spending.seconds == 8.0


# --- the talk as a text -----------------------------------------------------------------------------------------------


def test_the_talk_is_kept_in_order() -> None:
    started, finished = ev.StepStarted(step=1, limit=9), ev.ReplyFinished()
    told: list[ev.Event] = [
        ev.NoteGiven(text="Before it began."),
        BEGUN,
        started,
        ev.ReplyDelta(text="A thought."),
        ev.ThoughtRecognised(),
        ev.ReplyDelta(text="One, and"),
        ev.ReplyCut(why="x"),
        started,
        NOTE,
        ev.ReplyDelta(text=" more."),
        finished,
        started,
        GO,
        ev.ReplyDelta(text="Two."),
        finished,
        started,
        ev.ReplyDelta(text="I write now."),
    ]
    said = [(True, "Before it began."), (False, "One, and more."), (True, NOTE.text), (False, "Two.")]
    assert spoken(told) == said
    assert transcript("A book", told).startswith("# Brainstorm\n\n## The author\n\nA book\n\n## The author\n\nBefore")
    assert transcript("A book", [BEGUN, GO]) == ""


# --- over the real loop -----------------------------------------------------------------------------------------------

Author = Callable[[Run, ev.Event], None]


def author(*remarks: str) -> Author:
    """Says these, one a turn, and then go."""
    left = iter(remarks)

    def act(run: Run) -> None:
        text = next(left, None)
        if text is None:
            run.go()
        else:
            run.note(text)

    def follow(run: Run, event: ev.Event) -> None:
        if isinstance(event, ev.TurnEnded):
            asyncio.get_running_loop().call_soon(act, run)

    return follow


def talk_of(*texts: str) -> list[Answer]:
    return [Wire.reply(text) for text in texts]


OUTLINE = calls("write_file", "o:1", filename="outline.md", content="# The Lamp\n\n1. Dusk\n", mode="create")
BIBLE = calls("write_file", "b:1", filename="bible/characters.md", content="Mara keeps the lamp.\n", mode="create")
WRITTEN = [calls("create_project", "t:1", project_name="The Lamp"), OUTLINE, BIBLE, writes(), FINISH]


async def test_two_rejected_setups_then_go_and_the_book_is_written(stage: Stage) -> None:
    remarks = ["stupid setup, try again", "No ship. A lighthouse; she is called Mara"]
    book = await stage.play(*talk_of("A ship.", "A ferry.", "Mara."), *WRITTEN, cowrite=True, author=author(*remarks))
    assert (book.code, book.failure) == (0, "")
    assert book.kinds.count("cowriting_started") == book.kinds.count("cowriting_ended") == 1
    assert book.kinds.count("turn_ended") == 3
    assert set(book.files) == {"outline.md", "bible/characters.md", "chapter_01.md", "notes/brainstorm.md"}
    kept = book.files["notes/brainstorm.md"].decode()
    places = [kept.index(said) for said in ["A ship.", remarks[0], "A ferry.", remarks[1], "\nMara."]]
    assert places == sorted(places)
    assert all(ok for _, ok in book.tools)
    assert not book.of(ev.LoopSuspected) and not book.of(ev.QuestionAsked)
    # The first message asks for a talk, then each remark comes as it was said, then go.
    assert book.sent(0)[1]["content"] == prompt("brief_cowriting", prompt="A book about the tide")
    assert [book.told(number).removeprefix("A note from the author: ") for number in (1, 2)] == remarks
    assert "The author says go" in book.told(3) and "notes/brainstorm.md" in book.told(3)
    assert_echoed(book.sent(len(book.requests) - 1))


async def test_every_request_begins_with_the_one_before(stage: Stage) -> None:
    book = await stage.play(*talk_of("One.", "Two."), *WRITTEN, cowrite=True, author=author("No."))
    for before, after in zip(book.bodies, book.bodies[1:], strict=False):
        assert after["messages"][: len(before["messages"])] == before["messages"]
        assert after["tools"] == before["tools"]
        assert "tool_choice" not in before


async def test_nothing_is_written_before_go(stage: Stage) -> None:
    refused = [
        writes(),
        calls("create_project", "t:0", project_name="Rash"),
        calls("ask_author", "q:0", question="A ship?"),
        calls("list_files", "l:0"),
        FINISH,
    ]
    book = await stage.play(*refused, *talk_of("One."), *WRITTEN, cowrite=True, author=author())
    assert book.code == 0
    assert book.tools[:5] == [
        ("write_file", False),
        ("create_project", False),
        ("ask_author", False),
        ("list_files", True),
        ("finish", False),
    ]
    assert book.of(ev.ToolFinished)[0].result == prompt("cowriting_refused")
    first = next(event for event in book.of(ev.FileWritten))
    assert first.file == "notes/brainstorm.md"
    assert book.of(ev.TitleGiven)[0].title == "The Lamp"
    assert book.kinds.count("turn_ended") == 1


async def test_a_call_made_while_go_is_said_is_still_part_of_the_talk(stage: Stage) -> None:
    def follow(run: Run, event: ev.Event) -> None:
        if isinstance(event, ev.ToolArriving) and event.index == 0 and not run._book.progress.cowriting.told_in:
            run.go()

    book = await stage.play(writes(content="# Too early\n"), *WRITTEN, cowrite=True, author=follow)
    assert book.code == 0
    assert book.tools[0] == ("write_file", False)
    assert "Too early" not in book.files["chapter_01.md"].decode()


async def test_go_at_once_takes_hold_before_the_next_call(stage: Stage) -> None:
    def follow(run: Run, event: ev.Event) -> None:
        if isinstance(event, ev.ReplyDelta) and event.text == "One":
            run.go()

    book = await stage.play(Wire.reply("One", " and only."), *WRITTEN, cowrite=True, author=follow)
    assert book.code == 0
    assert (book.kinds.count("turn_ended"), book.kinds.count("cowriting_ended")) == (1, 1)
    assert "The author says go" in book.told(1)
    assert "tool_choice" not in book.bodies[1], "what it said was a turn, no reply that brought nothing"
    assert "One and only." in book.files["notes/brainstorm.md"].decode()


async def test_go_before_the_first_call_begins_the_book_at_once(stage: Stage) -> None:
    def follow(run: Run, event: ev.Event) -> None:
        if isinstance(event, ev.RunStarted):
            run.go()

    book = await stage.play(*WRITTEN, cowrite=True, author=follow)
    assert book.code == 0
    assert "The author says go" in book.told(0)
    assert "notes/brainstorm.md" not in book.files
    assert all(ok for _, ok in book.tools)


async def test_go_without_a_talk_does_nothing(stage: Stage) -> None:
    def follow(run: Run, event: ev.Event) -> None:
        if isinstance(event, ev.StepStarted | ev.RunStarted):
            run.go()

    book = await stage.play(writes(), author=follow)
    assert book.code == 0
    assert not {"cowriting_started", "cowriting_ended"} & set(book.kinds)


async def test_the_author_s_turn_is_kept_over_a_stop(stage: Stage) -> None:
    def leave(run: Run, event: ev.Event) -> None:
        if isinstance(event, ev.TurnEnded):
            run.stop()

    first = await stage.play(*talk_of("One."), cowrite=True, author=leave)
    assert first.code == 3
    idle = await stage.play(author=lambda run, event: isinstance(event, ev.Resumed) and _later(run.stop))
    assert (idle.code, idle.requests) == (3, []), "nothing is asked of the model in the author's turn"

    def go_on(run: Run, event: ev.Event) -> None:
        if isinstance(event, ev.Resumed):
            run.note("Try again")
        else:
            author()(run, event)

    last = await stage.play(*talk_of("Two."), *WRITTEN, author=go_on)
    assert last.code == 0
    assert "cowriting_started" not in last.kinds
    assert last.kinds.count("turn_ended") == 1
    assert [one["content"] for one in last.sent(0) if one["role"] == "assistant"] == ["One."]


def _later(call: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_later(0.1, call)


async def test_an_edit_in_the_author_s_turn_is_told_with_the_next(stage: Stage) -> None:
    def follow(run: Run, event: ev.Event) -> None:
        match event:
            case ev.TurnEnded() if not run._book.progress.cowriting.remarks:
                (stage.root / "bible").mkdir(exist_ok=True)
                (stage.root / "bible/mine.md").write_text("The lamp is green.\n")
                _later(lambda: _later(lambda: run.note("See bible/mine.md")))
            case ev.TurnEnded():
                asyncio.get_running_loop().call_soon(run.go)
            case _:
                pass

    book = await stage.play(*talk_of("One.", "Two."), *WRITTEN, cowrite=True, author=follow)
    assert book.code == 0
    assert "The lamp is green." in book.told(1) and "See bible/mine.md" in book.told(1)


async def test_another_backend_takes_over_in_the_author_s_turn(stage: Stage) -> None:
    def follow(run: Run, event: ev.Event) -> None:
        match event:
            case ev.TurnEnded() if not run._book.progress.cowriting.remarks:
                run.switch(BackendChoice(backend="openai", model="other", base_url=stage.url, context=50_000))
            case ev.BackendSwitched():
                _later(lambda: run.note("Try again"))
            case ev.TurnEnded():
                asyncio.get_running_loop().call_soon(run.go)
            case _:
                pass

    book = await stage.play(*talk_of("One.", "Two."), *WRITTEN, cowrite=True, author=follow)
    assert book.code == 0
    assert book.kinds.index("backend_switched") < book.kinds.index("note_given")
    assert [body["model"] for body in book.bodies[:3]] == ["m", "other", "other"]


async def test_empty_replies_stay_bounded(stage: Stage) -> None:
    empty = Answer([Wire.delta("stop"), Wire.DONE])
    book = await stage.play(*[empty] * 12, cowrite=True)
    assert book.code == 3
    assert "turn_ended" not in book.kinds
    assert any(prompt("cowriting_nudge") in book.told(number) for number in range(len(book.requests)))
    assert len(book.requests) < 12


async def test_calls_without_end_stay_bounded(stage: Stage) -> None:
    book = await stage.play(
        *[calls("write_file", f"w:{n}", filename="a.md", content="x") for n in range(12)], cowrite=True
    )
    assert book.code == 3
    assert book.of(ev.LoopSuspected)
    assert len(book.requests) < 8
    assert book.files == {}


async def test_a_long_talk_is_compressed_and_goes_on(stage: Stage) -> None:
    page = "The lighthouse stands on a rock that the tide forgets. " * 150
    remarks = [f"No. Try again, number {number}" for number in range(6)]
    book = await stage.play(
        *talk_of(*[f"Proposal {number}. {page}" for number in range(7)]),
        *WRITTEN,
        cowrite=True,
        author=author(*remarks),
        context=10_000,
        steps=40,
        compressing=Compressing(at=0.7),
    )
    assert book.code == 0, book.failure
    compressed = book.of(ev.ContextCompressed)
    assert compressed and SUMMARY in compressed[0].summary
    assert prompt("cowriting_talk") in compressed[0].summary
    asked = [str(message["content"]) for body in book.bodies for message in body["messages"][-1:]]
    summaries = [one for one in asked if is_request(one)]
    assert prompt("cowriting_summary") in summaries[0]
    assert book.kinds.count("turn_ended") == 7
    assert [event.text for event in book.of(ev.NoteGiven)] == remarks
    last = "\n".join(str(message.get("content")) for message in book.sent(len(book.requests) - 1))
    assert all(remark in last for remark in remarks), "the author's words survive"
    assert all(f"Proposal {number}." in book.files["notes/brainstorm.md"].decode() for number in range(7))


@pytest.mark.parametrize("kept", [b"Mine.\n", "Für mich.\n".encode("latin-1")], ids=["utf-8", "latin-1"])
async def test_what_the_author_keeps_under_that_name_is_left_alone(kept: bytes, stage: Stage) -> None:
    def follow(run: Run, event: ev.Event) -> None:
        if isinstance(event, ev.TurnEnded):
            (stage.root / "notes").mkdir(exist_ok=True)
            (stage.root / "notes/brainstorm.md").write_bytes(kept)
        author()(run, event)

    book = await stage.play(*talk_of("One."), *WRITTEN, cowrite=True, author=follow)
    assert book.files["notes/brainstorm.md"] == kept
    assert b"One." in book.files["notes/brainstorm_02.md"]
    assert "notes/brainstorm_02.md" in book.told(1)


async def test_a_locked_folder_does_not_hold_the_book_up(stage: Stage) -> None:
    def follow(run: Run, event: ev.Event) -> None:
        if isinstance(event, ev.TurnEnded):
            run._book.locks.turn("notes/*", locked=True)
        author()(run, event)

    book = await stage.play(*talk_of("One."), *WRITTEN, cowrite=True, author=follow)
    assert book.code == 0
    assert "notes/brainstorm.md" not in book.files
    assert "The author says go" in book.told(1)
