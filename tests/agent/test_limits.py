"""Limits warn once, then pause, and never throw away; only work counts as time."""

from hypothesis import given
from hypothesis import strategies as st
from played_book import Stage, calls, writes

from studio import events as ev
from studio.agent.limits.allowance import Limits, describe_near
from studio.agent.limits.spending import LONGEST_SILENCE, Spending
from studio.agent.run import Run
from studio.backends.backend import Prices
from studio.book.journal import GROUPED, Journal
from studio.headless import describe


def near(limits: Limits, *, step: int = 0, cost: float | None = 0.0, hours: float = 0.0) -> list[str]:
    return [one.what for one in limits.near(step, cost, hours * 3600, limits)]


def test_each_limit_comes_near_at_four_fifths() -> None:
    limits = Limits(steps=100, budget=5.0, hours=2.0)
    assert near(limits, step=79, cost=3.99, hours=1.59) == []
    assert near(limits, step=80, cost=4.0, hours=1.6) == ["steps", "money", "time"]
    assert near(limits, step=100, cost=5.0, hours=2.0) == []  # reached: that is more than near
    assert near(limits, cost=None) == []


def test_after_a_raise_the_last_fifth_of_the_new_grant_is_near() -> None:
    grant = Limits(steps=100)
    raised = grant.extended(1000, None, grant)
    assert [one.what for one in raised.near(1079, None, 0, grant)] == []
    assert [one.what for one in raised.near(1080, None, 0, grant)] == ["steps"]


def test_the_time_limit_stops_the_run_and_another_grant_goes_on_from_here() -> None:
    limits = Limits(hours=2.0)
    assert limits.stops_run(1, 0.0, 7199) is None
    assert "2 hours of work" in str(limits.stops_run(1, 0.0, 7200))
    assert limits.extended(1, 0.0, limits, 7300).stops_run(1, 0.0, 7300 + 7199) is None


def test_what_the_author_reads() -> None:
    assert describe_near(ev.LimitNear(what="steps", used=80, limit=100)) == "80 of 100 steps are made"
    assert describe_near(ev.LimitNear(what="money", used=4, limit=5)) == "$4.00 of the budget of $5.00 are spent"
    assert describe_near(ev.LimitNear(what="time", used=5760, limit=7200)) == "1.6 of 2 hours of work are used"


def worked(*events: ev.Event) -> float:
    spending = Spending()
    for event in events:
        spending.apply(event)
    return spending.seconds


BEGUN = ev.RunStarted(at=100, book="b", backend="x", model="m", context=1)
STEP = ev.StepFinished(at=160, step=1, usage=ev.Usage(), context_tokens=0, cost=None)


def test_only_work_is_time() -> None:
    assert worked(BEGUN, STEP) == 60
    assert worked(BEGUN, STEP, ev.Paused(at=170, why="")) == 70
    assert worked(BEGUN, STEP, ev.Paused(at=170, why=""), ev.NoteGiven(at=500, text="x"), ev.Resumed(at=900)) == 70
    asked = ev.QuestionAsked(at=170, text="?"), ev.AnswerGiven(at=900, text="!"), ev.ReplyFinished(at=910)
    assert worked(BEGUN, STEP, *asked) == 80


def test_the_wait_before_another_try_is_no_work() -> None:
    fault = ev.BackendFault(at=200, error="gone", retry_in=300.0)
    assert worked(BEGUN, STEP, fault, ev.ReplyDelta(at=510, text="x")) == 100 + 10


def test_the_time_between_two_studios_is_no_work() -> None:
    later = [ev.AuthorEdited(at=9000, file="a.md", sha256="1", words=1, diff=""), ev.ReplyCut(at=9001, why="closed")]
    again = ev.RunStarted(at=9002, book="b", backend="x", model="m", context=1)
    assert worked(BEGUN, STEP, *later, again, ev.StepStarted(at=9003, step=2, limit=9)) == 61


def test_a_machine_that_slept_did_not_work() -> None:
    assert worked(BEGUN, ev.ReplyDelta(at=100 + 9 * 3600, text="x")) == LONGEST_SILENCE


@given(st.lists(st.floats(0, 1e5), max_size=30))
def test_a_clock_that_jumps_takes_nothing_back(times: list[float]) -> None:
    spending = Spending()
    before = 0.0
    for at in times:
        spending.apply(ev.StepStarted(at=at, step=1, limit=9))
        assert spending.seconds >= before
        before = spending.seconds


async def test_a_run_warns_once_then_pauses_and_a_resume_warns_anew(stage: Stage) -> None:
    def chapters(first: int) -> list[object]:
        return [writes(f"# {n}\n\nWords.\n", f"chapter_{n:02}.md") for n in range(first, first + 10)]

    first = await stage.play(*chapters(0), steps=5)  # type: ignore[arg-type]
    assert first.of(ev.LimitNear) == [
        ev.LimitNear(seq=first.of(ev.LimitNear)[0].seq, at=first.of(ev.LimitNear)[0].at, what="steps", used=4, limit=5)
    ]
    assert first.code == 3 and "the limit of 5 steps is reached" in first.of(ev.Paused)[0].why
    again = await stage.play(*chapters(10), steps=10)  # type: ignore[arg-type]
    assert [(one.used, one.limit) for one in again.of(ev.LimitNear)] == [(8, 10)]
    assert again.kinds.count("limit_near") == 1 and again.code == 3


async def test_a_run_that_is_resumed_at_the_same_limit_is_not_warned_again(stage: Stage) -> None:
    await stage.play(*[calls("list_files") for _ in range(1)], writes(), writes(filename="b.md"), writes("c"), steps=5)
    book = await stage.play(steps=5)
    assert book.of(ev.LimitNear) == []


async def test_a_reply_that_streams_takes_the_time_it_takes_live_and_from_the_record(stage: Stage) -> None:
    book = await stage.play(writes("The sea. " * 400))
    live, recorded = worked(*book.events), worked(*Journal.open_readonly(book.root).read())
    assert 0 < live < 30 and abs(live - recorded) < 2 * GROUPED


async def test_time_pauses_a_run(stage: Stage) -> None:
    book = await stage.play(writes(), limits=Limits(hours=1e-9))
    assert book.code == 3 and "hours of work is reached" in book.of(ev.Paused)[0].why


async def test_money_warns_and_pauses(stage: Stage) -> None:
    prices = Prices(input=0.0, cached=0.0, output=10.0)
    chapters = [writes("The sea. " * 400 + str(n), f"chapter_{n:02}.md") for n in range(30)]
    book = await stage.play(*chapters, limits=Limits(budget=0.10), prices=prices)
    (warned,) = book.of(ev.LimitNear)
    assert warned.what == "money" and 0.08 <= warned.used < 0.10
    assert "the budget of $0.10 is spent" in book.of(ev.Paused)[0].why


async def test_at_a_limit_the_author_reads_what_the_rest_will_take(stage: Stage) -> None:
    parts = [writes("# C\n\nWords.\n", f"chapter_{number:02}.md") for number in (1, 2)]
    book = await stage.play(writes("1. Ebb\n2. Flow\n3. Slack\n", "outline.md"), *parts, steps=3)
    (paused,) = book.of(ev.Paused)
    assert "more steps" in paused.ahead and paused.ahead not in paused.why
    assert describe(paused).endswith(f" ({paused.ahead} to the end)")


async def test_whoever_pauses_is_told_what_is_to_come_and_every_step_has_the_figures(stage: Stage) -> None:
    def pause(run: Run, event: ev.Event) -> None:
        if isinstance(event, ev.StepFinished) and event.step == 4:
            run.pause()

    outline = writes("".join(f"{n}. Chapter {n}\n" for n in range(1, 11)), "outline.md")
    chapters = [writes(f"# {n}\n\nWords.\n", f"chapter_{n:02}.md") for n in range(1, 9)]
    book = await stage.play(outline, *chapters, prices=Prices(input=1.0, cached=0.1, output=2.0), author=pause)
    (paused,) = book.of(ev.Paused)
    assert paused.by == "author" and "the author paused (≈ " in describe(paused) and " to the end)" in describe(paused)
    ahead = [step.ahead for step in book.of(ev.StepFinished)]
    assert ahead[:2] == [{}, {}] and set(ahead[-1]) == {"steps", "tokens", "seconds", "cost"}
    low, likely, high = ahead[-1]["steps"]
    assert 0 < low <= likely <= high < 40


async def test_a_budget_that_cannot_be_held_is_said_once_before_anything_is_paid(stage: Stage) -> None:
    book = await stage.play(writes(), writes("x", "b.md"), limits=Limits(steps=9, budget=5.0, hours=2.0))
    (told,) = book.of(ev.BackendSwitched)
    assert "no price of it is known, so the budget of $5.00 can't be held" in describe(told)
    assert "the limit of 9 steps or of 2 hours of work" in describe(told)
    assert book.kinds.index("backend_switched") < book.kinds.index("step_started")


async def test_without_a_budget_and_with_prices_nothing_is_said_of_it(stage: Stage) -> None:
    assert (await stage.play(writes())).of(ev.BackendSwitched) == []
    priced = await stage.play(limits=Limits(budget=5.0), prices=Prices(input=1.0, cached=0.1, output=2.0))
    assert priced.of(ev.BackendSwitched) == []


async def test_what_has_a_price_counts_for_the_budget_though_something_had_none(stage: Stage) -> None:
    await stage.play(writes(), steps=1)  # nobody knows what it cost
    chapters = [writes("The sea. " * 400 + str(n), f"chapter_{n:02}.md") for n in range(2, 30)]
    prices = Prices(input=0.0, cached=0.0, output=10.0)
    book = await stage.play(*chapters, limits=Limits(budget=0.10), prices=prices)
    assert "the budget of $0.10 is spent" in book.of(ev.Paused)[0].why
