"""A run stops where its author wants to look: once at each chapter or step, before the next call, whatever crashes."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from loopback import Answer, Wire
from played_book import Stage, calls, writes

from studio import events as ev
from studio.agent.gates import Gates
from studio.agent.limits.allowance import Limits
from studio.agent.run import Run

OUTLINE = writes(
    "# Plan\n\n### Chapter 1: Ebb\nTarget: 40 words\n\n### Chapter 2: Flow\nTarget: 40 words\n", "outline.md"
)
ONE, TWO, THREE = (f"chapter_0{number}.md" for number in (1, 2, 3))


def chapter(file: str, words: int = 40, mode: str = "create", id: str = "w") -> Answer:
    return writes(("# T\n\n" if mode == "create" else "\n\n") + "wave " * words + "\n", file, mode, id)


def goes_on(run: Run, event: ev.Event) -> None:
    if isinstance(event, ev.Paused):
        asyncio.get_running_loop().call_soon(run.resume)


def written(file: str, mode: str = "create", words: int = 50) -> ev.Event:
    return ev.FileWritten(file=file, sha256=file, words=words, mode=mode)


def read(file: str, round: int, rounds: int = 2) -> ev.Event:
    return ev.ChapterReviewed(file=file, sha256="x", round=round, scores={}, report="", rounds=rounds)


class Live:
    """A run's part in it: judges at the end of each step, pauses where it is due."""

    def __init__(self, gate: str = "chapter", short: Callable[[str], bool] = lambda file: False) -> None:
        self.record: list[ev.Event] = []
        self.gates = Gates()
        self.step = 0
        self.short = short
        self.tell(ev.GateChosen(gate=gate))

    def tell(self, *events: ev.Event) -> None:
        for event in events:
            self.record.append(event)
            self.gates.apply(event)

    def take(self, *events: ev.Event) -> str:
        """One step; returns why the run stops after it."""
        self.begin(*events)
        self.end()
        return self.stop()

    def begin(self, *events: ev.Event) -> None:
        self.step += 1
        self.tell(ev.StepStarted(step=self.step, limit=99), *events)

    def end(self) -> None:
        done = self.gates.becomes_done(self.short)
        self.tell(ev.StepFinished(step=self.step, usage=ev.Usage(), context_tokens=1, cost=0.0, done=done))

    def stop(self) -> str:
        if why := self.gates.due():
            self.tell(ev.Paused(why=why, by="gate"), ev.Resumed())
        return why

    def crash(self) -> None:
        """Nothing is left but the record."""
        again = Gates()
        for event in self.record:
            again.apply(event)
        assert state(again) == state(self.gates)
        self.gates = again


def state(gates: Gates) -> dict[str, Any]:
    return {name: repr(value) for name, value in vars(gates).items()}


# --- the rule -------------------------------------------------------------------------------------------------------


def test_a_chapter_stops_the_run_when_its_step_is_finished_and_never_again() -> None:
    run = Live()
    assert run.take(written("outline.md"), written("bible/people.md")) == ""
    assert run.take(written(ONE, words=3104)) == "chapter 1 is done: chapter_01.md, 3,104 words"
    assert run.take(written(ONE, "edit")) == run.take(written(ONE, "overwrite")) == ""
    assert run.take(written(TWO)) == "chapter 2 is done: chapter_02.md, 50 words"


def test_a_chapter_that_is_short_is_waited_for_until_another_one_is_begun() -> None:
    run = Live(short=lambda file: run.gates._words[file] < 100)
    assert run.take(written(ONE)) == run.take(written(ONE, "append", 90)) == ""
    assert run.take(written(ONE, "append", 120)) == "chapter 1 is done: chapter_01.md, 120 words"
    assert run.take(written(TWO)) == ""
    assert run.take(written(THREE)) == "chapter 2 is done: chapter_02.md, 50 words"


def test_several_chapters_of_one_step_are_one_stop() -> None:
    told = Live().take(written(ONE), written(TWO, words=9), written("epilogue.md"))
    assert told == ("3 chapters are done: chapter_01.md, 50 words; chapter_02.md, 9 words; epilogue.md, 50 words")


def test_an_agent_that_has_its_chapters_read_is_stopped_after_the_readings() -> None:
    run = Live()
    assert "chapter 1 is done" in run.take(written(ONE))
    assert run.take(read(ONE, 1)) == run.take(written(ONE, "edit")) == run.take(read(ONE, 2)) == ""
    assert run.take(written(TWO)) == run.take(read(TWO, 1)) == run.take(written(TWO, "edit")) == ""
    assert "chapter 2 is done" in run.take(read(TWO, 2))


def test_as_often_as_the_chapter_before_was_read_is_often_enough() -> None:
    run = Live()
    run.take(written(ONE))
    run.take(read(ONE, 1, rounds=5))
    assert run.take(written(TWO)) == run.take(read(TWO, 1, rounds=5)) == ""
    assert "chapter 2 is done" in run.take(written(TWO, "edit"))


def test_a_reading_that_is_refused_is_not_waited_for() -> None:
    run = Live()
    run.take(written(ONE))
    run.take(read(ONE, 1))
    assert run.take(written(TWO)) == ""
    refused = ev.ToolFinished(id="r", name="review_chapter", ok=False, result="There is no further review.")
    assert "chapter 2 is done" in run.take(refused)


def test_what_the_author_wrote_is_no_chapter_to_stop_for() -> None:
    run = Live()
    mine = ev.AuthorEdited(file=ONE, sha256="mine", words=900, diff="")
    assert run.take(mine, written(ONE, "edit")) == ""


def test_a_chapter_that_the_author_took_away_is_a_new_one_when_it_is_written_again() -> None:
    run = Live()
    run.take(written(ONE))
    assert run.take(ev.AuthorEdited(file=ONE, sha256="", words=0, diff="")) == ""
    assert "chapter 1 is done" in run.take(written(ONE))


def test_a_chapter_that_got_another_name_stays_done() -> None:
    run = Live()
    run.take(written(ONE))
    assert run.take(ev.AuthorRenamed(file=ONE, to="ebb.md"), written("ebb.md", "overwrite")) == ""


def test_each_step_is_a_stop_where_the_author_wants_it() -> None:
    run = Live("step")
    assert run.take() == "step 1 is done"
    assert run.take(written(ONE)) == "step 2 is done; chapter 1 is done: chapter_01.md, 50 words"
    run.tell(ev.GateChosen(gate="free"))
    assert run.take(written(TWO)) == ""
    run.tell(ev.GateChosen(gate="chapter"))
    assert run.take() == "", "what was done before the author chose is no news"


def test_a_limit_at_the_same_place_is_the_same_stop() -> None:
    run = Live()
    run.begin(written(ONE))
    run.end()
    run.tell(ev.Paused(why="the limit", by="limit"), ev.Resumed())
    assert run.stop() == ""


OPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(1, 4), st.sampled_from(["create", "append", "overwrite", "edit"])),
        st.tuples(st.just("read"), st.integers(1, 4), st.integers(1, 3)),
        st.tuples(st.sampled_from(["step", "crash", "short", "refused", "author"]), st.integers(1, 4), st.none()),
    ),
    max_size=60,
)


@given(OPS)
def test_whatever_happens_each_chapter_stops_once_and_a_replay_is_the_run(ops: list[tuple[str, int, Any]]) -> None:
    short: set[str] = set()
    run = Live(short=short.__contains__)
    begun: list[str] = []
    known: set[str] = set()
    run.begin()
    for what, number, how in ops:
        file = f"chapter_0{number}.md"
        if what == "write":
            run.tell(written(file, how))
            if how != "edit" and file not in begun:
                begun.append(file)
            known.add(file)
        elif what == "author" and file not in known:
            run.tell(ev.AuthorEdited(file=file, sha256="a", words=1, diff=""))
        elif what == "read":
            run.tell(read(file, how, 3))
        elif what == "refused":
            run.tell(ev.ToolFinished(id="r", name="review_chapter", ok=False, result=""))
        elif what == "short":
            short ^= {file}
        elif what == "crash":
            run.crash()
        else:
            run.end()
            run.crash()
            run.stop()
            run.crash()
            assert run.stop() == "", "a resumed run goes on past the gate it stood at"
            run.begin()
    run.end()
    run.stop()
    told = Counter(file for event in run.record if isinstance(event, ev.StepFinished) for file in event.done)
    pauses = [event.why for event in run.record if isinstance(event, ev.Paused)]
    assert set(told.values()) <= {1} and set(told) <= set(begun)
    assert set(begun[:-1]) <= set(told), "a chapter that was left for another one is done"
    assert all(sum(file in why for why in pauses) == 1 for file in told)


# --- the run --------------------------------------------------------------------------------------------------------


async def test_the_run_stops_at_each_chapter_and_a_resumed_one_at_the_next(stage: Stage) -> None:
    first = await stage.play(OUTLINE, chapter(ONE), gate="chapter")
    (pause,) = first.of(ev.Paused)
    assert (first.code, pause.by, pause.why) == (3, "gate", "chapter 1 is done: chapter_01.md, 41 words")
    assert len(first.requests) == 2, "the next call has not been made"
    second = await stage.play(chapter(TWO), gate="chapter")
    assert [pause.why for pause in second.of(ev.Paused)] == ["chapter 2 is done: chapter_02.md, 41 words"]
    assert (second.code, len(second.requests)) == (3, 1)
    last = await stage.play(gate="chapter")
    assert (last.code, last.of(ev.Paused)) == (0, [])


async def test_a_short_chapter_is_gone_on_with_before_the_run_stops(stage: Stage) -> None:
    more = chapter(ONE, 30, "append")
    book = await stage.play(OUTLINE, chapter(ONE, 20), more, chapter(TWO), gate="chapter", stays=True, author=goes_on)
    assert [pause.why for pause in book.of(ev.Paused)] == [
        "chapter 1 is done: chapter_01.md, 51 words",
        "chapter 2 is done: chapter_02.md, 41 words",
    ]
    assert book.code == 0


async def test_what_the_author_says_and_saves_at_the_gate_is_told_in_the_next_step(stage: Stage) -> None:
    def author(run: Run, event: ev.Event) -> None:
        if isinstance(event, ev.Paused):
            text = (stage.root / ONE).read_text()
            (stage.root / ONE).write_text(text.replace("# T", "# The Ebb"))
            run.note("Less foam.")
            asyncio.get_running_loop().call_soon(run.resume)

    book = await stage.play(chapter(ONE), gate="chapter", stays=True, author=author)
    assert "Less foam." in book.told(1) and "+# The Ebb" in book.told(1)
    assert book.code == 0


async def test_each_step_stops_and_none_in_a_reply_or_a_tool(stage: Stage) -> None:
    two = [
        Wire.call(
            json.dumps({"filename": f"{name}.md", "content": "x", "mode": "create"}),
            name="write_file",
            id=name,
            index=at,
        )
        for at, name in enumerate(("a", "b"))
    ]
    both = Answer([*two, Wire.delta("tool_calls"), Wire.DONE])
    book = await stage.play(both, calls("list_files"), gate="step", stays=True, author=goes_on)
    assert [pause.why.split(";")[0] for pause in book.of(ev.Paused)] == ["step 1 is done", "step 2 is done"]
    assert [book.kinds[at - 1] for at, kind in enumerate(book.kinds) if kind == "paused"] == ["step_finished"] * 2
    assert book.code == 0, "a finished book is no gate"


async def test_the_author_chooses_while_it_runs_and_the_choice_outlasts_the_run(stage: Stage) -> None:
    def author(run: Run, event: ev.Event) -> None:
        if isinstance(event, ev.ToolStarted):
            run.gate("chapter")

    first = await stage.play(chapter(ONE), author=author)
    assert [event.gate for event in first.of(ev.GateChosen)] == ["chapter"]
    assert [pause.by for pause in first.of(ev.Paused)] == ["gate"]
    second = await stage.play(chapter(TWO), gate="free")
    assert [event.gate for event in second.of(ev.RunStarted)] == ["chapter"]
    assert "chapter 2 is done" in second.of(ev.Paused)[0].why


async def test_guided_pieces_are_one_chapter_and_stop_when_it_was_read_and_mended(stage: Stage) -> None:
    def model(request: Any) -> Answer:
        return Wire.reply("The tide went out again. " * 20)  # a hundred words: a chapter takes two pieces

    stage.model = model
    (stage.root.parent / "tide").mkdir()
    (stage.root / "book.yaml").write_text("title: T\nprompt: A tide\n")
    (stage.root / "outline.md").write_text("# T\n\n1. Ebb\n2. Flow\n")
    for file in ("chapter_01.md", "chapter_02.md"):
        played = await stage.play(gate="chapter", guided=True, limits=Limits(steps=60))
        words = [event.words for event in played.of(ev.FileWritten) if event.file == file]
        named = f"chapter {int(file[8:10])} is done: {file}, {words[-1]:,} words"
        assert [pause.why for pause in played.of(ev.Paused) if pause.by == "gate"][-1:] == [named]
        looks = [event.round for event in played.of(ev.ChapterReviewed) if event.file == file]
        assert looks == [1, 2], "it stops when the readings are over, not between them"
        assert played.kinds[-1] == "paused"
    assert (await stage.play(gate="chapter", guided=True, limits=Limits(steps=60))).code == 0


def test_of_many_open_questions_the_end_of_the_book_shows_a_few() -> None:
    gates = Gates()
    gates.apply(ev.ToolFinished(id="f", name="finish", ok=True, result="Done."))
    why = gates.due_at_end([f"Question {number}?" for number in range(1, 21)])
    assert "20 questions to you are open" in why and why.endswith("«Question 3?», and 17 more")
