"""What the rest of a book will take is reckoned from the book itself, and a range that narrows as it is written."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from studio import events as ev
from studio.agent.limits.forecast import Estimate, Pace, money_range, rounded, time_range
from studio.agent.progress import Progress
from studio.tui.widgets.gauge import gauge_line


def played(costs: list[float], *, planned: int, steps_each: int = 4, price: bool = True) -> Pace:
    """A book of one chapter for each cost; a chapter takes as many steps, each a minute long."""
    pace = Pace()
    at, number = 0.0, 0
    for chapter, cost in enumerate(costs, 1):
        for step in range(steps_each):
            number += 1
            pace.apply(ev.StepStarted(at=at, step=number, limit=300))
            at += 60
            mode = "append" if step else "create"
            words = 1000 * (step + 1)
            pace.apply(ev.FileWritten(at=at, file=f"chapter_{chapter:02}.md", sha256="", words=words, mode=mode))
            pace.apply(
                ev.StepFinished(
                    at=at,
                    step=number,
                    usage=ev.Usage(prompt_tokens=9_000, completion_tokens=1_000),
                    context_tokens=0,
                    cost=cost / steps_each if price else None,
                    planned=planned,
                )
            )
    return pace


def test_an_even_book_goes_on_as_it_was() -> None:
    ahead = played([0.40] * 10, planned=30).ahead()
    assert ahead is not None and ahead.cost is not None
    # 20 chapters of 4 steps, and of the tenth nothing is left but the step that lies before its file.
    assert 80 <= ahead.steps.likely <= 84
    assert abs(ahead.cost.likely - 8.0) < 0.2
    assert abs(ahead.seconds.likely - 80 * 60) < 200
    assert abs(ahead.tokens.likely - 800_000) < 20_000
    assert abs(ahead.book_words.likely - 120_000) < 4_000


def test_nothing_is_said_without_a_plan_or_before_the_second_chapter_or_when_all_are_written() -> None:
    assert played([0.4] * 10, planned=0).ahead() is None
    assert played([0.4], planned=30).ahead() is None
    assert played([0.4] * 10, planned=10).ahead() is None
    assert Pace().ahead() is None


def test_a_price_that_is_unknown_makes_no_price() -> None:
    ahead = played([0.4] * 5, planned=30, price=False).ahead()
    assert ahead is not None and ahead.cost is None and "$" not in ahead.words()


def test_the_range_narrows_with_what_is_known() -> None:
    def width(done: int) -> float:
        ahead = played([0.3, 0.5] * (done // 2), planned=done + 20).ahead()
        assert ahead is not None and ahead.cost is not None
        return ahead.cost.high - ahead.cost.low

    assert width(4) > width(10) > width(20)


def test_a_book_that_grows_dearer_is_not_reckoned_by_its_cheap_beginning() -> None:
    costs = [0.1 * number for number in range(1, 11)]
    ahead = played(costs, planned=20).ahead()
    assert ahead is not None and ahead.cost is not None
    assert ahead.cost.likely > 10 * sum(costs) / 10
    assert ahead.cost.high > 10 * costs[-1] * 0.8


@given(st.lists(st.floats(0.0, 5.0), min_size=2, max_size=30), st.integers(1, 60))
def test_the_figures_are_in_order_and_never_below_nothing(costs: list[float], more: int) -> None:
    ahead = played(costs, planned=len(costs) + more, steps_each=2).ahead()
    assert ahead is not None and ahead.cost is not None
    for one in (ahead.steps, ahead.tokens, ahead.seconds, ahead.cost, ahead.book_words):
        assert 0 <= one.low <= one.likely + 1e-6 and one.likely <= one.high + 1e-6


def test_four_books_of_five_end_within_the_range() -> None:
    chance = Random(5)
    within = 0
    for _ in range(400):
        done, more = chance.randint(4, 30), chance.randint(1, 30)
        costs = [max(0.05, chance.gauss(0.4, 0.15)) for _ in range(done + more + 1)]
        ahead = played(costs[:done], planned=done + more, steps_each=1).ahead()
        assert ahead is not None and ahead.cost is not None
        # The chapter under way has paid its first step only after its file was there.
        within += ahead.cost.low <= sum(costs[done : done + more]) <= ahead.cost.high
    assert 0.7 <= within / 400 <= 0.95


@given(st.sampled_from([0, -1, 10**400]), st.sampled_from([0.0, -1.0, 1e308]))
def test_figures_of_anyone_s_take_nothing_down(figure: int, amount: float) -> None:
    progress = Progress()
    for number in range(3):
        usage = ev.Usage(prompt_tokens=figure, completion_tokens=figure)
        progress.apply(ev.StepStarted(at=-amount, step=number, limit=3))
        progress.apply(ev.FileWritten(file=f"{number}.md", sha256="", words=figure, mode="create"))
        finished = ev.StepFinished(
            at=amount,
            step=number,
            usage=usage,
            context_tokens=0,
            cost=amount,
            planned=abs(figure),
            planned_words=figure,
        )
        progress.apply(finished)
    gauge_line(progress, 200)


def test_words_to_read() -> None:
    assert [rounded(number) for number in (7.4, 99.4, 123, 4_567)] == [7, 99, 120, 4_600]
    assert money_range(Estimate(low=3.1, likely=4, high=5.2)) == "$3.1-5.2"
    assert money_range(Estimate(low=12, likely=15, high=19.6)) == "$12-20"
    assert money_range(Estimate(low=0.4, likely=0.5, high=0.7)) == "$0.40-0.70"
    assert time_range(Estimate(low=7200, likely=9000, high=10_900)) == "2-3 h"
    assert time_range(Estimate(low=1200, likely=1500, high=2400)) == "20-40 min"


def test_the_gauge_shows_it_where_there_is_room() -> None:
    progress = Progress()
    progress.context, progress.limit, progress.step = 200_000, 300, 40
    progress.pace = played([0.4] * 10, planned=30)
    assert "≈ 80 more steps, $7.5-8.5, 75-85 min" in gauge_line(progress, 160).plain
    assert "more steps" in gauge_line(progress, 132).plain
    assert "more steps" not in gauge_line(progress, 80).plain
