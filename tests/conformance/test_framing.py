"""However the bytes of a stream are framed and cut on their way, the author gets the same chapter."""

import gzip
import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import pytest
from loopback import CLOSE, HANG, RESET, Answer, Raw, Wire
from played_book import CHAPTER, ONE, WRITE, Played, assert_as_asked

from studio import events as ev

Play = Callable[..., Awaitable[Played]]
SAID = "Élodie’s 島 — I write.\u2028Now."
USAGE = {"prompt_tokens": 3000, "completion_tokens": 200}


def delta(finish_reason: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"id": "x", "choices": [{"index": 0, "delta": fields, "finish_reason": finish_reason}]}


def call(arguments: str, **function: str) -> dict[str, Any]:
    return delta(tool_calls=[{"index": 0, "id": "a", "function": {"arguments": arguments, **function}}])


RAW_WRITE = json.dumps(json.loads(WRITE), ensure_ascii=False)  # the chapter's letters as UTF-8, U+2028 among them
CHUNKS = [
    delta(role="assistant", content=SAID),
    call("", name="write_file"),
    *(call(RAW_WRITE[i : i + 11]) for i in range(0, len(RAW_WRITE), 11)),
    delta("tool_calls"),
    {"choices": [], "usage": USAGE},
]


def lines(chunks: Iterable[Any] = CHUNKS) -> list[bytes]:
    """The payload of each event, its letters unescaped."""
    return [json.dumps(chunk, ensure_ascii=False).encode() for chunk in chunks]


def stream(before: bytes = b"data: ", after: bytes = b"\n\n", done: bytes | None = b"[DONE]") -> bytes:
    payloads = lines() + ([] if done is None else [done])
    return b"".join(before + payload + after for payload in payloads)


def cut(whole: bytes, size: int) -> list[bytes]:
    return [whole[i : i + size] for i in range(0, len(whole), size)]


def cut_inside_letters(whole: bytes) -> list[bytes]:
    """In the middle of every letter that takes more than one byte."""
    pieces, at = [], 0
    for place, byte in enumerate(whole):
        if byte & 0xC0 == 0x80:
            pieces.append(whole[at:place])
            at = place
    return [*pieces, whole[at:]]


def interleaved(between: bytes) -> list[bytes]:
    return [piece for payload in [*lines(), b"[DONE]"] for piece in (between, b"data: " + payload + b"\n\n")]


CRLF = stream(after=b"\r\n\r\n")
FRAMINGS: dict[str, list[Any]] = {
    "as the standard shows it": [stream()],
    "with comments in between": interleaved(b": ping\n\n"),
    "with OpenRouter's comment before the first token": [b": OPENROUTER PROCESSING\n\n" * 30, stream()],
    "with comments right before the data": interleaved(b": ping\n"),
    "with comments that are empty": interleaved(b":\n\n"),
    "with lines that end in CRLF": [CRLF],
    "with CRLF, a byte at a time": cut(CRLF, 1),
    "with CRLF, cut between its two": [piece + b"\r" if piece else b"" for piece in CRLF.split(b"\r")[:-1]]
    + [CRLF.split(b"\r")[-1]],
    "a byte at a time": cut(stream(), 1),
    "seven bytes at a time": cut(stream(), 7),
    "cut in the middle of every letter": cut_inside_letters(stream()),
    "without a space after the colon": [stream(before=b"data:")],
    "with more than one space after the colon": [stream(before=b"data:   ")],
    "with an event line": [stream(before=b"event: message\ndata: ")],
    "with an event line after the data": [stream(after=b"\nevent: message\n\n")],
    "with ids": [stream(before=b"id: 7\ndata: ")],
    "with a time to reconnect": [b"retry: 3000\n\n", stream()],
    "with fields nobody knows": [stream(before=b"x-region: eu\ndata: ")],
    "with empty lines before the first": [b"\n\n\n", stream()],
    "with more empty lines than needed": [stream(after=b"\n\n\n\n")],
    "with one newline only": [stream(after=b"\n")],
    "with a byte order mark": [b"\xef\xbb\xbf" + stream()],
    "with blanks after the data": [stream(after=b"  \n\n")],
    "with JSON over several lines": [
        b"".join(
            b"\n".join(
                b"data: " + line for line in json.dumps(chunk, indent=1, ensure_ascii=False).encode().split(b"\n")
            )
            + b"\n\n"
            for chunk in CHUNKS
        ),
        b"data: [DONE]\n\n",
    ],
    "without [DONE]": [stream(done=None)],
    "without [DONE] and without a last newline": [stream(done=None).rstrip()],
    "with a [DONE] in quotes": [stream(done=b'"[DONE]"')],
    "with something after [DONE]": [stream(), b'data: {"choices": []}\n\n: bye\n\n'],
    "with null for a chunk": interleaved(b"data: null\n\n"),
    "with empty data": interleaved(b"data:\n\n"),
    "with choices that are null, empty or missing": interleaved(
        b'data: {"choices": null}\n\ndata: {"choices": []}\n\ndata: {"id": "x"}\n\ndata: {}\n\n'
    ),
    "with deltas that are null or missing": interleaved(
        b'data: {"choices": [{"index": 0, "delta": null}]}\n\ndata: {"choices": [{"index": 0}]}\n\n'
    ),
    "with a list of filter results first": interleaved(
        b'data: {"choices": [], "prompt_filter_results": [{"prompt_index": 0}]}\n\n'
    ),
    "with a break right after [DONE]": [stream(), RESET],
    "with a chunked encoding that breaks after [DONE]": [stream(), Raw(b"zz\r\n")],
    "with an end of the connection instead of the last chunk": [stream(), CLOSE],
}


def assert_whole(book: Played) -> None:
    assert_as_asked(book)
    assert book.reply == SAID
    usage = book.of(ev.StepFinished)[0].usage
    assert (usage.prompt_tokens, usage.estimated) == (3000, False)


@pytest.mark.parametrize("pieces", FRAMINGS.values(), ids=FRAMINGS.keys())
async def test_a_stream_is_read_to_the_last_letter(pieces: list[Any], play: Play) -> None:
    assert_whole(await play(Answer(pieces)))


@pytest.mark.parametrize(
    "content_type",
    ["text/event-stream; charset=utf-8", "text/event-stream; charset=iso-8859-1", "text/plain", "application/json", ""],
)
async def test_a_stream_is_a_stream_whatever_its_header_says(content_type: str, play: Play) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    assert_whole(await play(Answer([stream()], headers=headers)))


async def test_a_stream_ends_where_the_connection_ends_when_nothing_else_says_so(play: Play) -> None:
    assert_whole(await play(Answer(cut(stream(), 300), chunked=False)))


async def test_a_length_given_beforehand_is_a_length(play: Play) -> None:
    headers = {"Content-Type": "text/event-stream", "Content-Length": str(len(stream()))}
    assert_whole(await play(Answer([stream()], headers=headers, chunked=False)))


async def test_a_stream_that_a_proxy_compressed_is_read(play: Play) -> None:
    headers = {"Content-Type": "text/event-stream", "Content-Encoding": "gzip"}
    assert_whole(await play(Answer(cut(gzip.compress(stream()), 50), headers=headers)))


async def test_a_line_kept_open_after_the_end_is_not_waited_for_long(play: Play) -> None:
    assert_whole(await play(Answer([stream(), HANG])))


# --- servers that do not stream ---------------------------------------------------------------------------------------

MESSAGE = {
    "role": "assistant",
    "content": SAID,
    "tool_calls": [{"id": "a", "type": "function", "function": {"name": "write_file", "arguments": WRITE}}],
}
COMPLETION = {"choices": [{"index": 0, "message": MESSAGE, "finish_reason": "tool_calls"}], "usage": USAGE}

WHOLE = {
    "on one line": json.dumps(COMPLETION).encode(),
    "over many lines": b"\n\n" + json.dumps(COMPLETION, indent=2, ensure_ascii=False).encode(),
    "in a list": json.dumps([COMPLETION]).encode(),
}


@pytest.mark.parametrize("body", WHOLE.values(), ids=WHOLE.keys())
async def test_a_server_that_does_not_stream_writes_the_book_all_the_same(body: bytes, play: Play) -> None:
    assert_whole(await play(Answer(cut(body, 100), headers={"Content-Type": "application/json"})))


async def test_an_error_in_json_with_status_200_is_made_again(play: Play) -> None:
    book = await play(Wire.json({"error": {"message": "out of memory", "code": 500}}), Answer([stream()]))
    assert (book.code, len(book.requests)) == (0, 3)
    assert "out of memory" in book.faults[0].error
    assert book.requests[0].raw == book.requests[1].raw
    assert book.files == {ONE: CHAPTER.encode()}


NO_REPLY = {
    "a web page": (b"<!doctype html><html><title>Sign in</title></html>", "text/html", "a web page"),
    "a web page called a stream": (b"<html><title>Sign in</title></html>", "text/event-stream", "a web page"),
    "JSON of another kind": (b'{"hello": "world"}', "application/json", "something else than a reply"),
    "a line of text": (b"Ollama is running", "text/plain", "something else than a reply"),
}


@pytest.mark.parametrize(("body", "content_type", "what"), NO_REPLY.values(), ids=NO_REPLY.keys())
async def test_what_is_no_reply_at_all_ends_the_run_with_advice(
    body: bytes, content_type: str, what: str, play: Play
) -> None:
    book = await play(Answer([body], headers={"Content-Type": content_type}))
    assert (book.code, len(book.requests), book.files) == (1, 1, {})
    assert what in book.failure and "--base-url" in book.failure and "/v1" in book.failure
    assert book.kinds[-2:] == ["backend_fault", "run_failed"]
