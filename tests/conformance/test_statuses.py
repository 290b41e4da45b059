"""What a status means for a book: the same call once more, or one clear sentence and an end."""

import itertools
import json
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from loopback import Answer, Wire
from played_book import KEY, Played, Stage, calls, only, writes

Play = Callable[..., Awaitable[Played]]
HTML = Answer(
    [b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"], 502, {"Content-Type": "text/html"}
)
ROUTED = {
    "error": {"code": 502, "message": "Provider returned error", "metadata": {"raw": "cold start"}},
    "user_id": "u",
}


def moonshot(status: int, kind: str, message: str, **headers: str) -> Answer:
    return Wire.error(status, message, type=kind, **headers)


AGAIN = {
    # (answer, words of the sentence that the author reads meanwhile)
    "408": (Wire.error(408, "Request timeout"), "408: Request timeout"),
    "409": (Wire.error(409, "Conflict"), "409: Conflict"),
    "425": (Wire.error(425, "Too early"), "425: Too early"),
    "429 of an engine that is overloaded": (
        moonshot(429, "engine_overloaded_error", "The engine is currently overloaded, please try again later"),
        "is overloaded or limits its calls",
    ),
    "429 of a limit by the minute": (
        moonshot(429, "rate_limit_reached_error", "Your account reached max RPM: 3, please try again after 1 seconds"),
        "max RPM: 3",
    ),
    "429 of a limit that speaks of the organisation's quota of tokens": (
        moonshot(429, "rate_limit_reached_error", "reached organization TPM rate limit, current quota: 500000"),
        "TPM",
    ),
    "429 without a body": (Answer([], 429, {}), "429"),
    "429 of a subscription's wall": (
        moonshot(429, "rate_limit_error", "The engine is currently overloaded, please try again later"),
        "overloaded",
    ),
    "499": (Wire.error(499, "client closed"), "499"),
    "500": (Wire.error(500, "The server had an error"), "500: The server had an error"),
    "500 of Ollama's": (
        Wire.json({"error": {"message": "unmarshal: invalid character 'I'"}}, 500),
        "invalid character",
    ),
    "502 with a web page": (HTML, "502: 502 Bad Gateway"),
    "502 with its cause hidden": (Wire.json(ROUTED, 502), "cold start"),
    "503": (Wire.error(503, "Service unavailable"), "503"),
    "503 as plain text": (Answer([b"upstream connect error"], 503, {"Content-Type": "text/plain"}), "upstream connect"),
    "504": (Wire.error(504, "Gateway timeout"), "504"),
    "520 of a proxy's": (Answer([b"error code: 520"], 520, {"Content-Type": "text/plain"}), "520"),
    "529": (Wire.error(529, "Overloaded", type="overloaded_error"), "529: Overloaded"),
}


@pytest.mark.parametrize(("answer", "said"), AGAIN.values(), ids=AGAIN.keys())
async def test_a_mishap_is_waited_out_and_the_same_call_made_again(answer: Answer, said: str, play: Play) -> None:
    book = await play(answer, answer, writes())
    assert (book.code, book.failure, len(book.requests)) == (0, "", 4)
    assert book.files == only()
    assert [event.retry_in is not None for event in book.faults] == [True, True]
    assert all(said in event.error for event in book.faults)
    assert book.requests[0].raw == book.requests[1].raw == book.requests[2].raw
    assert book.kinds.count("step_started") == 2
    assert {"reply_cut", "partial_kept", "run_failed"}.isdisjoint(book.kinds)


GIVEN_UP = {
    # (answer, words of the sentence)
    "400 of a bad request": (
        moonshot(400, "invalid_request_error", "Invalid request: no"),
        "refused the call.*--model",
    ),
    "400 of a filter": (
        moonshot(400, "content_filter", "The request was rejected because it was considered high risk"),
        "refused what the conversation holds.*note or an edit",
    ),
    "400 of a missing thought": (
        moonshot(
            400,
            "invalid_request_error",
            "thinking is enabled but reasoning_content is missing in assistant tool call message at index 2",
        ),
        "reasoning_content is missing",
    ),
    "400 of a field nobody wants": (
        Wire.error(400, "Extra inputs are not permitted, field: 'messages[2].reasoning'"),
        "refused the call",
    ),
    "400 of an unknown model": (Wire.error(400, "kimi-9 is not a valid model ID"), "does not know the model"),
    "401 of a wrong key": (
        moonshot(401, "invalid_authentication_error", "Invalid Authentication"),
        "did not accept the key in MOONSHOT_API_KEY.*api.moonshot.cn",
    ),
    "401 of an incorrect key": (
        moonshot(401, "incorrect_api_key_error", "Incorrect API key provided"),
        "did not accept the key",
    ),
    "402": (Wire.error(402, "Insufficient credits"), "nothing left.*top it up"),
    "403 of no permission": (moonshot(403, "permission_denied_error", "not open to you"), "did not accept the key"),
    "403 of an empty account": (Wire.error(403, "Insufficient balance", type="insufficient_quota"), "nothing left"),
    "429 of an exceeded quota": (
        moonshot(
            429,
            "exceeded_current_quota_error",
            "You exceeded your current token quota, please check your account balance",
        ),
        "nothing left.*top it up",
    ),
    "429 of an exceeded quota with a time to wait": (
        moonshot(429, "exceeded_current_quota_error", "Your account is suspended", **{"Retry-After": "1"}),
        "nothing left",
    ),
    "429 of OpenAI's quota": (
        Wire.json({"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}, 429),
        "nothing left",
    ),
    "404 of a model that was retired": (
        moonshot(404, "resource_not_found_error", "Not found the model kimi-k3 or Permission denied"),
        "does not know the model kimi-k3.*choose another with --model",
    ),
    "404 of a wrong path": (Answer([b"404 page not found"], 404, {"Content-Type": "text/plain"}), "--base-url.*/v1"),
    "405": (Answer([b"Method Not Allowed"], 405, {"Content-Type": "text/plain"}), "refused the call.*405"),
    "422": (Wire.json({"detail": [{"msg": "field required"}]}, 422), "refused the call.*field required"),
}


@pytest.mark.parametrize(("answer", "sentence"), GIVEN_UP.values(), ids=GIVEN_UP.keys())
async def test_what_no_waiting_mends_ends_the_run_at_once(answer: Answer, sentence: str, play: Play) -> None:
    book = await play(answer, writes(), backend="moonshot", model="kimi-k3")
    assert (book.code, len(book.requests), book.files) == (1, 1, {})
    assert book.kinds[-2:] == ["backend_fault", "run_failed"]
    assert book.faults[-1].retry_in is None
    assert book.failure == book.faults[-1].error
    assert KEY not in book.failure and "\n" not in book.failure
    assert re.search(sentence, book.failure)
    # Nothing is lost by it: once it is mended the book goes on with the very call that failed.
    again = await play(writes(), backend="moonshot", model="kimi-k3")
    assert (again.code, again.files) == (0, only())
    assert again.requests[0].raw == book.requests[0].raw


async def test_models_that_are_served_are_named_for_one_that_is_not(stage: Stage) -> None:
    stage.routes["/v1/models"] = Wire.json({"data": [{"id": "kimi-k3"}, {"id": "kimi-k3.1-pro"}]})
    gone = moonshot(404, "resource_not_found_error", "Not found the model kimi-k2-thinking")
    book = await stage.play(gone, backend="moonshot", model="kimi-k2-thinking")
    assert (book.code, len(book.requests)) == (1, 1)
    assert "choose one with --model: kimi-k3, kimi-k3.1-pro." in book.failure


async def test_a_key_that_the_server_repeats_is_shown_nowhere(play: Play) -> None:
    book = await play(Wire.error(401, f"Incorrect API key provided: {KEY}"), backend="moonshot", model="kimi-k3")
    assert book.code == 1
    assert KEY not in repr(book.events)
    assert "[key]" in book.failure
    assert KEY.encode() not in b"".join(path.read_bytes() for path in book.root.rglob("*") if path.is_file())


# --- how long to wait -------------------------------------------------------------------------------------------------


def in_seconds(seconds: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


WAITS: dict[str, tuple[dict[str, str | float], float, float]] = {
    # (headers, a number for a date so far from now; the shortest and the longest wait that keeps to them, in seconds)
    "in seconds": ({"Retry-After": "30"}, 30, 31),
    "as a fraction": ({"Retry-After": "12.5"}, 12.5, 13.5),
    "in milliseconds": ({"retry-after-ms": "4500"}, 4.5, 5.5),
    "in milliseconds and in seconds": ({"retry-after-ms": "4500", "Retry-After": "30"}, 4.5, 5.5),
    "as a date": ({"Retry-After": 300.0}, 200, 301),
    "as a date that is past": ({"Retry-After": -300.0}, 0, 0.006),
    "as no time at all": ({"Retry-After": "0"}, 0, 0.006),
    "as minutes of a subscription's wall": ({"Retry-After": "1200"}, 1200, 1201),
    "in a word": ({"Retry-After": "soon"}, 0.009, 0.011),
    "below nothing": ({"Retry-After": "-5"}, 0, 0.006),
    "not at all": ({}, 0.009, 0.011),
}


@pytest.mark.parametrize(("headers", "least", "most"), WAITS.values(), ids=WAITS.keys())
async def test_the_server_s_own_time_to_wait_is_kept_to(
    headers: dict[str, str | float], least: float, most: float, play: Play
) -> None:
    sent = {name: value if isinstance(value, str) else in_seconds(value) for name, value in headers.items()}
    book = await play(Wire.error(503, "Busy", **sent), Wire.error(429, "Slow down", **sent), writes(), impatient=True)
    assert (book.code, book.files, len(book.requests)) == (0, only(), 4)
    first, second = (fault.retry_in for fault in book.faults)
    assert first is not None and second is not None
    assert least <= first <= most
    assert least <= second <= 2 * most


async def test_the_call_is_not_made_before_the_time_is_over(play: Play) -> None:
    book = await play(Wire.error(503, "busy", **{"Retry-After": "0.3"}), writes())
    assert book.code == 0
    assert book.requests[1].at - book.requests[0].at >= 0.3


async def test_without_a_time_each_wait_is_longer_than_the_one_before(play: Play) -> None:
    book = await play(*[Wire.error(500, "boom")] * 3, writes())
    waits: list[Any] = [fault.retry_in for fault in book.faults]
    assert len(waits) == 3
    assert all(earlier < later for earlier, later in itertools.pairwise(waits))


async def test_a_mishap_in_the_middle_of_a_book_changes_nothing_of_it(play: Play) -> None:
    title = calls("create_project", "t", project_name="Ebb")
    smooth = [title, Wire.error(429, "slow"), HTML, writes(), Wire.error(529, "busy")]
    book = await play(*smooth)
    assert (book.code, book.files, len(book.requests)) == (0, only(), 6)
    assert len(book.faults) == 3
    bodies = [json.dumps(body["messages"]) for body in book.bodies]
    assert bodies[1] == bodies[2] == bodies[3] and bodies[4] == bodies[5]
