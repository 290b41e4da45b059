"""The talk in guided mode: what the author said goes into the wish, and the proposal that stands into the book."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from studio import events as ev
from studio.agent.guided import talk as guided_talk
from studio.agent.open_book import OpenBook
from studio.book import layout

USAGE = ev.Usage()
PROPOSAL = "**Mara** dives for salt. She wants her brother back. And then she goes"
PREMISE = "Mara dives for salt. She wants her brother back."


@pytest.fixture
async def book(tmp_path: Path) -> AsyncIterator[OpenBook]:
    book = OpenBook.open(layout.create_book(tmp_path, "A sea story.", "sea", cowrite=True))
    yield book
    await book.close()


def turn(book: OpenBook, step: int, text: str) -> None:
    book.record(ev.StepStarted(step=step, limit=9, told=book.steering.told()))
    book.record(ev.ReplyDelta(text=text))
    book.record(ev.ReplyFinished())
    book.record(ev.StepFinished(step=step, usage=USAGE, context_tokens=1, cost=None))


def talk(book: OpenBook) -> None:
    """One proposal, a remark, another one."""
    book.record(ev.CowritingStarted())
    turn(book, 1, "A ship is lost.")
    book.record(ev.TurnEnded())
    book.record(ev.NoteGiven(text="stupid setup,\ntry again"))
    turn(book, 2, PROPOSAL)
    book.record(ev.TurnEnded())


def go(book: OpenBook) -> None:
    book.record(ev.CowritingEnded())
    book.record(ev.StepStarted(step=3, limit=9, message="go", told=book.steering.told()))


async def test_what_the_author_said_is_part_of_the_wish_and_no_proposal_is_shown_again(book: OpenBook) -> None:
    talk(book)
    messages, sampling = guided_talk.asked(book)
    assert messages[-1].text == "Premise of a novel about: A sea story. (stupid setup, try again)"
    assert not any("A ship is lost" in message.text or "Mara" in message.text for message in messages)
    assert sampling.max_tokens is not None


async def test_what_was_said_after_the_last_proposal_is_told_as_a_note(book: OpenBook) -> None:
    talk(book)
    book.record(ev.NoteGiven(text="She is called Anne."))
    go(book)
    assert guided_talk.notes(book) == ["She is called Anne."]


async def test_what_a_reply_that_was_cut_was_told_is_in_no_proposal(book: OpenBook) -> None:
    talk(book)
    book.record(ev.NoteGiven(text="She is called Anne."))
    book.record(ev.StepStarted(step=3, limit=9, told=book.steering.told()))
    book.record(ev.ReplyCut(why="the author interrupted"))
    go(book)
    assert guided_talk.notes(book) == ["She is called Anne."]


async def test_what_stands_is_kept_with_the_first_call_after_go(book: OpenBook) -> None:
    talk(book)
    assert guided_talk.kept(book) == () and guided_talk.premise(book) == ""
    go(book)
    assert guided_talk.wish(book) == f"A sea story. {PREMISE}"
    (kept,) = guided_talk.kept(book)
    arguments = json.loads(kept.arguments)
    assert arguments["filename"] == "bible/premise.md"
    assert arguments["content"].startswith(f"# Premise\n\n{PREMISE}\n") and "- stupid setup" in arguments["content"]


async def test_after_that_the_premise_is_what_its_file_says(book: OpenBook) -> None:
    talk(book)
    go(book)
    (book.root / "bible").mkdir()
    (book.root / "bible/premise.md").write_text("# Premise\n\nThe *author's* own.\n\n## What the author said\n\n- No\n")
    turn(book, 4, "A title.")
    book.record(ev.NoteGiven(text="Make it rain"))
    assert guided_talk.premise(book) == "The author's own."
    assert guided_talk.kept(book) == ()
    assert guided_talk.notes(book) == ["Make it rain"], "what was said before go is in the premise"
    (book.root / "bible/premise.md").unlink()
    assert guided_talk.wish(book) == "A sea story."


async def test_without_a_talk_the_wish_is_the_author_s_alone(book: OpenBook) -> None:
    turn(book, 1, PROPOSAL)
    book.record(ev.NoteGiven(text="Make it rain"))
    assert guided_talk.wish(book) == "A sea story."
    assert guided_talk.notes(book) == ["Make it rain"]
    assert guided_talk.kept(book) == ()


def test_a_page_of_another_backend_s_becomes_a_paragraph() -> None:
    page = "## Premise\n\n1. **Mara** dives.\n2. She is cold.\n\n" + "The sea rises. " * 90
    trimmed = guided_talk.trimmed(page)
    assert trimmed.startswith("Premise Mara dives. She is cold. The sea rises.")
    assert len(trimmed) <= 600 and trimmed.endswith(".")
