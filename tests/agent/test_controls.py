"""Pause, resume, interrupt and stop take hold at the next gate, whatever the moment they are asked for."""

import asyncio

import pytest

from studio.agent.controls import Controls, Interrupted, Stopped
from studio.events import Event, Paused, Resumed


class Log(list[Event]):
    def __call__(self, event: Event, /, *texts: str) -> Event:
        self.append(event)
        return event


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_gate_without_wishes_is_open() -> None:
    log = Log()
    await Controls(log).gate()
    assert log == []


async def test_a_pause_holds_until_resumed() -> None:
    log = Log()
    controls = Controls(log)
    controls.pause("the author paused")
    at_gate = asyncio.create_task(controls.gate())
    await settle()
    assert log == [Paused(why="the author paused")]
    assert not at_gate.done()
    controls.resume()
    await at_gate
    assert log == [Paused(why="the author paused"), Resumed()]


async def test_a_pause_taken_back_in_time_never_happened() -> None:
    log = Log()
    controls = Controls(log)
    controls.pause("x")
    controls.resume()
    await controls.gate()
    assert log == []


async def test_the_author_s_pause_outlasts_the_disk_s() -> None:
    log = Log()
    controls = Controls(log)
    controls.pause("the disk is full", by="disk")
    at_gate = asyncio.create_task(controls.gate())
    await settle()
    controls.pause("the author paused")
    await settle()
    controls.end_pause("disk")
    await settle()
    assert not at_gate.done()
    assert controls.paused_by == "author"
    assert log == [Paused(why="the disk is full", by="disk"), Paused(why="the author paused")]
    controls.pause("the disk is full again", by="disk")
    controls.resume()
    await at_gate
    assert log[2:] == [Resumed()]


async def test_an_interrupt_cuts_what_is_under_way_and_awaits_its_end() -> None:
    controls = Controls(Log())
    ended = False

    async def stream() -> None:
        nonlocal ended
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended = True

    work = asyncio.create_task(controls.cuttable(stream()))
    await settle()
    controls.interrupt()
    with pytest.raises(Interrupted):
        await work
    assert ended


async def test_a_cancelled_run_is_not_taken_for_an_interrupt() -> None:
    controls = Controls(Log())

    async def forever() -> None:
        await asyncio.Event().wait()

    work = asyncio.create_task(controls.cuttable(forever()))
    await settle()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work


async def test_a_reader_that_stops_the_run_as_it_pauses_is_heard() -> None:
    controls: Controls | None = None

    def record(event: Event, /, *texts: str) -> Event:
        assert controls is not None
        controls.stop()
        return event

    controls = Controls(record)
    controls.pause("x")
    with pytest.raises(Stopped):
        await asyncio.wait_for(controls.gate(), 5)


async def test_a_wait_ends_early_on_a_pause_and_on_a_wake() -> None:
    controls = Controls(Log())
    for end in (lambda: controls.wake(), lambda: controls.pause("x")):
        waiting = asyncio.create_task(controls.wait())
        await settle()
        end()
        await asyncio.wait_for(waiting, 5)


async def test_the_wait_before_a_try_is_not_ended_by_what_wakes_the_run() -> None:
    controls = Controls(Log())
    for end in (lambda: controls.hurry(), lambda: controls.cut("another backend"), lambda: controls.pause("x")):
        waiting = asyncio.create_task(controls.wait_out(3600))
        await settle()
        controls.wake()
        await settle()
        assert not waiting.done()
        end()
        await asyncio.wait_for(waiting, 5)


async def test_after_a_stop_nothing_begins() -> None:
    controls = Controls(Log())
    controls.stop()
    begun = False

    async def begin() -> None:
        nonlocal begun
        begun = True

    with pytest.raises(Interrupted):
        await controls.cuttable(begin())
    with pytest.raises(Stopped):
        await controls.gate()
    assert not begun
