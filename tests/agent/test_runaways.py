"""Servers that run away: each is stopped with a diagnosis within five steps, and what it costs is bounded.

Two ways of running away in turns are stopped as well, a little later; long work that is none is not.
"""

import itertools
import json
import os

import pytest
from loopback import Answer, Request, Wire
from played_book import CHAPTER, Played, Stage, assert_echoed, calls, writes
from runaways import BEGUN, FILES, RUNAWAYS, model

from studio import events as ev
from studio.agent.limits.allowance import Limits
from studio.agent.limits.bounds import MOST_CALLS
from studio.agent.limits.loops import BARREN, FURTHER
from studio.backends.backend import Prices

SAME_CALL = calls("list_files")
EMPTY = Wire.reply()
PRICES = Prices(input=1.0, cached=0.25, output=10.0)


def assert_stopped(book: Played, *, steps: int, seen: str) -> None:
    """Paused by the studio, with what it saw; nothing is left half-way."""
    assert (book.code, book.failure) == (3, "")
    assert max(event.step for event in book.of(ev.StepStarted)) <= steps
    (paused,) = book.of(ev.Paused)
    assert paused.by == "limit" and "gets nowhere" in paused.why and seen in paused.why
    assert book.of(ev.LoopSuspected)[-1].diagnosis in paused.why


def endless_thought(stage: Stage) -> None:
    pieces = [Wire.delta(reasoning_content="and yet " * 100) for _ in range(400)]  # 80,000 tokens
    stage.model = lambda request: Answer([*pieces, Wire.HANG])


def endless_text(stage: Stage) -> None:
    pieces = [Wire.delta(content="The sea. " * 1000) for _ in range(120)]  # 1 MB
    stage.model = lambda request: Answer([*pieces, Wire.HANG])


def endless_chapter(stage: Stage) -> None:
    first = Wire.call('{"filename":"chapter_01.md","mode":"create","content":"', name="write_file", id="a")
    pieces = [Wire.call("The sea is wide. " * 500) for _ in range(125)]
    stage.model = lambda request: Answer([first, *pieces, Wire.HANG])


def endless_arguments(stage: Stage) -> None:
    first = Wire.call('{"query":"', name="search_files", id="a")
    stage.model = lambda request: Answer([first, *[Wire.call("x" * 10_000) for _ in range(100)], Wire.HANG])


async def test_the_same_call_for_ever(stage: Stage) -> None:
    stage.model = lambda request: SAME_CALL
    book = await stage.play(steps=300)
    assert len(book.requests) == 5
    assert_stopped(book, steps=5, seen="The last 5 replies made the same call: list_files()")
    assert "going round in circles" in book.told(3) and "list_files()" in book.told(3)
    assert "circles" not in json.dumps(book.sent(2))
    for number in range(4):  # what is said is added at the end: the prefix stands
        assert book.sent(number + 1)[: len(book.sent(number))] == book.sent(number)


async def test_it_may_go_on_when_the_author_says_so_and_is_stopped_again(stage: Stage) -> None:
    stage.model = lambda request: SAME_CALL
    await stage.play(steps=300)
    again = await stage.play(steps=300)
    assert len(again.requests) == 5
    assert again.of(ev.Resumed) and len(again.of(ev.Paused)) == 1


async def test_empty_replies(stage: Stage) -> None:
    stage.model = lambda request: EMPTY
    book = await stage.play(steps=300)
    assert_stopped(book, steps=5, seen="neither words nor a tool call came 3 times")
    assert len(book.requests) <= 10
    assert len(book.of(ev.LoopSuspected)) == 1


async def test_words_without_a_call_end_in_a_question(stage: Stage) -> None:
    stage.model = lambda request: Wire.reply("Shall I begin?")
    book = await stage.play(steps=300)
    assert book.code == 3 and len(book.requests) == 4
    assert "Shall I begin?" in book.of(ev.QuestionAsked)[0].text


async def test_endless_reasoning(stage: Stage) -> None:
    endless_thought(stage)
    book = await stage.play(steps=300)
    assert_stopped(book, steps=5, seen="it had thought for 25,000 tokens")
    assert len(book.requests) == 3
    assert "thought on and on" in book.told(1)
    for paid in book.of(ev.CallAccounted):
        assert paid.usage.estimated and 25_000 <= paid.usage.completion_tokens < 26_000


async def test_a_reply_of_a_megabyte(stage: Stage) -> None:
    endless_text(stage)
    book = await stage.play(steps=300)
    assert_stopped(book, steps=5, seen="it was 50,000 tokens long and went on")
    assert len(book.requests) == 3


async def test_a_chapter_of_a_megabyte_is_kept_as_far_as_it_came(stage: Stage) -> None:
    endless_chapter(stage)
    book = await stage.play(steps=300)
    assert_stopped(book, steps=5, seen="it was 50,000 tokens long and went on")
    assert 'mode "append"' in book.told(1) and "without an end" in book.told(1)
    assert book.of(ev.PartialKept)[0].words > 40_000


async def test_arguments_of_a_megabyte_that_are_no_prose(stage: Stage) -> None:
    endless_arguments(stage)
    book = await stage.play(steps=300)
    assert_stopped(book, steps=5, seen="it was 50,000 tokens long and went on")


async def test_of_a_hundred_calls_the_first_are_carried_out_and_all_are_answered(stage: Stage) -> None:
    names = itertools.count()

    def hundred(request: Request) -> Answer:
        made = [
            Wire.call(json.dumps({"query": str(next(names))}), name="search_files", id=f"c{n}", index=n)
            for n in range(100)
        ]
        return Answer([*made, Wire.delta("tool_calls"), Wire.DONE])

    stage.model = hundred
    book = await stage.play(steps=300)
    assert_stopped(book, steps=5, seen=f"more than {MOST_CALLS} calls each (now 100)")
    assert [ok for _, ok in book.tools[:100]] == [True] * MOST_CALLS + [False] * (100 - MOST_CALLS)
    assert_echoed(book.sent(4))
    assert "Not carried out" in book.sent(1)[-1]["content"]


async def test_calls_without_an_end(stage: Stage) -> None:
    pieces = [Wire.call("{}", name="list_files", id=f"c{n}", index=n) for n in range(1000)]
    stage.model = lambda request: Answer([*pieces, Wire.HANG])
    book = await stage.play(steps=300)
    assert_stopped(book, steps=5, seen="it had called 256 tools")


async def test_calls_that_always_fail(stage: Stage) -> None:
    numbers = itertools.count()
    stage.model = lambda request: calls("edit_file", filename="a", old_text=str(next(numbers)), new_text="")
    book = await stage.play(steps=300)
    assert_stopped(book, steps=5, seen="Every tool call of the last 5 steps failed")


@pytest.mark.parametrize("runaway", [endless_thought, endless_text, endless_chapter, endless_arguments])
async def test_the_budget_holds_in_the_middle_of_a_reply(stage: Stage, runaway: object) -> None:
    runaway(stage)  # type: ignore[operator]
    book = await stage.play(limits=Limits(budget=0.10), prices=PRICES)  # 10,000 tokens
    (paused,) = book.of(ev.Paused)
    assert book.code == 3 and "the budget of $0.10 is spent" in paused.why
    assert len(book.requests) == 1
    spent = sum(event.cost or 0 for event in book.of(ev.CallAccounted))
    assert 0.10 <= spent < 0.16  # with the prompt, and what came before the next look
    assert book.of(ev.ReplyCut)[0].why == "the budget would be passed"


async def test_a_book_that_is_written_in_peace_is_not_stopped(stage: Stage) -> None:
    chapters = [writes(CHAPTER + str(number), f"chapter_{number:02}.md") for number in range(8)]
    reads = [calls("read_file", filename=f"chapter_{number:02}.md") for number in range(8)]
    book = await stage.play(*chapters, *reads, steps=60)
    assert (book.code, book.of(ev.LoopSuspected)) == (0, [])


# --- in turns ---------------------------------------------------------------------------------------------------------

MOST_STEPS = FILES + BARREN + FURTHER + 2  # after the book was begun; the slowest reads its files once before
MOST_TOKENS = 160_000  # of replies, in a window of 100,000: three that think or write on and on
PAIRS = list(itertools.combinations(RUNAWAYS, 2))
THOROUGH = bool(os.environ.get("STUDIO_THOROUGH"))


def spent(book: Played) -> tuple[int, int, int]:
    """(steps, replies, tokens of replies) after the book was begun."""
    paid = [event.usage for event in book.events if isinstance(event, ev.CallAccounted | ev.StepFinished)]
    steps = max(event.step for event in book.of(ev.StepStarted)) - BEGUN
    return steps, len(book.requests) - BEGUN, sum(usage.completion_tokens for usage in paid)


async def assert_bounded(stage: Stage, *runaways: str) -> None:
    stage.model = model(*runaways)
    book = await stage.play(steps=300, within=120)
    assert (book.code, book.failure) == (3, "")
    steps, replies, tokens = spent(book)
    print(f"{' and '.join(runaways)}: {steps} steps, {replies} replies, {tokens:,} tokens of replies")
    assert steps <= MOST_STEPS and tokens <= MOST_TOKENS
    if not book.of(ev.QuestionAsked):  # words that call nothing end in a question, which quotes them
        (paused,) = book.of(ev.Paused)
        assert paused.by == "limit" and book.of(ev.LoopSuspected)[-1].diagnosis in paused.why


@pytest.mark.parametrize("runaway", RUNAWAYS)
async def test_each_is_stopped_and_what_it_costs_is_bounded(stage: Stage, runaway: str) -> None:
    await assert_bounded(stage, runaway)


@pytest.mark.parametrize("pair", PAIRS if THOROUGH else PAIRS[::5], ids="-".join)
async def test_two_in_turns_are_stopped_and_what_they_cost_is_bounded(stage: Stage, pair: tuple[str, str]) -> None:
    await assert_bounded(stage, *pair)


# --- long work that is none -------------------------------------------------------------------------------------------


async def assert_left_alone(stage: Stage, *script: Answer) -> Played:
    book = await stage.play(*script, steps=200, within=120)
    assert (book.code, book.of(ev.LoopSuspected), book.of(ev.Paused)) == (0, [], [])
    return book


def a_book(chapters: int) -> list[Answer]:
    return [
        writes(f"# {n}\n\nMara counted {n} gulls. The tide was late.\n", f"chapter_{n:02}.md", id=f"w{n}")
        for n in range(1, chapters + 1)
    ]


async def test_planning_by_twelve_reads_and_searches_is_work(stage: Stage) -> None:
    looks = [calls("read_file", f"r{n}", filename=f"chapter_{n:02}.md") for n in range(1, 7)]
    looks += [calls("search_files", f"s{n}", query=f"{n} gulls") for n in range(1, 7)]
    await assert_left_alone(stage, *a_book(6), *looks)


async def test_ten_revisions_that_add_no_words_are_work(stage: Stage) -> None:
    edits = [
        calls("edit_file", f"e{n}", filename="chapter_01.md", old_text=f"{n} gulls", new_text=f"{n + 1} gulls")
        for n in range(1, 11)
    ]
    await assert_left_alone(stage, *a_book(1), *edits)


async def test_a_review_of_thirty_chapters_in_a_row_is_work(stage: Stage) -> None:
    review = Wire.reply(json.dumps({"scores": {}, "strengths": [], "problems": []}))
    asked = [calls("review_chapter", f"v{n}", filename=f"chapter_{n:02}.md") for n in range(1, 31)]
    script = [*a_book(30), *[answer for call in asked for answer in (call, review)]]
    book = await assert_left_alone(stage, *script)
    assert len(book.of(ev.ChapterReviewed)) == 30
