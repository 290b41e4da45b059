"""One step of a book with a fault at every single system call that changes something: killed there, or refused."""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from interrupted_step import SCRIPT, InterruptedStep
from studio_command import Model, StudioCommand, events_of

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace can't be had here: no fault comes")

# What a test of some seconds looks at; the thorough one looks at every call.
KILLED = ["pwrite64:40", "fdatasync:9", "fsync:3", "rename:1", "renameat2:1"]
REFUSED = ["pwrite64:30", "fdatasync:6", "fsync:2", "fsync:14", "renameat2:1", "unlink:1"]
# A fault of `write` would be one of standard output, which is not the book's.
REFUSABLE = ("pwrite64", "fsync", "fdatasync", "rename", "renameat2", "linkat", "unlink", "ftruncate", "mkdirat")


@pytest.fixture
def step(play: Callable[..., Model], studio: StudioCommand) -> InterruptedStep:
    return InterruptedStep(studio, play(SCRIPT))


def record_of(book: Path) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(book / ".studio/journal.db")) as connection:
        bodies = [body.decode() for (body,) in connection.execute("SELECT body FROM events ORDER BY seq")]
    return events_of("\n".join(bodies))


def places(step: InterruptedStep, few: list[str], names: tuple[str, ...] | None = None) -> Iterator[tuple[str, int]]:
    """(system call, which of them): all, or a few.

    `STUDIO_SHARE=1/2` takes every second one, for two at a time; `STUDIO_FAULTS="fsync:14 unlink:2"` takes just those.
    """
    if chosen := os.environ.get("STUDIO_FAULTS"):
        few = chosen.split()
    if chosen or not os.environ.get("STUDIO_THOROUGH"):
        yield from ((one.split(":")[0], int(one.split(":")[1])) for one in few)
        return
    share, of = (int(part) for part in os.environ.get("STUDIO_SHARE", "1/1").split("/"))
    everything = [
        (name, number)
        for name, count in sorted(step.counts().items())
        if names is None or name in names
        for number in range(1, count + 1)
    ]
    yield from everything[share - 1 :: of]


def whole_lines(output: str) -> list[dict[str, Any]]:
    return events_of(output.rpartition("\n")[0])


def test_killed_at_any_call_the_step_is_taken_once_and_whole(
    step: InterruptedStep, figure: Callable[[str], None]
) -> None:
    killed = 0
    wrong = []
    for name, number in places(step, KILLED):
        done = step.take(f"{name}:signal=KILL:when={number}")
        printed = whole_lines(done.stdout)
        if done.returncode != 0:
            killed += 1
            after = step.finish()
            assert (after.returncode, after.stderr) == (0, ""), f"{name} {number}: {after.stderr}"
            printed += events_of(after.stdout)
        try:
            step.check(printed, record_of)
        except AssertionError as difference:  # the others are of interest all the same
            wrong.append(f"{name} {number}\n{difference}")
    assert not wrong, "\n\n".join(wrong)
    assert killed
    figure(f"killed at {killed} system calls of one step: the same files, each call once, nothing acknowledged lost")


@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
def test_refused_at_any_call_the_run_goes_on_or_can_be_gone_on_with(
    error: str, step: InterruptedStep, figure: Callable[[str], None]
) -> None:
    refused = gone_on = 0
    wrong = []
    for name, number in places(step, REFUSED, REFUSABLE):
        done = step.take(f"{name}:error={error}:when={number}")
        where = f"{name} {number}: {done.stderr}"
        printed = whole_lines(done.stdout)
        said = done.stderr.splitlines()
        assert all(line.startswith("studio: ") and line.endswith((".", ")")) for line in said), where
        refused += bool(said)
        if done.returncode != 0 or name == "unlink":  # what could not be removed is removed at the next opening
            assert said or done.returncode == 0, f"it ended without a word: {where}"
            after = step.finish()
            assert after.returncode == 0, f"{name} {number}: {after.stderr}"
            printed += events_of(after.stdout)
        else:
            gone_on += bool(said)
        try:
            step.check(printed, record_of)
        except AssertionError as difference:  # the others are of interest all the same
            wrong.append(f"{where}\n{difference}")
    assert not wrong, "\n\n".join(wrong)
    assert refused
    figure(f"{error}: {refused} faults told, {gone_on} of them gone on from without an end; the same files every time")
