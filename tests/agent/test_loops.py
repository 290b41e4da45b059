"""Going round in circles is told from work: the agent is told first, then the run pauses with what was seen."""

import json
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from studio import events as ev
from studio.agent.limits.loops import BARREN, FURTHER, WORDLESS, Loops

Asked = tuple[str, dict[str, str]]


class Agent:
    """Plays steps into the fold."""

    def __init__(self) -> None:
        self.loops = Loops()
        self.number = 0
        self.nudged: list[int] = []

    def step(self, *calls: Asked, ok: bool = True, tells: Iterable[ev.Event] = (), text: str = "") -> None:
        self.number += 1
        made = tuple(
            ev.ToolCall(id=f"{self.number}.{place}", name=name, arguments=json.dumps(values))
            for place, (name, values) in enumerate(calls)
        )
        events: list[ev.Event] = [ev.StepStarted(step=self.number, limit=300)]
        events += [ev.ReplyDelta(text=text)] if text else []
        events += [ev.ReplyFinished(tool_calls=made), *tells]
        events += [ev.ToolFinished(id=call.id, name=call.name, ok=ok, result="so it is") for call in made]
        events.append(ev.StepFinished(step=self.number, usage=ev.Usage(), context_tokens=0, cost=None))
        for event in events:
            self.loops.apply(event)
        if self.loops.nudge:
            self.nudged.append(self.number)

    def reads(self, file: str, sha256: str = "1") -> None:
        self.step(("read_file", {"filename": file}), tells=[ev.FileRead(file=file, sha256=sha256)])

    def writes(self, file: str, sha256: str) -> None:
        written = ev.FileWritten(file=file, sha256=sha256, words=9, mode="create")
        self.step(("write_file", {"filename": file, "content": sha256}), tells=[written])


def until_paused(agent: Agent, do: Iterable[object]) -> int:
    """Steps made until the run would pause."""
    for _ in do:
        if agent.loops.diagnosis:
            break
    return agent.number


def test_the_same_call_is_told_at_the_third_and_pauses_at_the_fifth() -> None:
    agent = Agent()
    assert until_paused(agent, (agent.step(("list_files", {})) for _ in range(20))) == 5
    assert agent.nudged == [3]
    assert "The last 5 replies made the same call: list_files()" in agent.loops.diagnosis


def test_the_order_of_the_arguments_makes_no_other_call() -> None:
    agent = Agent()
    for place in range(5):
        values = {"filename": "a.md", "old_text": "x", "new_text": "y"}
        agent.step(("edit_file", values if place % 2 else dict(reversed(values.items()))))
    assert agent.loops.diagnosis


def test_calls_that_go_back_and_forth_between_two() -> None:
    agent = Agent()
    turns = [("read_file", {"filename": "a.md"}), ("list_files", {})]
    assert until_paused(agent, (agent.step(turns[place % 2]) for place in range(20))) == 6
    assert agent.nudged == [4]
    assert "back and forth between" in agent.loops.diagnosis


def test_steps_without_new_words() -> None:
    agent = Agent()
    agent.writes("chapter_01.md", "a")
    steps = (agent.step(("ask", {"what": str(place)})) for place in range(40))
    assert until_paused(agent, steps) == 1 + BARREN + FURTHER
    assert agent.nudged == [1 + BARREN]


def test_a_text_written_back_and_forth_is_no_new_text() -> None:
    agent = Agent()
    for place in range(1 + 1 + BARREN + FURTHER):
        agent.step(
            ("edit_file", {"old_text": str(place)}),
            tells=[ev.FileWritten(file="a.md", sha256=str(place % 2), words=9, mode="edit")],
        )
    assert "no new words" in agent.loops.diagnosis


def test_ten_chapters_read_in_a_row_are_work_and_so_are_forty() -> None:
    agent = Agent()
    for number in range(40):
        agent.reads(f"chapter_{number:02}.md")
    for number in range(40):
        agent.step(("review_chapter", {"filename": f"chapter_{number:02}.md"}))
    assert (agent.nudged, agent.loops.diagnosis) == ([], "")


def test_the_same_chapters_read_over_and_over_are_none() -> None:
    agent = Agent()
    steps = (agent.reads(f"chapter_{place % 5}.md") for place in range(100))
    assert until_paused(agent, steps) == 5 + BARREN + FURTHER


def test_a_summary_lets_them_be_read_again_once() -> None:
    agent = Agent()

    def forever() -> Iterable[None]:
        while True:
            agent.step(("compress_context", {}))
            agent.loops.apply(ev.ContextCompressed(before=9, after=1))
            for number in range(5):
                yield agent.reads(f"chapter_{number}.md")

    assert until_paused(agent, forever()) <= 2 * 6 + BARREN + FURTHER


def test_reading_alone_does_not_go_on_for_ever() -> None:
    agent = Agent()
    steps = (agent.step(("search_files", {"query": str(place)})) for place in range(1000))
    assert until_paused(agent, steps) == WORDLESS + FURTHER


def test_a_file_read_again_after_the_author_edited_it_is_read_for_a_reason() -> None:
    agent = Agent()
    for place in range(10):
        agent.reads("a.md", sha256=str(place))
        agent.loops.apply(ev.AuthorEdited(file="a.md", sha256=str(place + 1), words=9, diff=""))
    assert (agent.nudged, agent.loops.diagnosis) == ([], "")


def test_calls_that_all_fail() -> None:
    agent = Agent()
    steps = (agent.step(("edit_file", {"old_text": str(place)}), ok=False) for place in range(20))
    assert until_paused(agent, steps) == 5
    assert "the last answer was: «so it is»" in agent.loops.diagnosis


def test_replies_that_hold_nothing() -> None:
    agent = Agent()
    agent.writes("a.md", "1")
    assert until_paused(agent, (agent.step() for _ in range(20))) == 4


def test_a_reply_of_words_is_not_empty() -> None:
    agent = Agent()
    for _ in range(5):
        agent.step(text="What shall I do?")
    assert agent.loops.diagnosis == ""


def test_more_calls_than_are_carried_out() -> None:
    agent = Agent()
    many = [[("write_file", {"filename": f"{step}_{place}.md"}) for place in range(100)] for step in range(9)]
    assert until_paused(agent, (agent.step(*calls) for calls in many)) == 5
    assert "more than 20 calls each (now 100)" in agent.loops.diagnosis


def test_replies_cut_for_having_no_end() -> None:
    loops = Loops()
    for _ in range(3):
        loops.apply(ev.StepStarted(step=1, limit=9))
        assert loops.diagnosis == ""
        loops.apply(ev.ReplyCut(why="it had thought for 9 tokens", advice="endless_thought"))
    cut = "The reply was cut 3 times, with no new words on disk between"
    assert loops.diagnosis == f"{cut}: it had thought for 9 tokens."


def test_the_author_s_word_begins_the_count_anew() -> None:
    for word in (ev.NoteGiven(text="Go on."), ev.Resumed(), ev.AnswerGiven(text="Yes.")):
        agent = Agent()
        for _ in range(5):
            agent.step(("list_files", {}))
        agent.loops.apply(word)
        assert agent.loops.diagnosis == ""
        agent.step(("list_files", {}))
        assert agent.loops.diagnosis == ""


@given(st.lists(st.sampled_from(["read", "review", "write", "search"]), max_size=60))
def test_work_with_something_new_in_each_step_is_never_taken_for_a_loop(kinds: list[str]) -> None:
    agent = Agent()
    for place, kind in enumerate(kinds):
        match kind:
            case "read":
                agent.reads(f"{place}.md")
            case "write":
                agent.writes(f"{place}.md", str(place))
            case "review":
                agent.step(("review_chapter", {"filename": f"{place}.md"}))
            case _:
                agent.step(("search_files", {"query": str(place)}))
    assert (agent.nudged, agent.loops.diagnosis) == ([], "")


@given(st.integers(1, 2), st.integers(0, 30), st.data())
def test_whatever_came_before_the_same_calls_for_ever_pause_within_six_steps(
    period: int, before: int, data: st.DataObject
) -> None:
    agent = Agent()
    for place in range(before):
        agent.writes(f"{place}.md", str(data.draw(st.integers(0, 3))) + str(place))
    turns = [("list_files", {"n": str(place)}) for place in range(period)]
    assert until_paused(agent, (agent.step(turns[n % period]) for n in range(20))) <= before + 6
