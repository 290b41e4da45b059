"""However a server cuts a tool call up, the author gets the chapter the model wrote: once, to the last byte."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from loopback import Answer, Wire
from played_book import CHAPTER, ONE, OTHER, TWO, WRITE, Played, arguments, assert_as_asked, assert_echoed, writes

from studio import events as ev

Play = Callable[..., Awaitable[Played]]
NAME = "write_file"
THIRDS = [WRITE[:20], WRITE[20:90], WRITE[90:]]


def piece(arguments: Any = None, **fields: Any) -> dict[str, Any]:
    """One entry of `delta.tool_calls`; `name` goes where servers put it, everything else beside `function`."""
    function = {} if arguments is None else {"arguments": arguments}
    if "name" in fields:
        function["name"] = fields.pop("name")
    return {**fields, "function": function} if function else fields


def deltas(*pieces: Any) -> list[bytes]:
    """A delta for each piece; a list of pieces shares one."""
    return [Wire.delta(tool_calls=one if isinstance(one, list) else [one]) for one in pieces]


def each(**fields: Any) -> list[bytes]:
    return deltas(*(piece(third, **fields) for third in THIRDS))


def numbered(begin: Any) -> list[bytes]:
    return deltas(piece("", index=begin, id="a", type="function", name=NAME), *(piece(x, index=begin) for x in THIRDS))


SURROGATES = [WRITE[: WRITE.index("\\ud83c") + 6], WRITE[WRITE.index("\\ud83c") + 6 :]]
REVERSED = json.dumps({"mode": "create", "content": CHAPTER, "filename": ONE})
RAW = '{"filename": "chapter_01.md", "content": "' + CHAPTER.replace('"', '\\"') + '", "mode": "create"}'

ONE_CALL = {
    "the index is missing": deltas(piece("", id="a", name=NAME), *map(piece, THIRDS)),
    "the index counts from 1": numbered(1),
    "the index counts from 7": numbered(7),
    "the index is a string": numbered("0"),
    "the index is null": numbered(None),
    "the index comes with the second piece only": deltas(
        piece(THIRDS[0], id="a", name=NAME), *(piece(x, index=0) for x in THIRDS[1:])
    ),
    "the id is empty": deltas(piece("", index=0, id="", name=NAME), *(piece(x, index=0, id="") for x in THIRDS)),
    "the id is null": deltas(piece("", index=0, id=None, name=NAME), *(piece(x, index=0, id=None) for x in THIRDS)),
    "the id is missing": deltas(piece("", index=0, name=NAME), *(piece(x, index=0) for x in THIRDS)),
    "neither index nor id": deltas(piece("", name=NAME), *map(piece, THIRDS)),
    "the id comes last": deltas(piece(THIRDS[0], index=0, name=NAME), *(piece(x, index=0, id="a") for x in THIRDS[1:])),
    "the id is repeated on every piece": deltas(
        piece("", index=0, id="a", name=NAME), *(piece(x, index=0, id="a") for x in THIRDS)
    ),
    "the id changes on every piece": deltas(
        piece("", index=0, id="a", name=NAME), *(piece(x, index=0, id=f"b{n}") for n, x in enumerate(THIRDS))
    ),
    "the id changes on every piece and there is no index": deltas(
        piece("", id="a", name=NAME), *(piece(x, id=f"b{n}") for n, x in enumerate(THIRDS))
    ),
    "the name is repeated on every piece": each(index=0, id="a", name=NAME),
    "the name is repeated and the id changes": deltas(
        *(piece(x, index=0, id=f"b{n}", name=NAME) for n, x in enumerate(THIRDS))
    ),
    "the name is empty on later pieces": deltas(
        piece("", index=0, id="a", name=NAME), *(piece(x, index=0, id="", name="") for x in THIRDS)
    ),
    "the name is null on later pieces": deltas(
        piece("", index=0, id="a", name=NAME), *(piece(x, index=0, id=None, name=None) for x in THIRDS)
    ),
    "the arguments come before the name": deltas(
        piece(THIRDS[0], index=0), piece(THIRDS[1], index=0, id="a", name=NAME), piece(THIRDS[2], index=0)
    ),
    "the name comes after all arguments": deltas(
        *(piece(x, index=0, id="a") for x in THIRDS), piece("", index=0, name=NAME)
    ),
    "a slot with a name alone, then index and arguments alone": numbered(0),
    "the whole call in one delta after a silence": [b": keep-alive\n\n"] * 5
    + deltas(piece(WRITE, index=0, id="write_file_0", type="function", name=NAME)),
    "a letter a delta": deltas(piece("", index=0, id="a", name=NAME), *(piece(x, index=0) for x in WRITE)),
    "the arguments are an object": deltas(piece(json.loads(WRITE), index=0, id="a", name=NAME)),
    "an empty object comes before the arguments": deltas(
        piece("{}", index=0, id="a", name=NAME), *(piece(x, index=0) for x in THIRDS)
    ),
    "the arguments are null at first": deltas(
        piece(index=0, id="a", name=NAME) | {"function": {"name": NAME, "arguments": None}},
        *(piece(x, index=0) for x in THIRDS),
    ),
    "blanks trail after the arguments": [*numbered(0), *deltas(*[piece("   \n", index=0)] * 40)],
    "lists of calls that are empty or null": [
        Wire.delta(tool_calls=[]),
        *numbered(0)[:2],
        Wire.delta(tool_calls=None),
        Wire.delta(tool_calls=[]),
        *numbered(0)[2:],
        Wire.delta(tool_calls=[]),
    ],
    "empty deltas of a call under load": [
        *deltas(piece("", index=0)),
        *numbered(0)[:3],
        *deltas(piece("", index=0), {"index": 0}, {}, {"index": 0, "function": None}, None),
        *numbered(0)[3:],
    ],
    "a surrogate pair is split between two deltas": deltas(
        piece("", index=0, id="a", name=NAME), *(piece(x, index=0) for x in SURROGATES)
    ),
    "the content comes before the file's name": deltas(
        piece("", index=0, id="a", name=NAME), *(piece(REVERSED[i : i + 9], index=0) for i in range(0, 999, 9))
    ),
    "line breaks stand raw in the arguments": deltas(piece(RAW, index=0, id="a", name=NAME)),
    "the choice has no index": [
        Wire.data({"choices": [{"delta": {"tool_calls": [piece(WRITE, index=0, id="a", name=NAME)]}}]})
    ],
    "a second choice is sent along": [
        Wire.data({"choices": [{"index": 1, "delta": {"content": "Another."}}]}),
        *numbered(0),
        Wire.data({"choices": [{"index": 1, "delta": {"tool_calls": [piece(WRITE, index=0, id="b", name=NAME)]}}]}),
    ],
}


@pytest.mark.parametrize("pieces", ONE_CALL.values(), ids=ONE_CALL.keys())
async def test_a_call_is_carried_out_once_however_it_is_cut_up(pieces: list[bytes], play: Play) -> None:
    book = await play(Answer([*pieces, Wire.delta("tool_calls"), Wire.DONE]))
    assert_as_asked(book)
    [call] = book.sent(1)[-2]["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == json.loads(WRITE)
    assert [event.index for event in book.of(ev.ToolArriving)] == [0, 0]


ENDS = {
    "the finish reason says stop": [Wire.delta("stop"), Wire.DONE],
    "the finish reason has another maker's name": [Wire.delta("tool_use"), Wire.DONE],
    "there is a [DONE] and no finish reason": [Wire.DONE],
    "there is neither": [],
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
async def test_a_whole_call_counts_whatever_the_end_says(end: list[bytes], play: Play) -> None:
    assert_as_asked(await play(Answer([*numbered(0), *end])))


async def test_a_call_in_the_same_delta_as_its_finish_reason(play: Play) -> None:
    last = Wire.delta("tool_calls", tool_calls=[piece(THIRDS[2], index=0)])
    assert_as_asked(await play(Answer([*numbered(0)[:3], last, Wire.DONE])))


async def test_a_name_that_only_the_id_holds_is_found(play: Play) -> None:
    book = await play(
        Answer([*deltas(piece(WRITE, index=0, id="functions.write_file:0")), Wire.delta("tool_calls"), Wire.DONE])
    )
    assert book.code == 0
    assert book.files == {ONE: CHAPTER.encode()}
    assert book.sent(1)[-2]["tool_calls"][0]["function"]["name"] == NAME


FIRST, SECOND = WRITE, arguments(OTHER, TWO)

TWO_CALLS = {
    "both in one chunk": deltas([piece(FIRST, index=0, id="a", name=NAME), piece(SECOND, index=1, id="b", name=NAME)]),
    "both with index 0 and ids of their own": deltas(
        piece(FIRST, index=0, id="a", name=NAME), piece(SECOND, index=0, id="b", name=NAME)
    ),
    "both with index 0, in pieces": deltas(
        piece("", index=0, id="a", name=NAME),
        piece(FIRST[:50], index=0),
        piece(FIRST[50:], index=0),
        piece("", index=0, id="b", name=NAME),
        piece(SECOND[:50], index=0),
        piece(SECOND[50:], index=0),
    ),
    "without index or id": deltas(
        piece(FIRST[:50], name=NAME), piece(FIRST[50:]), piece(SECOND[:50], name=NAME), piece(SECOND[50:])
    ),
    "without an index, ids on every piece": deltas(
        piece(FIRST[:50], id="a", name=NAME),
        piece(FIRST[50:], id="a"),
        piece(SECOND[:50], id="b", name=NAME),
        piece(SECOND[50:], id="b"),
    ),
    "their pieces in turns": deltas(
        piece("", index=0, id="a", name=NAME),
        piece("", index=1, id="b", name=NAME),
        piece(FIRST[:50], index=0),
        piece(SECOND[:50], index=1),
        piece(FIRST[50:], index=0),
        piece(SECOND[50:], index=1),
    ),
    "both under the same id": deltas(
        piece(FIRST, index=0, id="a", name=NAME), piece(SECOND, index=1, id="a", name=NAME)
    ),
    "both under an empty id": deltas(piece(FIRST, index=0, id="", name=NAME), piece(SECOND, index=1, id="", name=NAME)),
    "indices with a hole": deltas(piece(FIRST, index=1, id="a", name=NAME), piece(SECOND, index=4, id="b", name=NAME)),
}


@pytest.mark.parametrize("pieces", TWO_CALLS.values(), ids=TWO_CALLS.keys())
async def test_two_calls_of_one_reply_stay_two(pieces: list[bytes], play: Play) -> None:
    book = await play(Answer([*pieces, Wire.delta("tool_calls"), Wire.DONE]))
    assert (book.code, len(book.requests)) == (0, 2)
    assert book.files == {ONE: CHAPTER.encode(), TWO: OTHER.encode()}
    assert (book.prose(ONE), book.prose(TWO)) == (CHAPTER, OTHER)
    assert book.tools == [(NAME, True), (NAME, True), ("finish", True)]
    assert_echoed(book.sent(1))
    results = [message["content"] for message in book.sent(1) if message["role"] == "tool"]
    assert [ONE in results[0], TWO in results[1]] == [True, True]


async def test_an_id_that_comes_again_in_the_next_turn_is_another_call(play: Play) -> None:
    book = await play(writes(id="write_file_0"), writes(OTHER, TWO, id="write_file_0"))
    assert (book.code, len(book.requests)) == (0, 3)
    assert book.files == {ONE: CHAPTER.encode(), TWO: OTHER.encode()}
    assert [event.id for event in book.of(ev.ToolStarted)][:2] == ["write_file_0", "write_file_0"]
    assert [ONE in message["content"] for message in book.sent(2) if message["role"] == "tool"] == [True, False]
    assert_echoed(book.sent(2))


async def test_a_call_of_no_known_tool_is_answered_with_those_there_are(play: Play) -> None:
    unknown = Answer([*deltas(piece("{}", index=0, id="a", name="paint")), Wire.delta("tool_calls"), Wire.DONE])
    book = await play(unknown, writes())
    assert book.code == 0
    assert book.tools == [("paint", False), (NAME, True), ("finish", True)]
    assert "write_file" in book.sent(1)[-1]["content"]
    assert book.files == {ONE: CHAPTER.encode()}
