"""CPU of a streamed token: the SDK's typed loop against ours, from the socket to a list and to the journal on disk.

`python tests/bench/bench_token_cpu.py [--chunks 50000] [--rounds 3] [--kind content|reasoning|prose]`. The server is
another process on the loopback, so only the client's CPU counts; of several rounds the best counts.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from studio.agent.open_book import OpenBook
from studio.backends.backend import Message
from studio.backends.endpoint import Endpoint
from studio.backends.presets import Preset
from studio.book.journal import Journal
from studio.book.layout import create_book
from studio.events import Event

WORD = " seaward"


def delta_of(kind: str) -> dict:
    if kind == "prose":
        return {"tool_calls": [{"index": 0, "function": {"arguments": WORD}}]}
    return {"content" if kind == "content" else "reasoning_content": WORD}


def serve(chunks: int, kind: str) -> None:
    """Play one stream of `chunks` deltas to whoever asks; prints the port."""

    def data(delta: dict, finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        head = {"id": "chatcmpl-7", "object": "chat.completion.chunk", "created": 1763000000, "model": "kimi-k3"}
        line = b"data: " + json.dumps({**head, "system_fingerprint": "fp", "choices": [choice]}).encode() + b"\n\n"
        return b"%x\r\n%s\r\n" % (len(line), line)

    opening = {"name": "write_file", "arguments": '{"filename": "a.md", "content": "'}
    call = {"tool_calls": [{"index": 0, "id": "a", "type": "function", "function": opening}]}
    closing = {"tool_calls": [{"index": 0, "function": {"arguments": '"}'}}]}
    head, tail = (data(call), data(closing)) if kind == "prose" else (b"", b"")
    token, end = data(delta_of(kind)), data({}, "stop") + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None:
            pass

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(head)
            for _ in range(chunks):  # one write a token, as a model makes them
                self.wfile.write(token)
            self.wfile.write(tail + end)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()


async def through_the_sdk(url: str, chunks: int) -> None:
    from openai import AsyncOpenAI

    async with AsyncOpenAI(api_key="k", base_url=url, max_retries=0) as client:
        stream = await client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "x"}], stream=True
        )
        received: list[str] = []
        async for chunk in stream:
            for choice in chunk.choices:
                text = choice.delta.content or getattr(choice.delta, "reasoning_content", None) or ""
                for call in choice.delta.tool_calls or ():
                    text = (call.function.arguments if call.function else "") or ""
                received.append(text)
        assert len(received) >= chunks


async def through_us(url: str, emit: Callable[[Event], object], cache: Path) -> None:
    endpoint = Endpoint(
        preset=Preset(summary="", name="bench"), model="m", base_url=url, key=None, context=100_000, cache=cache
    )
    await endpoint.reply([Message(role="user", text="x")], (), emit)
    await endpoint.close()


async def to_a_list(url: str, chunks: int, folder: Path) -> None:
    received: list[Event] = []
    await through_us(url, received.append, folder)
    assert len(received) >= chunks


async def to_the_journal(url: str, chunks: int, folder: Path) -> None:
    root = Path(tempfile.mkdtemp(dir=folder))
    journal = Journal.open(root)
    await through_us(url, journal.append, folder)
    await journal.close()


async def through_a_run(url: str, chunks: int, folder: Path) -> None:
    """The journal and every fold that a headless run keeps."""
    book = OpenBook.open(create_book(Path(tempfile.mkdtemp(dir=folder)), "A sea story.", None))
    await through_us(url, book.record, folder)
    await book.close()


async def measure(work: Callable[[], Awaitable[None]]) -> float:
    """Seconds of this process's CPU."""
    began = time.process_time()
    await work()
    return time.process_time() - began


async def compare(url: str, chunks: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as temp:
        folder = Path(temp)
        ways: dict[str, Callable[[], Awaitable[None]]] = {
            "openai, async for chunk": lambda: through_the_sdk(url, chunks),
            "ours, to a list": lambda: to_a_list(url, chunks, folder),
            "ours, to the journal": lambda: to_the_journal(url, chunks, folder),
            "ours, journal and folds": lambda: through_a_run(url, chunks, folder),
        }
        for way in ways.values():
            await way()  # imports, vocabularies, first connections
        best = dict.fromkeys(ways, float("inf"))
        for _ in range(rounds):
            for name, way in ways.items():
                best[name] = min(best[name], await measure(way))
    sdk = next(iter(best.values()))
    for name, seconds in best.items():
        print(f"{name:26} {seconds / chunks * 1e6:7.1f} µs a token   {seconds / sdk:5.2f} of the SDK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kind", choices=("content", "reasoning", "prose"), default="content")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.chunks, options.kind)
        return
    command = [sys.executable, __file__, "--serve", "--chunks", str(options.chunks), "--kind", options.kind]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
        print(f"{options.chunks:,} chunks of {options.kind}, best of {options.rounds}", flush=True)
        asyncio.run(compare(url, options.chunks, options.rounds))
    finally:
        server.kill()
        server.wait()


if __name__ == "__main__":
    main()
