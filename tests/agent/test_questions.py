"""What the agent asks is queued once, answered once, told with its question, kept word for word; whatever crashes."""

import asyncio
import contextlib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from loopback import Answer, Wire
from played_book import FINISH, Stage, calls, writes

from studio import events as ev
from studio.agent import telling
from studio.agent.limits.spending import Spending
from studio.agent.memory.compression import Compressing
from studio.agent.progress import Progress
from studio.agent.questions import put
from studio.agent.run import Run
from studio.agent.steering import Steering

WHEN, WHO = "Which year is it, 1912 or 1921?", "Does Mara live?"


def asks(question: str, id: str = "ask") -> Answer:
    return calls("ask_author", id, question=question)


def later(do: Any, *arguments: Any) -> None:
    asyncio.get_running_loop().call_soon(do, *arguments)


# --- the queue ------------------------------------------------------------------------------------------------------


class Book:
    """A record, and what is folded from it."""

    def __init__(self) -> None:
        self.record: list[ev.Event] = []
        self.crash()

    def crash(self) -> None:
        self.steering, self.progress = Steering(), Progress()
        for event in self.record:
            self.steering.apply(event)
            self.progress.apply(event)

    def tell(self, event: ev.Event, /, *texts: str) -> ev.Event:
        event = type(event)(**{**{f: getattr(event, f) for f in event.__struct_fields__}, "seq": len(self.record) + 1})
        self.record.append(event)
        self.steering.apply(event)
        self.progress.apply(event)
        return event

    def ask(self, text: str, id: str, there: bool = True) -> str:
        return put(text, id, self.steering.questions, self.tell, is_author_there=there)

    def answer(self, text: str) -> str:
        question = self.steering.questions.find()
        assert question is not None
        self.tell(ev.AnswerGiven(text=text, id=question.id))
        return question.text

    def step(self, there: bool = True) -> str:
        untold = self.steering.now(is_author_there=there)
        message = telling.message(untold, str, [])
        self.tell(ev.StepStarted(step=1, limit=9, message=message, told=untold.told))
        return message


def test_the_oldest_is_answered_first_and_told_with_its_question() -> None:
    book = Book()
    assert "queued" not in book.ask(WHEN, "1.0") and "Don't wait" in book.ask(WHO, "2.0")
    assert (book.progress.question, len(book.progress.questions.open)) == (WHEN, 2)
    assert book.answer("1912.") == WHEN
    assert book.progress.question == WHO
    assert book.step().startswith(f"You asked: {WHEN}\nThe author answers: 1912.")
    assert book.step() == ""
    assert book.steering.notes == [f"(asked: {WHEN}) 1912."]


def test_nobody_is_asked_where_nobody_is() -> None:
    book = Book()
    assert book.ask(WHEN, "1.0", there=False).startswith("No author is here")
    assert book.record == []


def test_when_the_author_leaves_the_agent_is_told_once_what_it_has_to_decide() -> None:
    book = Book()
    book.ask(WHEN, "1.0")
    book.ask(WHO, "2.0")
    book.answer("1912.")
    told = book.step(there=False)
    assert "1912." in told and told.endswith(f"- {WHO}\nDecide it yourself, as serves the book best, and go on.")
    assert (book.step(there=False), book.progress.question) == ("", "")


def test_an_old_record_is_read_as_it_was_meant() -> None:
    """The tool waited, and its result carried the answer."""
    book = Book()
    book.tell(ev.QuestionAsked(text=WHO))
    assert (book.progress.state, book.progress.question) == ("asking", WHO)
    book.tell(ev.AnswerGiven(text="Yes."))
    assert book.progress.question == ""
    book.crash()
    assert book.ask(WHO, "3.0") == "The author answers: Yes.", "the run ended before the tool was done"
    book.tell(ev.ToolFinished(id="a", name="ask_author", ok=True, result="The author answers: Yes."))
    assert (book.steering.untold, book.steering.notes) == ([], [f"(asked: {WHO}) Yes."])


def test_the_question_that_holds_the_run_up_comes_before_those_that_do_not() -> None:
    book = Book()
    book.ask(WHEN, "1.0")
    book.tell(ev.QuestionAsked(text="What now?"))
    assert (book.progress.state, book.progress.question) == ("asking", "What now?")
    assert book.answer("Write.") == "What now?"
    assert (book.progress.state, book.progress.question) == ("working", WHEN)
    book.answer("1912.")
    assert (book.progress.state, book.progress.question) == ("working", "")


def test_a_queued_question_is_no_pause() -> None:
    spending = Spending()
    events = [
        ev.StepStarted(step=1, limit=9, at=100),
        ev.QuestionAsked(text=WHO, id="1.0", waits=False, at=110),
        ev.StepFinished(step=1, usage=ev.Usage(), context_tokens=1, cost=0.0, at=120),
        ev.Paused(why="x", at=120),
        ev.AnswerGiven(text="Yes.", id="1.0", at=500),
        ev.Resumed(at=900),
        ev.StepStarted(step=2, limit=9, at=905),
    ]
    for event in events:
        spending.apply(event)
    assert spending.seconds == 25


OPS = st.lists(st.tuples(st.sampled_from(["ask", "again", "answer", "step", "leave", "crash"]), st.integers(0, 9)))


@given(OPS)
def test_whatever_the_order_each_question_is_asked_answered_and_told_once(ops: list[tuple[str, int]]) -> None:
    book, asked, said = Book(), 0, 0
    open_: list[str] = []
    untold: list[tuple[str, str]] = []
    for what, _ in ops:
        if what == "ask":
            asked += 1
            book.ask(f"Question {asked}?", f"{asked}.0")
            open_.append(f"Question {asked}?")
        elif what == "again" and asked:  # the tool is carried out once more, after a crash
            book.crash()
            book.ask(f"Question {asked}?", f"{asked}.0")
        elif what == "answer" and open_:
            said += 1
            assert book.answer(f"Answer {said}.") == open_[0]
            untold.append((open_.pop(0), f"Answer {said}."))
        elif what in ("step", "leave"):
            told = book.step(there=what == "step")
            pairs = [f"You asked: {question}\nThe author answers: {answer}" for question, answer in untold]
            assert told.count("You asked") == len(pairs) and all(pair in told for pair in pairs)
            untold.clear()
            if what == "leave":
                assert all(f"- {question}" in told for question in open_)
                open_.clear()
        elif what == "crash":
            before = [one.text for one in book.steering.questions.open], book.steering.told(), book.steering.notes
            book.crash()
            assert before == (
                [one.text for one in book.steering.questions.open],
                book.steering.told(),
                book.steering.notes,
            )
        assert [one.text for one in book.steering.questions.open] == open_
        assert [one.text for one in book.progress.questions.open] == open_
    assert len(book.steering.notes) == said
    assert sum(isinstance(event, ev.QuestionAsked) for event in book.record) == asked


# --- the run --------------------------------------------------------------------------------------------------------


async def test_the_agent_goes_on_beside_its_question_and_the_answer_comes_in_the_next_step(stage: Stage) -> None:
    def author(run: Run, event: ev.Event) -> None:
        if isinstance(event, ev.FileWritten):
            run.answer("1912.")

    book = await stage.play(asks(WHEN), writes(), calls("list_files"), author=author)
    (asked,) = book.of(ev.QuestionAsked)
    assert (asked.text, asked.waits, book.of(ev.Paused)) == (WHEN, False, [])
    assert "Don't wait for it" in book.sent(1)[-1]["content"]
    assert book.told(2).startswith(f"You asked: {WHEN}\nThe author answers: 1912.")
    assert book.code == 0


async def test_a_finished_book_with_open_questions_is_shown_before_it_ends(stage: Stage) -> None:
    first = await stage.play(asks(WHEN), writes(), asks(WHO, "ask2"))
    (pause,) = first.of(ev.Paused)
    assert (first.code, pause.by) == (3, "gate")
    assert pause.why == f"the book is done and ends when you go on; 2 questions to you are open: «{WHEN}», «{WHO}»"
    again = await stage.play()
    assert [event.why for event in again.of(ev.Paused)] == [pause.why], "to open it is not to leave them unanswered"
    alone = await stage.play(there=False)
    assert (alone.code, alone.requests, len(alone.of(ev.RunFinished))) == (0, [], 1)


async def test_answering_the_last_open_question_of_a_finished_book_goes_on_with_it(stage: Stage) -> None:
    def author(run: Run, event: ev.Event) -> None:
        if isinstance(event, ev.Paused):
            later(run.answer, "1912.")
            later(run.answer, "She lives.")

    script = [asks(WHEN), writes(), asks(WHO, "ask2"), FINISH, calls("list_files", "l")]
    book = await stage.play(*script, stays=True, author=author)
    assert [event.by for event in book.of(ev.Paused)] == ["gate"]
    assert "1912." in book.told(4) and "She lives." in book.told(4)
    assert (book.code, len(book.of(ev.RunFinished))) == (0, 1)


async def test_space_at_the_end_finishes_though_questions_are_open(stage: Stage) -> None:
    def author(run: Run, event: ev.Event) -> None:
        if isinstance(event, ev.Paused):
            later(run.resume)

    book = await stage.play(asks(WHEN), writes(), stays=True, author=author)
    assert (book.code, len(book.requests), len(book.of(ev.Paused))) == (0, 3, 1)


async def test_without_an_author_the_agent_decides_and_the_run_goes_on(stage: Stage) -> None:
    book = await stage.play(asks(WHEN), writes(), there=False)
    assert (book.code, book.of(ev.QuestionAsked), book.of(ev.Paused)) == (0, [], [])
    assert "Decide it yourself" in book.sent(1)[-1]["content"]


async def test_an_author_who_leaves_leaves_the_questions_to_the_agent(stage: Stage) -> None:
    def author(run: Run, event: ev.Event) -> None:
        if isinstance(event, ev.FileWritten):
            run.author_left()

    book = await stage.play(asks(WHEN), writes(), calls("list_files"), author=author)
    assert WHEN in book.told(2) and "The author has left" in book.told(2)
    assert sum("The author has left" in str(message) for message in book.sent(3)) == 1
    assert book.code == 0


async def test_a_question_is_asked_once_though_the_run_ends_before_its_tool_does(stage: Stage) -> None:
    def author(run: Run, event: ev.Event) -> None:
        if isinstance(event, ev.QuestionAsked):
            raise SystemExit

    with contextlib.suppress(SystemExit):
        await stage.play(asks(WHEN), author=author)
    book = await stage.play(writes(), author=None)
    assert [event.ok for event in book.of(ev.ToolFinished) if event.name == "ask_author"] == [True]
    assert book.of(ev.QuestionAsked) == []
    assert f"«{WHEN}»" in book.of(ev.Paused)[0].why, "it is open all the same"


async def test_an_answer_is_kept_word_for_word_when_the_conversation_is_compressed(stage: Stage) -> None:
    def author(run: Run, event: ev.Event) -> None:
        if isinstance(event, ev.FileWritten):
            run.answer("1912 — and no other.")

    script = [asks(WHEN), writes(), asks(WHO, "ask2"), calls("compress_context", "c"), calls("list_files")]
    book = await stage.play(*script, compressing=Compressing(), author=author)
    assert book.of(ev.ContextCompressed)
    summary = next(message["content"] for message in book.sent(-1) if "replaced" in str(message["content"]))
    assert f"(asked: {WHEN}) 1912 — and no other." in summary
    assert f"(you asked, and no answer has come yet: {WHO})" in summary


async def test_the_run_s_own_question_waits(stage: Stage) -> None:
    def author(run: Run, event: ev.Event) -> None:
        if isinstance(event, ev.QuestionAsked) and event.waits:
            later(run.answer, "Write chapter one.")
        elif isinstance(event, ev.Paused):
            later(run.resume)

    talk = [Wire.reply("Shall I begin?")] * 4
    book = await stage.play(asks(WHEN), *talk, writes(), stays=True, author=author)
    asked = book.of(ev.QuestionAsked)
    assert [(event.id, event.waits) for event in asked] == [("1.0", False), ("", True)]
    assert [event.id for event in book.of(ev.AnswerGiven)] == [""], "what holds the run up is answered first"
    assert "Write chapter one." in book.told(5)


def test_an_answer_does_not_end_a_pause_and_a_pause_no_question() -> None:
    progress = Progress()
    for event, state in (
        (ev.QuestionAsked(text=WHEN), "asking"),
        (ev.Paused(why="the author paused"), "paused"),
        (ev.Resumed(), "asking"),
        (ev.Paused(why="the author paused"), "paused"),
        (ev.AnswerGiven(text="1912"), "paused"),
        (ev.Resumed(), "working"),
    ):
        progress.apply(event)
        assert progress.state == state
