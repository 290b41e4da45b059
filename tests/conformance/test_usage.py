"""Wherever a server reports what a call took, the gauges show it; where it reports nothing, they say they guess."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from loopback import Answer, Wire
from played_book import WRITE, Played, assert_as_asked

from studio import events as ev
from studio.events import Usage

Play = Callable[..., Awaitable[Played]]
PLAIN = {"prompt_tokens": 3000, "completion_tokens": 200, "total_tokens": 3200}
CALL = Wire.call(WRITE, name="write_file", id="a")


def chunk(**fields: Any) -> bytes:
    return Wire.data({"id": "x", "object": "chat.completion.chunk", **fields})


def end(**fields: Any) -> list[dict[str, Any]]:
    return [{"index": 0, "delta": {}, "finish_reason": "tool_calls", **fields}]


FINISH = chunk(choices=end())
FLAT = {**PLAIN, "cached_tokens": 1000}
NESTED = {**PLAIN, "prompt_tokens_details": {"cached_tokens": 1000}}
SEEN, CACHED = (
    Usage(prompt_tokens=3000, completion_tokens=200),
    Usage(prompt_tokens=3000, completion_tokens=200, cached_tokens=1000),
)

PLACES = {
    "in a last chunk with an empty list of choices": ([FINISH, chunk(choices=[], usage=PLAIN)], SEEN),
    "in a last chunk with null for choices": ([FINISH, chunk(choices=None, usage=PLAIN)], SEEN),
    "in a last chunk without choices": ([FINISH, chunk(usage=PLAIN)], SEEN),
    "in a last chunk with a choice that is empty": (
        [FINISH, chunk(choices=[{"index": 0, "delta": {}, "finish_reason": None}], usage=PLAIN)],
        SEEN,
    ),
    "inside the choice of the last chunk": ([chunk(choices=end(usage=PLAIN))], SEEN),
    "inside the choice and beside it": ([chunk(choices=end(usage=PLAIN), usage=PLAIN)], SEEN),
    "inside the choice, and then in a chunk of its own": (
        [chunk(choices=end(usage=FLAT)), chunk(choices=[], usage=FLAT)],
        CACHED,
    ),
    "beside the last choice": ([chunk(choices=end(), usage=PLAIN)], SEEN),
    "before the finish reason": ([chunk(choices=[], usage=PLAIN), FINISH], SEEN),
    "in every chunk, growing": (
        [
            chunk(choices=[], usage={"prompt_tokens": 3000, "completion_tokens": 1}),
            chunk(choices=end(), usage={"prompt_tokens": 3000, "completion_tokens": 150}),
            chunk(choices=[], usage=PLAIN),
        ],
        SEEN,
    ),
    "in every chunk, null before the last": (
        [chunk(choices=[], usage=None), chunk(choices=end(), usage=None), chunk(choices=[], usage=PLAIN)],
        SEEN,
    ),
    "with zeros once more at the very end": (
        [chunk(choices=end(), usage=PLAIN), chunk(choices=[], usage={"prompt_tokens": 0, "completion_tokens": 0})],
        SEEN,
    ),
    "with cached tokens beside the others": ([FINISH, chunk(choices=[], usage=FLAT)], CACHED),
    "with cached tokens among the prompt's details": ([FINISH, chunk(choices=[], usage=NESTED)], CACHED),
    "with cached tokens in both places": ([FINISH, chunk(choices=[], usage={**FLAT, **NESTED})], CACHED),
    "with details that are null": ([FINISH, chunk(choices=[], usage={**PLAIN, "prompt_tokens_details": None})], SEEN),
    "with DeepSeek's name for cached tokens": (
        [FINISH, chunk(choices=[], usage={**PLAIN, "prompt_cache_hit_tokens": 1000})],
        CACHED,
    ),
    "with llama.cpp's timings beside it": (
        [FINISH, chunk(choices=[], usage=NESTED, timings={"cache_n": 1000, "prompt_n": 2000, "predicted_n": 200})],
        CACHED,
    ),
}


@pytest.mark.parametrize(("pieces", "usage"), PLACES.values(), ids=PLACES.keys())
async def test_usage_is_found(pieces: list[bytes], usage: Usage, play: Play) -> None:
    book = await play(Answer([CALL, *pieces, Wire.DONE]))
    assert_as_asked(book)
    assert book.of(ev.ReplyFinished)[0].usage == usage
    first = book.of(ev.StepFinished)[0]
    assert (first.usage, first.context_tokens) == (usage, 3200)


NONE = {
    "none at all": [FINISH],
    "one that is null": [chunk(choices=end(usage=None), usage=None)],
    "one that is empty": [chunk(choices=end(), usage={})],
    "one of zeros": [chunk(choices=end(), usage={"prompt_tokens": 0, "completion_tokens": 0})],
    "one that is no object": [chunk(choices=end(), usage="3200")],
    "one of words": [chunk(choices=end(), usage={"prompt_tokens": "many", "completion_tokens": None})],
}


@pytest.mark.parametrize("pieces", NONE.values(), ids=NONE.keys())
async def test_where_nothing_is_reported_tokens_are_counted_here_and_said_to_be_a_guess(
    pieces: list[bytes], play: Play
) -> None:
    book = await play(Answer([CALL, *pieces, Wire.DONE]))
    assert_as_asked(book)
    usage = book.of(ev.StepFinished)[0].usage
    assert usage.estimated
    assert 800 < usage.prompt_tokens < 5000
    assert 10 < usage.completion_tokens < 300


async def test_every_request_asks_for_usage(play: Play) -> None:
    book = await play(Answer([CALL, FINISH, Wire.DONE]))
    assert [body["stream_options"] for body in book.bodies] == [{"include_usage": True}] * 2


async def test_cached_tokens_are_paid_for_at_their_own_price(play: Play) -> None:
    book = await play(Answer([CALL, chunk(choices=end(usage=FLAT)), Wire.DONE]), backend="moonshot", model="kimi-k3")
    assert book.of(ev.StepFinished)[0].cost == pytest.approx((2000 * 3.00 + 1000 * 0.30 + 200 * 15.00) / 1e6)


async def test_what_the_server_charged_counts_before_any_price_list(play: Play) -> None:
    charged = {**NESTED, "cost": 0.0421, "cost_details": {"upstream_inference_cost": None}}
    book = await play(
        Answer([CALL, FINISH, chunk(choices=[], usage=charged), Wire.DONE]),
        backend="openrouter",
        model="moonshotai/kimi-k3",
    )
    first = book.of(ev.StepFinished)[0]
    assert (first.usage.cost, first.cost) == (0.0421, 0.0421)


async def test_tokens_written_into_a_cache_are_told_apart(play: Play) -> None:
    details = {"cached_tokens": 1000, "cache_write_tokens": 1500}
    book = await play(
        Answer([CALL, FINISH, chunk(choices=[], usage={**PLAIN, "prompt_tokens_details": details}), Wire.DONE]),
        backend="openrouter",
        model="moonshotai/kimi-k3.1-pro",
    )
    usage = book.of(ev.StepFinished)[0].usage
    assert (usage.cached_tokens, usage.cache_write_tokens) == (1000, 1500)


async def test_a_local_server_costs_nothing_and_an_unknown_one_has_no_price(play: Play) -> None:
    answer = Answer([CALL, FINISH, chunk(choices=[], usage=PLAIN), Wire.DONE])
    assert (await play(answer, backend="llamacpp", steps=1)).of(ev.StepFinished)[0].cost == 0
    assert (await play(answer, backend="openai", steps=2)).of(ev.StepFinished)[0].cost is None
