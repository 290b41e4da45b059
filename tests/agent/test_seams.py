"""Where one way of steering a run meets another: gates, questions, the talk before the book, guided mode."""

import asyncio
from typing import Any

import pytest
from played_book import Played, Stage
from small_model import SmallModel, prose, sentence

from studio import events as ev
from studio.agent.run import Run
from studio.book import layout

ONE, TWO, THREE = "chapter_01.md", "chapter_02.md", "chapter_03.md"
TWICE = " ".join(sentence(f"twice.{number}") for number in range(9))


def later(do: Any, *arguments: Any) -> None:
    asyncio.get_running_loop().call_soon(do, *arguments)


def goes_on(run: Run, event: ev.Event) -> None:
    if isinstance(event, ev.Paused):
        later(run.resume)


def repeating(number: int, begun: str) -> str:
    """The first chapter says a long passage twice; asked for other words it has some."""
    if number != 1 or len(begun) > 100:
        return " " + prose(f"chapter {number}, after {len(begun)}")
    return f" {prose('first')}\n\n{TWICE}\n\n{prose('first, on', 6)}\n\n{TWICE}\n\n{prose('first, end', 6)}"


def chapters_and_stops(book: Played) -> list[str]:
    """Which chapters were begun, and where the run stopped between them."""
    order = [
        "stop" if isinstance(event, ev.Paused) else event.file
        for event in book.events
        if isinstance(event, ev.Paused) or (isinstance(event, ev.FileWritten) and event.mode == "create")
    ]
    return [one for one in order if one == "stop" or one.startswith("chapter")]


async def test_in_guided_mode_a_chapter_without_a_fault_stops_the_run_before_the_next_is_begun(stage: Stage) -> None:
    """The last is read once, and those before it twice: no second reading of it is to come."""
    stage.model = SmallModel(repeating)
    book = await stage.play(
        guided=True, wish="A sea story in three chapters", steps=60, gate="chapter", stays=True, author=goes_on
    )
    assert book.code == 0
    assert [one.file for one in book.of(ev.ChapterReviewed)] == [ONE, ONE, TWO, TWO, THREE]
    stops = [event.why.partition(":")[0] for event in book.of(ev.Paused)]
    assert stops == [f"chapter {number} is done" for number in (1, 2, 3)]
    assert chapters_and_stops(book) == [ONE, "stop", TWO, "stop", THREE, "stop"]


@pytest.mark.parametrize("rounds", [0, 1])
async def test_in_guided_mode_the_gate_holds_however_often_a_chapter_is_read(stage: Stage, rounds: int) -> None:
    root = layout.create_book(stage.root.parent, "A sea story in three chapters", stage.root.name)
    layout.update_settings(root, review_rounds=rounds)
    stage.model = SmallModel(repeating)
    book = await stage.play(guided=True, steps=60, gate="chapter", stays=True, author=goes_on)
    assert book.code == 0
    assert chapters_and_stops(book) == [ONE, "stop", TWO, "stop", THREE, "stop"]
