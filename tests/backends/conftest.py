"""Fixtures: a loopback server whose every byte a test decides, and endpoints that talk to it."""

import asyncio
import importlib.util
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from studio.backends.backend import Message, ToolSpec
from studio.backends.endpoint import Endpoint
from studio.backends.presets import Preset
from studio.backends.weights import fetch_default
from studio.config import cache_folder
from studio.errors import BackendError
from studio.events import Event

HANG = object()  # send nothing more until the client goes away
RESET = object()  # break the connection off


@dataclass
class Answer:
    """What the server sends: pieces are bytes, HANG, RESET, or an asyncio.Event to wait for."""

    pieces: Sequence[Any] = ()
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "text/event-stream"})
    chunked: bool = True


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> dict[str, Any]:
        return json.loads(self.raw)


Script = Callable[[Request], Answer]


class Server:
    """Answers each request by `script`; keeps what it was asked."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.requests: list[Request] = []
        self.connections = 0
        self.client_gone = asyncio.Event()  # a client left while the server was hanging
        self.asked = asyncio.Event()
        self.url = ""
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        try:
            while request := await self._read(reader):
                self.requests.append(request)
                self.asked.set()
                if not await self._answer(self.script(request), reader, writer):
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            self.client_gone.set()
        finally:
            writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> Request | None:
        head = await reader.readuntil(b"\r\n\r\n") if not reader.at_eof() else b""
        if not head:
            return None
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        raw = await reader.readexactly(int(headers.get("content-length", 0)))
        return Request(first.split()[1], headers, raw)

    async def _answer(self, answer: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection can take another request."""
        framing = {"Transfer-Encoding": "chunked"} if answer.chunked else {"Connection": "close"}
        head = "".join(f"{name}: {value}\r\n" for name, value in {**answer.headers, **framing}.items())
        writer.write(f"HTTP/1.1 {answer.status} Whatever\r\n{head}\r\n".encode())
        for piece in answer.pieces:
            if piece is HANG:
                await writer.drain()
                await reader.read()  # returns when the client is gone
                self.client_gone.set()
                return False
            if piece is RESET:
                await writer.drain()
                writer.transport.abort()
                return False
            if isinstance(piece, asyncio.Event):
                await writer.drain()
                await piece.wait()
            elif piece:
                writer.write(b"%x\r\n%s\r\n" % (len(piece), piece) if answer.chunked else piece)
                await writer.drain()
        if answer.chunked:
            writer.write(b"0\r\n\r\n")
            await writer.drain()
        return answer.chunked


class Wire:
    """How servers write: chunks of a reply as bytes."""

    HANG, RESET = HANG, RESET
    DONE = b"data: [DONE]\n\n"
    Answer = Answer

    @staticmethod
    def data(chunk: Any) -> bytes:
        return b"data: " + json.dumps(chunk).encode() + b"\n\n"

    @classmethod
    def delta(cls, finish_reason: str | None = None, **delta: Any) -> bytes:
        return cls.data({"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]})

    @classmethod
    def text(cls, *texts: str) -> list[bytes]:
        return [cls.delta(content=text) for text in texts]

    @classmethod
    def call(cls, arguments: str, *, name: str | None = None, id: str | None = None, index: int | None = 0) -> bytes:
        function = {"arguments": arguments} | ({"name": name} if name else {})
        piece = {"function": function} | ({"id": id} if id else {}) | ({} if index is None else {"index": index})
        return cls.delta(tool_calls=[piece])

    @classmethod
    def reply(cls, *texts: str) -> Answer:
        return Answer([*cls.text(*texts), cls.delta("stop"), cls.DONE])

    @staticmethod
    def json(value: Any, status: int = 200, **headers: str) -> Answer:
        return Answer([json.dumps(value).encode()], status, {"Content-Type": "application/json", **headers})

    @staticmethod
    def error(status: int, message: str, *, type: str = "", **headers: str) -> Answer:
        return Wire.json({"error": {"message": message, "type": type}}, status, **headers)


@pytest.fixture
def wire() -> type[Wire]:
    return Wire


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Script | Answer], Any]]:
    """`await serve(answer_or_script)` starts a server."""
    started: list[Server] = []

    async def start(script: Script | Answer) -> Server:
        server = Server((lambda request: script) if isinstance(script, Answer) else script)
        await server.start()
        started.append(server)
        return server

    yield start
    for server in started:
        await server.stop()


@pytest.fixture
async def endpoint(tmp_path: Path) -> AsyncIterator[Callable[..., Endpoint]]:
    """`endpoint(url, **settings)` makes an endpoint; all are closed at the end."""
    made: list[Endpoint] = []

    def make(url: str, **settings: Any) -> Endpoint:
        kind = {name: settings.pop(name) for name in list(settings) if name in Preset.__struct_fields__}
        preset = Preset(**{"summary": "", "name": "test", **kind})
        wanted = {"model": "m", "key": "sk-secret-key-0123456789", "context": 100_000, "cache": tmp_path}
        made.append(Endpoint(preset=preset, base_url=url, **{**wanted, **settings}))
        return made[-1]

    yield make
    for one in made:
        await one.close()


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def hello() -> list[Message]:
    return [Message(role="system", text="You write."), Message(role="user", text="Begin.")]


@pytest.fixture
def tools() -> list[ToolSpec]:
    parameters = {"type": "object", "properties": {"filename": {"type": "string"}}}
    return [ToolSpec(name="write_file", description="Write.", parameters=parameters)]


@pytest.fixture
def splits() -> Callable[[Any], Iterator[Any]]:
    """Cut bytes or a text at given places."""

    def cut(whole: Any, places: Sequence[int]) -> Iterator[Any]:
        at = 0
        for place in sorted({min(place, len(whole)) for place in places}):
            yield whole[at:place]
            at = place
        yield whole[at:]

    return cut


@pytest.fixture(scope="session")
def weights() -> Path:
    if importlib.util.find_spec("xllamacpp") is None:
        pytest.skip("xllamacpp is not installed: pip install 'studio[embedded]'")
    try:
        return asyncio.run(fetch_default(cache_folder(), lambda text, done: None))
    except BackendError as error:
        pytest.skip(str(error))
