"""A whole book in process, written against a loopback server: what its author has at the end."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from loopback import Answer, Request, Script, Server, Wire

from studio import events as ev
from studio.agent.limits.allowance import Limits
from studio.agent.memory.compression import Compressing
from studio.agent.memory.summary import is_request
from studio.agent.open_book import OpenBook
from studio.agent.retries import Schedule
from studio.agent.run import Run
from studio.backends.backend import BackendChoice, Prices
from studio.backends.catalog import open_backend
from studio.book import layout
from studio.config import cache_folder

KEY = "sk-secret-key-0123456789"
SWIFT = Schedule(first=0.01, longest=0.05, jitter=0.0)
LONGEST = 30.0  # seconds that a book of a few replies may take before something hangs
ONE, TWO = "chapter_01.md", "chapter_02.md"
CHAPTER = (
    '# Ebb\n\nThe tide went out. “It won\'t come back,” said Élodie 🌊 — and it did not.\n\nMara: "No.\u2028Never."\n'
)
SUMMARY = "Mara has left the quay."
OTHER = "# Flow\n\nThe tide came in again.\n"

E = TypeVar("E", bound=ev.Event)


def arguments(content: str = CHAPTER, filename: str = ONE, mode: str = "create") -> str:
    """The arguments of a `write_file`."""
    return json.dumps({"filename": filename, "content": content, "mode": mode})


WRITE = arguments()


def writes(content: str = CHAPTER, filename: str = ONE, mode: str = "create", id: str = "write_file:0") -> Answer:
    """A reply with one `write_file`, as most servers send it."""
    raw = arguments(content, filename, mode)
    pieces = [Wire.call(raw[i : i + 16]) for i in range(0, len(raw), 16)]
    return Answer([Wire.call("", name="write_file", id=id), *pieces, Wire.delta("tool_calls"), Wire.DONE])


def calls(name: str, id: str = "call_1", **values: str) -> Answer:
    """A reply with any one call."""
    return Answer([Wire.call(json.dumps(values), name=name, id=id), Wire.delta("tool_calls"), Wire.DONE])


FINISH = calls("finish", "finish:9", summary="The book is done.")


@dataclass
class Played:
    """What became of a run."""

    code: int
    failure: str
    events: list[ev.Event]
    requests: list[Request]  # for completions, in order
    files: dict[str, bytes]
    root: Path

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def kinds(self) -> list[str]:
        """The events in order, neighbouring deltas of one kind as one."""
        found: list[str] = []
        for event in self.events:
            kind = str(event.__struct_config__.tag)
            if not (isinstance(event, ev.DELTAS) and found and found[-1] == kind):
                found.append(kind)
        return found

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [request.body for request in self.requests]

    def sent(self, number: int) -> list[dict[str, Any]]:
        """The messages of one request, from 0."""
        messages: list[dict[str, Any]] = self.requests[number].body["messages"]
        return messages

    def told(self, number: int) -> str:
        """The last message of one request, which the author's side says."""
        last = self.sent(number)[-1]
        assert last["role"] == "user"
        return str(last["content"])

    @property
    def reasoning(self) -> str:
        return "".join(event.text for event in self.of(ev.ReasoningDelta))

    @property
    def reply(self) -> str:
        return "".join(event.text for event in self.of(ev.ReplyDelta))

    def prose(self, file: str = ONE) -> str:
        """What streamed into a file's pane, also before its name had come."""
        return "".join(event.text for event in self.of(ev.ProseDelta) if event.file in (file, ""))

    @property
    def tools(self) -> list[tuple[str, bool]]:
        return [(event.name, event.ok) for event in self.of(ev.ToolFinished)]

    @property
    def faults(self) -> list[ev.BackendFault]:
        return self.of(ev.BackendFault)


class Stage:
    """A server that answers each call with the next of its script, then finishes the book; and the runs against it."""

    def __init__(self, projects: Path) -> None:
        self._projects = projects
        self.root = projects / "tide"  # the book's folder
        self._script: list[Answer] = []
        self.model: Script | None = None  # answers completions in the script's place
        self.routes: dict[str, Answer] = {}  # what other paths answer
        self._server = Server(self._answer)

    @property
    def url(self) -> str:
        return self._server.url

    async def start(self) -> None:
        await self._server.start()

    async def stop(self) -> None:
        await self._server.stop()

    def _answer(self, request: Request) -> Answer:
        if request.path != "/v1/chat/completions":
            return self.routes.get(request.path) or Wire.error(404, "there is nothing here")
        if self.model is not None:
            return self.model(request)
        if is_request(request.body["messages"][-1]["content"]):
            return Wire.reply(SUMMARY)
        return self._script.pop(0) if self._script else FINISH

    async def play(
        self,
        *script: Answer,
        backend: str = "openai",
        model: str = "m",
        context: int | None = 100_000,
        steps: int = 12,
        limits: Limits | None = None,
        prices: Prices | None = None,
        wish: str = "A book about the tide",
        cowrite: bool = False,
        impatient: bool = False,
        idle: float | None = None,
        within: float = LONGEST,
        compressing: Compressing | None = None,
        gate: ev.Gate = "free",
        guided: bool = False,
        stays: bool = False,
        there: bool = True,
        author: Callable[[Run, ev.Event], None] | None = None,
    ) -> Played:
        """Write the book, or go on with it, to the end of one run.

        Args:
            script: the answers to the next completions; after the last one the model calls `finish`. A summary of the
                conversation is answered beside it.
            limits: in place of `steps`.
            prices: what the model costs; None = it is not known.
            wish: what the author asks for, when the book is new.
            cowrite: the new book is talked over first.
            impatient: the author asks for another try as soon as a call has failed.
            idle: seconds the server may be silent.
            within: seconds the book may take.
            compressing: when the conversation gives way to a summary.
            gate: where it stops by itself.
            guided: the model is one that can't call tools.
            stays: the author stays at a pause or a question, and `author` does something about it.
            there: the author can be asked.
            author: sees every event, and may do something about it.
        """
        self._script = list(script)
        already = len(self._server.requests)
        root = self.root
        if not root.exists():
            layout.create_book(self._projects, wish, root.name, cowrite=cowrite)
        book = OpenBook.open(root)

        def open_one(choice: BackendChoice) -> Any:
            opened: Any = open_backend(choice, key_of=lambda variable: KEY, cache=cache_folder(), idle=idle)
            opened.prices = prices or opened.prices
            opened.guided = guided
            return opened

        choice = BackendChoice(backend=backend, model=model, base_url=self._server.url, context=context)
        run = Run(
            book,
            open_one(choice),
            open_one,
            limits or Limits(steps=steps),
            pause_on_fault=False,
            schedule=SWIFT,
            compressing=compressing,
            gate=gate,
            is_author_there=there,
        )
        events: list[ev.Event] = []

        def follow(event: ev.Event) -> None:
            events.append(event)
            if author is not None:
                author(run, event)
            waits = isinstance(event, ev.Paused) or (isinstance(event, ev.QuestionAsked) and event.waits)
            if waits and not stays:  # nobody is there to answer
                run.stop()
            elif impatient and isinstance(event, ev.BackendFault):
                asyncio.get_running_loop().call_soon(run.retry)

        book.stream.subscribe(follow)
        try:
            async with asyncio.timeout(within):
                code = await run.work()
        finally:
            await book.close()
        requests = [one for one in self._server.requests[already:] if one.path == "/v1/chat/completions"]
        return Played(code, run.failure, events, requests, _files(root), root)


def _files(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*.md"))
        if ".studio" not in path.parts
    }


def only(text: str = CHAPTER, file: str = ONE) -> dict[str, bytes]:
    """The files of a book of one chapter."""
    return {file: text.encode()}


def assert_as_asked(book: Played, requests: int = 2) -> None:
    """One chapter, written once, to the last byte, and nothing the author had to hear of."""
    assert (book.code, book.failure) == (0, "")
    assert book.files == only()
    assert book.prose() == CHAPTER
    assert book.tools == [("write_file", True), ("finish", True)]
    assert (book.faults, book.of(ev.ReplyCut)) == ([], [])
    assert len(book.requests) == requests
    assert_echoed(book.sent(requests - 1))


def assert_echoed(messages: Sequence[dict[str, Any]]) -> None:
    """Every call stands in the conversation whole, with an id of its own there, and its result after it."""
    waiting: list[str] = []
    for message in messages:
        if message["role"] == "tool":
            assert message["tool_call_id"] == waiting.pop(0)
            continue
        assert waiting == []
        for call in message.get("tool_calls", []):
            assert call["type"] == "function" and call["id"] and call["function"]["name"]
            assert isinstance(json.loads(call["function"]["arguments"]), dict)
            waiting.append(call["id"])
        assert len(set(waiting)) == len(waiting)
    assert waiting == []
