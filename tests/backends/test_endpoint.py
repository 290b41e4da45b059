"""A reply through the real client, a real socket and a server that behaves in every way servers do."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import pytest

from studio.backends.backend import Message, Reply, Sampling, ToolSpec
from studio.backends.endpoint import Endpoint
from studio.backends.presets import presets
from studio.errors import BackendError, ContextOverflow, StreamCut
from studio.events import BackendPreparing, Event, ProseDelta, ReasoningDelta, ReplyDelta, ToolArriving, Usage

Serve = Callable[[Any], Awaitable[Any]]
Make = Callable[..., Endpoint]

WRITE = '{"filename": "a.md", "content": "The sea."}'


@pytest.fixture
def ask(serve: Serve, endpoint: Make, hello: list[Message], tools: list[ToolSpec], events: list[Event]) -> Any:
    """`await ask(answer_or_script, **settings)` makes one call to a server that answers so."""

    async def call(answer: Any, **settings: Any) -> Reply:
        server = await serve(answer)
        return await endpoint(server.url, **settings).reply(hello, tools, events.append)

    return call


def shown(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, ReasoningDelta | ReplyDelta | ProseDelta))


# --- replies that are complete ----------------------------------------------------------------------------------------


async def test_a_reply_arrives_with_its_pieces_in_order(ask: Any, wire: Any, events: list[Event]) -> None:
    reply = await ask(
        wire.Answer(
            [
                wire.delta(role="assistant", content=""),
                wire.delta(reasoning_content="Hm."),
                wire.delta(content="I write."),
                wire.call("", name="write_file", id="write_file:0"),
                *(wire.call(piece) for piece in (WRITE[:30], WRITE[30:])),
                wire.delta("tool_calls"),
                wire.data({"choices": [], "usage": {"prompt_tokens": 50, "completion_tokens": 9}}),
                wire.DONE,
            ]
        )
    )
    assert (reply.reasoning, reply.text, reply.finish_reason) == ("Hm.", "I write.", "tool_calls")
    assert [(call.id, call.arguments) for call in reply.tool_calls] == [("write_file:0", WRITE)]
    assert reply.usage == Usage(prompt_tokens=50, completion_tokens=9)
    assert events[:3] == [
        ReasoningDelta(text="Hm."),
        ReplyDelta(text="I write."),
        ToolArriving(index=0, name="write_file"),
    ]
    assert shown(events[3:]) == "The sea."


async def test_pieces_are_emitted_while_the_stream_is_open(
    serve: Serve, endpoint: Make, wire: Any, hello: list[Message], tools: list[ToolSpec]
) -> None:
    go_on, seen = asyncio.Event(), asyncio.Event()
    server = await serve(wire.Answer([wire.delta(content="One"), go_on, wire.delta("stop", content=" two"), wire.DONE]))
    task = asyncio.create_task(endpoint(server.url).reply(hello, tools, lambda event: seen.set()))
    await asyncio.wait_for(seen.wait(), 10)
    assert not task.done()
    go_on.set()
    assert (await task).text == "One two"


COMPLETE = {
    "no usage": lambda w: [*w.text("Yes."), w.delta("stop"), w.DONE],
    "no [DONE]": lambda w: [*w.text("Yes."), w.delta("stop")],
    "[DONE] without a finish reason": lambda w: [*w.text("Yes."), w.DONE],
    "comments in between": lambda w: [b": ping\n\n", w.delta(content="Yes."), b": ping\n\n", w.delta("stop"), w.DONE],
    "a broken end after its finish": lambda w: [*w.text("Yes."), w.delta("stop"), w.RESET],
    "null and empty choices": lambda w: [
        w.data({"choices": None}),
        w.data({"choices": []}),
        w.delta("stop", content="Yes."),
        w.DONE,
    ],
    "one byte at a time": lambda w: [bytes([b]) for b in b"".join([*w.text("Yes."), w.delta("stop"), w.DONE])],
    "no newline at the end": lambda w: [*w.text("Yes."), w.delta("stop").rstrip()],
}


@pytest.mark.parametrize("pieces", COMPLETE.values(), ids=COMPLETE.keys())
async def test_a_reply_is_complete(pieces: Any, ask: Any, wire: Any, events: list[Event]) -> None:
    reply = await ask(wire.Answer(pieces(wire)))
    assert (reply.text, shown(events)) == ("Yes.", "Yes.")


async def test_a_whole_call_without_a_finish_reason_is_a_reply(ask: Any, wire: Any) -> None:
    reply = await ask(wire.Answer([wire.call(WRITE, name="write_file", id="a")]))
    assert (reply.finish_reason, len(reply.tool_calls)) == ("tool_calls", 1)


async def test_a_server_that_keeps_the_line_open_after_the_end_is_not_waited_for(ask: Any, wire: Any) -> None:
    reply = await asyncio.wait_for(ask(wire.Answer([*wire.text("Yes."), wire.delta("stop"), wire.HANG])), 30)
    assert reply.text == "Yes."


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "application/octet-stream"])
async def test_an_answer_that_is_no_stream_is_a_reply_all_the_same(
    content_type: str, ask: Any, wire: Any, events: list[Event]
) -> None:
    message = {"role": "assistant", "content": "Yes.", "reasoning_content": "Hm.", "tool_calls": []}
    body = {"choices": [{"message": message, "finish_reason": "stop"}], "usage": {"prompt_tokens": 5}}
    reply = await ask(wire.Answer([json.dumps(body, indent=2).encode()], 200, {"Content-Type": content_type}))
    assert (reply.reasoning, reply.text, reply.usage) == ("Hm.", "Yes.", Usage(prompt_tokens=5))
    assert shown(events) == "Hm.Yes."


async def test_a_stream_is_read_whatever_its_content_type_says(ask: Any, wire: Any) -> None:
    answer = wire.Answer([*wire.text("Yes."), wire.delta("stop")], 200, {"Content-Type": "application/json"})
    assert (await ask(answer)).text == "Yes."


async def test_an_answer_without_chunked_framing_is_read_to_its_end(ask: Any, wire: Any) -> None:
    assert (await ask(wire.Answer([*wire.text("Yes."), wire.delta("stop"), wire.DONE], chunked=False))).text == "Yes."


async def test_a_reply_that_is_empty_but_finished_is_a_reply(ask: Any, wire: Any) -> None:
    assert await ask(wire.Answer([wire.delta("stop", content=""), wire.DONE])) == Reply(finish_reason="stop")


# --- streams that end too early ---------------------------------------------------------------------------------------

CUT = {
    "end of stream": (lambda w: [*w.text("The sea.")], "without saying"),
    "cut inside a chunk": (lambda w: [*w.text("The sea."), b'data: {"choices": [{"del'], "without saying"),
    "reset": (lambda w: [*w.text("The sea."), w.RESET], "can't be reached|cut off"),
    "half a call, then [DONE]": (lambda w: [*w.text("The sea."), w.call('{"a": ', name="x"), w.DONE], "without saying"),
    "an error object": (lambda w: [*w.text("The sea."), w.data({"error": {"message": "boom"}}), w.DONE], "boom"),
    "an error as text": (lambda w: [*w.text("The sea."), w.data({"error": "boom"})], "boom"),
    "an error beside choices": (
        lambda w: [
            *w.text("The sea."),
            w.data({"error": {"code": 502, "message": "boom"}, "choices": [{"delta": {}, "finish_reason": "error"}]}),
        ],
        "boom",
    ),
    "an error after a finish reason": (
        lambda w: [*w.text("The sea."), w.delta("length"), w.data({"error": {"code": 400, "message": "boom"}}), w.DONE],
        "boom",
    ),
    "an error line": (lambda w: [*w.text("The sea."), b'error: {"error": {"message": "boom"}}\n\n'], "boom"),
    "an error event": (lambda w: [*w.text("The sea."), b'event: error\ndata: {"message": "boom"}\n\n'], "boom"),
    "bare JSON": (lambda w: [*w.text("The sea."), b'{"error": {"message": "boom"}}\n'], "boom"),
    "nonsense": (lambda w: [*w.text("The sea."), b"data: Internal Server Error\n\n"], "not JSON.*Internal"),
    "given up": (lambda w: [*w.text("The sea."), w.delta("error"), w.DONE], "gave it up"),
    "window full": (
        lambda w: [*w.text("The sea."), w.data({"error": {"message": "Context size has been exceeded."}})],
        "too long",
    ),
}


@pytest.mark.parametrize(("pieces", "why"), CUT.values(), ids=CUT.keys())
async def test_a_reply_that_was_cut_says_so_and_keeps_what_arrived(
    pieces: Any, why: str, ask: Any, wire: Any, events: list[Event]
) -> None:
    with pytest.raises(StreamCut, match=why) as cut:
        await ask(wire.Answer(pieces(wire)))
    assert shown(events) == "The sea."
    assert cut.value.retryable
    assert str(cut.value).startswith("The reply of test was cut off (")


NOTHING = {
    "an empty stream": (lambda w: w.Answer([]), "nothing at all"),
    "only [DONE]": (lambda w: w.Answer([w.DONE]), "nothing at all"),
    "only comments": (lambda w: w.Answer([b": ping\n\n", b": ping\n\n"]), "nothing at all"),
    "reset at once": (lambda w: w.Answer([w.RESET]), "can't be reached"),
    "an error first": (lambda w: w.Answer([w.data({"error": {"message": "boom", "code": 503}})]), "boom"),
    "nonsense first": (lambda w: w.Answer([b"data: upstream\n\n"]), "not JSON.*upstream"),
}


@pytest.mark.parametrize(("answer", "why"), NOTHING.values(), ids=NOTHING.keys())
async def test_when_nothing_arrived_the_call_can_be_made_again(
    answer: Any, why: str, ask: Any, wire: Any, events: list[Event]
) -> None:
    with pytest.raises(BackendError, match=why) as fault:
        await ask(answer(wire))
    assert not isinstance(fault.value, StreamCut)
    assert fault.value.retryable
    assert events == []


async def test_a_server_silent_before_the_reply_is_given_up(ask: Any, wire: Any) -> None:
    with pytest.raises(BackendError, match="sent nothing for") as fault:
        await ask(wire.Answer([wire.HANG]), first_byte=0.2, idle=60)
    assert fault.value.retryable
    assert not isinstance(fault.value, StreamCut)


async def test_a_server_silent_before_its_headers_is_given_up(
    endpoint: Make, hello: list[Message], events: list[Event]
) -> None:
    mute = await asyncio.start_server(lambda reader, writer: reader.read(), "127.0.0.1", 0)
    port = mute.sockets[0].getsockname()[1]
    with pytest.raises(BackendError, match="sent nothing for"):
        await endpoint(f"http://127.0.0.1:{port}/v1", first_byte=0.2).reply(hello, (), events.append)
    mute.close()


async def test_a_server_silent_within_the_reply_cuts_it(ask: Any, wire: Any, events: list[Event]) -> None:
    with pytest.raises(StreamCut, match="sent nothing for 0 s"):
        await ask(wire.Answer([*wire.text("The sea."), wire.HANG]), first_byte=60, idle=0.2)
    assert shown(events) == "The sea."


async def test_cancelling_closes_the_connection_at_once(
    serve: Serve, endpoint: Make, wire: Any, hello: list[Message]
) -> None:
    seen = asyncio.Event()
    server = await serve(wire.Answer([wire.delta(content="One"), wire.HANG]))
    task = asyncio.create_task(endpoint(server.url).reply(hello, (), lambda event: seen.set()))
    await asyncio.wait_for(seen.wait(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(server.client_gone.wait(), 10)


async def test_after_a_cut_and_after_a_cancelled_call_the_next_one_works(
    serve: Serve, endpoint: Make, wire: Any, hello: list[Message], events: list[Event]
) -> None:
    answers = iter([wire.Answer([*wire.text("x"), wire.RESET]), wire.Answer([wire.HANG]), wire.reply("Yes.")])
    server = await serve(lambda request: next(answers))
    backend = endpoint(server.url)
    with pytest.raises(StreamCut):
        await backend.reply(hello, (), events.append)
    server.asked.clear()
    task = asyncio.create_task(backend.reply(hello, (), events.append))
    await asyncio.wait_for(server.asked.wait(), 10)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (await backend.reply(hello, (), events.append)).text == "Yes."


async def test_the_loop_gets_its_turn_while_a_flood_is_read(
    serve: Serve, endpoint: Make, wire: Any, hello: list[Message]
) -> None:
    flood = b"".join(wire.text("word ")) * 3000
    server = await serve(wire.Answer([flood, wire.delta("stop"), wire.DONE]))
    received = 0

    def work_on(event: Event) -> None:
        nonlocal received
        received += 1
        until = time.perf_counter() + 50e-6  # as long as drawing a token may take
        while time.perf_counter() < until:
            pass

    task = asyncio.create_task(endpoint(server.url).reply(hello, (), work_on))
    last, largest = 0, 0
    while not task.done():
        await asyncio.sleep(0)
        largest, last = max(largest, received - last), received
    assert (await task).text == "word " * 3000
    assert 0 < largest < 300  # a block of the socket holds some 700


async def test_a_stream_that_broke_off_is_let_go_of(
    serve: Serve, endpoint: Make, wire: Any, hello: list[Message], events: list[Event]
) -> None:
    server = await serve(wire.Answer([*wire.text("x"), wire.data({"error": {"message": "boom"}}), wire.HANG]))
    with pytest.raises(StreamCut, match="boom"):
        await endpoint(server.url).reply(hello, (), events.append)
    await asyncio.wait_for(server.client_gone.wait(), 10)


# --- what is sent -----------------------------------------------------------------------------------------------------


async def test_the_request_says_what_it_should_and_nothing_more(
    serve: Serve, endpoint: Make, wire: Any, hello: list[Message], tools: list[ToolSpec], events: list[Event]
) -> None:
    server = await serve(wire.reply("Yes."))
    await endpoint(server.url, headers={"X-Title": "studio"}).reply(hello, tools, events.append)
    [request] = server.requests
    assert request.path == "/v1/chat/completions"
    assert request.headers["authorization"] == "Bearer sk-secret-key-0123456789"
    assert request.headers["x-title"] == "studio"
    assert request.headers["content-type"] == "application/json"
    assert list(request.body) == ["model", "messages", "tools", "stream", "stream_options"]
    assert request.body["stream_options"] == {"include_usage": True}


async def test_every_request_begins_with_the_bytes_of_the_one_before(
    serve: Serve, endpoint: Make, wire: Any, hello: list[Message], tools: list[ToolSpec], events: list[Event]
) -> None:
    server = await serve(
        wire.Answer([wire.delta(reasoning_content="Hm."), wire.call(WRITE, name="write_file", id="a"), wire.DONE])
    )
    backend, conversation = endpoint(server.url), list(hello)
    for number in range(4):
        reply = await backend.reply(conversation, tools, events.append)
        conversation.append(Message(role="assistant", reasoning=reply.reasoning, tool_calls=reply.tool_calls))
        conversation.append(Message(role="tool", tool_call_id="a", text=f"wrote it “{number}”"))
    raws = [request.raw for request in server.requests]
    for earlier, later in pairwise(raws):
        messages = earlier[: earlier.index(b'],"tools"')]
        assert later.startswith(messages)
    assert server.connections == 1


async def test_a_proxy_of_the_environment_does_not_stand_before_this_machine(
    ask: Any, wire: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert (await ask(wire.reply("Yes."))).text == "Yes."


async def test_without_tools_none_are_sent(
    serve: Serve, endpoint: Make, wire: Any, hello: list[Message], events: list[Event]
) -> None:
    server = await serve(wire.reply("Yes."))
    await endpoint(server.url).reply(hello, (), events.append, Sampling(max_tokens=50, temperature=0.3, stop=("#",)))
    body = server.requests[0].body
    assert "tools" not in body
    assert (body["max_tokens"], body["temperature"], body["stop"]) == (50, 0.3, ["#"])


async def test_a_model_wants_its_own_fields(
    serve: Serve, endpoint: Make, wire: Any, hello: list[Message], events: list[Event]
) -> None:
    from studio.backends.dialects import Dialect

    server = await serve(wire.reply("Yes."))
    dialect = Dialect(extra_body={"thinking": {"type": "enabled"}}, max_output=9000)
    await endpoint(server.url, dialect=dialect, context=5000).reply(hello, (), events.append)
    assert server.requests[0].body["thinking"] == {"type": "enabled"}
    assert 16 <= server.requests[0].body["max_tokens"] <= 5000


# --- getting ready ----------------------------------------------------------------------------------------------------


async def test_without_a_model_the_first_one_served_is_taken(
    serve: Serve, endpoint: Make, wire: Any, events: list[Event]
) -> None:
    server = await serve(wire.json({"data": [{"id": "kimi", "max_model_len": 65536}, {"id": "other"}]}))
    backend = endpoint(server.url, model="", context=None)
    await backend.prepare(events.append)
    assert (backend.model, backend.context) == ("kimi", 65536)
    assert [type(event) for event in events] == [BackendPreparing]


WINDOWS = {
    "llama.cpp": ("/props", {"default_generation_settings": {"n_ctx": 16384}}, {"data": [{"id": "m"}]}),
    "lm studio": (
        "/api/v0/models",
        {"data": [{"id": "x", "loaded_context_length": 1}, {"id": "m", "loaded_context_length": 16384}]},
        {"data": [{"id": "m"}]},
    ),
    "ollama": ("/api/ps", {"models": [{"name": "m", "context_length": 16384}]}, {"data": [{"id": "m"}]}),
    "openrouter": ("", None, {"data": [{"id": "x", "context_length": 1}, {"id": "m", "context_length": 16384}]}),
    "llama.cpp's list": ("", None, {"data": [{"id": "m", "meta": {"n_ctx_train": 16384}}]}),
    "none of them": ("/props", None, {"data": []}),
}


@pytest.mark.parametrize(("path", "probed", "listed"), WINDOWS.values(), ids=WINDOWS.keys())
async def test_the_window_is_asked_where_the_server_tells_it(
    path: str, probed: Any, listed: Any, serve: Serve, endpoint: Make, wire: Any, events: list[Event]
) -> None:
    def script(request: Any) -> Any:
        if request.path == "/v1/models":
            return wire.json(listed)
        return wire.json(probed) if probed and request.path == path else wire.error(404, "no")

    server = await serve(script)
    backend = endpoint(server.url, context=None, window_path=path, fallback_context=5000)
    await backend.prepare(events.append)
    assert backend.context == (5000 if probed is None and not listed["data"] else 16384)


async def test_a_window_larger_than_a_conversation_may_be_is_cut(
    serve: Serve, endpoint: Make, wire: Any, events: list[Event]
) -> None:
    server = await serve(wire.json({"data": [{"id": "m", "context_length": 1_048_576}]}))
    backend = endpoint(server.url, context=None)
    await backend.prepare(events.append)
    assert backend.context == 200_000


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (lambda w: w.json({"data": []}), "lists no model; name one with --model"),
        (lambda w: w.json([]), "lists no model"),
        (lambda w: w.error(404, "no"), "does not list its models"),
        (lambda w: w.error(401, "bad key"), "did not accept the key"),
        (lambda w: w.Answer([b"<html>"], 200, {"Content-Type": "text/html"}), "list"),
    ],
)
async def test_without_a_model_and_without_a_list_the_author_must_name_one(
    answer: Any, why: str, serve: Serve, endpoint: Make, wire: Any, events: list[Event]
) -> None:
    server = await serve(answer(wire))
    with pytest.raises(BackendError, match=why):
        await endpoint(server.url, model="").prepare(events.append)


async def test_a_model_that_is_named_needs_no_list(
    serve: Serve, endpoint: Make, wire: Any, events: list[Event]
) -> None:
    server = await serve(wire.error(500, "no list"))
    backend = endpoint(server.url, context=None, fallback_context=32_768)
    await backend.prepare(events.append)
    assert (backend.model, backend.context) == ("m", 32_768)


# --- windows ----------------------------------------------------------------------------------------------------------


async def test_a_window_named_in_a_refusal_is_kept_to_from_then_on(
    serve: Serve, endpoint: Make, wire: Any, hello: list[Message], events: list[Event]
) -> None:
    server = await serve(wire.error(400, "This model's maximum context length is 32768 tokens."))
    backend = endpoint(server.url)
    with pytest.raises(ContextOverflow) as overflow:
        await backend.reply(hello, (), events.append)
    assert overflow.value.window == backend.context == 32768


async def test_a_server_that_dropped_the_beginning_is_found_out(
    serve: Serve, endpoint: Make, wire: Any, events: list[Event]
) -> None:
    usage = wire.data({"choices": [], "usage": {"prompt_tokens": 4096, "completion_tokens": 1}})
    server = await serve(wire.Answer([*wire.text("Yes."), wire.delta("stop"), usage, wire.DONE]))
    long = [Message(role="user", text="The sea is wide. " * 4000)]
    with pytest.raises(StreamCut, match="read only 4,096 of about") as cut:
        await endpoint(server.url, dialect=presets()["ollama"].dialect).reply(long, (), events.append)
    assert not cut.value.retryable
    assert (await endpoint(server.url).reply(long, (), events.append)).text == "Yes."


async def test_counts_are_corrected_by_what_the_server_reports(
    serve: Serve, endpoint: Make, wire: Any, events: list[Event]
) -> None:
    conversation = [Message(role="user", text="The sea is wide. " * 400)]
    server = await serve(lambda request: wire.Answer([wire.delta("stop", content="Yes."), usage, wire.DONE]))
    backend = endpoint(server.url)
    counted = backend.count(conversation, ())
    usage = wire.data({"choices": [], "usage": {"prompt_tokens": round(counted * 1.3), "completion_tokens": 1}})
    await backend.reply(conversation, (), events.append)
    assert backend.count(conversation, ()) == pytest.approx(counted * 1.3, rel=0.05)
