"""How long a server may be silent: minutes before its reply, less in the middle of a call that comes bit by bit."""

import asyncio
import json
from typing import Any

import pytest

from studio.backends.receive import IDLE_IN_PIECES, LINGER, Patience
from studio.backends.reply import ReplyBuilder


async def test_each_kind_of_silence_has_its_own_length() -> None:
    now = asyncio.get_running_loop().time
    async with asyncio.timeout(600) as limit:
        patience = Patience(limit, first=600, idle=300)

        def left() -> float:
            when = limit.when()
            assert when is not None
            return when - now()

        patience.heard(chunk=False, ended=False)
        assert left() == pytest.approx(600, abs=1)
        for in_pieces, allowed in ((False, 300), (True, IDLE_IN_PIECES), (False, 300)):
            patience.heard(chunk=True, ended=False, in_pieces=in_pieces)
            assert left() == pytest.approx(allowed, abs=1)
            assert patience.allowed == allowed
        patience.heard(chunk=True, ended=True)
        assert left() == pytest.approx(LINGER, abs=1)


def call(arguments: str, **more: Any) -> dict[str, Any]:
    piece = {"index": 0, "function": {"arguments": arguments, **more}}
    return {"choices": [{"index": 0, "delta": {"tool_calls": [piece]}}]}


def test_a_call_that_comes_whole_is_no_sign_of_one_that_comes_in_pieces() -> None:
    whole = json.dumps({"filename": "a.md", "content": "The tide."})
    builder = ReplyBuilder(lambda event: None)
    builder.feed(call("", name="write_file"))
    builder.feed(call(whole))
    assert not builder.call_comes_in_pieces
    builder = ReplyBuilder(lambda event: None)
    builder.feed(call("", name="write_file"))
    for letter in whole[:9]:
        builder.feed(call(letter))
    assert builder.call_comes_in_pieces
