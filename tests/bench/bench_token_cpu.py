"""CPU of a streamed token: the SDK's typed loop against ours, from the socket to a list, to the journal, in a run.

`python tests/bench/bench_token_cpu.py [--chunks 30000] [--rounds 3] [--kind content|reasoning|prose]`. The server is
another process on the loopback, so only the client's CPU counts; of several rounds the median counts. To hold: the
whole run, headless with every event printed as JSON, at most 0.35 of the SDK.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from studio.agent.limits.allowance import Limits
from studio.agent.open_book import OpenBook
from studio.agent.run import Run
from studio.backends.backend import Message
from studio.backends.endpoint import Endpoint
from studio.backends.presets import Preset
from studio.book.journal import Journal
from studio.book.layout import create_book
from studio.events import DELTAS, Event
from studio.headless import run_headless
from studio.sessions import BookSession

WORD = " seaward"
WINDOW = 262_144  # tokens: the longest reply that fits holds 32,000 of these words


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
    head, tail = (data(call), data(closing)) if kind == "prose" else (b"", data({"content": "."}))
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


def endpoint_of(url: str, cache: Path) -> Endpoint:
    preset = Preset(summary="", name="bench")
    return Endpoint(preset=preset, model="m", base_url=url, key=None, context=WINDOW, cache=cache)


async def through_us(url: str, emit: Callable[[Event], object], cache: Path) -> None:
    endpoint = endpoint_of(url, cache)
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


async def through_the_folds(url: str, chunks: int, folder: Path) -> None:
    """The journal and every fold of an opened book."""
    book = OpenBook.open(create_book(Path(tempfile.mkdtemp(dir=folder)), "A sea story.", None))
    await through_us(url, book.record, folder)
    await book.close()


async def through_a_run(url: str, chunks: int, folder: Path) -> None:
    """A run of one step, all of it: the loop, the bounds of a reply, the tools, the printer, the book on disk."""
    book = OpenBook.open(create_book(Path(tempfile.mkdtemp(dir=folder)), "A sea story.", None))
    run = Run(book, endpoint_of(url, folder), lambda choice: endpoint_of(url, folder), Limits(steps=1))
    session = BookSession(book, run)
    arrived = 0

    def count(event: Event) -> None:
        nonlocal arrived
        arrived += isinstance(event, DELTAS)

    session.subscribe(count)
    with open(os.devnull, "wb") as out:
        await run_headless(session, json=True, out=out, complain=print, commands=None)
    assert arrived >= chunks, f"{arrived} of {chunks} arrived: the reply was cut"


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
            "ours, journal and folds": lambda: through_the_folds(url, chunks, folder),
            "ours, a headless run": lambda: through_a_run(url, chunks, folder),
        }
        for way in ways.values():
            await way()  # imports, vocabularies, first connections
        spent: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, way in ways.items():
                spent[name].append(await measure(way))
    sdk = next(iter(spent.values()))
    for name, seconds in spent.items():
        # Round by round: the machine is shared, and what slows one way down slows its neighbours, too.
        ratio = statistics.median(one / other for one, other in zip(seconds, sdk, strict=True))
        print(f"{name:26} {statistics.median(seconds) / chunks * 1e6:7.1f} µs a token   {ratio:5.2f} of the SDK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, default=30_000)
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
        print(f"{options.chunks:,} chunks of {options.kind}, median of {options.rounds}", flush=True)
        asyncio.run(compare(url, options.chunks, options.rounds))
    finally:
        server.kill()
        server.wait()


if __name__ == "__main__":
    main()
