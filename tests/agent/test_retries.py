"""When a failed call is made again: patient with a server that has worked, soon done with one that never answered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.agent.retries import Retries, Schedule
from studio.errors import BackendError, StreamCut

SCHEDULE = Schedule()


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def waits(error: BackendError, *, proven: bool, chance: float = 0.5, most: int = 1_000) -> list[float]:
    """Every wait until the author is asked, as if each were waited out."""
    clock = Clock()
    retries = Retries(SCHEDULE, clock=clock, chance=lambda: chance)
    if proven:
        retries.succeeded()
    found: list[float] = []
    while (wait := retries.next_wait(error)) is not None and len(found) < most:
        found.append(wait)
        clock.now += wait
    return found


def test_a_server_that_never_answered_is_given_up_in_seconds() -> None:
    assert waits(BackendError("x", retryable=True, answered=False), proven=False) == [1, 2, 4, 8]


def test_a_server_that_only_answers_with_errors_is_given_minutes() -> None:
    assert SCHEDULE.overload <= sum(waits(BackendError("x", retryable=True), proven=False)) < 2 * SCHEDULE.overload


@pytest.mark.parametrize("answered", [True, False])
def test_an_outage_of_hours_is_waited_out(answered: bool) -> None:
    found = waits(BackendError("x", retryable=True, answered=answered), proven=True)
    assert found[:9] == [1, 2, 4, 8, 16, 32, 64, 128, 256]
    assert max(found) == SCHEDULE.longest
    assert sum(found) >= SCHEDULE.outage


def test_what_waiting_can_not_mend_is_the_authors_at_once() -> None:
    assert waits(BackendError("no quota", retryable=False, retry_after=1.0), proven=True) == []
    assert waits(StreamCut("filtered", retryable=False), proven=True) == []


def test_replies_that_are_paid_for_and_cut_each_time_are_not_made_for_hours() -> None:
    assert len(waits(StreamCut("x"), proven=True)) == SCHEDULE.cuts


def test_empty_answers_are_no_outage() -> None:
    empty = BackendError("nothing at all", retryable=True, answered=False)
    empty.is_reply = True
    assert len(waits(empty, proven=False)) == SCHEDULE.unanswered
    assert len(waits(empty, proven=True)) == SCHEDULE.cuts


@given(st.floats(0, 40_000), st.floats(0, 0.999))
def test_no_try_comes_before_the_time_the_server_named(after: float, chance: float) -> None:
    found = waits(BackendError("x", retryable=True, retry_after=after), proven=True, chance=chance, most=30)
    assert found and all(wait >= after for wait in found)


def test_a_server_that_names_a_day_leaves_it_to_the_author() -> None:
    assert waits(BackendError("x", retryable=True, retry_after=86_400.0), proven=True) == []


@given(st.floats(0, 0.999))
def test_waits_are_spread_around_their_doubling(chance: float) -> None:
    found = waits(BackendError("x", retryable=True), proven=True, chance=chance, most=6)
    assert all(0.75 * 2**n <= wait <= 1.25 * 2**n for n, wait in enumerate(found))


def test_a_success_and_the_author_begin_the_row_anew() -> None:
    retries = Retries(SCHEDULE, clock=Clock(), chance=lambda: 0.5)
    error = BackendError("x", retryable=True)
    for begin in (retries.succeeded, retries.begin_anew, retries.switched):
        retries.next_wait(error)
        assert retries.failing
        begin()
        assert not retries.failing
        assert retries.next_wait(error) == 1
