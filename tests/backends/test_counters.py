"""A server that counts is asked when it matters, once; one that can't is not asked again."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from studio.backends.backend import Message, ToolSpec
from studio.backends.dialects import Dialect
from studio.backends.endpoint import Endpoint

Serve = Callable[[Any], Awaitable[Any]]
LONG = [Message(role="user", text="The tide went out and nobody counted it but her. " * 300)]

COUNTERS: dict[str, tuple[str, dict[str, Any], bool]] = {
    # counter: (path, what it answers, whether it is told of the tools)
    "moonshot": ("/v1/tokenizers/estimate-token-count", {"data": {"total_tokens": 4000}}, False),
    "llamacpp": ("/v1/chat/completions/input_tokens", {"input_tokens": 4000, "object": "x"}, True),
    "vllm": ("/tokenize", {"count": 4000, "max_model_len": 8192}, True),
}


@pytest.mark.parametrize("counter", list(COUNTERS))
async def test_a_server_that_counts_is_believed(
    counter: Any, serve: Serve, wire: Any, endpoint: Callable[..., Endpoint], tools: list[ToolSpec]
) -> None:
    path, body, with_tools = COUNTERS[counter]
    server = await serve(lambda request: wire.json(body) if request.path == path else wire.error(404, "no"))
    backend = endpoint(server.url, dialect=Dialect(counter=counter), context=6_000)
    before = backend.count(LONG, tools)
    assert abs(before - 4000) > 200
    for _ in range(3):
        await backend.calibrate(LONG, tools)
    [asked] = server.requests
    assert asked.body["model"] == "m" and len(asked.body["messages"]) == 1
    assert ("tools" in asked.body) == with_tools
    assert backend.count(LONG, tools if with_tools else ()) == pytest.approx(4000, abs=1)
    longer = [*LONG, Message(role="assistant", text="And it came back. " * 200)]
    assert backend.count(longer, tools) > 4000 + 500
    await backend.calibrate(longer, tools)
    assert len(server.requests) == 2


async def test_a_short_conversation_is_not_worth_a_request(
    serve: Serve, wire: Any, endpoint: Callable[..., Endpoint], hello: list[Message], tools: list[ToolSpec]
) -> None:
    server = await serve(wire.json({"input_tokens": 5}))
    await endpoint(server.url, dialect=Dialect(counter="llamacpp")).calibrate(hello, tools)
    assert server.requests == []


@pytest.mark.parametrize("answer", ["a 404", "something else", "not JSON"])
async def test_a_server_that_can_t_count_is_asked_once_and_nothing_is_lost(
    answer: str, serve: Serve, wire: Any, endpoint: Callable[..., Endpoint], tools: list[ToolSpec]
) -> None:
    answers = {
        "a 404": wire.error(404, "no"),
        "something else": wire.json({"tokens": [1, 2, 3]}),
        "not JSON": wire.Answer([b"<html>"], 200, {"Content-Type": "application/json"}),
    }
    server = await serve(answers[answer])
    backend = endpoint(server.url, dialect=Dialect(counter="llamacpp"), context=6_000)
    before = backend.count(LONG, tools)
    await backend.calibrate(LONG, tools)
    await backend.calibrate(LONG, tools)
    assert len(server.requests) == 1
    assert backend.count(LONG, tools) == before
