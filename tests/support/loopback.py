"""A loopback server whose every byte a test decides, and how servers write a reply."""

import asyncio
import json
import socket
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

HANG = object()  # send nothing more until the client goes away
RESET = object()  # break the connection off
CLOSE = object()  # end the connection in good order, wherever the answer stands


class Raw(bytes):
    """Bytes that go to the socket as they are, outside the chunked encoding."""


@dataclass
class Answer:
    """What the server sends: pieces are bytes, Raw, HANG, RESET, CLOSE, or an asyncio.Event to wait for."""

    pieces: Sequence[Any] = ()
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "text/event-stream"})
    chunked: bool = True


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    raw: bytes
    at: float = 0.0  # seconds on the loop's clock

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
        return Request(first.split()[1], headers, raw, asyncio.get_running_loop().time())

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
                _send_reset_on_close(writer)
                writer.transport.abort()
                return False
            if piece is CLOSE:
                await writer.drain()
                return False
            if isinstance(piece, asyncio.Event):
                await writer.drain()
                await piece.wait()
            elif isinstance(piece, Raw):
                writer.write(piece)
                await writer.drain()
            elif piece:
                writer.write(b"%x\r\n%s\r\n" % (len(piece), piece) if answer.chunked else piece)
                await writer.drain()
        if answer.chunked:
            writer.write(b"0\r\n\r\n")
            await writer.drain()
        return answer.chunked


def _send_reset_on_close(writer: asyncio.StreamWriter) -> None:
    """A socket that does not linger is closed with an RST, as by a crashed server or a firewall."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Wire:
    """How servers write: chunks of a reply as bytes."""

    HANG, RESET, CLOSE = HANG, RESET, CLOSE
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
