"""Whatever goes wrong is said in one sentence: where, what, what to do, and never a key."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.backends.backend import Message
from studio.backends.endpoint import Endpoint
from studio.backends.faults import Faults, Hints
from studio.backends.overflow import is_overflow, window_in
from studio.errors import BackendError, ContextOverflow
from studio.events import Event

KEY = "sk-secret-key-0123456789"
URL = "https://host/v1"


def faults(**settings: Any) -> Faults:
    return Faults(**{"name": "test", "base_url": URL, "model": "m", "key": KEY, **settings})


def of(status: int, message: str, kind: str = "", headers: dict[str, str] | None = None) -> BackendError:
    return faults().of_status(status, {"error": {"message": message, "type": kind}}, headers)


RETRYABLE, FINAL = True, False

STATUSES = [
    (400, "messages: invalid", "invalid_request_error", FINAL, "refused the call.*--model or --backend"),
    (400, "flagged", "content_filter", FINAL, "refused what the conversation holds"),
    (400, "kimi-9 is not a valid model ID", "", FINAL, "does not know the model m"),
    (401, "Incorrect API key provided", "invalid_authentication_error", FINAL, "did not accept the key"),
    (402, "Insufficient credits", "", FINAL, "has nothing left.*top it up"),
    (403, "region not supported", "permission_denied_error", FINAL, "did not accept the key"),
    (404, "The model does not exist", "resource_not_found_error", FINAL, "does not know the model m.*--model.*/v1"),
    (408, "timeout", "", RETRYABLE, "failed"),
    (409, "conflict", "", RETRYABLE, "failed"),
    (422, "field required", "", FINAL, "refused the call"),
    (
        429,
        "The engine is currently overloaded, please try again later",
        "engine_overloaded_error",
        RETRYABLE,
        "overload",
    ),
    (429, "max RPM: 3, please try again after 1 seconds", "rate_limit_reached_error", RETRYABLE, "limits its calls"),
    (429, "You exceeded your current quota: check your balance", "exceeded_current_quota_error", FINAL, "nothing left"),
    (429, "You exceeded your current quota", "insufficient_quota", FINAL, "nothing left"),
    (429, "Slow down", "", RETRYABLE, "limits its calls"),
    (500, "boom", "server_error", RETRYABLE, "failed"),
    (502, "Bad gateway", "", RETRYABLE, "failed"),
    (503, "busy", "", RETRYABLE, "overloaded"),
    (529, "overloaded", "overloaded_error", RETRYABLE, "overloaded"),
]


@pytest.mark.parametrize(("status", "message", "kind", "retryable", "sentence"), STATUSES)
def test_a_status_is_one_sentence_and_a_decision(
    status: int, message: str, kind: str, retryable: bool, sentence: str
) -> None:
    error = of(status, message, kind)
    assert error.retryable is retryable
    found = str(error)
    assert str(status) in found
    assert message.rstrip(".") in found
    assert found.endswith(".")
    assert "\n" not in found
    with pytest.raises(BackendError, match=sentence):
        raise error


OVERFLOWS = [
    ("This model's maximum context length is 32768 tokens. However, you requested 40000 tokens", 32768),
    ("Your request exceeded model token limit : 262144 (requested: 300000)", 262144),
    ("Input token length too long", None),
    ("the request exceeds the available context size (8192 tokens), try increasing it", 8192),
    ("Cannot truncate prompt with n_keep (5000) >= n_ctx (4096)", 4096),
    ("Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with 4096", None),
    ("Context size has been exceeded.", None),
    ("the input length exceeds the context length", None),
    ("prompt is too long: 215000 tokens > 200000 maximum", 200000),
    ("The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).", 1048576),
    ("prompt is longer than the context length", None),
    ("failed to decode, try again, increasing context size or reducing parallel", None),
    ("total message size 3000000 exceeds limit 2097152", None),
    ("This endpoint's maximum context length is 131,072 tokens", 131072),
]


@pytest.mark.parametrize(("message", "window"), OVERFLOWS)
@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_full_window_is_known_by_its_words(message: str, window: int | None, status: int) -> None:
    error = of(status, message)
    assert isinstance(error, ContextOverflow)
    assert error.window == window
    assert isinstance(faults().of_error_object({"message": message}), ContextOverflow)


def test_a_window_may_be_a_field_of_its_own() -> None:
    body = {
        "error": {"type": "exceed_context_size_error", "message": "too much", "n_prompt_tokens": 9000, "n_ctx": 8192}
    }
    error = faults().of_status(400, body)
    assert isinstance(error, ContextOverflow)
    assert error.window == 8192


def test_a_code_alone_says_that_the_window_is_full() -> None:
    assert isinstance(faults().of_status(400, {"error": {"code": "context_length_exceeded"}}), ContextOverflow)


@pytest.mark.parametrize("message", ["invalid temperature", "max_tokens is too large", "The model is overloaded"])
def test_other_words_are_no_full_window(message: str) -> None:
    assert not is_overflow(message)
    assert window_in(message, None) is None


@pytest.mark.parametrize(
    "body",
    [
        '{"error": {"message": "the reason"}}',
        '{"error": "the reason"}',
        '{"message": "the reason"}',
        '{"detail": "the reason"}',
        '{"error": {"message": "Provider returned error", "metadata": {"raw": "the reason", "provider_name": "x"}}}',
        '{"error": {"message": "x", "metadata": {"raw": {"why": "the reason"}}}}',
        '[{"error": {"message": "the reason"}}]',
        "the reason",
        "<html><head><title>the reason</title></head></html>",
        '{"something": "the reason"}',
        '{"detail": [{"msg": "the reason"}]}',
    ],
)
def test_the_servers_own_words_are_found_in_every_shape(body: str) -> None:
    assert "the reason" in str(faults().of_status(500, body))


def test_an_error_in_a_list_is_that_error() -> None:
    error = faults().of_status(400, '[{"error": {"code": 400, "message": "bad field", "status": "INVALID_ARGUMENT"}}]')
    assert "(400: bad field)" in str(error)


def test_a_server_s_words_are_short_visible_and_on_one_line() -> None:
    said = str(of(500, "a\nb\x1b[31m\x9b" + "x" * 5000))
    assert len(said) < 500
    assert all(character.isprintable() for character in said)


@given(st.integers(0, 400), st.sampled_from([400, 401, 402, 404, 413, 429, 500]))
def test_no_key_is_ever_repeated_not_even_the_half_of_it(before: int, status: int) -> None:
    body = {"error": {"message": "x" * before + " bad key " + KEY + " given", "type": KEY}}
    for error in (faults().of_status(status, body), faults().of_error_object(body["error"])):
        assert "sk-secret" not in str(error)
    assert "sk-secret" not in faults().bad_chunk("x" * 70 + KEY)
    assert "sk-secret" not in str(faults().not_a_stream(b"<html>" + b"x" * 65 + KEY.encode()))


def test_hints_say_which_variable_and_what_else() -> None:
    hints = Hints(key_variable="MOONSHOT_API_KEY", key="try the other address", unreachable="start it")
    assert "in MOONSHOT_API_KEY (401: bad); check it (try the other address)" in str(
        faults(hints=hints).of_status(401, '{"error": "bad"}')
    )
    assert "set one in MOONSHOT_API_KEY" in str(faults(hints=hints, key=None).of_status(401, ""))


def test_models_that_are_served_are_named_instead() -> None:
    error = faults().of_status(404, "no", served=["kimi-k3", "kimi-k2.6"])
    assert str(error) == "Test does not serve the model m (404: no); choose one with --model: kimi-k3, kimi-k2.6."


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "1e300"}, 1e10),
        ({}, None),
        (None, None),
    ],
)
def test_the_server_says_how_long_to_wait(headers: dict[str, str] | None, seconds: float | None) -> None:
    error = of(429, "slow", headers=headers)
    assert (error.retryable, error.retry_after) == (True, seconds)


def test_a_date_to_wait_for_becomes_seconds() -> None:
    wait = of(503, "busy", headers={"retry-after": formatdate(usegmt=True)}).retry_after
    assert wait is not None
    assert wait == 0.0
    far = of(503, "busy", headers={"retry-after": "Fri, 01 Jan 2100 00:00:00 GMT"}).retry_after
    assert far is not None and far > 1e9


def test_a_wait_of_hours_is_told_in_hours() -> None:
    error = of(429, "plan limit", headers={"retry-after": "7200"})
    assert error.retryable and error.retry_after == 7200
    assert "asks to wait 2.0 hours" in str(error)


@pytest.mark.parametrize("code", [429, "429"])
def test_an_error_inside_a_stream_is_judged_by_its_code(code: object) -> None:
    assert faults().of_error_object({"code": code, "message": "slow down"}).retryable
    assert not faults().of_error_object({"code": 402, "message": "Insufficient credits"}).retryable
    assert not faults().of_error_object({"code": "insufficient_quota", "message": "no"}).retryable
    assert faults().of_error_object({"code": "server_error", "message": "boom"}).retryable
    assert faults().of_error_object(["what"]).retryable
    assert faults().of_error_object("").retryable


# --- through the real client ------------------------------------------------------------------------------------------

Serve = Callable[[Any], Awaitable[Any]]
Make = Callable[..., Endpoint]


async def fault_of(backend: Endpoint, hello: list[Message]) -> BackendError:
    heard: list[Event] = []
    with pytest.raises(BackendError) as fault:
        await backend.reply(hello, (), heard.append)
    assert heard == []
    assert KEY not in repr(fault.value)
    return fault.value


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


async def test_a_server_that_does_not_run_is_named_with_how_to_start_it(endpoint: Make, hello: list[Message]) -> None:
    url = f"http://127.0.0.1:{free_port()}/v1"
    error = await fault_of(endpoint(url, unreachable_hint="start it with “ollama serve”"), hello)
    assert str(error) == f"{url} can't be reached (nothing listens there); start it with “ollama serve”."
    assert error.retryable


async def test_a_name_nobody_knows(endpoint: Make, hello: list[Message]) -> None:
    error = await fault_of(endpoint("http://no-such-host.invalid/v1"), hello)
    assert "its name is unknown, or there is no network" in str(error)


@pytest.fixture
async def greeter() -> AsyncIterator[str]:
    """host:port of a server that greets everyone in a protocol of its own."""

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()


async def test_https_where_no_tls_is_spoken(greeter: str, endpoint: Make, hello: list[Message]) -> None:
    error = await fault_of(endpoint(f"https://{greeter}/v1"), hello)
    assert "over TLS" in str(error)
    assert not error.retryable


async def test_something_that_speaks_no_http(greeter: str, endpoint: Make, hello: list[Message]) -> None:
    error = await fault_of(endpoint(f"http://{greeter}/v1"), hello)
    assert "can't be reached" in str(error)


async def test_a_web_page_is_no_reply(serve: Serve, endpoint: Make, wire: Any, hello: list[Message]) -> None:
    server = await serve(wire.Answer([b"<!doctype html><html>"], 200, {"Content-Type": "text/html"}))
    error = await fault_of(endpoint(server.url), hello)
    assert "a web page" in str(error)
    assert "/v1" in str(error)


@pytest.mark.parametrize("body", [b"{}", b'{"ok": true}', b"[]", b"{", b'{"choices": []}'])
async def test_json_that_is_no_completion_is_no_reply(
    body: bytes, serve: Serve, endpoint: Make, wire: Any, hello: list[Message]
) -> None:
    server = await serve(wire.Answer([body], 200, {"Content-Type": "application/json"}))
    assert "something else than a reply" in str(await fault_of(endpoint(server.url), hello))


async def test_an_error_with_status_200_is_an_error(
    serve: Serve, endpoint: Make, wire: Any, hello: list[Message]
) -> None:
    server = await serve(wire.json({"error": {"message": "out of memory"}}))
    assert "out of memory" in str(await fault_of(endpoint(server.url), hello))


async def test_a_retired_model_is_answered_with_those_that_are_served(
    serve: Serve, endpoint: Make, wire: Any, hello: list[Message]
) -> None:
    def script(request: Any) -> Any:
        if request.path == "/v1/models":
            return wire.json({"data": [{"id": "kimi-k3"}, {"id": "kimi-k3.1-pro"}]})
        return wire.error(404, "Not found the model kimi-k2-thinking", type="resource_not_found_error")

    server = await serve(script)
    error = await fault_of(endpoint(server.url, model="kimi-k2-thinking"), hello)
    assert "choose one with --model: kimi-k3, kimi-k3.1-pro" in str(error)
    assert not error.retryable


async def test_a_wrong_path_is_told_from_a_wrong_model(
    serve: Serve, endpoint: Make, wire: Any, hello: list[Message]
) -> None:
    server = await serve(wire.Answer([b"404 page not found"], 404, {"Content-Type": "text/plain"}))
    assert "no OpenAI-compatible address" in str(await fault_of(endpoint(server.url), hello))


async def test_what_the_server_asks_to_wait_is_handed_on(
    serve: Serve, endpoint: Make, wire: Any, hello: list[Message]
) -> None:
    server = await serve(wire.error(429, "slow", **{"Retry-After": "3"}))
    assert (await fault_of(endpoint(server.url), hello)).retry_after == 3.0
    assert len(server.requests) == 1  # the client itself makes no second try


async def test_a_server_that_repeats_the_key_is_not_repeated(
    serve: Serve, endpoint: Make, wire: Any, hello: list[Message]
) -> None:
    server = await serve(lambda request: wire.error(401, "bad " + request.headers["authorization"]))
    error = await fault_of(endpoint(server.url), hello)
    assert "[key]" in str(error)
    assert error.__cause__ is None  # whose text would hold it
