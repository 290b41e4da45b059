"""From any backend to any other in the middle of a book: no message lost, and each is spoken to in its own dialect."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from dialect_servers import KINDS, Kind, answer, common
from loopback import Answer, Request, Server, Wire
from played_book import KEY, SWIFT, assert_echoed

from studio import events as ev
from studio.agent.limits.allowance import Limits
from studio.agent.memory.summary import is_request
from studio.agent.open_book import OpenBook
from studio.agent.run import Run
from studio.backends.backend import Backend, BackendChoice
from studio.backends.catalog import open_backend
from studio.book import layout
from studio.config import cache_folder

Calls = list[tuple[str, dict[str, str]]]
TEXTS = [
    f"# Chapter {number}\n\n"
    + " ".join(f"Tide {tide} of {number} went out; “nobody” saw." for tide in range(40))
    + "\n"
    for number in range(1, 7)
]


def writes(number: int) -> tuple[str, dict[str, str]]:
    return "write_file", {"filename": f"chapter_{number:02}.md", "content": TEXTS[number - 1], "mode": "create"}


PLAN: list[Calls] = [
    [writes(1)],
    [writes(2), ("list_files", {})],
    [writes(3)],
    [("read_file", {"filename": "chapter_01.md"}), writes(4)],
    [writes(5)],
    [writes(6), ("list_files", {})],
    [("finish", {"summary": "Six tides."})],
]
FILES = {f"chapter_{number:02}.md": text for number, text in enumerate(TEXTS, 1)}
SWITCHED_AT = 2  # the reply, from 0, during which the author changes the backend


class Place:
    """A server of one kind: it refuses what its kind refuses, and plays the plan from wherever the book is."""

    def __init__(self, kind: Kind, forgotten: list[int]) -> None:
        """`forgotten`: replies that compressions have taken out of the conversation, at whichever server."""
        self.kind = kind
        self._forgotten = forgotten
        self.server = Server(self._answer)
        self.refusals: list[str] = []
        self.bodies: list[dict[str, Any]] = []  # of requests that were good
        self.go_on = asyncio.Event()
        self.holds = False  # in the middle of the reply at which the author switches
        self.holding = asyncio.Event()
        self.summary: asyncio.Event | None = None  # a summary that is asked for waits for it
        self.summing = asyncio.Event()

    def _answer(self, request: Request) -> Answer:
        if request.path != "/v1/chat/completions":
            return Wire.error(404, "nothing here")
        body = request.body
        if why := common(body) or self.kind.refusal(body):
            self.refusals.append(why)
            return Wire.error(400, why)
        self.bodies.append(body)
        done = sum(message["role"] == "assistant" for message in body["messages"]) + sum(self._forgotten)
        if is_request(body["messages"][-1]["content"]):
            self._forgotten.append(done - sum(self._forgotten))
            reply = Wire.reply("Three tides so far.")
            if self.summary is None:
                return reply
            self.summing.set()
            return Answer([self.summary, *reply.pieces])
        so_far = sum(len(calls) for calls in PLAN[:done])
        whole = answer(self.kind, f"The thought of step {done + 1}.", PLAN[done], so_far)
        if self.holds and done == SWITCHED_AT:
            pieces = list(whole.pieces)
            self.holding.set()
            return Answer([*pieces[:-6], self.go_on, *pieces[-6:]])
        return whole

    def choice(self, context: int = 100_000) -> BackendChoice:
        return BackendChoice(backend=self.kind.preset, model=self.kind.model, base_url=self.server.url, context=context)


def said(messages: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """What a conversation says, in no dialect."""
    return [
        (
            message["role"],
            (message.get("content") or "").strip(),
            [(call["function"]["name"], call["function"]["arguments"]) for call in message.get("tool_calls", [])],
        )
        for message in messages
    ]


@pytest.fixture
async def places() -> AsyncIterator[list[Place]]:
    found: list[Place] = []
    yield found
    for place in found:
        place.go_on.set()
        await place.server.stop()


async def drill(
    places: list[Place], names: tuple[str, str], root: Path, *, cut: bool, context: int = 100_000, then: str = ""
) -> tuple[Place, Place, list[ev.Event], OpenBook]:
    """A book of six steps, switched in the middle of one.

    Args:
        cut: the reply in flight, rather than awaiting its end.
        context: of the window that is switched to.
        then: where the author changes to while a summary is written for that window.
    """
    forgotten: list[int] = []
    one, other = Place(KINDS[names[0]], forgotten), Place(KINDS[names[1]], forgotten)
    last = Place(KINDS[then], forgotten) if then else other
    places += [one, other, *([last] if then else [])]
    for place in places:
        await place.server.start()
    one.summary = asyncio.Event() if then else None
    one.holds = True
    layout.create_book(root, "Six tides", "tides")
    book = OpenBook.open(root / "tides")

    def open_one(choice: BackendChoice) -> Backend:
        return open_backend(choice, key_of=lambda variable: KEY, cache=cache_folder())

    run = Run(book, open_one(one.choice()), open_one, Limits(steps=20), pause_on_fault=False, schedule=SWIFT)
    events: list[ev.Event] = []
    book.stream.subscribe(events.append)

    async def author() -> None:
        await one.holding.wait()
        while not isinstance(events[-1], ev.ProseDelta):
            await asyncio.sleep(0.01)
        run.switch(other.choice(context), cut=cut)
        if not cut:
            await asyncio.sleep(0.05)
            one.go_on.set()
        if one.summary is not None:
            await one.summing.wait()
            run.switch(last.choice())
            while run._in_use._next is None or run._in_use._next.name != then:
                await asyncio.sleep(0.01)
            one.summary.set()

    try:
        async with asyncio.timeout(30):
            code, _ = await asyncio.gather(run.work(), author())
    finally:
        await book.close()
    assert (code, run.failure) == (0, "")
    return one, last, events, book


PAIRS = list(itertools.permutations(KINDS, 2))


@pytest.mark.parametrize("cut", [False, True], ids=["after the reply", "cutting it"])
@pytest.mark.parametrize("names", PAIRS, ids=[f"{one} to {other}" for one, other in PAIRS])
async def test_a_book_goes_on_at_another_backend(
    names: tuple[str, str], cut: bool, places: list[Place], tmp_path: Path
) -> None:
    one, other, events, book = await drill(places, names, tmp_path, cut=cut)
    assert {name: book.folder.read(name) for name in FILES} == FILES
    for place in (one, other):
        assert len(place.refusals) <= place.kind.learns, place.refusals
    before, after = one.bodies[-1]["messages"], other.bodies[0]["messages"]
    # Nothing of what the one had seen is lost; a reply that was not cut, and its results, come on top.
    assert said(after)[: len(before)] == said(before)
    assert len(after) > len(before) or cut
    for place in (one, other):
        assert_echoed(place.bodies[-1]["messages"])
        for earlier, later in itertools.pairwise(place.bodies):
            assert later["messages"][: len(earlier["messages"])] == earlier["messages"]
            assert json.dumps(later["tools"]) == json.dumps(earlier["tools"])
    switched = next(event for event in events if isinstance(event, ev.BackendSwitched))
    assert (switched.backend, switched.model) == (other.kind.preset, other.kind.model)
    finished = [event.name for event in events if isinstance(event, ev.ToolFinished) and event.ok]
    assert finished == [name for calls in PLAN for name, _ in calls]
    assert any(isinstance(event, ev.ReplyCut) for event in events) == cut


async def test_the_thoughts_go_along_in_the_other_ones_words(places: list[Place], tmp_path: Path) -> None:
    _, other, _, _ = await drill(places, ("openrouter", "ollama"), tmp_path, cut=False)
    thoughts = [m["reasoning"] for m in other.bodies[-1]["messages"] if m["role"] == "assistant"]
    assert thoughts == [f"The thought of step {number}." for number in range(1, 7)]


async def test_a_smaller_window_is_compressed_for_by_the_one_that_knows_it_all(
    places: list[Place], tmp_path: Path
) -> None:
    one, other, events, _ = await drill(places, ("moonshot", "ollama"), tmp_path, cut=False, context=4_000)
    kinds = [str(event.__struct_config__.tag) for event in events]
    assert kinds.index("context_compressed") < kinds.index("backend_switched")
    assert is_request(one.bodies[-1]["messages"][-1]["content"])
    assert "Three tides so far." in other.bodies[0]["messages"][2]["content"]
    switched = next(event for event in events if isinstance(event, ev.BackendSwitched))
    assert any("4,000 tokens instead of 100,000" in change for change in switched.changes)
    assert any("costs nothing" in change for change in switched.changes)


async def test_a_second_switch_while_the_first_is_fitted_is_the_one_that_counts(
    places: list[Place], tmp_path: Path
) -> None:
    _, last, events, book = await drill(
        places, ("moonshot", "ollama"), tmp_path, cut=False, context=4_000, then="openrouter"
    )
    assert {name: book.folder.read(name) for name in FILES} == FILES
    assert [event.backend for event in events if isinstance(event, ev.BackendSwitched)] == ["openrouter"]
    assert last.bodies and places[1].bodies == [], "the one in between was asked nothing"


@pytest.mark.parametrize("context", [1_000, 2_500, 3_000])
async def test_a_window_that_the_tools_and_the_brief_all_but_fill_is_refused_in_a_sentence(
    context: int, places: list[Place], tmp_path: Path
) -> None:
    one, other, events, book = await drill(places, ("moonshot", "ollama"), tmp_path, cut=False, context=context)
    assert (other.bodies, len(one.bodies)) == ([], len(PLAN))  # the old one went on, and nothing was compressed for it
    assert {name: book.folder.read(name) for name in FILES} == FILES
    [fault] = [event for event in events if isinstance(event, ev.BackendFault)]
    assert fault.error.startswith("Still on moonshot: ") and fault.retry_in is None
    assert f"holds {context:,} tokens" in fault.error and "larger window" in fault.error and "--context" in fault.error
    assert not any(isinstance(event, ev.BackendSwitched) for event in events)
