"""Streams recorded from real servers, cut at every byte; they are read from $STUDIO_WIRE_SAMPLES when it is set."""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from studio.backends.backend import Reply
from studio.backends.reply import ReplyBuilder
from studio.backends.wire import EventReader
from studio.events import Event, ReasoningDelta, ReplyDelta

FOLDER = os.environ.get("STUDIO_WIRE_SAMPLES")
SAMPLES = sorted(Path(FOLDER).glob("*.txt")) if FOLDER else []


def read(blocks: Iterable[bytes]) -> tuple[Reply, list[Event], list[Any]]:
    events: list[Event] = []
    reader, builder = EventReader(), ReplyBuilder(events.append)

    def take(chunks: Iterator[Any]) -> Iterator[Any]:
        for chunk in chunks:
            builder.feed(chunk)
            if chunk.get("error"):
                yield chunk["error"]

    errors = [error for block in blocks for error in take(reader.feed(block))]
    errors += take(reader.end())
    builder.close()
    return builder.finish(), events, [*errors, *([reader.error] if reader.error else [])]


@pytest.fixture(params=SAMPLES, ids=lambda sample: sample.stem)
def sample(request: pytest.FixtureRequest) -> Path:
    return request.param


def test_a_recorded_stream_gives_the_reply_it_should(sample: Path) -> None:
    expected = json.loads(sample.with_suffix(".expected.json").read_text())
    reply, events, errors = read([sample.read_bytes()])
    assert (reply.reasoning, reply.text) == (expected["reasoning"], expected["content"])
    assert "".join(event.text for event in events if isinstance(event, ReasoningDelta)) == reply.reasoning
    assert "".join(event.text for event in events if isinstance(event, ReplyDelta)) == reply.text
    found = [(call.id, call.name, call.arguments) for call in reply.tool_calls]
    assert found == [(call["id"], call["name"], call["arguments"]) for call in expected["tool_calls"]]
    if expected["finish_reason"]:
        assert reply.finish_reason == expected["finish_reason"]
    usage = expected["usage"]
    assert (reply.usage is None) == (usage is None)
    if usage and reply.usage:
        assert reply.usage.prompt_tokens == usage["prompt_tokens"]
        assert reply.usage.completion_tokens == usage["completion_tokens"]
        assert reply.usage.cached_tokens == usage.get("prompt_tokens_details", {}).get("cached_tokens", 0)
    assert bool(errors) == bool(expected["error"] or expected["non_data_lines"])


def test_a_recorded_stream_survives_any_cut(sample: Path, splits: Callable[..., Iterable[bytes]]) -> None:
    stream = sample.read_bytes()[-6000:]  # its end holds what is odd; a cut costs a whole reading
    whole = read([stream])
    assert read(bytes([byte]) for byte in stream) == whole
    for place in range(0, len(stream), 7):
        assert read(splits(stream, [place])) == whole
